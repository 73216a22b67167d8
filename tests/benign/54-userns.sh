# SPDX-License-Identifier: Apache-2.0
what='a container in a user namespace of its own' makes=mapped
operate() {
	run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 localhost/app
	create --name mapped --uidmap 0:200000:65536 --gidmap 0:200000:65536 localhost/app
}
