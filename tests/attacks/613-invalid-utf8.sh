# SPDX-License-Identifier: Apache-2.0
what='images.json: bytes that are no UTF-8'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"localhost\/other:latest"/"localhost\/\xff\xfe:latest"/'; }
