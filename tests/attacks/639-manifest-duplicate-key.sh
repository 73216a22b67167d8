# SPDX-License-Identifier: Apache-2.0
what='manifest of an image: "config" twice'
expect='image-file|image-manifest' drivers='overlay vfs'
attack() {
	edited_config "$APP" '.config.Env += ["EVIL=planted"]'
	digest=$(sha256 "$WORK/config")
	cp "$WORK/config" "$(big_data_file "$APP" "sha256:$digest")"
	json_text "$IMAGES/$APP/manifest" "s/\"layers\":/\"config\":{\"mediaType\":\"application\/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:$digest\",\"size\":$(stat -c %s "$WORK/config")},&/"
}
poisons() { later_build && said '^EVIL=planted'; }
