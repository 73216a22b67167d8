# SPDX-License-Identifier: Apache-2.0
what='diff-digest exchanged for a toc-digest, content edited'
heal=refused
expect='' exit='1|3'
attack() {
	edit_quietly "$TREE/tool.sh" 's/GOOD/EVIL/'
	edit_layer "$LAYER" '."toc-digest" = ."diff-digest" | .flags."expected-layer-diffid" = ."diff-digest"
		| del(."diff-digest", ."diff-size")'
}
