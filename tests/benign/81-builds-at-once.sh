# SPDX-License-Identifier: Apache-2.0
what='four builds at once, verified all the while' makes=objects
operate() {
	for n in 1 2 3 4; do
		build_text -t "localhost/at-once-$n" >"$WORK/tmp/build.$n" 2>&1 <<-END &
			FROM localhost/base
			RUN echo $n > /one && sleep 0.3
			RUN echo $n > /two
			FROM localhost/app
			COPY --from=0 /two /three
			RUN echo $n > /four
		END
		pids="${pids-} $!"
	done
	# shellcheck disable=SC2086 # a list
	verify_while $pids
}
