# SPDX-License-Identifier: Apache-2.0
what='lower leads outside the store'
expect=layer-lower rootless=yes
attack() {
	evil_tree
	evil_link
	overwrite "$PLACE/$TOP/lower" 's|^|../../evil/a/b/link:|'
}
poisons() { later_build && said '^tool: EVIL'; }
