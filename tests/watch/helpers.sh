# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helpers.sh: for tests/watch. The store's variables are those of tests/lib/store.sh.

# by_watcher STATUS: verify, which asks the watcher, ends with this status and says that it did.
by_watcher() {
	expect_exit "$1" asked verify --json
	[ "$(jq -r .watcher.source "$OUT")" = "$SOURCE" ] || fail "not the watcher's verdict: $(head -c 900 "$OUT")"
}

# by_watcher_again STATUS: as soon as the watcher has opened ledger and store anew.
by_watcher_again() {
	tries=0
	until asked verify --json >"$OUT" 2>"$ERR"; [ "$(jq -r '.watcher.source // "none"' "$OUT")" != none ] || [ $tries -gt 75 ]; do
		sleep 0.2
		tries=$((tries + 1))
	done
	by_watcher "$1"
}

# by_itself STATUS: verify looks for itself.
by_itself() {
	expect_exit "$1" asked verify --json
	[ "$(jq -r '.watcher.source // "none"' "$OUT")" = none ] || fail "the watcher's verdict: $(head -c 900 "$OUT")"
}

status_of_watcher() { asked status --json | jq -r ".watcher$1"; }

lines() { wc -l <"$WATCH_LOG"; }
