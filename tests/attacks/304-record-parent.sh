# SPDX-License-Identifier: Apache-2.0
what='layer record with another parent'
expect=layer-record
attack() { edit_layer "$TOP" ".parent = \"$BASE\""; }
