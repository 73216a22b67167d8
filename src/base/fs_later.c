/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs_later.c: closing without waiting, see fs.h. The descriptor travels to a socket that nobody but the
 * message itself holds any more, with that socket: garbage, which the kernel collects by itself
 * (before Linux 6.10 at once, so that nothing is gained, nor lost). Another process could close it as well,
 * but would be left to process 1, which not everywhere buries who is left to it.
 */
#include "base/fs.h"

#include <string.h>
#include <sys/socket.h>

#define N_FDS 2

static bool give_away(int fd, const int sockets[2])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(N_FDS * sizeof(int))];
	} rights = {.head = {.cmsg_len = CMSG_LEN(N_FDS * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS}};
	const int fds[N_FDS] = {fd, sockets[1]};
	char byte = 0;
	struct iovec data = {&byte, sizeof(byte)};
	const struct msghdr message = {.msg_iov = &data,
	    .msg_iovlen = 1,
	    .msg_control = &rights,
	    .msg_controllen = sizeof(rights)};

	memcpy(CMSG_DATA(&rights.head), fds, sizeof(fds));
	return sendmsg(sockets[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(byte);
}

void fs_close_later(int *fd)
{
	int sockets[2];

	if (*fd >= 0 && socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets) == 0) {
		(void)give_away(*fd, sockets);
		base_close_p(&sockets[0]);
		base_close_p(&sockets[1]);
	}
	base_close_p(fd);
}
