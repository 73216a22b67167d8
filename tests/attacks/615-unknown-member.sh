# SPDX-License-Identifier: Apache-2.0
what='images.json: a member that no version writes'
expect='record-malformed' drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"layer":/"evil":1,&/'; }
