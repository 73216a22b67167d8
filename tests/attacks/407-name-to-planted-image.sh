# SPDX-License-Identifier: Apache-2.0
what='name moved to a planted image'
expect=image-unsealed
attack() {
	inject_image
	podman tag "$(jq -r '.[0].id' "$IMAGES/images.json")" localhost/app
}
poisons() { from_build && said '^tool: EVIL'; }
