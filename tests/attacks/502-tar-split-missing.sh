# SPDX-License-Identifier: Apache-2.0
what='tar-split removed: podman packs the tree as it is'
expect=tar-split drivers='overlay vfs'
attack() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	rm "$LAYERS/$TREE_LAYER.tar-split.gz"
}
poisons() { later_build && said '^tool: EVIL'; }
