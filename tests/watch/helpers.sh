# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helpers.sh: for tests/watch. The store's variables are those of tests/lib/store.sh.

# by_watcher STATUS: verify, which asks the watcher, ends with this status and says that it did.
by_watcher() {
	expect_exit "$1" asked verify --json
	[ "$(jq -r .watcher.source "$OUT")" = "$SOURCE" ] || fail "not the watcher's verdict: $(head -c 900 "$OUT")"
}

# by_itself STATUS: verify looks for itself.
by_itself() {
	expect_exit "$1" asked verify --json
	[ "$(jq -r '.watcher.source // "none"' "$OUT")" = none ] || fail "the watcher's verdict: $(head -c 900 "$OUT")"
}

status_of_watcher() { asked status --json | jq -r ".watcher$1"; }

lines() { wc -l <"$WATCH_LOG"; }
