# SPDX-License-Identifier: Apache-2.0
what='layers.json: empty'
expect='record-missing|record-malformed' drivers='overlay vfs'
attack() { : >"$LAYERS/layers.json"; }
