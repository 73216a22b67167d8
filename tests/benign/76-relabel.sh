# SPDX-License-Identifier: Apache-2.0
what='every file relabelled for SELinux'
operate() {
	find "$G" \( -type f -o -type d \) -exec setfattr -n security.selinux \
		-v system_u:object_r:container_ro_file_t:s0 {} +
	find "$G" -type l -exec setfattr -h -n security.selinux \
		-v system_u:object_r:container_ro_file_t:s0 {} +
}
