# SPDX-License-Identifier: Apache-2.0
what='short link in the main store hides one of an additional store'
expect='link-unexplained|store-shadow'
setup() { store_additional; }
attack() {
	evil_tree
	ln -s ../../../evil/diff "$PLACE/l/$(cat "$WORK/more/g/overlay/$MORE_LAYER/link")"
}
cleanup() { store_more_clear; }
