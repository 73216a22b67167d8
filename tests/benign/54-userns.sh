# SPDX-License-Identifier: Apache-2.0
what='a container in a user namespace of its own' makes=mapped
operate() {
	first=100000 size=65536
	[ -z "$ROOTLESS" ] || first=1 size=50000
	run --rm --uidmap 0:$first:$size --gidmap 0:$first:$size localhost/app
	create --name mapped --uidmap 0:$((first + 1000)):$size --gidmap 0:$((first + 1000)):$size localhost/app
}
