# SPDX-License-Identifier: Apache-2.0
what='layers.json: a byte order mark'
expect='record-malformed' drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" '1s/^/\xef\xbb\xbf/'; }
