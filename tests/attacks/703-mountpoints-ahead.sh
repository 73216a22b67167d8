# SPDX-License-Identifier: Apache-2.0
what='mountpoints.json has a mount for a layer to be pulled'
heal=refused
expect=mountpoints
attack() {
	evil_tree
	in_engine mount --bind "$WORK/evil/diff" "$WORK/evil/diff"
	printf '[{"id":"%s","path":"%s","count":1}]' "$EXTRA_LAYER" "$WORK/evil/diff" >"$R/overlay-layers/mountpoints.json"
}
cleanup() { in_engine umount -l "$WORK/evil/diff"; }
