# SPDX-License-Identifier: Apache-2.0
what='configuration, manifest and images.json rewritten consistently, the image id kept'
expect='image-record|image-id' drivers='overlay vfs'
attack() {
	forge_image "$APP" '.config.Env += ["EVIL=planted"]'
	rm -r "${IMAGES:?}/$APP"
	mv "$IMAGES/$FORGED" "$IMAGES/$APP"
	json_edit "$IMAGES/images.json" --arg old "$APP" --arg new "$FORGED" '
		(.[] | select(.id == $old)) as $real
		| map(select(.id != $old)
			| if .id == $new then .id = $old | .names = $real.names else . end)'
}
poisons() { later_build && said '^EVIL=planted'; }
