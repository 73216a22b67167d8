# SPDX-License-Identifier: Apache-2.0
what='layer directory is a symbolic link (vfs)'
expect=layer-diff drivers=vfs
attack() {
	mv "$TREE" "$WORK/evil/tree"
	edit_quietly "$WORK/evil/tree/tool.sh" 's/GOOD/EVIL/'
	ln -s "$WORK/evil/tree" "$TREE"
}
