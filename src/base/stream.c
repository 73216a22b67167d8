/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c: see stream.h. */
#include "base/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"

#define CONNECT_PAUSE_MS 10

static int too_late(struct err *e)
{
	return err_set(e, ERR_IO, "no answer in time");
}

/* Its queue may be full for a moment: then connect() says EAGAIN. */
int stream_connect(
    int fd, const struct sockaddr_un *address, int64_t deadline, struct err *e)
{
	while (connect(fd, (const struct sockaddr *)address, sizeof(*address))) {
		bool nobody = errno == ECONNREFUSED || errno == ENOENT;

		if (errno != EAGAIN && errno != EINTR) {
			err_sys(e, "cannot connect");
			return nobody ? (e->code = ERR_NOT_FOUND) : e->code;
		}
		if (clock_now_ms() >= deadline)
			return too_late(e);
		(void)poll(NULL, 0, CONNECT_PAUSE_MS);
	}
	return 0;
}

static int wait_until(int fd, short events, int64_t deadline, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline - clock_now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (n == 0)
			return too_late(e);
		if (errno != EINTR)
			return err_sys(e, "poll");
	}
}

int stream_send(int fd, const void *data, size_t len, int64_t deadline, struct err *e)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(fd, (const char *)data + sent, len - sent, MSG_NOSIGNAL);
		int r = 0;

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_until(fd, POLLOUT, deadline, e);
		else if (errno != EINTR)
			r = err_sys(e, "cannot send");
		if (r)
			return r;
	}
	return 0;
}

int stream_receive(
    int fd, void *data, size_t max, size_t *got, int64_t deadline, struct err *e)
{
	for (;;) {
		ssize_t n = recv(fd, data, max, 0);
		int r = 0;

		if (n > 0) {
			*got = (size_t)n;
			return 0;
		}
		/* A reset: it left without having read all that it was sent. */
		if (n == 0 || errno == ECONNRESET)
			r = err_set(e, ERR_IO, "it hung up");
		else if (errno == EAGAIN)
			r = wait_until(fd, POLLIN, deadline, e);
		else if (errno != EINTR)
			r = err_sys(e, "cannot receive");
		if (r)
			return r;
	}
}
