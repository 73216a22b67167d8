# SPDX-License-Identifier: Apache-2.0
what='podman save in all formats'
operate() {
	for format in oci-archive docker-archive oci-dir docker-dir; do
		podman save -q --format $format -o "$WORK/tmp/saved.$format" localhost/app
	done
}
