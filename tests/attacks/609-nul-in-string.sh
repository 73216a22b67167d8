# SPDX-License-Identifier: Apache-2.0
what='images.json: NUL in a name'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"localhost\/other:latest"/"localhost\/app:latest\\u0000x"/'; }
