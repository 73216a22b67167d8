/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c: the parent's side: fork, ask, notice when the keeper dies or stalls. */
#include "ledger/keeper.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A keeper that says nothing for this long is reading a damaged database in circles. */
#define ANSWER_TIMEOUT_MS 10000

struct keeper {
	pid_t pid;
	int fd;
	struct buf payload; /* of the newest answer */
};

static NORETURN void run_child(
    int socket_fd, int dirfd, enum keeper_mode mode, pid_t parent)
{
	struct rlimit none = {0, 0};

	/* A damaged database must leave no core with the parent's key material in it. */
	(void)!setrlimit(RLIMIT_CORE, &none);
	(void)!prctl(PR_SET_DUMPABLE, 0);
	(void)!prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	/* ^C at the terminal is for the parent; the keeper ends when the socket does. */
	signal(SIGINT, SIG_IGN);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	keeper_serve(socket_fd, dirfd, mode);
}

int keeper_start(int dirfd, enum keeper_mode mode, struct keeper **out, struct err *e)
{
	pid_t parent = getpid(), pid;
	int fds[2];

	*out = NULL;
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
		run_child(fds[1], dirfd, mode, parent);
	}
	close(fds[1]);
	*out = xcalloc(1, sizeof(**out));
	(*out)->pid = pid;
	(*out)->fd = fds[0];
	buf_init(&(*out)->payload, WIRE_MAX_BYTES);
	return 0;
}

static int reap(struct keeper *k, bool kill_first)
{
	int status = 0;

	if (k->pid <= 0)
		return 0;
	if (kill_first)
		kill(k->pid, SIGKILL);
	waitpid(k->pid, &status, 0);
	k->pid = 0;
	return status;
}

void keeper_stop(struct keeper *k)
{
	if (!k)
		return;
	close(k->fd);
	reap(k, false);
	buf_release(&k->payload);
	free(k);
}

/* The socket failed: say what became of the keeper rather than of the socket. */
static int lost(struct keeper *k, struct err *e)
{
	struct err why = *e;
	int status;

	if (k->pid <= 0)
		return err_set(e, ERR_LEDGER, "the ledger's keeper is gone");
	/* Closed by itself: it is dying and can be waited for. Stalled: it must be killed. */
	status = reap(k, strncmp(why.msg, "no answer", 9) == 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		return err_set(e, ERR_LEDGER,
		    "the ledger's database is damaged: reading it ended with signal %d "
		    "(%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(
	    e, ERR_LEDGER, "the ledger's database cannot be read: %s", why.msg);
}

static int ask(struct keeper *k, enum wire_type type, const void *a, size_t a_len,
    const void *b, size_t b_len, struct err *e)
{
	if (k->pid <= 0)
		return err_set(e, ERR_LEDGER, "the ledger's keeper is gone");
	/* A failed send may hide an error message that waits to be read. */
	(void)!wire_send(k->fd, type, a, a_len, b, b_len, e);
	return 0;
}

static int remote_error(struct keeper *k, struct err *e)
{
	uint32_t code;

	if (k->payload.len < sizeof(code))
		return err_set(
		    e, ERR_LEDGER, "the ledger's keeper failed without a word");
	memcpy(&code, k->payload.data, sizeof(code));
	return err_set(e, code == -ERR_IO ? ERR_IO : ERR_LEDGER, "%s",
	    k->payload.data + sizeof(code));
}

/* The next answer; one of type WIRE_ERROR becomes an error. */
static int answer(struct keeper *k, enum wire_type *type, struct err *e)
{
	if (wire_recv(k->fd, ANSWER_TIMEOUT_MS, type, &k->payload, e))
		return lost(k, e);
	return *type == WIRE_ERROR ? remote_error(k, e) : 0;
}

static int unexpected(struct err *e)
{
	return err_set(
	    e, ERR_LEDGER, "the ledger's keeper gave an answer that was not asked for");
}

static int take_head(struct keeper *k, uint64_t *size, struct buf *head, struct err *e)
{
	if (k->payload.len < sizeof(*size))
		return unexpected(e);
	memcpy(size, k->payload.data, sizeof(*size));
	buf_clear(head);
	return buf_add(
	    head, k->payload.data + sizeof(*size), k->payload.len - sizeof(*size), e);
}

static int take_entries(
    struct keeper *k, keeper_bytes_fn *entry, void *ctx, struct err *e)
{
	const char *rest = k->payload.data, *data;
	size_t left = k->payload.len, len;
	int r = 0;

	while (!r && wire_unpack(&rest, &left, &data, &len))
		r = entry(ctx, data, len, e);
	return r ? r : left ? unexpected(e) : 0;
}

int keeper_dump(struct keeper *k, keeper_bytes_fn *entry, void *ctx, uint64_t *head_size,
    struct buf *head, struct err *e)
{
	enum wire_type type = WIRE_ENTRIES;
	int r = ask(k, WIRE_DUMP, NULL, 0, NULL, 0, e);

	while (!r && type != WIRE_DONE) {
		r = answer(k, &type, e);
		if (r)
			return r;
		if (type == WIRE_ENTRIES)
			r = take_entries(k, entry, ctx, e);
		else if (type == WIRE_HEAD)
			r = take_head(k, head_size, head, e);
		else if (type != WIRE_DONE)
			r = unexpected(e);
	}
	return r;
}

static int send_entries(
    struct keeper *k, const struct keeper_bytes *entries, size_t n, struct err *e)
{
	CLEANUP_BUF struct buf pack;
	int r = 0;

	buf_init(&pack, WIRE_MAX_BYTES);
	for (size_t i = 0; !r && i < n; i++) {
		r = wire_pack(&pack, entries[i].data, entries[i].len, e);
		if (!r && (i + 1 == n || pack.len > WIRE_PACK_BYTES)) {
			r = ask(k, WIRE_ENTRIES, pack.data, pack.len, NULL, 0, e);
			buf_clear(&pack);
		}
	}
	return r;
}

int keeper_append(struct keeper *k, uint64_t expected, const struct keeper_bytes *entries,
    size_t n, const char *head, size_t head_len, struct err *e)
{
	uint64_t size = expected + n;
	enum wire_type type;
	int r = ask(k, WIRE_APPEND, &expected, sizeof(expected), NULL, 0, e);

	if (!r)
		r = send_entries(k, entries, n, e);
	if (!r)
		r = ask(k, WIRE_HEAD, &size, sizeof(size), head, head_len, e);
	if (!r)
		r = answer(k, &type, e);
	if (r)
		return r;
	if (type == WIRE_CONFLICT)
		return err_set(
		    e, ERR_CONFLICT, "somebody else wrote the ledger in the meantime");
	return type == WIRE_DONE ? 0 : unexpected(e);
}

int keeper_has_manifest(
    struct keeper *k, const struct digest *digest, bool *has, struct err *e)
{
	enum wire_type type;
	int r = ask(k, WIRE_HAS_MANIFEST, digest->bytes, DIGEST_BYTES, NULL, 0, e);

	if (!r)
		r = answer(k, &type, e);
	if (r)
		return r;
	*has = type == WIRE_DONE;
	return *has || type == WIRE_ABSENT ? 0 : unexpected(e);
}

int keeper_put_chunk(struct keeper *k, const struct digest *digest, uint32_t index,
    const void *data, size_t len, struct err *e)
{
	uint8_t key[DIGEST_BYTES + sizeof(index)];

	memcpy(key, digest->bytes, DIGEST_BYTES);
	memcpy(key + DIGEST_BYTES, &index, sizeof(index));
	return ask(k, WIRE_PUT_CHUNK, key, sizeof(key), data, len, e);
}

int keeper_put_done(
    struct keeper *k, const struct digest *digest, uint32_t chunks, struct err *e)
{
	enum wire_type type;
	int r = ask(
	    k, WIRE_PUT_DONE, digest->bytes, DIGEST_BYTES, &chunks, sizeof(chunks), e);

	if (!r)
		r = answer(k, &type, e);
	return r ? r : type == WIRE_DONE ? 0 : unexpected(e);
}

int keeper_get_manifest(struct keeper *k, const struct digest *digest, struct err *e)
{
	enum wire_type type;
	int r = ask(k, WIRE_GET_MANIFEST, digest->bytes, DIGEST_BYTES, NULL, 0, e);

	if (!r)
		r = answer(k, &type, e);
	if (r)
		return r;
	if (type == WIRE_ABSENT)
		return err_set(
		    e, ERR_NOT_FOUND, "the ledger does not hold this manifest");
	return type == WIRE_DONE ? 0 : unexpected(e);
}

int keeper_next_chunk(struct keeper *k, const char **data, size_t *len, struct err *e)
{
	enum wire_type type;
	int r = answer(k, &type, e);

	if (r)
		return r;
	if (type != WIRE_CHUNK && type != WIRE_DONE)
		return unexpected(e);
	*data = k->payload.data;
	*len = type == WIRE_CHUNK ? k->payload.len : 0;
	return 0;
}
