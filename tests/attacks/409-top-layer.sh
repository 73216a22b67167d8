# SPDX-License-Identifier: Apache-2.0
what='image record points to another top layer'
expect=image-layer drivers='overlay vfs' rootless=yes
attack() { edit_image "$APP" ".layer = \"$(image_layer "$OTHER")\""; }
poisons() { from_build && said '^tool: EVIL other'; }
