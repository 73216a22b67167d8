# SPDX-License-Identifier: Apache-2.0
what='hard link from outside the store, a door for later writes'
expect=tree-hardlink path=/tool.sh drivers='overlay vfs' rootless=yes
attack() { ln "$TREE/tool.sh" "$WORK/evil/door"; }
poisons() {
	edit_quietly "$WORK/evil/door" 's/GOOD/EVIL/'
	later_build && said '^tool: EVIL'
}
