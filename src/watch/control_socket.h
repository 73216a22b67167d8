/* SPDX-License-Identifier: Apache-2.0 */
/* control_socket.h: for control.c: the listening socket, made by us or by systemd. */
#ifndef WATCH_CONTROL_SOCKET_H
#define WATCH_CONTROL_SOCKET_H

#include <sys/types.h>

#include "base/err.h"

struct control_socket {
	int fd; /* listens, does not block */
	/* One that we made, to be removed as long as it is that one; else -1 and NULL. */
	int dirfd;
	char *name;
	dev_t dev;
	ino_t ino;
};
MUSTUSE int control_socket_open(
    const char *path, struct control_socket *out, struct err *e);
void control_socket_close(struct control_socket *s);

#endif
