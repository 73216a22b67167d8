# SPDX-License-Identifier: Apache-2.0
what='planted layer passes for an id-mapped copy'
expect=layer-unsealed
# A pull asks for a layer by its id, or by its digests, and takes it as it is.
attack() {
	plant_known_layer
	json_edit "$LAYERS/layers.json" --slurpfile new "$WORK/planted.json" '. + ($new
		| map(.uidmap = [{container_id: 0, host_id: 0, size: 65536}] | .gidmap = .uidmap))'
}
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	run_says EVIL localhost/extra
}
