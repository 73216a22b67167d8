# SPDX-License-Identifier: Apache-2.0
what='a build killed while it commits a layer, at several moments' makes=objects
operate() {
	head -c 60000000 /dev/urandom >"$WORK/ctx/big"
	file=$(containerfile <<-END
		FROM localhost/base
		COPY big /big
		RUN echo done
	END
	)
	for delay in 0.05 0.15 0.3 0.5; do
		build_killed "$file" 'STEP 2/3' $delay
		verify stat >"$OUT" || [ $? -eq 1 ]
		expect_findings_only layer-unsealed image-unsealed name-unsealed
	done
	build -t localhost/recovered -f "$file" "$WORK/ctx"
}
cleanup() { rm -f "$WORK/ctx/big"; }
