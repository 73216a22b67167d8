# SPDX-License-Identifier: Apache-2.0
what='a build with a cache mount' makes=objects
operate() {
	build_text -t localhost/cachemount <<-END
		FROM localhost/base
		RUN --mount=type=cache,target=/cache echo kept > /cache/f && cp /cache/f /f
	END
}
cleanup() { in_engine sh -c 'rm -rf /varbuildah-cache* /var/tmp/buildah-cache*'; }
