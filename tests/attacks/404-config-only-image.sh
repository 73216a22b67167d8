# SPDX-License-Identifier: Apache-2.0
what='image of no new layer with another Env and User for a cached step'
expect=image-unsealed drivers='overlay vfs' rootless=yes
attack() { forge_image "$APP" '.config.Env += ["EVIL=planted"]'; }
poisons() { later_build && said '^EVIL=planted'; }
