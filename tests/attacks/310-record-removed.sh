# SPDX-License-Identifier: Apache-2.0
what='record of a layer in use removed'
expect=layer-missing drivers='overlay vfs'
attack() { json_edit "$LAYERS/layers.json" --arg id "$LAYER" 'map(select(.id != $id))'; }
