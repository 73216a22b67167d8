# SPDX-License-Identifier: Apache-2.0
what='images.json: a second list after the end'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { printf '[]' >>"$IMAGES/images.json"; }
