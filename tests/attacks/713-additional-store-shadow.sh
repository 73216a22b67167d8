# SPDX-License-Identifier: Apache-2.0
what='directory in the main store hides a layer of an additional one'
expect='layer-unrecorded|store-shadow'
setup() { store_additional; }
attack() {
	cp -a "$WORK/more/g/overlay/$MORE_LAYER" "$PLACE/$MORE_LAYER"
	ln -s "../$MORE_LAYER/diff" "$PLACE/l/$(link_of "$MORE_LAYER")"
	edit_quietly "$PLACE/$MORE_LAYER/diff/tool.sh" 's/GOOD/EVIL/'
}
poisons() {
	STORAGE_CONF=$WORK/storage.conf
	mounted localhost/shared grep EVIL tool.sh
}
cleanup() { store_more_clear; }
