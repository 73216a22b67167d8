# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# tap.sh: tests in sh that print TAP. Source it, call tap_start, test_case for each test, then
# done_testing.
#
#   tap_start DIR                  a scratch directory for the output of tests
#   test_case TITLE COMMAND...     runs COMMAND in a subshell under set -e; its output is shown on failure
#   two_tries TITLE COMMAND SECOND  ... and if COMMAND fails, SECOND decides
#   skip TITLE REASON
#   expect_exit N COMMAND...       N (a pattern), and never a crash (128 and more); output goes to $OUT and $ERR
#   expect_grep PATTERN FILE       and expect_no_grep: unlike "! grep", which set -e does not heed
#   expect_finding CLASS [PATH [SEVERITY]]   in the JSON of verify in $OUT
#   expect_findings_only CLASS...  nothing of another class, and nothing that only warns counts
#   done_testing
#
# TRACE=1 in the environment shows every command of a test that fails.
# Results carry no numbers, so that the tests of several processes can be merged (tap_merge).

tap_start() {
	TAP_DIR=$1
	OUT=$TAP_DIR/out
	ERR=$TAP_DIR/err
	mkdir -p "$TAP_DIR"
	tap_count=0
	tap_failed=0
}

# Never call this where set -e is off for its callee (after if, &&, ||): -e would be off in the body too.
test_case() {
	tap_title=$1
	shift
	tap_attempt "$@"
	tap_result
}

# two_tries TITLE COMMAND SECOND: for what also depends on podman and the kernel, not on layerseal alone:
# if COMMAND fails, SECOND decides.
two_tries() {
	tap_title=$1
	tap_attempt "$2"
	[ "$tap_status" -eq 0 ] || tap_attempt "$3"
	tap_result
}

tap_attempt() {
	(
		set -e
		[ -z "${TRACE-}" ] || set -x
		"$@"
	) >"$TAP_DIR/log" 2>&1
	tap_status=$?
}

tap_result() {
	tap_count=$((tap_count + 1))
	if [ "$tap_status" -eq 0 ]; then
		tap_print "ok - $tap_title" /dev/null
	else
		tap_failed=$((tap_failed + 1))
		echo "exit status $tap_status" >>"$TAP_DIR/log"
		tap_print "not ok - $tap_title" "$TAP_DIR/log"
	fi
	return 0
}

# One write for a result and its diagnostics: streams that share a pipe do not mix inside a test.
tap_print() {
	tap_text=$(
		printf '%s\n' "$1"
		tail -n 60 "$2" | cut -c 1-400 | sed 's/^/# /'
	)
	printf '%s\n' "$tap_text"
}

skip() {
	tap_count=$((tap_count + 1))
	printf 'ok - %s # SKIP %s\n' "$1" "$2"
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" -eq 0 ]
}

# Reads merged streams, numbers the tests, prints the plan; fails if a test failed or none ran.
tap_merge() {
	merged=0
	bad=0
	while IFS= read -r line; do
		case $line in
		'ok - '*) merged=$((merged + 1)) && line="ok $merged ${line#ok }" ;;
		'not ok - '*)
			merged=$((merged + 1))
			bad=$((bad + 1))
			line="not ok $merged ${line#not ok }"
			;;
		esac
		printf '%s\n' "$line"
	done
	echo "1..$merged"
	[ "$bad" -eq 0 ] && [ "$merged" -gt 0 ]
}

fail() {
	echo "$*"
	return 1
}

expect_exit() {
	want=$1
	shift
	"$@" >"$OUT" 2>"$ERR" && got=0 || got=$?
	# shellcheck disable=SC2254 # a pattern is meant
	case $got in $want) return 0 ;; esac
	case $(head -c 1 "$OUT") in
	'{') show_findings ;;
	*) tail -n 30 "$OUT" ;;
	esac
	tail -n 30 "$ERR"
	if [ "$got" -ge 128 ]; then
		fail "crashed (status $got), wanted $want: $*"
	else
		fail "status $got, wanted $want: $*"
	fi
}

expect_grep() {
	grep -q -e "$1" "$2" && return 0
	tail -n 30 "$2"
	fail "no '$1' in $2"
}

expect_no_grep() {
	grep -e "$1" "$2" || return 0
	fail "'$1' in $2"
}

# CLASS may be several alternatives: "image-file|image-id". SEVERITY is deny if not given.
expect_finding() {
	jq -e --arg class "$1" --arg path "${2-}" --arg severity "${3:-deny}" '
		any(.findings[]; (.class as $c | $class | split("|") | index($c)) and .severity == $severity
			and ($path == "" or .path == $path))' "$OUT" >/dev/null && return 0
	show_findings
	fail "no finding $1 ${2-}"
}

expect_findings_only() {
	others=$(jq -r --arg classes "$*" '
		($classes | split(" ")) as $ok
		| .findings[] | select(.class as $c | $ok | index($c) | not)
		| "\(.class) \(.layer // .image) \(.path // "")"' "$OUT")
	[ -z "$others" ] && return 0
	show_findings
	fail "unexpected: $others"
}

show_findings() {
	jq -r '"verdict \(.verdict) \(.error // "")",
		(.findings[]? | "\(.severity) \(.class) layer \(.layer // "-" | .[:12]) image \(.image // "-" | .[:12]) path \(.path // "-"): expected \(.expected // "-"), found \(.found // "-")")' \
		"$OUT" | head -n 20 || cat "$OUT"
}
