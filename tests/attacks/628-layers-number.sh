# SPDX-License-Identifier: Apache-2.0
what='layers.json: a number with an exponent'
expect='record-malformed|record-ambiguous|layer-record' drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" 's/"diff-size":[0-9]*/"diff-size":1e3/'; }
