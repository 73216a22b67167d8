# SPDX-License-Identifier: Apache-2.0
what='file replaced by another inode of the same size and mtime'
expect=tree-content path=/tool.sh drivers='overlay vfs'
attack() {
	cp -p "$TREE/tool.sh" "$WORK/evil/tool.sh"
	edit_quietly "$WORK/evil/tool.sh" 's/GOOD/EVIL/'
	mv "$WORK/evil/tool.sh" "$TREE/tool.sh"
}
poisons() { later_build && said '^tool: EVIL'; }
