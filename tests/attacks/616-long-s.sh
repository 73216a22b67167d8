# SPDX-License-Identifier: Apache-2.0
what='images.json: a key that only some parsers fold to "names"'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"layer":/"name\\u017f":["localhost\/app:latest"],&/'; }
