# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# helpers.sh: guarded builds for tests/build. The store's variables are those of tests/lib/store.sh.

cleanup() { :; }
attack_before() { :; }

# The kept store, sealed anew.
start_over() {
	STORAGE_CONF=''
	rm -rf "$WORK/sync" "$WORK/home/.config/containers"
	mkdir -p "$WORK/sync"
	give "$WORK/sync"
	store_kept
	store_seal
	seals >"$TAP_DIR/seals"
}

guard() { layerseal build -- "$@"; }
# guarded_build FLAG...: `podman build` under guard.
guarded_build() {
	# shellcheck disable=SC2046 # a list of flags
	guard podman build $(build_flags) "$@"
}

# How often each op was entered that makes something trusted.
seals() { layerseal log | grep -c -E ' seal-(layer|image) ' || :; }
images() { podman images -a -q --no-trunc | sort; }
has_name() { podman image exists "$1"; }

# sealing LAYERS|any FLAG...: the build succeeds, its standard output ends with an id that is in the
# store, and the store is clean afterwards. LAYERS: how many it must seal.
sealing() {
	count=$1
	shift
	expect_exit 0 guarded_build "$@"
	expect_sealed "$count"
	expect_grep '^[0-9a-f]\{64\}$' "$BUILT.out"
	podman image exists "$(tail -n 1 "$BUILT.out")"
	expect_clean
}

# What the build said is kept in $BUILT.out and $BUILT.err.
expect_sealed() {
	BUILT=$TAP_DIR/built
	cp "$OUT" "$BUILT.out"
	cp "$ERR" "$BUILT.err"
	expect_grep '^layerseal: sealed [0-9]* layer' "$BUILT.err"
	[ "$1" = any ] || expect_grep "^layerseal: sealed $1 layer" "$BUILT.err"
}

expect_clean() {
	for level in stat oci; do
		expect_exit 0 verify $level
		expect_findings_only layer-mapped
	done
}

# context_file: standard input as a Containerfile, its path in $FILE.
write_file() {
	FILE=$(containerfile)
	give "$FILE"
}

# ---- races ----

# A build whose first stage waits until it is told to go on, whose second one looks at what may be poisoned, and
# waits once more. `steps`: more lines before it looks.
race_file() {
	write_file <<-END
		FROM localhost/base AS first
		RUN echo marker >/marker; touch /sync/one; until test -e /sync/two; do sleep 0.05; done
		FROM localhost/app
		${steps-}
		COPY --from=first /marker /marker
		COPY look.sh /look.sh
		RUN sh /look.sh
		RUN touch /sync/three; until test -e /sync/four; do sleep 0.05; done
	END
}

# await FILE: in sync/, which the build writes, or the end of the build, which is a failure.
await() {
	tries=0
	until [ -e "$WORK/sync/$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { fail "the build never came to $1"; return 1; }
		[ ! -e "$WORK/sync/ended" ] || { fail "the build ended before $1"; return 1; }
		sleep 0.05
	done
}

# tell FILE: tells the build.
tell() { touch "$WORK/sync/$1"; }

# in_background COMMAND...: its status will be in sync/ended, its output in $BACK.out and $BACK.err.
in_background() {
	BACK=$WORK/back
	rm -f "$WORK/sync"/*
	(
		"$@" >"$BACK.out" 2>"$BACK.err" && status=0 || status=$?
		echo "$status" >"$WORK/sync/ended.new"
		mv "$WORK/sync/ended.new" "$WORK/sync/ended"
	) &
	BACK_PID=$!
}

# background_ends: waits for it, and sets status.
background_ends() {
	wait "$BACK_PID"
	status=$(cat "$WORK/sync/ended")
}

# race BUILD...: the build with attack_during while it waits in its first RUN, and attack_undo after it.
race() {
	attack_before
	in_background "$@" -v "$WORK/sync:/sync" -t localhost/victim -f "$FILE" "$WORK/ctx"
	if await one; then
		attack_during >"$WORK/attack.log" 2>&1 || cat "$WORK/attack.log"
	fi
	tell two
	# A guarded build may have been stopped by now.
	[ ! -e "$WORK/sync/ended" ] && await three >/dev/null && attack_undo >>"$WORK/attack.log" 2>&1
	tell four
	background_ends
}

# races PATTERN: attack_during and attack_undo around the look. A plain build is poisoned by them: it says PATTERN.
# A guarded one is spoiled. races_file does it with $FILE as it is.
races() {
	race_file
	races_file "$1"
}
races_file() {
	cp "$FILE" "$WORK/race-file"
	race build
	cat "$BACK.out" "$BACK.err" >"$WORK/build.log"
	[ "$status" -eq 0 ] || { cat "$WORK/build.log" "$WORK/attack.log" && fail "the plain build failed with $status"; }
	has_name localhost/victim
	said "$1"
	start_over
	FILE=$WORK/race-file
	race guarded_build
	spoiled
}

# What a guarded build leaves that was attacked: exit 1, no seal, no name.
spoiled() {
	[ "$status" -eq 1 ] || {
		cat "$WORK/attack.log"
		grep -v '^[-lpd][-r][-w]' "$BACK.out"
		cat "$BACK.err"
		fail "the guarded build ended with $status"
	}
	expect_grep '^layerseal: \(spoiled\|refused\)' "$BACK.err"
	! has_name localhost/victim || fail 'the result has its name'
	[ "$(seals)" = "$(cat "$TAP_DIR/seals")" ] || fail 'something was sealed'
}
