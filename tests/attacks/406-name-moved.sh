# SPDX-License-Identifier: Apache-2.0
what='name moved to another image'
expect=image-name drivers='overlay vfs'
attack() { podman tag localhost/other localhost/app; }
poisons() { from_build && said '^tool: EVIL other'; }
