# SPDX-License-Identifier: Apache-2.0
what='images.json: an id that is a path'
expect='record-malformed' drivers='overlay vfs'
attack() { edit_image "$OTHER" '.id = "../../evil"'; }
