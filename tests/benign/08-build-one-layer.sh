# SPDX-License-Identifier: Apache-2.0
what='a build with --layers=false in docker format' makes=objects
operate() {
	build_text --layers=false --format docker -t localhost/onelayer <<-END
		FROM localhost/base
		RUN echo one > /one
		HEALTHCHECK CMD true
	END
}
