/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c: see control.h: clients from their connection to the end of their answer. How the socket comes to be is in
 * control_socket.c.
 *
 * A client has a place until it is answered, so who connects, asks and leaves in a loop fills no queue of ours.
 */
#include "watch/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "store/idmap.h"
#include "watch/control_socket.h"

/* How many are accepted at a time, before all else gets its turn. */
#define ACCEPT_BURST 128
/* Without descriptors nobody can be accepted: the next try is so much later. */
#define PAUSE_MS 1000

enum phase {
	PHASE_FREE,
	PHASE_READING, /* its request */
	PHASE_WAITING, /* for control_answer() */
	PHASE_WRITING, /* its answer */
};

struct client {
	enum phase phase;
	int fd; /* -1: it left, and its request is still being worked on */
	uint64_t id;
	struct peer peer;
	bool privileged;  /* root, or our own user */
	int64_t deadline; /* 0: not known yet */
	struct buf in, out;
	size_t sent;
};

struct control {
	struct control_socket socket;
	control_request_fn *fn;
	void *ctx;
	uint64_t next_id;
	int64_t paused_until; /* 0: people are accepted */
	uid_t opened_by;
	bool translate; /* ids to those outside of our namespace */
	struct idmap uids, gids;
	struct client clients[CONTROL_CLIENTS_MAX];
};

int control_open(const char *socket, control_request_fn *fn, void *ctx,
    struct control **out, struct err *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	int r = control_socket_open(socket, &c->socket, e);

	if (r) {
		free(c);
		return err_wrap(e, "control socket");
	}
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		c->clients[i].fd = -1;
	c->opened_by = geteuid();
	c->fn = fn;
	c->ctx = ctx;
	c->next_id = 1;
	*out = c;
	return 0;
}

/*
 * The kernel tells ids as this process sees them. Once it has become root of a namespace of its own they have to be
 * translated back.
 */
static void look_where_we_are(struct control *c)
{
	if (c->translate || c->opened_by == geteuid())
		return;
	c->translate = idmap_of_namespace("/proc/self/uid_map", &c->uids) &&
		       idmap_of_namespace("/proc/self/gid_map", &c->gids);
}

/* ---- places ---- */

static void leave(struct client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	if (cl->phase != PHASE_FREE) {
		buf_release(&cl->in);
		buf_release(&cl->out);
	}
	*cl = (struct client){.fd = -1};
}

void control_free(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i].phase != PHASE_FREE)
			leave(&c->clients[i]);
	}
	control_socket_close(&c->socket);
	free(c);
}

/* NULL: there is none for this client. */
static struct client *find_place(
    struct control *c, const struct peer *peer, bool privileged)
{
	size_t others = 0, same = 0;
	struct client *free_one = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->phase == PHASE_FREE) {
			free_one = cl;
			continue;
		}
		others += !cl->privileged;
		same += cl->peer.uid == peer->uid;
	}
	if (same >= CONTROL_CLIENTS_PER_UID ||
	    (!privileged && others >= CONTROL_CLIENTS_MAX - CONTROL_CLIENTS_RESERVED))
		return NULL;
	return free_one;
}

/* True if so many bytes more may wait to be read by this client. */
static bool has_room(const struct control *c, const struct client *who, size_t len)
{
	size_t all = len, others = len, same = len;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct client *cl = &c->clients[i];

		if (cl->phase != PHASE_WRITING)
			continue;
		all += cl->out.len;
		others += cl->privileged ? 0 : cl->out.len;
		same += cl->peer.uid == who->peer.uid ? cl->out.len : 0;
	}
	return all <= CONTROL_ANSWERS_MAX &&
	       (who->privileged ||
		   (others <= CONTROL_ANSWERS_OTHERS && same <= CONTROL_ANSWERS_PER_UID));
}

/* ---- answers ---- */

static void go_on_writing(struct client *cl)
{
	while (cl->sent < cl->out.len) {
		ssize_t n = send(cl->fd, cl->out.data + cl->sent, cl->out.len - cl->sent,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			cl->sent += (size_t)n;
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			leave(cl);
			return;
		}
	}
	leave(cl);
}

/* Short enough for all limits. */
static void format_refusal(struct buf *out, enum answer_status status, const char *why)
{
	CLEANUP_ANSWER struct answer a = {0};
	struct err e;

	answer_say(&a, status, "%s", why);
	buf_clear(out);
	if (answer_format(&a, out, &e))
		buf_clear(out);
}

static void start_writing(struct client *cl)
{
	buf_release(&cl->in);
	cl->phase = PHASE_WRITING;
	cl->deadline = 0;
	cl->sent = 0;
	go_on_writing(cl);
}

static void refuse(struct client *cl, enum answer_status status, const char *why)
{
	format_refusal(&cl->out, status, why);
	start_writing(cl);
}

void control_answer(struct control *c, uint64_t client, const struct answer *a)
{
	struct client *cl = NULL;
	struct err e;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->clients[i].phase == PHASE_WAITING && c->clients[i].id == client)
			cl = &c->clients[i];
	}
	if (!cl)
		return;
	if (cl->fd < 0) {
		leave(cl);
		return;
	}
	if (answer_format(a, &cl->out, &e))
		refuse(cl, ANSWER_ERROR, e.msg);
	else if (!has_room(c, cl, cl->out.len))
		refuse(cl, ANSWER_UNKNOWN, "too many answers wait to be read");
	else
		start_writing(cl);
}

/* ---- requests ---- */

static void take_request(struct control *c, struct client *cl)
{
	struct request r;
	struct err e;

	if (request_parse(cl->in.data, cl->in.len, &r, &e)) {
		refuse(cl, ANSWER_ERROR, e.msg);
		return;
	}
	buf_release(&cl->in);
	cl->phase = PHASE_WAITING;
	/* The answer may come from in there. */
	c->fn(c->ctx, cl->id, &cl->peer, &r);
}

static void go_on_reading(struct control *c, struct client *cl)
{
	char piece[4096];
	ssize_t n = recv(cl->fd, piece, sizeof(piece), MSG_DONTWAIT);
	size_t known = cl->in.len;
	struct err e;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		leave(cl);
	else if (buf_add(&cl->in, piece, (size_t)n, &e))
		refuse(cl, ANSWER_ERROR, "the request is too large");
	else if (request_length(cl->in.data, cl->in.len, known))
		take_request(c, cl);
}

/* ---- all of them ---- */

static void learn_peer(const struct control *c, int fd, struct peer *out)
{
	struct ucred cred = {0};
	socklen_t len = sizeof(cred);

	*out = (struct peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return;
	out->uid = cred.uid;
	out->gid = cred.gid;
	out->pid = cred.pid;
	len = sizeof(out->groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups, &len) == 0)
		out->n_groups = len / sizeof(gid_t);
	if (!c->translate)
		return;
	out->uid = idmap_outside(&c->uids, out->uid);
	out->gid = idmap_outside(&c->gids, out->gid);
	for (size_t i = 0; i < out->n_groups; i++)
		out->groups[i] = idmap_outside(&c->gids, out->groups[i]);
}

static bool is_privileged(const struct control *c, const struct peer *peer)
{
	return peer->uid == 0 || peer->uid == c->opened_by;
}

static void turn_away(int fd)
{
	CLEANUP_BUF struct buf text;
	ssize_t ignored;

	buf_init(&text, PROTOCOL_REQUEST_MAX);
	format_refusal(&text, ANSWER_REFUSED, "too many connections");
	/* A fresh socket has room for it. */
	ignored = send(fd, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)ignored;
	close(fd);
}

static void welcome(struct control *c, int fd, int64_t now_ms)
{
	struct peer peer;
	struct client *cl;
	bool privileged;

	learn_peer(c, fd, &peer);
	privileged = is_privileged(c, &peer);
	cl = find_place(c, &peer, privileged);
	if (!cl) {
		turn_away(fd);
		return;
	}
	*cl = (struct client){
	    .phase = PHASE_READING,
	    .fd = fd,
	    .id = c->next_id++,
	    .peer = peer,
	    .privileged = privileged,
	    .deadline = now_ms + CONTROL_REQUEST_MS,
	};
	buf_init(&cl->in, PROTOCOL_REQUEST_MAX);
	buf_init(&cl->out, PROTOCOL_ANSWER_MAX + PROTOCOL_HEAD_MAX);
}

static void accept_some(struct control *c, int64_t now_ms)
{
	look_where_we_are(c);
	for (int i = 0; i < ACCEPT_BURST; i++) {
		int fd = accept4(c->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			welcome(c, fd, now_ms);
		else if (errno != EINTR && errno != ECONNABORTED) {
			if (errno != EAGAIN)
				c->paused_until = now_ms + PAUSE_MS;
			return;
		}
	}
}

size_t control_poll(const struct control *c, struct pollfd *out)
{
	static const short events[] = {
	    [PHASE_READING] = POLLIN,
	    [PHASE_WAITING] = 0, /* its end is told unasked */
	    [PHASE_WRITING] = POLLOUT,
	};
	size_t n = 0;

	if (!c->paused_until)
		out[n++] = (struct pollfd){.fd = c->socket.fd, .events = POLLIN};
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct client *cl = &c->clients[i];

		if (cl->phase != PHASE_FREE && cl->fd >= 0)
			out[n++] =
			    (struct pollfd){.fd = cl->fd, .events = events[cl->phase]};
	}
	return n;
}

static short events_of(int fd, const struct pollfd *polled, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (polled[i].fd == fd)
			return polled[i].revents;
	}
	return 0;
}

static void serve_one(struct control *c, struct client *cl, short events, int64_t now_ms)
{
	bool ended = events & (POLLHUP | POLLERR | POLLNVAL);

	switch (cl->phase) {
	case PHASE_FREE:
		return;
	case PHASE_READING:
		if (ended || (events & POLLIN))
			go_on_reading(c, cl);
		if (cl->phase == PHASE_READING && now_ms >= cl->deadline)
			leave(cl);
		return;
	case PHASE_WAITING:
		if (ended) {
			close(cl->fd);
			cl->fd = -1;
		}
		return;
	case PHASE_WRITING:
		if (!cl->deadline)
			cl->deadline = now_ms + CONTROL_ANSWER_MS;
		if (ended || now_ms >= cl->deadline)
			leave(cl);
		else if (events & POLLOUT)
			go_on_writing(cl);
		return;
	}
}

void control_serve(
    struct control *c, const struct pollfd *polled, size_t n, int64_t now_ms)
{
	/* First those who are here: a new one may get a number that `polled` has for one who leaves. */
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		serve_one(c, cl, cl->fd >= 0 ? events_of(cl->fd, polled, n) : 0, now_ms);
	}
	if (c->paused_until && now_ms >= c->paused_until)
		c->paused_until = 0;
	if (events_of(c->socket.fd, polled, n) & POLLIN)
		accept_some(c, now_ms);
}

/* ---- who may what ---- */

static bool has_group(const struct peer *p, gid_t gid)
{
	for (size_t i = 0; i < p->n_groups; i++) {
		if (p->groups[i] == gid)
			return true;
	}
	return p->gid == gid;
}

bool control_may(const struct watch_settings *settings, const struct peer *peer,
    enum request_verb verb)
{
	if (verb != REQUEST_SEAL)
		return true;
	for (size_t i = 0; i < settings->n_seal_uids; i++) {
		if (settings->seal_uids[i] == peer->uid)
			return true;
	}
	for (size_t i = 0; i < settings->n_seal_gids; i++) {
		if (has_group(peer, settings->seal_gids[i]))
			return true;
	}
	return false;
}
