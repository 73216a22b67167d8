/* SPDX-License-Identifier: Apache-2.0 */
/* wire.c: see wire.h. */
#include "ledger/wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define STEP_MS 1000

struct head {
	uint32_t type, len;
};

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

/* One frame on its way. */
struct transfer {
	const struct wire *w;
	unsigned waited_ms; /* of the patience, by now */
};

static unsigned since_ms(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned)(1000 * (now.tv_sec - start->tv_sec) +
			  (now.tv_nsec - start->tv_nsec) / 1000000);
}

/*
 * Waits in steps of at most a second: a program that was stopped (^Z) or a machine that slept loses
 * one step, and does not take the time it was away for the other side's silence. Steps add up over a
 * frame, or a byte now and then would be enough to keep us for ever.
 */
static int wait_for(struct transfer *t, short events, struct err *e)
{
	struct pollfd p = {.fd = t->w->fd, .events = events};

	while (
	    t->w->patience_s < 0 || t->waited_ms < 1000U * (unsigned)t->w->patience_s) {
		struct timespec start;
		unsigned ms;
		int n;

		clock_gettime(CLOCK_MONOTONIC, &start);
		n = poll(&p, 1, STEP_MS);
		ms = since_ms(&start);
		t->waited_ms += ms < STEP_MS ? ms : STEP_MS;
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
	}
	return err_set(e, ERR_IO, "no answer for %d s", t->w->patience_s);
}

/* What to do about errno: 0 to try again. */
static int retry(struct transfer *t, short events, struct err *e)
{
	if (errno == EINTR)
		return 0;
	if (errno == EAGAIN)
		return wait_for(t, events, e);
	return err_sys(e, "%s", events == POLLIN ? "recv" : "send");
}

static int send_all(struct transfer *t, struct span s, struct err *e)
{
	const char *p = s.data;
	int r = 0;

	for (size_t sent = 0; !r && sent < s.len;) {
		ssize_t n =
		    send(t->w->fd, p + sent, s.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			sent += (size_t)n;
		else
			r = retry(t, POLLOUT, e);
	}
	return r;
}

int wire_send(const struct wire *w, enum wire_type type, struct span first,
    struct span second, struct err *e)
{
	struct head head = {.type = type, .len = (uint32_t)(first.len + second.len)};
	struct transfer t = {.w = w};
	int r;

	if (first.len + second.len > WIRE_MAX_BYTES)
		return err_set(
		    e, ERR_INTERNAL, "frame of %zu bytes", first.len + second.len);
	r = send_all(&t, (struct span){&head, sizeof(head)}, e);
	if (!r)
		r = send_all(&t, first, e);
	return r ? r : send_all(&t, second, e);
}

static int recv_all(
    struct transfer *t, void *data, size_t len, bool may_end, struct err *e)
{
	char *p = data;
	int r = 0;

	for (size_t got = 0; !r && got < len;) {
		ssize_t n = recv(t->w->fd, p + got, len - got, MSG_DONTWAIT);

		if (n > 0)
			got += (size_t)n;
		else if (n < 0)
			r = retry(t, POLLIN, e);
		else
			r = may_end && got == 0
				? err_set(e, ERR_NOT_FOUND, "closed")
				: err_set(e, ERR_IO, "closed in the middle");
	}
	return r;
}

int wire_recv(
    const struct wire *w, enum wire_type *type, struct buf *payload, struct err *e)
{
	struct transfer t = {.w = w};
	struct head head;
	int r = recv_all(&t, &head, sizeof(head), true, e);

	if (r)
		return r;
	if (head.len > WIRE_MAX_BYTES || head.type < WIRE_DUMP || head.type > WIRE_ERROR)
		return err_set(
		    e, ERR_IO, "a frame of type %u and %u bytes", head.type, head.len);
	buf_clear(payload);
	r = buf_reserve(payload, head.len, e);
	if (!r)
		r = recv_all(&t, payload->data, head.len, false, e);
	if (r)
		return r;
	payload->len = head.len;
	payload->data[head.len] = '\0';
	*type = (enum wire_type)head.type;
	return 0;
}
