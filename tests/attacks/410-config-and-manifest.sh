# SPDX-License-Identifier: Apache-2.0
what='configuration and manifest rewritten, images.json and the image id kept'
expect='image-file|image-id' drivers='overlay vfs' rootless=yes
attack() {
	edited_config "$APP" '.config.Env += ["EVIL=planted"]'
	write_config "$APP" "$WORK/config"
}
poisons() { later_build && said '^EVIL=planted'; }
