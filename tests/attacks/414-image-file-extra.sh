# SPDX-License-Identifier: Apache-2.0
what='file added to an image'
expect=image-file drivers='overlay vfs'
attack() { echo EVIL >"$IMAGES/$APP/evil"; }
