# SPDX-License-Identifier: Apache-2.0
tests='strangers own_user'
once='own_user'

# clients UID KIND...: each kind of client in the background.
clients() {
	uid=$1
	shift
	for kind; do
		python3 "$HERE/clients.py" "$WORK/watch.sock" "$kind" "$uid" &
		pids="${pids-} $!"
	done
	trap clients_end EXIT
	sleep 0.5
}
# shellcheck disable=SC2086 # a list
clients_end() {
	[ -z "$pids" ] || kill -9 $pids 2>/dev/null || :
	pids=
}
# Users that are nobody here, with all that they can do at once.
strangers() {
	chmod 755 "$WORK"
	watch_start "$SOURCE"
	for uid in 23001 23002 23003 23004; do
		clients "$uid" silent trickle deaf leave junk
	done
	answered=0
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		expect_exit 0 asked verify --json
		answered=$((answered + $(jq '.watcher.source | if . then 1 else 0 end' "$OUT")))
	done
	# This machine may be too slow for one or another.
	[ "$answered" -ge 5 ] || fail "only $answered of 10 had an answer"
	chmod 777 "$TREE/opt.txt"
	watch_expect tree-mode /opt.txt
	expect_exit 1 asked verify --json
	expect_finding tree-mode /opt.txt
	clients_end
}
# Who may take all places of the watcher's own user gets less than he had: the others look for themselves.
own_user() {
	watch_start "$SOURCE"
	clients "$(stat -c %u "$G")" silent trickle deaf leave junk
	for _ in 1 2 3; do
		expect_exit 0 asked verify --json
	done
	chmod 777 "$TREE/opt.txt"
	watch_expect tree-mode /opt.txt
	expect_exit 1 asked verify --json
	expect_finding tree-mode /opt.txt
	clients_end
	sleep 0.5
	by_watcher 1
}
