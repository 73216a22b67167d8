# SPDX-License-Identifier: Apache-2.0
what='images.json: NUL and a second list after the end'
expect='record-ambiguous|record-malformed' drivers='overlay vfs' rootless=yes
# podman's parser stops at the NUL.
attack() {
	jq -c -j --arg a "$APP" --arg b "$OTHER" '
		map(if .id == $a then .names = ["localhost/other:latest"]
			elif .id == $b then .names = ["localhost/app:latest"] else . end)' \
		"$IMAGES/images.json" >"$WORK/new"
	printf '\0' >>"$WORK/new"
	cat "$IMAGES/images.json" >>"$WORK/new"
	cat "$WORK/new" >"$IMAGES/images.json"
}
poisons() { from_build && said '^tool: EVIL other'; }
