# SPDX-License-Identifier: Apache-2.0
what='a build without cache' makes=objects
operate() { build --no-cache -t localhost/again -f "$WORK/ctx/Containerfile.app" "$WORK/ctx"; }
