# SPDX-License-Identifier: Apache-2.0
what='images.json: one name in two images'
expect='record-ambiguous' drivers='overlay vfs'
attack() { edit_image "$OTHER" '.names += ["localhost/app:latest"]'; }
poisons() { from_build && said '^tool: EVIL other'; }
