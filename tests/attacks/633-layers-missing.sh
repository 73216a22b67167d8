# SPDX-License-Identifier: Apache-2.0
what='layers.json: missing'
expect='record-missing' drivers='overlay vfs'
attack() { rm "$LAYERS/layers.json"; }
