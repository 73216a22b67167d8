# SPDX-License-Identifier: Apache-2.0
what='verified all the while a big layer is committed' makes=objects
operate() {
	head -c 100000000 /dev/urandom >"$WORK/ctx/big"
	build_text -t localhost/big >"$WORK/tmp/log" 2>&1 <<-END &
		FROM localhost/base
		COPY big /big
	END
	verify_while $!
}
cleanup() { rm -f "$WORK/ctx/big"; }
