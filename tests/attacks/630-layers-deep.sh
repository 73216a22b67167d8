# SPDX-License-Identifier: Apache-2.0
what='layers.json: nested a hundred thousand deep'
expect='record-malformed' drivers='overlay vfs'
attack() {
	deep=$(head -c 100000 /dev/zero | tr '\0' '[')
	json_edit "$LAYERS/layers.json" '.[0].flags.evil = "DEEP"'
	{
		sed 's/"DEEP".*//' "$LAYERS/layers.json"
		printf '%s' "$deep"
	} >"$WORK/new"
	cat "$WORK/new" >"$LAYERS/layers.json"
}
