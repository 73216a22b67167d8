# SPDX-License-Identifier: Apache-2.0
what='images.json: null among the records (podman 4.3 crashes)'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/^\[/[null,/'; }
