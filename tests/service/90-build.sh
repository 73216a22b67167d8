# SPDX-License-Identifier: Apache-2.0
what='root has a guarded build run as the user, and seals what it made'
drivers=overlay
guarded_build() {
	# shellcheck disable=SC2046 # a list of flags
	in_engine timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" --user sealer build -- \
		podman --root "$G" --runroot "$R" --storage-driver "$DRIVER" build $(build_flags) "$@"
}
operate() {
	chmod 755 "$WORK/ctx"
	printf 'FROM localhost/base\nRUN id -u; cat /proc/self/uid_map; echo new >/made\n' >"$WORK/ctx/Containerfile.made"
	expect_exit 0 guarded_build -t localhost/made -f "$WORK/ctx/Containerfile.made" "$WORK/ctx"
	cat "$OUT" "$ERR"
	expect_grep '31337' "$OUT"
	expect_grep 'sealed [1-9]' "$ERR"
	expect_exit 0 verify stat
	expect_no_findings
	image_id localhost/made
	root_layerseal log --json >"$OUT"
	expect_grep '"build"' "$OUT"
	strangers=$(find "$G" "$R" ! -uid 31337 ! \( -uid +699999 -uid -765536 \) | head)
	[ -z "$strangers" ] || fail "not the user's: $strangers"
	# The user's buildah says which images it makes, and the user has the file.
	mkdir "$WORK/tmp/user"
	give "$WORK/tmp/user"
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 0 in_engine timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" --user sealer \
		build -- buildah --root "$G" --runroot "$R" --storage-driver "$DRIVER" bud $(build_flags) --layers \
		-t localhost/by-buildah --iidfile "$WORK/tmp/user/iid" -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_grep 'sealed [1-9].* 1 name;' "$ERR"
	[ "$(cat "$WORK/tmp/user/iid")" = "sha256:$(image_id localhost/by-buildah)" ]
	[ "$(stat -c %u "$WORK/tmp/user/iid")" -eq 31337 ]
	# Not where only root could write it.
	mkdir -m 700 "$WORK/tmp/root"
	# shellcheck disable=SC2046 # a list of flags
	expect_exit 3 in_engine timeout 120 "$WORK/bin/layerseal" --ledger "$LEDGER" --trust "$LEDGER.trust" --user sealer \
		build -- buildah --root "$G" --runroot "$R" --storage-driver "$DRIVER" bud $(build_flags) --layers \
		--iidfile "$WORK/tmp/root/iid" -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
	expect_grep 'iidfile.*Permission denied' "$ERR"
	[ ! -e "$WORK/tmp/root/iid" ]
	# Poisoned: not run.
	echo 'echo EVIL' >"$TREE/tool.sh"
	expect_exit 1 guarded_build -t localhost/more -f "$WORK/ctx/Containerfile.made" "$WORK/ctx"
	expect_grep '/tool.sh' "$ERR"
}
