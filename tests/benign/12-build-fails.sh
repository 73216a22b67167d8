# SPDX-License-Identifier: Apache-2.0
what='a build that fails in its second step' makes=objects
operate() {
	build_text -t localhost/broken <<-END && failed=no || failed=yes
		FROM localhost/base
		RUN echo fine > /fine
		RUN false
	END
	[ "$failed" = yes ]
}
