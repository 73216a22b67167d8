# SPDX-License-Identifier: Apache-2.0
what='the same image arrives by podman load under another name'
expect=image-unsealed
setup() {
	[ ! -e "$WORK/evil.oci" ] || return 0
	store_kept
	inject_image
	podman save -q --format oci-archive -o "$WORK/evil.oci" "$(jq -r '.[0].id' "$IMAGES/images.json")"
}
attack() {
	podman load -q -i "$WORK/evil.oci"
	json_edit "$IMAGES/images.json" reverse
}
poisons() { later_build && said '^tool: EVIL'; }
