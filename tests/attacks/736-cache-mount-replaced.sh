# SPDX-License-Identifier: Apache-2.0
what='a sealed cache mount exchanged for another directory, times kept'
expect=cache-mount-changed
before_seal() { cache_build; }
attack() {
	cache_sealed
	cp -a "$CC" "$WORK/evil/cc"
	edit_quietly "$WORK/evil/cc/tool" s/GOOD/EVIL/
	touch -r "$CC" "$WORK/evil/cc"
	rm -r "$CC"
	mv "$WORK/evil/cc" "$CC"
	path=$CC/tool
}
poisons() { cache_says EVIL; }
