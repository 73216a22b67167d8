# SPDX-License-Identifier: Apache-2.0
what='an image pushed compressed, removed and pulled back: the manifest is another' makes=names
before_seal() {
	build_text -t localhost/child <<-END
		FROM localhost/app
		RUN echo child > /child
	END
}
operate() {
	podman push -q --compression-format gzip localhost/app "oci-archive:$WORK/tmp/pushed.oci"
	podman rmi localhost/app
	podman load -q -i "$WORK/tmp/pushed.oci"
}
