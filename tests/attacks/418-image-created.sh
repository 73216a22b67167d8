# SPDX-License-Identifier: Apache-2.0
what='creation time of an image (the newest wins the cache since podman 5.6)'
expect=image-record drivers='overlay vfs'
attack() { edit_image "$OTHER" '.created = "2036-01-01T00:00:00.5Z"'; }
