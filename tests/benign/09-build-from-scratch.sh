# SPDX-License-Identifier: Apache-2.0
what='an image without a layer of its own, and one from scratch' makes=objects
operate() {
	build_text -t localhost/label <<-END
		FROM localhost/app
		LABEL only=label
	END
	build_text -t localhost/scratch <<-END
		FROM scratch
		LABEL nothing=else
	END
}
