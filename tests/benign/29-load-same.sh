# SPDX-License-Identifier: Apache-2.0
what='podman load of an image that is there already' makes=names
operate() {
	podman save -q --format oci-archive -o "$WORK/tmp/saved" localhost/app
	podman load -q -i "$WORK/tmp/saved"
}
