# SPDX-License-Identifier: Apache-2.0
what='big-data-digests of an image'
expect=image-file drivers='overlay vfs'
attack() { edit_image "$OTHER" '."big-data-digests".manifest = "sha256:" + ("e" * 64)'; }
