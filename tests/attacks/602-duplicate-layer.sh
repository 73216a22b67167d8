# SPDX-License-Identifier: Apache-2.0
what='images.json: "layer" twice; podman takes the last'
expect=record-ambiguous drivers='overlay vfs'
attack() { after_layer "\"layer\":\"$(image_layer "$OTHER")\""; }
poisons() { from_build && said '^tool: EVIL other'; }
