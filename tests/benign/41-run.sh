# SPDX-License-Identifier: Apache-2.0
what='podman run --rm'
operate() { run --rm localhost/app; }
