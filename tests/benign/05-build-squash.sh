# SPDX-License-Identifier: Apache-2.0
what='a build with --squash' makes=objects
operate() {
	build_text --squash -t localhost/squashed <<-END
		FROM localhost/base
		RUN echo one > /one
		RUN echo two > /two
	END
}
