/* SPDX-License-Identifier: Apache-2.0 */
/* agent.c: see agent.h. */
#include "crypto/agent.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/stream.h"

#define FAILURE 5
#define REQUEST_IDENTITIES 11
#define IDENTITIES_ANSWER 12
#define SIGN_REQUEST 13
#define SIGN_RESPONSE 14

#define ANSWER_MAX (256U << 10) /* what OpenSSH's agent never exceeds either */
#define REQUEST_MAX (64U << 10)
#define IDENTITIES_MAX 1024

#define KEY_TYPE "ssh-ed25519"

/* ---- the socket ---- */

/* All of it, or an error. */
static int receive(int fd, void *data, size_t len, int64_t deadline, struct err *e)
{
	size_t got = 0;

	while (got < len) {
		size_t n;
		int r =
		    stream_receive(fd, (char *)data + got, len - got, &n, deadline, e);

		if (r)
			return r;
		got += n;
	}
	return 0;
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int receive_answer(int fd, struct buf *out, int64_t deadline, struct err *e)
{
	uint8_t head[4];
	size_t len;
	int r = receive(fd, head, sizeof(head), deadline, e);

	if (r)
		return r;
	len = get_u32(head);
	if (len == 0 || len > ANSWER_MAX)
		return err_set(e, ERR_IO, "an answer of %zu bytes", len);
	r = buf_reserve(out, len, e);
	if (!r)
		r = receive(fd, out->data, len, deadline, e);
	if (!r) {
		out->len = len;
		out->data[len] = '\0';
	}
	return r;
}

/* Each question has a connection of its own: hours may pass between two, and agents come and go. */
static int ask(
    const struct agent *a, const struct buf *request, struct buf *answer, struct err *e)
{
	CLEANUP_FD int fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int64_t deadline = clock_now_ms() + a->timeout;
	int r;

	if (fd < 0)
		return err_sys(e, "socket");
	if (strlen(a->socket) >= sizeof(address.sun_path))
		return err_set(e, ERR_USAGE, "too long a path for a socket");
	memcpy(address.sun_path, a->socket, strlen(a->socket));
	r = stream_connect(fd, &address, deadline, e);
	if (r == ERR_NOT_FOUND)
		r = e->code = ERR_IO;
	if (!r)
		r = stream_send(fd, request->data, request->len, deadline, e);
	return r ? r : receive_answer(fd, answer, deadline, e);
}

/* ---- requests ---- */

static int add_u32(struct buf *b, uint32_t n, struct err *e)
{
	const uint8_t bytes[4] = {
	    (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

	return buf_add(b, bytes, sizeof(bytes), e);
}

static int add_string(struct buf *b, const void *data, size_t len, struct err *e)
{
	int r = add_u32(b, (uint32_t)len, e);

	return r ? r : buf_add(b, data, len, e);
}

/* A frame: its length, its type, its payload. */
static int make_request(
    struct buf *out, uint8_t type, const struct buf *payload, struct err *e)
{
	int r = add_u32(out, (uint32_t)(1 + payload->len), e);

	if (!r)
		r = buf_add(out, &type, 1, e);
	return r ? r : buf_add(out, payload->data, payload->len, e);
}

static int make_sign_payload(struct buf *out, const uint8_t point[static KEY_BYTES],
    const struct buf *msg, struct err *e)
{
	CLEANUP_BUF struct buf key;
	int r;

	buf_init(&key, REQUEST_MAX);
	r = add_string(&key, KEY_TYPE, strlen(KEY_TYPE), e);
	if (!r)
		r = add_string(&key, point, KEY_BYTES, e);
	if (!r)
		r = add_string(out, key.data, key.len, e);
	if (!r)
		r = add_string(out, msg->data, msg->len, e);
	return r ? r : add_u32(out, 0, e); /* no flags */
}

/* ---- answers ---- */

/* What is still to be read. */
struct reader {
	const uint8_t *data;
	size_t len;
};

static int malformed(struct err *e)
{
	return err_set(e, ERR_MALFORMED, "an answer that breaks the protocol");
}

static int take_u32(struct reader *r, uint32_t *out, struct err *e)
{
	if (r->len < 4)
		return malformed(e);
	*out = get_u32(r->data);
	r->data += 4;
	r->len -= 4;
	return 0;
}

static int take_string(struct reader *r, struct reader *out, struct err *e)
{
	uint32_t len = 0;

	if (take_u32(r, &len, e) || len > r->len)
		return malformed(e);
	*out = (struct reader){r->data, len};
	r->data += len;
	r->len -= len;
	return 0;
}

static bool is_key_type(const struct reader *r)
{
	return r->len == strlen(KEY_TYPE) && memcmp(r->data, KEY_TYPE, r->len) == 0;
}

static int take_type(struct reader *r, uint8_t wanted, struct err *e)
{
	uint8_t type = r->len ? r->data[0] : 0;

	if (type == FAILURE)
		return err_set(e, ERR_REFUSED, "it refuses");
	if (type != wanted)
		return malformed(e);
	r->data++;
	r->len--;
	return 0;
}

/* Keys of other types, and points that no key may have, are not ours. */
static int take_identity(struct reader *r, struct agent_identities *out, struct err *e)
{
	struct reader blob, comment, type, point;
	struct agent_identity *id;
	struct err unfit;

	if (take_string(r, &blob, e) || take_string(r, &comment, e) ||
	    take_string(&blob, &type, e))
		return malformed(e);
	if (!is_key_type(&type))
		return 0;
	if (take_string(&blob, &point, e) || point.len != KEY_BYTES || blob.len)
		return malformed(e);
	if (key_vet(point.data, &unfit))
		return 0;
	if (comment.len > AGENT_COMMENT_MAX)
		comment.len = AGENT_COMMENT_MAX;
	out->v = xreallocarray(out->v, out->n + 1, sizeof(*out->v));
	id = &out->v[out->n++];
	*id = (struct agent_identity){0};
	memcpy(id->point, point.data, KEY_BYTES);
	memcpy(id->comment, comment.data, comment.len);
	return 0;
}

int agent_parse_identities(
    const void *answer, size_t len, struct agent_identities *out, struct err *e)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	struct reader reader = {answer, len};
	uint32_t n = 0;
	int r = take_type(&reader, IDENTITIES_ANSWER, e);

	*out = (struct agent_identities){0};
	if (!r)
		r = take_u32(&reader, &n, e);
	if (r)
		return r;
	if (n > IDENTITIES_MAX)
		return err_set(
		    e, ERR_MALFORMED, "more than %d identities", IDENTITIES_MAX);
	for (uint32_t i = 0; !r && i < n; i++)
		r = take_identity(&reader, &list, e);
	if (!r && reader.len)
		r = malformed(e);
	if (r)
		return r;
	*out = list;
	list = (struct agent_identities){0};
	return 0;
}

int agent_parse_signature(
    const void *answer, size_t len, uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	struct reader reader = {answer, len}, signature, type, bytes;
	int r = take_type(&reader, SIGN_RESPONSE, e);

	if (r)
		return r;
	if (take_string(&reader, &signature, e) || reader.len ||
	    take_string(&signature, &type, e) || !is_key_type(&type) ||
	    take_string(&signature, &bytes, e) || signature.len ||
	    bytes.len != SIGNATURE_BYTES)
		return malformed(e);
	memcpy(sig, bytes.data, SIGNATURE_BYTES);
	return 0;
}

void agent_identities_release(struct agent_identities *list)
{
	free(list->v);
	*list = (struct agent_identities){0};
}

/* ---- questions ---- */

static int exchange(const struct agent *a, uint8_t type, const struct buf *payload,
    struct buf *answer, struct err *e)
{
	CLEANUP_BUF struct buf request;
	int r;

	buf_init(&request, REQUEST_MAX);
	r = make_request(&request, type, payload, e);
	return r ? r : ask(a, &request, answer, e);
}

int agent_list(const struct agent *a, struct agent_identities *out, struct err *e)
{
	CLEANUP_BUF struct buf payload, answer;
	int r;

	*out = (struct agent_identities){0};
	buf_init(&payload, 0);
	buf_init(&answer, ANSWER_MAX);
	r = exchange(a, REQUEST_IDENTITIES, &payload, &answer, e);
	if (!r)
		r = agent_parse_identities(answer.data, answer.len, out, e);
	return r ? err_wrap(e, "agent %s", a->socket) : 0;
}

int agent_sign(const struct agent *a, const uint8_t point[static KEY_BYTES],
    const struct buf *msg, uint8_t sig[static SIGNATURE_BYTES], struct err *e)
{
	CLEANUP_BUF struct buf payload, answer;
	int r;

	buf_init(&payload, REQUEST_MAX);
	buf_init(&answer, ANSWER_MAX);
	r = make_sign_payload(&payload, point, msg, e);
	if (!r)
		r = exchange(a, SIGN_REQUEST, &payload, &answer, e);
	if (!r)
		r = agent_parse_signature(answer.data, answer.len, sig, e);
	return r ? err_wrap(e, "agent %s", a->socket) : 0;
}
