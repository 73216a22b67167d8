# SPDX-License-Identifier: Apache-2.0
what='images.json: a second "layer" that is null'
expect='record-ambiguous|record-malformed' drivers='overlay vfs'
attack() { after_layer '"layer":null'; }
