# SPDX-License-Identifier: Apache-2.0
what='images and containers in stores of their own' makes=objects engines=trixie drivers=overlay rootless=no
before_seal() { store_split; }
operate() {
	run localhost/app
	build_text -t localhost/in-split <<-END
		FROM localhost/app
		RUN echo split > /split
	END
}
cleanup() { store_more_clear; }
