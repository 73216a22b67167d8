/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c: the parent's side: fork, ask, notice when the keeper dies or stalls. */
#include "ledger/keeper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger/confine.h"

/* A commit waits for the disk, and for whoever else is writing. */
#define WRITE_PATIENCE_S 60
/* A keeper whose socket closed has this long to be gone. */
#define DYING_MS 1000

struct keeper {
	pthread_mutex_t lock;
	pid_t pid;	/* 0: gone, or not to be trusted any more */
	rlim_t cpu_max; /* seconds that nobody may raise */
	struct wire wire;
	int write_patience_s;
	bool confined; /* it said so */
	struct confinement confinement;
	bool mute;	    /* the question could not be sent, but an answer may wait */
	struct buf payload; /* of the newest answer */
};

int keeper_start(int dirfd, enum keeper_mode mode, struct keeper **out, struct err *e)
{
	pid_t parent = getpid(), pid;
	struct rlimit cpu;
	int fds[2];

	*out = NULL;
	if (getrlimit(RLIMIT_CPU, &cpu))
		return err_sys(e, "getrlimit");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return err_sys(e, "socketpair");
	pid = fork();
	if (pid < 0) {
		err_sys(e, "fork");
		close(fds[0]);
		close(fds[1]);
		return ERR_IO;
	}
	if (pid == 0) {
		close(fds[0]);
		keeper_serve(fds[1], dirfd, mode, parent);
	}
	close(fds[1]);
	*out = xcalloc(1, sizeof(**out));
	pthread_mutex_init(&(*out)->lock, NULL);
	(*out)->pid = pid;
	(*out)->cpu_max = cpu.rlim_max;
	(*out)->wire.fd = fds[0];
	(*out)->write_patience_s = WRITE_PATIENCE_S;
	buf_init(&(*out)->payload, WIRE_MAX_BYTES);
	return 0;
}

/* At once and for certain: a keeper has answered all it was asked, so nothing is lost. */
static void end_keeper(struct keeper *k)
{
	if (k->pid > 0) {
		kill(k->pid, SIGKILL);
		while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	k->pid = 0;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	close(k->wire.fd);
	end_keeper(k);
	buf_release(&k->payload);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* True if the keeper ended by itself. */
static bool has_ended(struct keeper *k, int *status)
{
	static const struct timespec step = {.tv_nsec = 1000000};

	for (int ms = 0; ms < DYING_MS; ms++) {
		pid_t pid = waitpid(k->pid, status, WNOHANG);

		if (pid != 0) {
			k->pid = 0;
			return pid > 0;
		}
		nanosleep(&step, NULL);
	}
	return false;
}

/* It holds its end of the socket, so there is no death to wait for. */
static bool is_alive(const struct keeper *k)
{
	struct pollfd p = {.fd = k->wire.fd};

	return poll(&p, 1, 0) == 0;
}

static int died(int signal, struct err *e)
{
	if (signal == SIGKILL)
		return err_set(e, ERR_LEDGER,
		    "the ledger's keeper was killed (by somebody, or because memory was "
		    "short)");
	if (signal == SIGSYS)
		return err_set(e, ERR_LEDGER,
		    "the ledger's database is damaged: its reader was ended by the "
		    "sandbox, at a system call it has no use for");
	if (signal == SIGXCPU)
		return err_set(e, ERR_LEDGER,
		    "the ledger's database is damaged: its reader ran in circles and "
		    "used up its CPU time");
	return err_set(e, ERR_LEDGER,
	    "the ledger's database is damaged: reading it ended with signal %d (%s)",
	    signal, strsignal(signal));
}

/* The socket failed: say what became of the keeper rather than of the socket. */
static int lost(struct keeper *k, struct err *e)
{
	struct err why = *e;
	int status = 0;

	if (!is_alive(k) && has_ended(k, &status)) {
		if (WIFSIGNALED(status))
			return died(WTERMSIG(status), e);
		if (WEXITSTATUS(status) == EXIT_INTERNAL)
			return err_set(e, ERR_LEDGER,
			    "the ledger's database cannot be read: out of memory");
	}
	end_keeper(k);
	return err_set(
	    e, ERR_LEDGER, "the ledger's database cannot be read: %s", why.msg);
}

static int unexpected(struct keeper *k, struct err *e)
{
	end_keeper(k);
	return err_set(
	    e, ERR_LEDGER, "the ledger's keeper gave an answer that was not asked for");
}

static int begin(struct keeper *k, int patience_s, struct err *e)
{
	pthread_mutex_lock(&k->lock);
	k->wire.patience_s = patience_s;
	k->mute = false;
	return k->pid > 0 ? 0 : err_set(e, ERR_LEDGER, "the ledger's keeper is gone");
}

static int end(struct keeper *k, int r)
{
	pthread_mutex_unlock(&k->lock);
	return r;
}

/* Part of a question. Where it cannot be sent, the reason may be waiting to be read as the answer. */
static int say(struct keeper *k, enum wire_type type, struct span first,
    struct span second, struct err *e)
{
	int r = k->mute ? 0 : wire_send(&k->wire, type, first, second, e);

	if (r == ERR_INTERNAL)
		return r;
	k->mute |= r != 0;
	return 0;
}

/* Why it could not answer, in its own words: they are shown and mean nothing more. */
static int remote_error(struct keeper *k, struct err *e)
{
	uint32_t code;

	if (k->payload.len <= sizeof(code) || !k->payload.data[sizeof(code)])
		return unexpected(k, e);
	memcpy(&code, k->payload.data, sizeof(code));
	return err_set(e, code == -ERR_IO ? ERR_IO : ERR_LEDGER, "%s",
	    k->payload.data + sizeof(code));
}

/*
 * As much CPU time as patience, from now on: a keeper that runs in circles ends even if this process
 * is stopped meanwhile. If it is gone already, the answer will tell.
 */
static void grant_cpu(struct keeper *k)
{
	struct rlimit l = {.rlim_max = k->cpu_max};
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(k->pid, &clock) || clock_gettime(clock, &used))
		return;
	l.rlim_cur = (rlim_t)used.tv_sec + 1 + (rlim_t)k->wire.patience_s;
	l.rlim_cur = l.rlim_cur < l.rlim_max ? l.rlim_cur : l.rlim_max;
	(void)!prlimit(k->pid, RLIMIT_CPU, &l, NULL);
}

static int receive(struct keeper *k, enum wire_type *type, struct err *e)
{
	grant_cpu(k);
	if (wire_recv(&k->wire, type, &k->payload, e))
		return lost(k, e);
	return *type == WIRE_ERROR ? remote_error(k, e) : 0;
}

/* Nothing is believed of a keeper that is not confined. */
static int take_ready(struct keeper *k, enum wire_type type, struct err *e)
{
	if (type != WIRE_READY || k->payload.len != sizeof(k->confinement))
		return unexpected(k, e);
	memcpy(&k->confinement, k->payload.data, sizeof(k->confinement));
	k->confined = true;
	return 0;
}

/* The next answer; one of type WIRE_ERROR becomes an error. */
static int answer(struct keeper *k, enum wire_type *type, struct err *e)
{
	int r = receive(k, type, e);

	if (!r && !k->confined) {
		r = take_ready(k, *type, e);
		if (!r)
			r = receive(k, type, e);
	}
	return r;
}

const struct confinement *keeper_confinement(const struct keeper *k)
{
	return k->confined ? &k->confinement : NULL;
}

/* ---- reading the log ---- */

/* Splits a frame into its number and the rest. */
static bool take_number(struct keeper *k, uint64_t *number, struct span *rest)
{
	if (k->payload.len < sizeof(*number))
		return false;
	memcpy(number, k->payload.data, sizeof(*number));
	rest->data = k->payload.data + sizeof(*number);
	rest->len = k->payload.len - sizeof(*number);
	return true;
}

typedef int numbered_fn(void *ctx, uint64_t number, struct span bytes, struct err *e);
typedef int entry_fn(void *ctx, struct span bytes, struct err *e);

static int take_numbered(struct keeper *k, numbered_fn *fn, void *ctx, struct err *e)
{
	uint64_t number;
	struct span rest;

	return take_number(k, &number, &rest) ? fn(ctx, number, rest, e)
					      : unexpected(k, e);
}

static int take_entries(struct keeper *k, entry_fn *fn, void *ctx, struct err *e)
{
	const char *rest = k->payload.data, *data;
	size_t left = k->payload.len, len;
	int r = 0;

	while (!r && wire_unpack(&rest, &left, &data, &len))
		r = fn(ctx, (struct span){data, len}, e);
	return r ? r : left ? unexpected(k, e) : 0;
}

/*
 * Frames of entries until DONE; `type` is that of the frame that came already. Only the last may be
 * short: who took the keeper over cannot keep us with ever more frames of nothing.
 */
static int take_rest(
    struct keeper *k, enum wire_type type, entry_fn *fn, void *ctx, struct err *e)
{
	bool full = true;
	int r = 0;

	while (!r && type == WIRE_ENTRIES) {
		r = full ? take_entries(k, fn, ctx, e) : unexpected(k, e);
		full = k->payload.len > WIRE_PACK_BYTES;
		if (!r)
			r = answer(k, &type, e);
	}
	return !r && type != WIRE_DONE ? unexpected(k, e) : r;
}

static int dump(
    struct keeper *k, bool short_cut, const struct keeper_sink *sink, struct err *e)
{
	uint8_t flag = short_cut;
	enum wire_type type;
	int r = say(k, WIRE_DUMP, (struct span){&flag, 1}, NO_BYTES, e);

	if (!r)
		r = answer(k, &type, e);
	if (!r)
		r = type == WIRE_HEAD ? take_numbered(k, sink->head, sink->ctx, e)
				      : unexpected(k, e);
	if (!r)
		r = answer(k, &type, e);
	if (!r && short_cut && type == WIRE_START) {
		r = take_numbered(k, sink->start, sink->ctx, e);
		if (!r)
			r = answer(k, &type, e);
	}
	return r ? r : take_rest(k, type, sink->entry, sink->ctx, e);
}

/* Frames of an answer that was broken off would be taken for those of the next one. */
static int end_reading(struct keeper *k, int r)
{
	if (r)
		end_keeper(k);
	return end(k, r);
}

int keeper_dump(
    struct keeper *k, bool short_cut, const struct keeper_sink *sink, struct err *e)
{
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	return end_reading(k, r ? r : dump(k, short_cut, sink, e));
}

struct rising {
	numbered_fn *fn;
	void *ctx;
	uint64_t last;
	bool first;
};

static int take_rising(void *ctx, uint64_t number, struct span bytes, struct err *e)
{
	struct rising *r = ctx;

	if (!r->first && number <= r->last)
		return err_set(e, ERR_LEDGER, "ledger: its checkpoints are out of order");
	r->first = false;
	r->last = number;
	return r->fn(r->ctx, number, bytes, e);
}

int keeper_heads(struct keeper *k, numbered_fn *head, void *ctx, struct err *e)
{
	struct rising rising = {head, ctx, 0, true};
	enum wire_type type = WIRE_HEAD;
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	if (!r)
		r = say(k, WIRE_HEADS, NO_BYTES, NO_BYTES, e);
	while (!r && type == WIRE_HEAD) {
		r = answer(k, &type, e);
		if (!r && type == WIRE_HEAD)
			r = take_numbered(k, take_rising, &rising, e);
	}
	if (!r && type != WIRE_DONE)
		r = unexpected(k, e);
	return end_reading(k, r);
}

int keeper_get_entries(struct keeper *k, const uint64_t *seqs, size_t n, entry_fn *entry,
    void *ctx, struct err *e)
{
	enum wire_type type = WIRE_DONE;
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	if (!r)
		r = say(k, WIRE_GET_ENTRIES, (struct span){seqs, n * sizeof(*seqs)},
		    NO_BYTES, e);
	if (!r)
		r = answer(k, &type, e);
	if (!r)
		r = take_rest(k, type, entry, ctx, e);
	return end_reading(k, r);
}

/* ---- append ---- */

static int say_entries(struct keeper *k, const struct keeper_batch *b, struct err *e)
{
	CLEANUP_BUF struct buf pack;
	int r = 0;

	buf_init(&pack, WIRE_MAX_BYTES);
	for (size_t i = 0; !r && i < b->n; i++) {
		r = wire_pack(&pack, b->entries[i].data, b->entries[i].len, e);
		if (!r && (i + 1 == b->n || pack.len > WIRE_PACK_BYTES)) {
			r = say(k, WIRE_ENTRIES, (struct span){pack.data, pack.len},
			    NO_BYTES, e);
			buf_clear(&pack);
		}
	}
	return r;
}

static int say_numbered(struct keeper *k, enum wire_type type, uint64_t number,
    struct span rest, struct err *e)
{
	return say(k, type, (struct span){&number, sizeof(number)}, rest, e);
}

static int append(struct keeper *k, const struct keeper_batch *b, struct err *e)
{
	enum wire_type type;
	int r = say(k, WIRE_APPEND, b->seen, NO_BYTES, e);

	if (!r)
		r = say_entries(k, b, e);
	if (!r && b->peaks.len)
		r = say_numbered(k, WIRE_START, b->start, b->peaks, e);
	if (!r)
		r = say_numbered(k, WIRE_HEAD, b->first + b->n, b->head, e);
	if (!r)
		r = answer(k, &type, e);
	if (r)
		return r;
	if (type == WIRE_CONFLICT)
		return err_set(
		    e, ERR_CONFLICT, "somebody else wrote the ledger in the meantime");
	return type == WIRE_DONE ? 0 : unexpected(k, e);
}

void keeper_hurry(struct keeper *k, int patience_s)
{
	k->write_patience_s = patience_s;
}

int keeper_append(struct keeper *k, const struct keeper_batch *batch, struct err *e)
{
	int r = begin(k, k->write_patience_s, e);

	return end(k, r ? r : append(k, batch, e));
}

/* ---- manifests ---- */

/* One question of one frame; 0 only for an answer of type `wanted`. */
static int ask(struct keeper *k, enum wire_type question, struct span first,
    struct span second, enum wire_type wanted, struct err *e)
{
	enum wire_type type = WIRE_ERROR;
	int r = say(k, question, first, second, e);

	if (!r)
		r = answer(k, &type, e);
	if (r || type == wanted)
		return r;
	if (type == WIRE_ABSENT &&
	    (question == WIRE_COUNT_CHUNKS || question == WIRE_GET_STORED))
		return err_set(
		    e, ERR_NOT_FOUND, "the ledger does not hold this manifest");
	return unexpected(k, e);
}

struct chunk_key {
	uint8_t digest[DIGEST_BYTES];
	uint32_t index, all;
};

int keeper_put_chunks(struct keeper *k, const struct digest *digest,
    const struct keeper_chunks *chunks, struct err *e)
{
	struct chunk_key key = {.index = chunks->first, .all = chunks->all};
	int r = begin(k, WRITE_PATIENCE_S, e);

	memcpy(key.digest, digest->bytes, DIGEST_BYTES);
	if (!r)
		r = ask(k, WIRE_PUT_CHUNKS, (struct span){&key, sizeof(key)},
		    chunks->items, WIRE_DONE, e);
	return end(k, r);
}

int keeper_count_chunks(
    struct keeper *k, const struct digest *digest, uint32_t *n, struct err *e)
{
	struct span key = {digest->bytes, DIGEST_BYTES};
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	if (!r)
		r = ask(k, WIRE_COUNT_CHUNKS, key, NO_BYTES, WIRE_COUNT, e);
	if (!r && k->payload.len != sizeof(*n))
		r = unexpected(k, e);
	if (!r)
		memcpy(n, k->payload.data, sizeof(*n));
	return end(k, r);
}

int keeper_get_chunk(struct keeper *k, const struct digest *digest, uint32_t index,
    struct buf *text, struct err *e)
{
	struct span first = {digest->bytes, DIGEST_BYTES};
	struct span second = {&index, sizeof(index)};
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	if (!r)
		r = ask(k, WIRE_GET_CHUNK, first, second, WIRE_CHUNK, e);
	if (!r && (k->payload.len == 0 || k->payload.len > KEEPER_CHUNK_BYTES))
		r = unexpected(k, e);
	if (!r) {
		buf_clear(text);
		r = buf_add(text, k->payload.data, k->payload.len, e);
	}
	return end(k, r);
}

/* ---- copies ---- */

static int take_manifests(
    struct keeper *k, struct keeper_manifest **list, size_t *n, struct err *e)
{
	size_t more = k->payload.len / sizeof(**list);

	if (k->payload.len % sizeof(**list))
		return unexpected(k, e);
	*list = xreallocarray(*list, *n + more, sizeof(**list));
	memcpy(*list + *n, k->payload.data, k->payload.len);
	*n += more;
	return 0;
}

int keeper_list_manifests(
    struct keeper *k, struct keeper_manifest **out, size_t *n, struct err *e)
{
	enum wire_type type = WIRE_MANIFESTS;
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	*out = NULL;
	*n = 0;
	if (!r)
		r = say(k, WIRE_LIST_MANIFESTS, NO_BYTES, NO_BYTES, e);
	while (!r && type == WIRE_MANIFESTS) {
		r = answer(k, &type, e);
		if (!r && type == WIRE_MANIFESTS)
			r = take_manifests(k, out, n, e);
	}
	if (!r && type != WIRE_DONE)
		r = unexpected(k, e);
	if (r) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return end_reading(k, r);
}

int keeper_get_stored(struct keeper *k, const struct digest *digest, uint32_t index,
    struct buf *stored, struct err *e)
{
	struct span first = {digest->bytes, DIGEST_BYTES};
	struct span second = {&index, sizeof(index)};
	int r = begin(k, KEEPER_READ_PATIENCE_S, e);

	if (!r)
		r = ask(k, WIRE_GET_STORED, first, second, WIRE_STORED, e);
	if (!r) {
		buf_clear(stored);
		r = buf_add(stored, k->payload.data, k->payload.len, e);
	}
	return end(k, r);
}

int keeper_fill(struct keeper *k, enum keeper_db db, struct span items, struct err *e)
{
	uint32_t which = db;
	int r = begin(k, WRITE_PATIENCE_S, e);

	if (!r)
		r = ask(k, WIRE_FILL, (struct span){&which, sizeof(which)}, items,
		    WIRE_DONE, e);
	return end(k, r);
}

int keeper_sync(struct keeper *k, struct err *e)
{
	int r = begin(k, WRITE_PATIENCE_S, e);

	if (!r)
		r = ask(k, WIRE_SYNC, NO_BYTES, NO_BYTES, WIRE_DONE, e);
	return end(k, r);
}
