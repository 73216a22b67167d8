# SPDX-License-Identifier: Apache-2.0
what='podman system check' engines=trixie
operate() { podman system check; }
