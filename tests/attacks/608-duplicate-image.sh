# SPDX-License-Identifier: Apache-2.0
what='images.json: one id in two records'
expect='record-ambiguous' drivers='overlay vfs'
attack() {
	json_edit "$IMAGES/images.json" --arg id "$APP" --arg layer "$(image_layer "$OTHER")" \
		'. + [.[] | select(.id == $id) | .layer = $layer]'
}
poisons() { from_build && said '^tool: EVIL other'; }
