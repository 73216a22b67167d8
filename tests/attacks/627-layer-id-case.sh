# SPDX-License-Identifier: Apache-2.0
what='layers.json: an id in upper case'
expect=record-malformed drivers='overlay vfs'
attack() { edit_layer "$LAYER" '.id |= ascii_upcase'; }
