# SPDX-License-Identifier: Apache-2.0
what='layers.json: a number beyond 64 bits'
expect='record-malformed|record-ambiguous' drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" 's/"diff-size":[0-9]*/"diff-size":99999999999999999999/'; }
