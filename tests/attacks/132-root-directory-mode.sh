# SPDX-License-Identifier: Apache-2.0
what='mode of the root directory of a layer'
expect=tree-mode path=/ drivers='overlay vfs'
attack() { chmod 777 "$UPPER"; }
poisons() { in_engine stat -c %a "$(podman image mount localhost/app)" | grep 777; }
