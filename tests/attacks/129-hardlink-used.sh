# SPDX-License-Identifier: Apache-2.0
what='written through an outside hard link, the link removed again'
expect=tree-content path=/tool.sh drivers='overlay vfs'
attack() {
	ln "$TREE/tool.sh" "$WORK/evil/door"
	edit_quietly "$WORK/evil/door" 's/GOOD/EVIL/'
	rm "$WORK/evil/door"
}
poisons() { later_build && said '^tool: EVIL'; }
