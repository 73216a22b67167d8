#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Level scrub: all is read again, and compared with the sums that seals have.
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

sums_are_sealed() {
	sealed_store
	guard log --json >"$OUT"
	jq -e '[.entries[] | select(.op == "seal-layer") | .scrub | test("^[0-9a-f]{32}$")] == [true, true]' "$OUT" >/dev/null
	expect_exit 0 guard verify --level scrub
	expect_grep '(2 scrubbed, 0 measured: .*level scrub' "$OUT"
	expect_exit 0 guard verify --level scrub --cached --json
	jq -e '.level == "scrub" and .verdict == "clean" and .scrubbed == 2 and .by_statprint == 0 and .measured == 0 and .bytes > 0' "$OUT" >/dev/null
}
cli_test 'seals have sums, and what is as sealed is scrubbed' sums_are_sealed

changes_show() {
	sealed_store
	motd=$G/overlay/$(jq -r '.[] | select(.parent).id' "$G/overlay-layers/layers.json")/diff/etc/motd
	touch -r "$motd" "$WORK/time"
	printf 'evil\n' >"$motd"
	touch -r "$WORK/time" "$motd"
	expect_exit 1 guard verify --level scrub --json
	jq -e '.scrubbed == 1 and .measured == 1 and [.findings[].class] == ["tree-content"]' "$OUT" >/dev/null
	printf 'tiny\n' >"$motd"
	touch -r "$WORK/time" "$motd"
	expect_exit 0 guard verify --level scrub --json
	jq -e '.scrubbed == 1 and .measured == 1 and .remeasured == 1' "$OUT" >/dev/null
	expect_exit 0 guard verify --level scrub --json
	jq -e '.scrubbed == 2 and .measured == 0 and .remeasured == 0' "$OUT" >/dev/null
	guard log --json | jq -e '.entries[-1] | .op == "remeasure" and (.scrub | length) == 32' >/dev/null
}
cli_test 'what was written to is measured in full, and gets a new sum' changes_show

without_the_secret() {
	sealed_store
	rm "$L/statprint.key"
	expect_exit 0 guard verify --level scrub --json
	jq -e '.scrubbed == 0 and .measured == 2' "$OUT" >/dev/null
}
cli_test 'without the secret everything is measured in full' without_the_secret

words() {
	sealed_store
	printf '[verify]\nlevel = scrub\n' >"$WORK/conf"
	expect_exit 0 guard --config "$WORK/conf" verify --json
	jq -e '.level == "scrub"' "$OUT" >/dev/null
	expect_exit 2 guard verify --level scrubs
	expect_grep 'stat, scrub, full or oci' "$ERR"
}
cli_test 'the name of the level' words

done_testing
