# SPDX-License-Identifier: Apache-2.0
what='edit in place in an additional image store'
heal=refused
expect=tree-content path=/tool.sh
setup() { store_additional; }
attack() { edit_quietly "$WORK/more/g/overlay/$MORE_LAYER/diff/tool.sh" 's/GOOD/EVIL/'; }
poisons() {
	STORAGE_CONF=$WORK/storage.conf
	mounted localhost/shared grep EVIL tool.sh
}
cleanup() { store_more_clear; }
