# SPDX-License-Identifier: Apache-2.0
what='a build with --squash-all' makes=objects
operate() { build --squash-all -t localhost/flat -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"; }
