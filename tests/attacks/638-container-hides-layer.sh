# SPDX-License-Identifier: Apache-2.0
what='containers.json: a planted layer passes for that of a container'
expect='layer-unsealed|layer-unrecorded|record-malformed'
# The layers of containers are nobody's cache and are not sealed; a container record must not make
# a layer one that a pull would adopt.
attack() {
	plant_known_layer
	json_edit "$LAYERS/layers.json" --slurpfile new "$WORK/planted.json" '. + $new'
	id=$(printf %064d 7)
	mkdir "$G/$DRIVER-containers/$id"
	jq -n -c -j --arg id "$id" --arg layer "$EXTRA_LAYER" --arg image "$APP" '[{
		id: $id, names: ["evil"], image: $image, layer: $layer, metadata: "{}",
		created: "2026-01-01T00:00:00.5Z", flags: {}}]' >"$G/$DRIVER-containers/containers.json"
}
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	run_says EVIL localhost/extra
}
