#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 50-keys.t: where the secret key can be: files, passphrases, credentials, agents; and who is asked when.
. "$(dirname "$0")/lib.sh"

PHRASE='correct horse battery staple'
K=$WORK/now/keys
export CREDENTIALS_DIRECTORY="$WORK/now/credentials"

# What [key] says, for `guarded`.
settings() {
	mkdir -p "$K" "$CREDENTIALS_DIRECTORY"
	{
		echo '[key]'
		printf '%s\n' "$@"
	} >"$K/conf"
}

guarded() {
	guard --config "$K/conf" "$@"
}

credential() {
	mkdir -p "$CREDENTIALS_DIRECTORY"
	printf '%s\n' "$2" >"$CREDENTIALS_DIRECTORY/$1"
	chmod 400 "$CREDENTIALS_DIRECTORY/$1"
}

# shellcheck disable=SC2120 # or with --key
init_guarded() {
	guarded --runroot "$R" --storage-driver overlay init "$@"
}

# Nobody to ask: no terminal. A test that would wait for one ends.
no_terminal() {
	timeout 60 setsid -w "$@" </dev/null
}

seals_and_verifies() {
	expect_exit 0 "$@" seal --all
	expect_exit 0 "$@" verify
}

refute_grep() {
	if grep -q -e "$1" "$2"; then
		fail "'$1' in $2"
	fi
}

# ---- generate and show ----

generate() {
	mkdir -p "$K"
	expect_exit 0 "$LAYERSEAL" key generate "$K/a"
	[ "$(stat -c %a "$K/a")" = 600 ]
	vkey=$(cat "$OUT")
	expect_grep '^layerseal/[0-9a-f]\{32\}+' "$OUT"
	expect_exit 0 "$LAYERSEAL" key show "$K/a"
	[ "$(head -n 1 "$OUT")" = "$vkey" ]
	expect_exit 0 "$LAYERSEAL" key show --json "$K/a"
	jq -e --arg v "$vkey" '.schema == "layerseal.key/1" and .keys[0].vkey == $v
		and .keys[0].passphrase == false' "$OUT"
	before=$(cat "$K/a")
	expect_exit 1 "$LAYERSEAL" key generate "$K/a"
	[ "$(cat "$K/a")" = "$before" ]
	cd "$K"
	expect_exit 0 "$LAYERSEAL" key generate --name ci/other b
	expect_grep '^ci/other+' "$OUT"
	expect_exit 2 "$LAYERSEAL" key generate --name 'No name' c
	expect_exit 2 "$LAYERSEAL" key generate
	expect_exit 2 "$LAYERSEAL" key generate "$K/"
	expect_exit 2 "$LAYERSEAL" key generate --passphrase-fd 77 c
	expect_exit 2 "$LAYERSEAL" key generate --passphrase-fd -1 c
	[ ! -e c ]
}
cli_test 'key generate makes a file, shows its public key, replaces nothing' generate

generate_with_descriptor() {
	mkdir -p "$K"
	echo "$PHRASE" | expect_exit 0 "$LAYERSEAL" key generate --passphrase-fd 0 "$K/a"
	vkey=$(cat "$OUT")
	expect_grep '^kdf argon2id' "$K/a"
	refute_grep PRIVATE "$K/a"
	expect_exit 0 "$LAYERSEAL" key show "$K/a" </dev/null
	[ "$(head -n 1 "$OUT")" = "$vkey" ]
	expect_grep 'under a passphrase' "$OUT"
	echo short | expect_exit 1 "$LAYERSEAL" key generate --passphrase-fd 0 "$K/b"
	[ ! -e "$K/b" ]
}
cli_test 'a passphrase comes from a descriptor; the public key needs none' generate_with_descriptor

key_files_of_others() {
	mkdir -p "$K"
	"$LAYERSEAL" key generate "$K/a" >/dev/null
	chmod 640 "$K/a"
	expect_exit 3 "$LAYERSEAL" key show "$K/a"
	expect_grep 'group or others may use it' "$ERR"
	chmod 600 "$K/a"
	ln -s a "$K/link"
	expect_exit 3 "$LAYERSEAL" key show "$K/link"
	expect_exit 3 "$LAYERSEAL" key show "$K/missing"
}
cli_test 'a key file is its owner'\''s alone' key_files_of_others

# ---- at a terminal ----

prompts() {
	grep -ao 'assphrase for\|Once more' "$WORK/now/shown" | wc -l
}

# Types the n-th line when the n-th prompt is there. What the terminal showed is in $OUT.
at_terminal() {
	lines=$1
	shift
	rm -f "$WORK/now/shown" "$WORK/now/typed" "$WORK/now/status"
	mkfifo "$WORK/now/typed"
	SHELL=/bin/sh script -q -f -c "$*; echo status \$? >$WORK/now/status; stty -a" \
		"$WORK/now/shown" <"$WORK/now/typed" >/dev/null 2>&1 &
	exec 9>"$WORK/now/typed"
	count=0
	printf '%s\n' "$lines" | while IFS= read -r line; do
		count=$((count + 1))
		tries=0
		until [ "$(prompts)" -ge "$count" ] || [ "$tries" -ge 200 ]; do
			tries=$((tries + 1))
			sleep 0.05
		done
		sleep 0.1
		printf '%b' "$line" >&9
	done
	exec 9>&-
	wait $!
	cp "$WORK/now/shown" "$OUT"
}

asks_twice() {
	mkdir -p "$K"
	at_terminal "$PHRASE\\n
$PHRASE\\n" "$LAYERSEAL key generate --passphrase $K/a"
	expect_grep 'status 0' "$WORK/now/status"
	expect_grep 'New passphrase for key file' "$OUT"
	expect_grep 'Once more' "$OUT"
	refute_grep battery "$OUT"
	grep -q '[^-]echo ' "$OUT"
	expect_grep '^kdf argon2id' "$K/a"
	at_terminal "$PHRASE\\n
another phrase\\n" "$LAYERSEAL key generate --passphrase $K/b"
	expect_grep 'status 1' "$WORK/now/status"
	expect_grep 'differ' "$OUT"
	[ ! -e "$K/b" ]
}
cli_test 'a terminal is asked twice for a new passphrase, without echo' asks_twice

interrupted() {
	mkdir -p "$K"
	at_terminal 'half a phra\003' \
		"env --default-signal=INT $LAYERSEAL key generate --passphrase $K/a"
	expect_grep 'status 130' "$WORK/now/status"
	grep -q '[^-]echo ' "$OUT"
	refute_grep half "$OUT"
	[ ! -e "$K/a" ]
}
cli_test 'an interrupted question leaves the terminal as it was' interrupted

ask_to_seal() {
	settings 'passphrase = ask'
	at_terminal "$PHRASE\\n
$PHRASE\\n" "$LAYERSEAL --ledger $L --trust $L.trust --root $G --config $K/conf \
		--runroot $R --storage-driver overlay init"
	expect_grep 'status 0' "$WORK/now/status"
	expect_grep '^kdf argon2id' "$L/key"
	at_terminal "$PHRASE\\n" \
		"$LAYERSEAL --ledger $L --trust $L.trust --root $G --config $K/conf seal --all"
	expect_grep 'status 0' "$WORK/now/status"
	at_terminal 'wrong horse\n' \
		"$LAYERSEAL --ledger $L --trust $L.trust --root $G --config $K/conf seal --all"
	expect_grep 'status 1' "$WORK/now/status"
	expect_grep 'the passphrase is wrong, or the file was changed' "$OUT"
	expect_exit 0 no_terminal "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" \
		--config "$K/conf" verify
	expect_exit 1 no_terminal "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" \
		--config "$K/conf" seal --all
	expect_grep 'no terminal' "$ERR"
}
cli_test 'init and seal ask at the terminal, verify never' ask_to_seal

# ---- without one ----

with_descriptor() {
	settings
	echo "$PHRASE" | expect_exit 0 guard --passphrase-fd 0 --runroot "$R" --storage-driver overlay init
	expect_grep '^kdf argon2id' "$L/key"
	echo "$PHRASE" | expect_exit 0 guard --passphrase-fd 0 seal --all
	echo wrong | expect_exit 1 guard --passphrase-fd 0 seal --all
	expect_grep 'passphrase is wrong' "$ERR"
	expect_exit 0 guard verify </dev/null
	expect_exit 0 guard status
	expect_grep 'verify only: key file key is under a passphrase' "$OUT"
	expect_exit 2 guard --passphrase-fd x verify
}
cli_test 'a descriptor unlocks the key of a ledger' with_descriptor

# The first line unlocks the old key, the second is for the new one.
rotates_wrapped() {
	settings
	echo "$PHRASE" | guard --passphrase-fd 0 --runroot "$R" --storage-driver overlay init >/dev/null
	cd "$WORK/now"
	printf '%s\n' "$PHRASE" 'staple battery horse' >"$K/phrases"
	expect_exit 0 "$LAYERSEAL" --ledger ledger --trust "$L.trust" --root "$G" \
		--passphrase-fd 0 key rotate <"$K/phrases"
	expect_grep '^kdf argon2id' "$L/key"
	echo "$PHRASE" | expect_exit 1 guard --passphrase-fd 0 seal --all
	echo 'staple battery horse' | expect_exit 0 guard --passphrase-fd 0 seal --all
	expect_exit 0 guard verify
	at_terminal "staple battery horse\\n
$PHRASE\\n
$PHRASE\\n" "$LAYERSEAL --ledger $L --trust $L.trust --root $G key rotate"
	expect_grep 'status 0' "$WORK/now/status"
	expect_grep '^kdf argon2id' "$L/key"
	echo "$PHRASE" | expect_exit 0 guard --passphrase-fd 0 seal --all
}
cli_test 'the successor of a key under a passphrase is under one' rotates_wrapped

phrase_credential() {
	settings 'passphrase = credential:phrase'
	credential phrase "$PHRASE"
	expect_exit 0 init_guarded
	expect_grep '^kdf argon2id' "$L/key"
	seals_and_verifies guarded
	rm -f "$CREDENTIALS_DIRECTORY/phrase"
	expect_exit 0 guarded verify
	expect_exit 3 guarded seal --all
	settings 'passphrase = none'
	expect_exit 1 guarded seal --all
}
cli_test 'a passphrase in a credential' phrase_credential

key_credential() {
	settings 'source = credential:ledger.key'
	"$LAYERSEAL" key generate --name ci/credential "$K/key" >"$K/vkey"
	credential ledger.key "$(cat "$K/key")"
	expect_exit 0 init_guarded
	expect_grep 'ci/credential' "$OUT"
	[ ! -e "$L/key" ]
	seals_and_verifies guarded
	expect_exit 0 guarded key show
	[ "$(head -n 1 "$OUT")" = "$(cat "$K/vkey")" ]
	rm -f "$CREDENTIALS_DIRECTORY/ledger.key"
	expect_exit 0 guarded verify
	expect_exit 3 guarded seal --all
	expect_grep 'ledger.key does not exist' "$ERR"
	rm -f "$K/key"
	"$LAYERSEAL" key generate --name ci/credential "$K/key" >/dev/null
	credential ledger.key "$(cat "$K/key")"
	expect_exit 3 guarded seal --all
	expect_grep 'credential ledger.key: not a key that is trusted' "$ERR"
}
cli_test 'a key in a credential' key_credential

key_elsewhere() {
	settings "source = file:$K/key"
	expect_exit 0 init_guarded
	[ ! -e "$L/key" ] && [ "$(stat -c %a "$K/key")" = 600 ]
	seals_and_verifies guarded
	mv "$K/key" "$K/offline"
	expect_exit 0 guarded verify
	expect_exit 3 guarded seal --all
	expect_grep 'cannot be written: key file' "$ERR"
}
cli_test 'a key file outside the ledger, and taken away' key_elsewhere

# ---- agents ----

start_agent() {
	eval "$(ssh-agent -s -a "$K/agent")" >/dev/null
	export SSH_AUTH_SOCK
	# shellcheck disable=SC2064 # the agent of now
	trap "kill $SSH_AGENT_PID" EXIT
	ssh-keygen -q -t ed25519 -N '' -C 'build key' -f "$K/one"
	ssh-keygen -q -t ecdsa -N '' -f "$K/other-type"
	ssh-add -q "$K/one" "$K/other-type"
}

agent_seals() {
	settings 'source = agent'
	start_agent
	expect_exit 0 guarded key show
	expect_grep "$(cut -d ' ' -f 1,2 "$K/one.pub")" "$OUT"
	expect_grep 'build key' "$OUT"
	[ "$(grep -c openssh "$OUT")" = 1 ]
	expect_exit 0 init_guarded
	[ ! -e "$L/key" ]
	seals_and_verifies guarded
	sed -n 's/^log \([^ ]*\).*/\1/p' "$L.trust" >"$K/trusted"
	name=$(cut -d + -f 1 "$K/trusted")
	expect_exit 0 guarded key show --agent --json --name "$name"
	[ "$(jq -r '.keys[0].vkey' "$OUT")" = "$(cat "$K/trusted")" ]
	ssh-add -q -d "$K/one"
	expect_exit 3 guarded seal --all
	expect_grep 'holds no key that is trusted' "$ERR"
	kill "$SSH_AGENT_PID"
	trap - EXIT
	expect_exit 3 guarded seal --all
	expect_exit 0 guarded verify
	unset SSH_AUTH_SOCK
	expect_exit 3 guarded seal --all
	expect_grep 'SSH_AUTH_SOCK' "$ERR"
	expect_exit 0 guarded verify
}

agent_choice() {
	settings "source = agent:$K/agent"
	start_agent
	unset SSH_AUTH_SOCK
	ssh-keygen -q -t ed25519 -N '' -f "$K/two"
	SSH_AUTH_SOCK=$K/agent ssh-add -q "$K/two"
	expect_exit 1 init_guarded
	expect_grep 'holds 2 Ed25519 keys' "$ERR"
	expect_exit 0 guarded key show --agent --json --name ci/agent
	vkey=$(jq -r '.keys[1].vkey' "$OUT")
	expect_exit 2 init_guarded --key "$vkey"x
	expect_exit 0 init_guarded --key "$vkey"
	expect_grep "$vkey" "$L.trust"
	seals_and_verifies guarded
}

# Somebody listens and never answers.
agent_stalls() {
	settings 'source = agent'
	start_agent
	# shellcheck disable=SC2119 # no --key
	init_guarded >/dev/null
	guarded seal --all --quiet
	kill -STOP "$SSH_AGENT_PID"
	# shellcheck disable=SC2064 # the agent of now
	trap "kill -CONT $SSH_AGENT_PID; kill $SSH_AGENT_PID" EXIT
	expect_exit 0 timeout 8 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" \
		--config "$K/conf" verify
	expect_exit 3 timeout 25 "$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" \
		--config "$K/conf" seal --all
	expect_grep 'no answer in time' "$ERR"
}

# The old key stays in the agent, before the new one.
agent_rotates() {
	settings 'source = agent'
	start_agent
	# shellcheck disable=SC2119 # no --key
	init_guarded >/dev/null
	name=$(sed -n 's/^log \([^+]*\)+.*/\1/p' "$L.trust")
	ssh-keygen -q -t ed25519 -N '' -f "$K/two"
	ssh-add -q "$K/two"
	guarded key show --agent --json --name "$name" >"$K/list"
	expect_exit 2 guarded key rotate
	expect_exit 0 guarded key rotate "$(jq -r '.keys[1].vkey' "$K/list")"
	seals_and_verifies guarded
	ssh-add -q -d "$K/two"
	expect_exit 3 guarded seal --all
	expect_grep 'may not sign any more' "$ERR"
	expect_exit 0 guarded verify
}

cli_test 'an ssh-agent signs; without it verify works' agent_seals
cli_test 'key rotate from one key of an agent to another' agent_rotates
cli_test 'of several keys of an agent one is named' agent_choice
cli_test 'an agent that never answers stops seal in time, and verify not at all' agent_stalls

# ---- memory ----

unlocked() {
	prlimit --memlock=0:0 setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock \
		"$LAYERSEAL" --ledger "$L" --trust "$L.trust" --root "$G" "$@"
}

without_locked_memory() {
	sealed_store
	mkdir -p "$K"
	expect_exit 0 unlocked verify
	expect_exit 0 unlocked status
	expect_grep 'verify only: no memory' "$OUT"
	expect_exit 3 unlocked key generate "$K/a"
	expect_grep 'RLIMIT_MEMLOCK' "$ERR"
	expect_exit 3 unlocked seal --all
	expect_grep 'RLIMIT_MEMLOCK' "$ERR"
}
title='no secret comes into memory that cannot be locked; verify needs none'
if grep -qa __asan_init "$LAYERSEAL"; then
	skip "$title" 'AddressSanitizer makes mlock() do nothing'
else
	cli_test "$title" without_locked_memory
fi

done_testing
