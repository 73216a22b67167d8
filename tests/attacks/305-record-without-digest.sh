# SPDX-License-Identifier: Apache-2.0
what='diff-digest taken out of a record, content edited'
expect=layer-record drivers='overlay vfs'
attack() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	edit_layer "$TREE_LAYER" 'del(."diff-digest", ."diff-size")'
}
