# SPDX-License-Identifier: Apache-2.0
what='layer directory without a record'
expect=layer-unrecorded
attack() { plant_layer_directory "$(printf %064d 7)"; }
