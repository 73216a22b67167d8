# SPDX-License-Identifier: Apache-2.0
what='podman system prune --all: every image goes'
operate() { podman system prune -a -f; }
