# SPDX-License-Identifier: Apache-2.0
what='volatile-layers.json: the id of a sealed layer'
expect='record-ambiguous|store-shadow' drivers='overlay vfs'
attack() {
	jq -c -j --arg id "$LAYER" '[.[] | select(.id == $id) | ."diff-digest" = "sha256:" + ("e" * 64)]' \
		"$LAYERS/layers.json" >"$LAYERS/volatile-layers.json"
}
