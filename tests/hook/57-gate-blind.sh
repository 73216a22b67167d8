# SPDX-License-Identifier: Apache-2.0
what='the mount gate: what it does not see, as layerseal-hook(7) says'
drivers=overlay
# Rootless podman takes no graph root from CONTAINERS_STORAGE_CONF.
rootless=no
# evil COMMAND...: it runs what was planted.
evil() {
	expect_exit 0 in_engine timeout 120 "$@"
	expect_grep EVIL "$OUT"
}
buildah_bud() {
	# shellcheck disable=SC2046 # a list of flags
	in_engine env CONTAINERS_STORAGE_CONF="$STORAGE_CONF" timeout 120 buildah --root "$G" --runroot "$R" "$@" bud --layers \
		$(build_flags) -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
operate() {
	gate_install
	echo 'echo EVIL' >"$TREE/tool.sh"
	gate_refuses 'deny tree-' run_app
	printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$G" "$R" >"$WORK/other.conf"
	run="run --rm $(run_flags) localhost/app"
	# shellcheck disable=SC2086 # a list of words
	{
		evil podman --root "$G" --runroot "$R" --storage-driver overlay $run
		evil env CONTAINERS_STORAGE_CONF="$STORAGE_CONF" STORAGE_OPTS= podman $run
		evil env CONTAINERS_STORAGE_CONF="$STORAGE_CONF" podman --storage-opt overlay.mountopt=nodev $run
		evil env CONTAINERS_STORAGE_CONF="$WORK/other.conf" podman $run
	}
	# buildah's --root leaves the options of storage.conf.
	gate_refuses 'deny tree-' buildah_bud
}
