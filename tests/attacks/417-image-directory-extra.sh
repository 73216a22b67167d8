# SPDX-License-Identifier: Apache-2.0
what='image directory without a record'
expect=store-entry drivers='overlay vfs'
attack() { cp -r "$IMAGES/$APP" "$IMAGES/$(printf %064d 7)"; }
