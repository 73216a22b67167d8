# SPDX-License-Identifier: Apache-2.0
what='short link leads to a second tree in the same layer directory'
expect=link-target
attack() {
	evil_tree
	mv "$WORK/evil/diff" "$PLACE/$LAYER/evil"
	ln -sfn "../$LAYER/evil" "$PLACE/l/$(link_of "$LAYER")"
}
poisons() { later_build && said '^tool: EVIL'; }
