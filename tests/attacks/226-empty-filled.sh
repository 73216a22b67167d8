# SPDX-License-Identifier: Apache-2.0
what='the empty directory of the base layer is filled'
expect=layer-scratch
attack() { mkdir -p "$PLACE/$BASE/empty" && echo EVIL >"$PLACE/$BASE/empty/evil"; }
poisons() { ls "$(podman image mount localhost/base)" >"$WORK/list"; in_engine ls "$(podman image mount localhost/base)" | grep evil; }
