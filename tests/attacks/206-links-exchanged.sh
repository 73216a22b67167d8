# SPDX-License-Identifier: Apache-2.0
what='link files of two layers exchanged'
expect=layer-link
attack() {
	other=$(image_layer "$OTHER")
	until [ "$(layer_parent "$other")" = "$BASE" ]; do other=$(layer_parent "$other"); done
	mv "$PLACE/$TOP/link" "$WORK/new"
	mv "$PLACE/$other/link" "$PLACE/$TOP/link"
	mv "$WORK/new" "$PLACE/$other/link"
}
poisons() { later_build && said '^tool: EVIL other'; }
