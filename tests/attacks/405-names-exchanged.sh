# SPDX-License-Identifier: Apache-2.0
what='names of two images exchanged'
expect=image-name drivers='overlay vfs' rootless=yes
attack() {
	json_edit "$IMAGES/images.json" --arg a "$APP" --arg b "$OTHER" '
		map(if .id == $a then .names = ["localhost/other:latest"]
			elif .id == $b then .names = ["localhost/app:latest"] else . end)'
}
poisons() { from_build && said '^tool: EVIL other'; }
