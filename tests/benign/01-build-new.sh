# SPDX-License-Identifier: Apache-2.0
what='a new image is built' makes=objects
operate() {
	build_text -t localhost/new <<-END
		FROM localhost/base
		RUN echo new > /new.txt
		RUN echo more > /more.txt
		LABEL a=b
	END
}
