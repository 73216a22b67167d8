# SPDX-License-Identifier: Apache-2.0
what='layers.json: an id that is a path'
expect=record-malformed drivers='overlay vfs'
attack() { edit_layer "$LAYER" '.id = "../../../evil"'; }
