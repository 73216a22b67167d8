# SPDX-License-Identifier: Apache-2.0
what='default access control list on a directory'
expect=tree-xattr path=/dir drivers='overlay vfs' works_on='*/overlay'
attack() { setfacl -d -m u:1000:rwx "$TREE/dir"; }
poisons() { mounted localhost/app getfacl -n dir | grep default:user:1000; }
