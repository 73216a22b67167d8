# SPDX-License-Identifier: Apache-2.0
what='a sealed layer marked incomplete, so that nobody looks, its content edited'
expect='tree-content|layer-record|layer-missing'
attack() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	edit_layer "$LAYER" '.flags.incomplete = true'
}
