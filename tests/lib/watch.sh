# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# watch.sh: a watcher on the store of engine.sh. After engine.sh.
#
#   watch_start SOURCE    inotify or fanotify; returns when it is ready
#   watch_stop            and shows what it said on standard error
#   watch_pass            a whole pass, now
#   watch_expect CLASSES [PATH]   alarm or unsealed notice of one of these classes ("a|b")
#   watch_expect_silence  no alarm, no gap, nothing unverifiable
#   asked ARGUMENT...     layerseal, as who asks the watcher calls it: the ledger knows the other options of the store
#   watch_settings        more lines of section [watch], for the next watch_start
#   WATCH_CONF            for layerseal: the configuration with the watcher's socket; "" without a watcher

WATCH_CONF=
watch_settings=

watch_start() {
	WATCH_CONF=$WORK/watch.conf
	WATCH_LOG=$WORK/watch.log
	printf '[watch]\nsocket = %s\npass = 1h\njournal = no\nsource = %s\n%s\n' "$WORK/watch.sock" "$1" "$watch_settings" >"$WATCH_CONF"
	give "$WATCH_CONF"
	: >"$WATCH_LOG"
	# Descriptors of the cases are not the watcher's: some wait until nobody has them open.
	(
		exec 3>&- 8>&-
		WATCH_LIMIT=600 layerseal watch --json >"$WATCH_LOG" 2>"$WATCH_LOG.err"
	) &
	watch_wait '.kind == "ready"' 1 || fail "the watcher is not ready: $(cat "$WATCH_LOG" "$WATCH_LOG.err")"
}

asked() {
	set -- --config "$WATCH_CONF" --ledger "$LEDGER" --trust "$LEDGER.trust" "$@"
	[ -n "${STORAGE_CONF-}" ] || set -- --root "$G" "$@"
	if [ -n "${SERVICE-}" ]; then
		in_engine timeout 120 "$WORK/bin/layerseal" --user sealer "$@"
	else
		by_owner timeout 120 "$WORK/bin/layerseal" "$@"
	fi
}

watch_signal() { pkill "-$1" -f "^$WORK/bin/layerseal .* watch --json"; }

watch_stop() {
	WATCH_CONF=
	watch_signal TERM || return 0
	tries=0
	while watch_signal 0 && [ $tries -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	watch_signal KILL && fail 'the watcher did not end'
	cat "$WORK/watch.log.err"
	[ ! -e "$WORK/watch.sock" ] || fail 'its socket is still there'
}

watch_pass() {
	passes=$(watch_count '.kind == "ready"')
	watch_signal HUP
	watch_wait '.kind == "ready"' $((passes + 1)) || fail "no pass after SIGHUP: $(cat "$WATCH_LOG" "$WATCH_LOG.err")"
}

watch_count() { jq -c "select($1)" "$WATCH_LOG" 2>/dev/null | wc -l; }

# watch_wait FILTER N: until so many lines match; machines may be slow, also to start it.
watch_wait() {
	tries=0
	until [ "$(watch_count "$1")" -ge "$2" ]; do
		tries=$((tries + 1))
		[ $tries -lt 150 ] || return 1
		[ $tries -lt 30 ] || watch_signal 0 || return 1
		sleep 0.1
	done
}

watch_filter() {
	echo "(.kind == \"alarm\" or .kind == \"unsealed\") and (.finding.class | test(\"^($1)\$\"))${2:+ and .finding.path == \"$2\"}"
}

watch_sees() { watch_wait "$(watch_filter "$@")" 1; }

watch_expect() { watch_sees "$@" || fail "no alarm of class $1 ${2-}: $(tail -n 20 "$WATCH_LOG")"; }

watch_expect_silence() {
	if jq -c 'select(.kind == "alarm" or .kind == "gap" or .kind == "unverifiable")' "$WATCH_LOG" | grep .; then
		fail 'the watcher was not silent'
	fi
}
