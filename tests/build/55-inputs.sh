# SPDX-License-Identifier: Apache-2.0
what='what a build used, and what only looks like it'
tests='copied_from nested_output manifest_list planted_list nobody_reads'
quick='copied_from nested_output'
# The kernel says there whose a container is.
rootful_only='copied_from'
cleanup() {
	attack_before() { :; }
	steps=''
}

# An image that was not there when the build began, and of which it takes one file: no hit, no history.
copied_from() {
	attack_undo() { :; }
	attack_during() {
		write_file <<-END
			FROM localhost/app
			RUN echo 'echo EVIL copied' >/tool.sh
		END
		build -t localhost/planted -f "$FILE" "$WORK/ctx"
	}
	steps='COPY --from=localhost/planted /tool.sh /tool.sh'
	race_file
	race build
	[ "$status" -eq 0 ]
	expect_grep 'tool: EVIL copied' "$BACK.out"
	start_over
	race_file
	race guarded_build
	[ "$status" -eq 1 ]
	# Its first stage was made before that, and is sealed.
	expect_grep build-input "$BACK.err"
	! has_name localhost/victim
}

# A RUN step that builds, in a store of its own.
nested_output() {
	write_file <<-END
		FROM localhost/app
		RUN echo "--> Using cache $(printf %064d 1)"; echo "--> $(printf %012d 2)"; printf %064d 3
		RUN echo; echo $(printf %064d 4)
	END
	sealing 2 -t localhost/nested -f "$FILE" "$WORK/ctx"
}

manifest_list() {
	write_file <<-END
		FROM localhost/app
		RUN echo listed >/listed
	END
	sealing any --manifest localhost/list -f "$FILE" "$WORK/ctx"
	expect_grep ', 1 name;' "$BUILT.err"
	sealing any --manifest localhost/list -f "$FILE" "$WORK/ctx"
}

# Somebody makes the list first, with an image in it that this build has nothing to do with: the engine adds to it.
planted_list() {
	write_file <<-END
		FROM localhost/app
		RUN touch /sync/one; until test -e /sync/two; do sleep 0.05; done
	END
	in_background guarded_build -v "$WORK/sync:/sync" --manifest localhost/victim -f "$FILE" "$WORK/ctx"
	await one
	podman manifest create localhost/victim "containers-storage:localhost/base" >/dev/null
	tell two
	background_ends
	spoiled
	expect_grep build-result "$BACK.err"
}

# Whatever the engine makes of the signal that it gets then.
nobody_reads() {
	write_file <<-END
		FROM localhost/app
		RUN echo unread; sleep 5
	END
	status=0
	guarded_build -t localhost/unread -f "$FILE" "$WORK/ctx" >/dev/full 2>"$ERR" || status=$?
	[ $status -ne 0 ] || fail 'a build that nobody reads of is a success'
	! has_name localhost/unread
	expect_clean
}
