/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c: see wire.h. */
#include "ledger/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct head {
	uint32_t type, len;
};

static int send_all(int fd, const void *data, size_t len, struct err *e)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "the other side of the ledger is gone");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int wire_pack(struct buf *payload, const void *data, size_t len, struct err *e)
{
	uint32_t prefix = (uint32_t)len;
	int r = buf_add(payload, &prefix, sizeof(prefix), e);

	return r ? r : buf_add(payload, data, len, e);
}

bool wire_unpack(const char **rest, size_t *left, const char **data, size_t *len)
{
	uint32_t prefix;

	if (*left < sizeof(prefix))
		return false;
	memcpy(&prefix, *rest, sizeof(prefix));
	if (prefix > *left - sizeof(prefix))
		return false;
	*data = *rest + sizeof(prefix);
	*len = prefix;
	*rest = *data + prefix;
	*left -= sizeof(prefix) + prefix;
	return true;
}

int wire_send(int fd, enum wire_type type, const void *a, size_t a_len, const void *b,
    size_t b_len, struct err *e)
{
	struct head head = {.type = type, .len = (uint32_t)(a_len + b_len)};
	int r;

	if (a_len + b_len > WIRE_MAX_BYTES)
		return err_set(e, ERR_INTERNAL, "frame of %zu bytes", a_len + b_len);
	r = send_all(fd, &head, sizeof(head), e);
	if (!r && a_len)
		r = send_all(fd, a, a_len, e);
	if (!r && b_len)
		r = send_all(fd, b, b_len, e);
	return r;
}

static int wait_for_bytes(int fd, int timeout_ms, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do {
		n = poll(&p, 1, timeout_ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "poll");
	return n ? 0 : err_set(e, ERR_IO, "no answer for %d s", timeout_ms / 1000);
}

static int recv_all(
    int fd, int timeout_ms, void *data, size_t len, bool may_end, struct err *e)
{
	char *p = data;

	for (size_t got = 0; got < len;) {
		int r = wait_for_bytes(fd, timeout_ms, e);
		ssize_t n;

		if (r)
			return r;
		n = recv(fd, p + got, len - got, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "recv");
		if (n == 0)
			return may_end && got == 0
				   ? err_set(e, ERR_NOT_FOUND, "closed")
				   : err_set(e, ERR_IO, "closed in the middle");
		got += (size_t)n;
	}
	return 0;
}

int wire_recv(
    int fd, int timeout_ms, enum wire_type *type, struct buf *payload, struct err *e)
{
	struct head head;
	int r = recv_all(fd, timeout_ms, &head, sizeof(head), true, e);

	if (r)
		return r;
	if (head.len > WIRE_MAX_BYTES || head.type < WIRE_DUMP || head.type > WIRE_ERROR)
		return err_set(
		    e, ERR_IO, "a frame of type %u and %u bytes", head.type, head.len);
	buf_clear(payload);
	r = buf_reserve(payload, head.len, e);
	if (r)
		return r;
	r = recv_all(fd, timeout_ms, payload->data, head.len, false, e);
	if (r)
		return r;
	payload->len = head.len;
	payload->data[head.len] = '\0';
	*type = (enum wire_type)head.type;
	return 0;
}
