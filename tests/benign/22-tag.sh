# SPDX-License-Identifier: Apache-2.0
what='podman tag' makes=names
operate() { podman tag localhost/app localhost/tagged:v1; }
