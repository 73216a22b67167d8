# SPDX-License-Identifier: Apache-2.0
what='creation time of a layer record'
expect=layer-record
attack() { edit_layer "$LAYER" '.created = "2036-01-01T00:00:00.5Z"'; }
