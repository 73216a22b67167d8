# SPDX-License-Identifier: Apache-2.0
what='the directory of all cache mounts exchanged for a symbolic link'
expect=cache-mount-changed
before_seal() { cache_build; }
attack() {
	cache_sealed
	cp -a "${CC%/*}" "$WORK/evil/caches"
	echo EVIL >"$WORK/evil/caches/${CC##*/}/tool"
	rm -r "${CC%/*}"
	ln -s "$WORK/evil/caches" "${CC%/*}"
	path=$CC
}
poisons() { cache_says EVIL; }
