# SPDX-License-Identifier: Apache-2.0
what='layer record names big data, a file to go with it is planted'
expect=layer-record
attack() {
	mkdir "$LAYERS/$LAYER"
	echo EVIL >"$LAYERS/$LAYER/chunked-manifest-cache"
	edit_layer "$LAYER" '."big-data-names" = ["chunked-manifest-cache"]'
}
