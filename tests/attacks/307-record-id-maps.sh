# SPDX-License-Identifier: Apache-2.0
what='layer record claims to be an id-mapped copy'
expect=layer-record rootless=yes
attack() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	edit_layer "$LAYER" '.uidmap = [{container_id: 0, host_id: 0, size: 65536}] | .gidmap = .uidmap'
}
poisons() { later_build && said '^tool: EVIL'; }
