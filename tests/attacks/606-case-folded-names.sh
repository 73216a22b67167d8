# SPDX-License-Identifier: Apache-2.0
what='images.json: "Names" after "names"'
expect=record-ambiguous drivers='overlay vfs'
attack() { json_text "$IMAGES/images.json" 's/"names":\["localhost\/other:latest"\]/&,"Names":["localhost\/app:latest","localhost\/other:latest"]/'; }
poisons() { from_build && said '^tool: EVIL other'; }
