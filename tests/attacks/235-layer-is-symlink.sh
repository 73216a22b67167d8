# SPDX-License-Identifier: Apache-2.0
what='layer directory is a symbolic link'
expect='layer-diff|layer-entry|store-entry|layer-unrecorded'
attack() {
	mv "$PLACE/$LAYER" "$WORK/evil/layer"
	edit_quietly "$WORK/evil/layer/diff/tool.sh" 's/GOOD/EVIL/'
	ln -s "$WORK/evil/layer" "$PLACE/$LAYER"
}
poisons() { later_build && said '^tool: EVIL'; }
