# SPDX-License-Identifier: Apache-2.0
what='unknown file beside the layer records'
expect=store-entry drivers='overlay vfs'
attack() { echo EVIL >"$LAYERS/evil"; }
