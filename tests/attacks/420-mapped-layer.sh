# SPDX-License-Identifier: Apache-2.0
what='planted layer named as id-mapped copy of an image'
expect='layer-unsealed|layer-mapped'
attack() {
	plant_known_layer
	json_edit "$LAYERS/layers.json" --slurpfile new "$WORK/planted.json" '. + $new'
	edit_image "$APP" ".\"mapped-layers\" = [\"$EXTRA_LAYER\"]"
}
