# SPDX-License-Identifier: Apache-2.0
what='mountpoints.json hands out a foreign mount'
heal=refused
expect=mountpoints rootless=yes works_on='*/overlay'
attack() {
	evil_tree
	in_engine mount --bind "$WORK/evil/diff" "$WORK/evil/diff"
	printf '[{"id":"%s","path":"%s","count":1}]' "$TOP" "$WORK/evil/diff" >"$R/overlay-layers/mountpoints.json"
}
poisons() { podman image mount localhost/app | grep evil/diff; }
cleanup() { in_engine umount -l "$WORK/evil/diff"; }
