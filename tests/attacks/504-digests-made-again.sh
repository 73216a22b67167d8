# SPDX-License-Identifier: Apache-2.0
what='content, tar-split, digests, configuration and manifest made again, all ids kept'
expect='layer-record' drivers=overlay
# Everything that podman records about the content agrees with the content afterwards.
attack() {
	container=$(buildah from localhost/base)
	mount=$(buildah mount "$container")
	in_engine sh -c "cp -a '$(layer_tree "$LAYER")'/. '$mount' && echo 'echo EVIL' >'$mount/tool.sh'"
	buildah umount "$container"
	donor=$(image_layer "$(buildah commit -q --format oci "$container")")
	buildah rm "$container"
	rm -r "$PLACE/$LAYER/diff"
	cp -a "$PLACE/$donor/diff" "$PLACE/$LAYER/diff"
	cp -a "$LAYERS/$donor.tar-split.gz" "$LAYERS/$LAYER.tar-split.gz"
	old=$(jq -r --arg id "$LAYER" '.[] | select(.id == $id)."diff-digest"' "$LAYERS/layers.json")
	json_edit "$LAYERS/layers.json" --arg id "$LAYER" --arg donor "$donor" '
		(.[] | select(.id == $donor)) as $new
		| map(if .id == $id then . + ($new | {"diff-digest", "diff-size", "compressed-diff-digest", "compressed-size", uidset, gidset}) else . end)'
	new=$(jq -r --arg id "$LAYER" '.[] | select(.id == $id)."diff-digest"' "$LAYERS/layers.json")
	podman rmi -f "$(jq -r --arg layer "$donor" '.[] | select(.layer == $layer).id' "$IMAGES/images.json")"
	for image in $(jq -r '.[].id' "$IMAGES/images.json"); do
		config=$(big_data_file "$image" "sha256:$image")
		grep -q "$old" "$config" || continue
		sed "s/$old/$new/g" "$config" >"$WORK/config"
		write_config "$image" "$WORK/config"
	done
}
poisons() { later_build && said '^tool: EVIL'; }
