# SPDX-License-Identifier: Apache-2.0
what='podman load of a new image' makes=objects
operate() { podman load -q -i "$WORK/extra/extra.oci"; }
