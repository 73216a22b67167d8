# SPDX-License-Identifier: Apache-2.0
what='planted layer record in volatile-layers.json'
expect='layer-unsealed|layer-unrecorded|store-entry' works_on='trixie/*'
attack() {
	plant_known_layer
	jq -c -j -s . "$WORK/planted.json" >"$LAYERS/volatile-layers.json"
}
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	run_says EVIL localhost/extra
}
