# SPDX-License-Identifier: Apache-2.0
what='a build killed in a RUN, verified, then built again' makes=objects
operate() {
	file=$(containerfile <<-END
		FROM localhost/base
		RUN echo one > /one
		RUN echo two > /two && sleep 3
	END
	)
	build_killed "$file" 'STEP 3/3' 0.3
	verify stat >"$OUT" || [ $? -eq 1 ]
	expect_findings_only layer-unsealed image-unsealed name-unsealed
	sed -i 's/sleep 3/true/' "$file"
	build -t localhost/recovered -f "$file" "$WORK/ctx"
}
