# SPDX-License-Identifier: Apache-2.0
what='injected image (vfs)'
expect=image-unsealed drivers=vfs
attack() { inject_image; }
poisons() { later_build && said '^tool: EVIL'; }
