# SPDX-License-Identifier: Apache-2.0
what='layers.json: null'
expect='record-missing|record-malformed|record-ambiguous' drivers='overlay vfs'
attack() { printf null >"$LAYERS/layers.json"; }
