# SPDX-License-Identifier: Apache-2.0
what='layers.json: a fifo'
expect='' exit='1|3' drivers='overlay vfs'
attack() { rm "$LAYERS/layers.json" && mkfifo "$LAYERS/layers.json"; }
