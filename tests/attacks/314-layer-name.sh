# SPDX-License-Identifier: Apache-2.0
what='layer bears the id of a layer to be pulled as its name'
expect=record-ambiguous drivers='overlay vfs' rootless=yes
# containers/storage finds a layer by a name where it asks for an id.
attack() { edit_layer "$(image_layer "$OTHER")" ".names = [\"$EXTRA_LAYER\"]"; }
poisons() {
	podman pull "oci-archive:$WORK/extra/extra.oci"
	run_says EVIL localhost/extra
}
