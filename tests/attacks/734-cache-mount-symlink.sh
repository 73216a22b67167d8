# SPDX-License-Identifier: Apache-2.0
what='a sealed cache mount exchanged for a symbolic link'
expect=cache-mount-changed
before_seal() { cache_build; }
attack() {
	cache_sealed
	cp -a "$CC" "$WORK/evil/cc"
	echo EVIL >"$WORK/evil/cc/tool"
	rm -r "$CC"
	ln -s "$WORK/evil/cc" "$CC"
	path=$CC
}
poisons() { cache_says EVIL; }
