# SPDX-License-Identifier: Apache-2.0
what='podman rmi'
operate() { podman rmi localhost/other; }
