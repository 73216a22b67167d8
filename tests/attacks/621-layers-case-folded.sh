# SPDX-License-Identifier: Apache-2.0
what='layers.json: "PARENT" after "parent"'
expect=record-ambiguous drivers='overlay vfs'
attack() { json_text "$LAYERS/layers.json" "s/\"parent\":\"$LAYER\"/&,\"PARENT\":\"$BASE\"/"; }
