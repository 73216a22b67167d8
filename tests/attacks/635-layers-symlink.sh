# SPDX-License-Identifier: Apache-2.0
what='layers.json: a symbolic link'
expect='' exit='1|3' drivers='overlay vfs'
attack() {
	mv "$LAYERS/layers.json" "$WORK/evil/layers.json"
	ln -s "$WORK/evil/layers.json" "$LAYERS/layers.json"
}
