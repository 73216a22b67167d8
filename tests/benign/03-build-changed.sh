# SPDX-License-Identifier: Apache-2.0
what='a build whose last steps changed takes the name over' makes=objects
operate() {
	sed 's/derived/changed/' "$WORK/ctx/Containerfile.app" |
		build_text -t localhost/app
}
