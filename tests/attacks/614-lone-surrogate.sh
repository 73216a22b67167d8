# SPDX-License-Identifier: Apache-2.0
what='images.json: half of a surrogate pair'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"localhost\/other:latest"/"localhost\/\\ud800:latest"/'; }
