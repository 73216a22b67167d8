# SPDX-License-Identifier: Apache-2.0
what='the tree is a symbolic link to another one'
expect=layer-diff
attack() {
	evil_tree
	rm -r "$PLACE/$LAYER/diff"
	ln -s "$WORK/evil/diff" "$PLACE/$LAYER/diff"
}
poisons() { later_build && said '^tool: EVIL'; }
