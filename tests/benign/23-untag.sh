# SPDX-License-Identifier: Apache-2.0
what='podman untag'
operate() { podman untag localhost/other; }
