# SPDX-License-Identifier: Apache-2.0
what='access control list'
expect=tree-xattr path=/tool.sh drivers='overlay vfs' works_on='*/overlay'
# u:1000:rx keeps the group bits as they are.
attack() { setfacl -m u:1000:rx "$TREE/tool.sh"; }
poisons() { mounted localhost/app getfacl -n tool.sh | grep user:1000; }
