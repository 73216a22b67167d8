# SPDX-License-Identifier: Apache-2.0
what='a build in several stages' makes=objects
operate() {
	build_text -t localhost/staged <<-END
		FROM localhost/app AS builder
		RUN echo built > /artifact
		FROM localhost/base
		COPY --from=builder /artifact /artifact
	END
}
