# SPDX-License-Identifier: Apache-2.0
what='diff1 beside the tree of the top layer hides all layers below'
expect=layer-entry rootless=yes
attack() {
	evil_tree
	mv "$WORK/evil/diff" "$PLACE/$TOP/diff1"
}
poisons() { later_build && said '^tool: EVIL'; }
