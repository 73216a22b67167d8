# SPDX-License-Identifier: Apache-2.0
what='layers.json: "diff-digest" twice'
expect=record-ambiguous drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" "s/\"diff-digest\":/\"diff-digest\":\"sha256:$(printf %064d 7)\",&/"; }
