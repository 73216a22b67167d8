# SPDX-License-Identifier: Apache-2.0
what='a build of cached steps only'
operate() { build -t localhost/app -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"; }
