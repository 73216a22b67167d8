# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# corpus.sh: what the runners of tests/attacks and tests/benign share: which engines and drivers,
# one process for each pair, one merged TAP stream on standard output.
#
# A runner sets HERE (its directory), USAGE, and ONE_BY_ONE where pairs would disturb each other; defines
# runner_option OPTION and run_case FILE (called with the engine up and the store made); and calls
# corpus_options "$@", then corpus_run.

# shellcheck disable=SC2153 # the runner sets it
LIB=$HERE/../lib
PAIRS='bookworm/overlay trixie/overlay bookworm/vfs trixie/vfs'
CASES=
. "$LIB/tap.sh"

corpus_options() {
	chosen_pairs=
	while [ $# -gt 0 ]; do
		case $1 in
		--pair) chosen_pairs="$chosen_pairs ${2:?}" && shift ;;
		-*) runner_option "$1" || { corpus_usage && exit 2; } ;;
		*) CASES="$CASES $1" ;;
		esac
		shift
	done
	PAIRS=${chosen_pairs:-$PAIRS}
	: "${LAYERSEAL:=$HERE/../../build/layerseal}"
	[ "$(id -u)" -eq 0 ] || { echo "$0: needs root" >&2 && exit 2; }
	[ -x "$LAYERSEAL" ] || { echo "$0: no program at $LAYERSEAL; run make" >&2 && exit 2; }
	# On a disk: layerseal records no statprint on tmpfs.
	SCRATCH=$(mktemp -d "${LAYERSEAL_TEST_DIR:-/var/tmp}/layerseal.XXXXXX") || exit 2
	chmod 755 "$SCRATCH"
	trap corpus_end EXIT
	trap 'exit 130' INT TERM
}

# Processes in the background do not get the interrupt of the terminal. Each pair has a file named for
# its process as long as it runs: the number of one that has ended may be another's by now.
corpus_end() {
	for file in "$SCRATCH"/pid.*; do
		pid=${file##*.}
		[ -e "$file" ] || continue
		kill "$pid" 2>/dev/null
		# Until what runs there in the foreground has ended.
		while [ -e "$file" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
	done
	rm -rf "$SCRATCH" 2>/dev/null || { sleep 1 && rm -rf "$SCRATCH"; }
}

corpus_usage() {
	cat >&2 <<-EOF
		usage: $0 $USAGE [--pair ENGINE/DRIVER]... [CASE...]
		  pairs: $PAIRS (default: all)
		  CASE is a part of the names of the cases to run (default: all)
	EOF
}

corpus_run() {
	{
		for pair in $PAIRS; do
			(corpus_pair "$pair") &
			: >"$SCRATCH/pid.$!"
			[ -z "${ONE_BY_ONE-}" ] || wait
		done
		wait
	} | tap_merge
}

corpus_pair() {
	PAIR=$1 ENGINE=${1%%/*} DRIVER=${1#*/} ROOTLESS='' SERVICE=''
	case $DRIVER in
	*/service) DRIVER=${DRIVER%/service} ROOTLESS=yes SERVICE=yes ;;
	*/rootless) DRIVER=${DRIVER%/rootless} ROOTLESS=yes ;;
	esac
	# Short: podman takes no run root of more than 50 characters.
	WORK=$(mktemp -d "$SCRATCH/XXX")
	chmod 755 "$WORK"
	tap_start "$WORK/tap"
	. "$LIB/engine.sh"
	. "$LIB/store.sh"
	trap pair_end EXIT
	if ! engine_start "$ENGINE" >"$WORK/start.log" 2>&1; then
		tap_print "not ok - $PAIR: the engine starts" "$WORK/start.log"
		exit 1
	fi
	if ! store_make "$DRIVER" >"$WORK/make.log" 2>&1; then
		tap_print "not ok - $PAIR: the store can be made" "$WORK/make.log"
		exit 1
	fi
	for file in "$HERE"/[0-9]*.sh; do
		name=$(basename "$file" .sh)
		is_chosen "$name" || continue
		run_case "$file"
	done
}

pair_end() {
	engine_stop
	# In dash and bash, $$ is the number of the runner, not of this subshell.
	rm -f "$SCRATCH/pid.$(exec sh -c 'echo $PPID')"
}

is_chosen() {
	[ -n "$CASES" ] || return 0
	for part in $CASES; do
		case $1 in *"$part"*) return 0 ;; esac
	done
	return 1
}

# has WORD WORDS: whether WORD is one of them.
has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac }
