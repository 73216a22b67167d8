# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# lib.sh: tests of exports. Source it, define tests, call audit_test TITLE FUNCTION, end with done_testing. In a
# test, each of which begins with fresh ones:
#   $L             a ledger; grow SIZE makes it, or makes it longer
#   $X             where its export goes
#   guard ...      layerseal with this ledger and its trust file
# shellcheck disable=SC2034 # X, OUT and ERR are for the tests

HERE=$(cd "$(dirname "$0")" && pwd)
: "${LAYERSEAL:=$HERE/../../build/layerseal}"
: "${GROW:=$HERE/../../build/release/audit/grow}"
WORK=$(mktemp -d "${TMPDIR:-/var/tmp}/layerseal-audit.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
# shellcheck source=tests/lib/tap.sh
. "$HERE/../lib/tap.sh"
tap_start "$WORK/tap"
L=$WORK/now/ledger
X=$WORK/now/export

guard() {
	"$LAYERSEAL" --ledger "$L" --trust "$L.trust" "$@"
}

grow() {
	"$GROW" "$L" "$@"
}

vkey() {
	sed -n 's/^log \([^ ]*\).*/\1/p' "$L.trust" | tail -n 1
}

audit_test() {
	rm -rf "$WORK/now"
	mkdir "$WORK/now"
	test_case "$@"
}
