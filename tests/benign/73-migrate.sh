# SPDX-License-Identifier: Apache-2.0
what='podman system migrate'
operate() { podman system migrate; }
