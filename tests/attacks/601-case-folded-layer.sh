# SPDX-License-Identifier: Apache-2.0
what='images.json: "LAYER" after "layer"; podman takes the last'
expect=record-ambiguous drivers='overlay vfs' rootless=yes
attack() { after_layer "\"LAYER\":\"$(image_layer "$OTHER")\""; }
poisons() { from_build && said '^tool: EVIL other'; }
