# SPDX-License-Identifier: Apache-2.0
what='short link leads outside the store (relative)'
expect=link-target rootless=yes
attack() {
	evil_tree
	ln -sfn ../../../evil/diff "$PLACE/l/$(link_of "$LAYER")"
}
poisons() { later_build && said '^tool: EVIL'; }
