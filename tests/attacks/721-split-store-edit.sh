# SPDX-License-Identifier: Apache-2.0
what='edit in place in a split image store'
expect=tree-content path=/tool.sh engines=trixie
before_seal() { store_split; }
attack() { edit_quietly "$WORK/split/overlay/$LAYER/diff/tool.sh" 's/GOOD/EVIL/'; }
poisons() {
	STORAGE_CONF=$WORK/storage.conf
	later_build && said '^tool: EVIL'
}
cleanup() { store_more_clear; }
