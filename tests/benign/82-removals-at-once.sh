# SPDX-License-Identifier: Apache-2.0
what='images are made and removed, verified all the while'
operate() {
	(
		set -e
		for n in 1 2 3; do
			build_text --no-cache -t "localhost/gone-$n" <<-END
				FROM localhost/base
				RUN echo $n > /one
				RUN echo $n > /two
			END
			run --rm --entrypoint '["true"]' "localhost/gone-$n" || true
			podman rmi "localhost/gone-$n"
		done
		podman image prune -f
	) >"$WORK/tmp/log" 2>&1 &
	verify_while $!
}
