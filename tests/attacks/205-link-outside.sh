# SPDX-License-Identifier: Apache-2.0
what='link leads the next layers outside the store'
expect=layer-link
attack() {
	evil_tree
	evil_link
	printf ../../../evil/a/b/link >"$PLACE/$TOP/link"
}
poisons() { later_build && said '^tool: EVIL'; }
