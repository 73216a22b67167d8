# SPDX-License-Identifier: Apache-2.0
what='layers.json: "flags" twice; podman merges them'
expect=record-ambiguous drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" 's/"diff-size":/"flags":{"a":1},"flags":{"incomplete":false},&/'; }
