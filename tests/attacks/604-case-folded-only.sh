# SPDX-License-Identifier: Apache-2.0
what='images.json: "Layer" in place of "layer"'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() {
	json_text "$IMAGES/images.json" \
		"s/\(\"id\":\"$APP\"[^}]*\)\"layer\":\"$TOP\"/\1\"Layer\":\"$(image_layer "$OTHER")\"/"
}
poisons() { from_build && said '^tool: EVIL other'; }
