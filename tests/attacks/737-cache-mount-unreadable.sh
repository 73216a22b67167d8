# SPDX-License-Identifier: Apache-2.0
what='something mounted in a sealed cache mount'
expect=tree-unreadable exit=3 heal=no
before_seal() { cache_build; }
attack() {
	cache_sealed
	echo EVIL >"$WORK/evil/added"
	in_engine mount --bind "$WORK/evil" "$CC/sub"
	path=$CC
}
cleanup() { [ -z "${CC-}" ] || in_engine umount -l "$CC/sub" 2>/dev/null || true; }
