# SPDX-License-Identifier: Apache-2.0
what='short link leads over a second link'
expect=link-target
attack() {
	evil_tree
	ln -s evil "$WORK/hop"
	ln -sfn ../../../hop/diff "$PLACE/l/$(link_of "$LAYER")"
}
poisons() { later_build && said '^tool: EVIL'; }
cleanup() { rm -f "$WORK/hop"; }
