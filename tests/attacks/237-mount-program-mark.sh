# SPDX-License-Identifier: Apache-2.0
what='.has-mount-program makes podman mount with a program of $PATH'
expect=store-entry
attack() { printf true >"$PLACE/.has-mount-program"; }
