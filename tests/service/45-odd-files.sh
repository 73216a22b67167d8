# SPDX-License-Identifier: Apache-2.0
what='whatever the user puts into the store, root ends soon, with a verdict that is not clean, and touches nothing else'
drivers=overlay
# found SHELL-TEXT...: the user does this in $TREE; root sees it, and purges it.
found() {
	rm -rf "$G.quarantine"
	store_kept
	store_seal
	mode=$(stat -c %a "$TREE")
	by_owner sh -c "chmod u+w '$TREE' && cd '$TREE' && $1"
	[ ! -d "$TREE" ] || chmod "$mode" "$TREE"
	layerseal verify >"$OUT" 2>"$ERR" && fail "clean after: $1"
	[ $? -lt 124 ] || fail "no end, or a crash: $1"
	cat "$OUT" "$ERR" >"$WORK/said"
	# Names are escaped.
	! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177]')" "$WORK/said" || fail "control characters after: $1"
	echo untouched >"$WORK/evil/mine"
	chmod 600 "$WORK/evil/mine"
	layerseal purge --violated --unsealed >"$OUT" 2>"$ERR" || true
	[ "$(cat "$WORK/evil/mine")" = untouched ]
	[ "$(stat -c %u "$WORK/evil/mine")" = 0 ]
}
# The user's ids in the namespace: what needs a root there.
as_container_root() { by_owner podman unshare sh -c "cd '$TREE' && $1"; }
operate() {
	found 'mkfifo odd'
	found 'ln -s /etc/shadow odd'
	found "ln -s '$WORK/evil/mine' odd"
	found 'rm tool.sh && ln -s /etc/passwd tool.sh'
	found 'rm tool.sh && mkfifo tool.sh'
	found 'ln opt.txt odd'
	found "touch \"\$(head -c 254 /dev/zero | tr '\\\\0' '\\\\n')x\""
	found "touch \"\$(printf 'a\\033[31mb\\r')\""
	found 'i=0; while [ $i -lt 900 ]; do mkdir d && cd d || exit; i=$((i + 1)); done'
	found 'truncate -s 300M odd'
	found "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"odd\")' || mkfifo odd"
	found "cd '$LAYERS' && rm layers.json && mkfifo layers.json"
	found "cd '$LAYERS' && rm layers.json && ln -s /etc/shadow layers.json"
	found "cd '$LAYERS' && truncate -s 1T layers.json"
	found "cd '$LAYERS' && rm layers.lock && mkfifo layers.lock && cd '$TREE' && echo EVIL >tool.sh"
	found "cd '$IMAGES' && rm -r '$APP' && ln -s /etc '$APP'"
	found "cd '$G' && mv libpod libpod.old && mkfifo libpod"
	found "cd '$PLACE' && mv '$LAYER' x && ln -s '$WORK/evil' '$LAYER'"
	# Places that root would write to, prepared by the user.
	found "ln -s '$WORK/evil' '$G.quarantine'; echo EVIL >tool.sh; rm -rf '$IMAGES/images.json'"
	[ "$(ls "$WORK/evil")" = mine ]
	found "mkdir -m 777 '$G.quarantine'; echo EVIL >tool.sh; rm -rf '$IMAGES/images.json'"
	rm -rf "$G.quarantine"
	store_kept
	store_seal
	as_container_root 'chown 5:5 tool.sh'
	expect_exit 1 verify stat
	expect_finding tree-owner /tool.sh
}
cleanup() { rm -rf "$G.quarantine"; }
