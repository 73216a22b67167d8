# SPDX-License-Identifier: Apache-2.0
what='planted layer record, adopted by a later pull'
expect=layer-unsealed rootless=yes
attack() {
	plant_known_layer
	json_edit "$LAYERS/layers.json" --slurpfile new "$WORK/planted.json" '. + $new'
}
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	run_says EVIL localhost/extra
}
