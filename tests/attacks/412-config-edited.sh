# SPDX-License-Identifier: Apache-2.0
what='configuration edited alone'
expect=image-file drivers='overlay vfs'
# podman takes it for a cache miss; as FROM it is an error.
attack() {
	edited_config "$APP" '.config.User = "1000"'
	cat "$WORK/config" >"$(big_data_file "$APP" "sha256:$APP")"
}
