# SPDX-License-Identifier: Apache-2.0
what='layer directory in the graph root hides one of a split image store'
expect='layer-unrecorded|store-shadow' engines=trixie
before_seal() { store_split; }
attack() {
	mkdir -p "$PLACE"
	cp -a "$WORK/split/overlay/$LAYER" "$PLACE/$LAYER"
	edit_quietly "$PLACE/$LAYER/diff/tool.sh" 's/GOOD/EVIL/'
}
cleanup() { store_more_clear; }
