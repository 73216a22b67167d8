# SPDX-License-Identifier: Apache-2.0
what='planted layer record (vfs)'
expect=layer-unsealed drivers=vfs
attack() {
	cp -a "$TREE" "$PLACE/dir/$EXTRA_LAYER"
	cp -a "$WORK/extra/tar-split.gz" "$LAYERS/$EXTRA_LAYER.tar-split.gz"
	json_edit "$LAYERS/layers.json" --slurpfile new "$WORK/extra/record.json" '. + $new'
}
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	mounted localhost/extra grep -q EVIL debug.sh
}
