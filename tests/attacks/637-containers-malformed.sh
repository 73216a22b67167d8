# SPDX-License-Identifier: Apache-2.0
what='containers.json: not JSON'
expect='record-malformed' drivers='overlay vfs'
attack() { printf '[{' >"$G/$DRIVER-containers/containers.json"; }
