# SPDX-License-Identifier: Apache-2.0
what='tar-split with appended bytes'
expect=tar-split
attack() { echo '{"type":2,"payload":"","position":9999}' | gzip -n >>"$LAYERS/$LAYER.tar-split.gz"; }
