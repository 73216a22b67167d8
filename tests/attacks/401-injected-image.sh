# SPDX-License-Identifier: Apache-2.0
what='image made with buildah alone claims the history of a cached step'
expect=image-unsealed
attack() { inject_image; }
poisons() { later_build && said '^tool: EVIL'; }
