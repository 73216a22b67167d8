# SPDX-License-Identifier: Apache-2.0
what='images.json: truncated (podman 4.3 keeps what it could read)'
expect='record-malformed' drivers='overlay vfs'
attack() { truncate -s -40 "$IMAGES/images.json"; }
