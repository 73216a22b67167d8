# SPDX-License-Identifier: Apache-2.0
what='a build on an image of an additional image store' makes=objects
setup() { store_additional; }
operate() {
	podman images
	build_text -t localhost/on-shared <<-END
		FROM localhost/shared
		RUN sh /tool.sh > /result
	END
	run --rm --entrypoint '["sh","/tool.sh"]' localhost/shared
}
cleanup() { store_more_clear; }
