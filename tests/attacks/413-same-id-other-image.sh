# SPDX-License-Identifier: Apache-2.0
what="another image's record and files under the id of a sealed image"
expect='image-layer|image-record' drivers='overlay vfs'
attack() {
	rm -r "${IMAGES:?}/$APP"
	cp -r "$IMAGES/$OTHER" "$IMAGES/$APP"
	json_edit "$IMAGES/images.json" --arg a "$APP" --arg b "$OTHER" '
		(.[] | select(.id == $b)) as $other
		| map(if .id == $a then .names as $names | $other | .id = $a | .names = $names else . end)'
}
poisons() { run_says 'EVIL other' "$APP"; }
