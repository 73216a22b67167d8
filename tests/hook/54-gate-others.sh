# SPDX-License-Identifier: Apache-2.0
what='the mount gate beside the other hooks, guarded builds and purge'
drivers=overlay
typed_build() {
	program=$1
	shift
	# shellcheck disable=SC2046 # a list of flags
	by_owner env ${CONF:+CONTAINERS_STORAGE_CONF="$CONF"} PATH="$WRAP:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
		timeout 120 "$program" build $(build_flags) "$@" -t localhost/later -f "$WORK/ctx/Containerfile.later" "$WORK/ctx"
}
guarded_build() {
	# shellcheck disable=SC2046 # a list of flags
	gated build -- podman build $(build_flags) "$@"
}
operate() {
	gate_install
	# The wrapper finds the store although storage.conf names a mount program.
	by_owner "$WORK/bin/layerseal" --config "$WORK/gate.conf" --ledger "$LEDGER" --trust "$LEDGER.trust" \
		hook install --dir "$WRAP" wrapper
	CONF=''
	[ -n "$ROOTLESS" ] || CONF=$STORAGE_CONF
	expect_exit 0 typed_build podman
	gated seal --all --quiet
	# Every layer of a build is mounted before any of it is sealed.
	gate_install 'unsealed = deny'
	cat >"$WORK/ctx/Containerfile.two" <<-END
		FROM localhost/app
		RUN echo one > /one
		RUN echo two > /two
		RUN cat /one /two
	END
	gate_refuses 'deny layer-unsealed' build -f "$WORK/ctx/Containerfile.two" "$WORK/ctx"
	gated purge --unsealed
	expect_exit 0 guarded_build -t localhost/two -f "$WORK/ctx/Containerfile.two" "$WORK/ctx"
	expect_exit 0 gated verify --quiet
	expect_exit 0 run_app
	heals
}
# What purge runs is not held up by the gate, and a build after it is not either.
heals() {
	echo 'echo EVIL' >"$TREE/tool.sh"
	gate_refuses 'deny tree-' run_app
	expect_exit 0 gated purge --violated
	expect_exit 0 gated verify --quiet
	expect_exit 0 guarded_build -t localhost/app -f "$WORK/ctx/Containerfile.other" "$WORK/ctx"
	expect_exit 0 run_app
	expect_grep EVIL "$OUT"
}
