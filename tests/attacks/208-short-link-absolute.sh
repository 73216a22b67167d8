# SPDX-License-Identifier: Apache-2.0
what='short link leads outside the store (absolute)'
expect=link-target
attack() {
	evil_tree
	ln -sfn "$WORK/evil/diff" "$PLACE/l/$(link_of "$LAYER")"
}
poisons() { run_says EVIL localhost/app; }
