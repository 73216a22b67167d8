# SPDX-License-Identifier: Apache-2.0
what='new name for a sealed image (a warning by default)'
expect=name-unsealed exit=0 severity=warn drivers='overlay vfs'
attack() { edit_image "$OTHER" '.names += ["localhost/trusted:latest"]'; }
