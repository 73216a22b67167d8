# SPDX-License-Identifier: Apache-2.0
what='podman system renumber'
operate() { podman system renumber; }
