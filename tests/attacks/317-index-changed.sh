# SPDX-License-Identifier: Apache-2.0
what='the index of a layer that a partial pull made is changed'
expect=layer-data path=chunked-manifest-cache
before_seal() {
	layer_data '{}' zstd-chunked-manifest
	layer_data GOOD chunked-manifest-cache
}
attack() { echo EVIL >"$(layer_data_file chunked-manifest-cache)"; }
