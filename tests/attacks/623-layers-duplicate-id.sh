# SPDX-License-Identifier: Apache-2.0
what='layers.json: one id in two records'
expect=record-ambiguous drivers='overlay vfs'
attack() {
	json_edit "$LAYERS/layers.json" --arg id "$LAYER" \
		'. + [.[] | select(.id == $id) | ."diff-digest" = "sha256:" + ("e" * 64)]'
}
