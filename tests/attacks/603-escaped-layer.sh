# SPDX-License-Identifier: Apache-2.0
what='images.json: a second "layer" spelt with an escape'
expect=record-ambiguous drivers='overlay vfs'
attack() { after_layer "\"l\\\\u0061yer\":\"$(image_layer "$OTHER")\""; }
poisons() { from_build && said '^tool: EVIL other'; }
