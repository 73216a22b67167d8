# SPDX-License-Identifier: Apache-2.0
what='manifest of an image is a symbolic link'
expect=image-file drivers='overlay vfs'
attack() {
	mv "$IMAGES/$APP/manifest" "$WORK/evil/manifest"
	ln -s "$WORK/evil/manifest" "$IMAGES/$APP/manifest"
}
