/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h: the process that alone touches LMDB. A damaged database can crash or stall whoever reads
 * it; here it crashes a child, and its parent reports a damaged ledger. The keeper decides nothing:
 * it hands over bytes, which the parent authenticates before it parses them, and stores bytes in one
 * transaction.
 *
 * The keeper is forked while the program has one thread (ledger_open), owns the environment for its
 * whole life, and ends with its parent. All calls come from one thread at a time.
 */
#ifndef LEDGER_KEEPER_H
#define LEDGER_KEEPER_H

#include "crypto/digest.h"
#include "ledger/wire.h"

enum keeper_mode {
	KEEPER_READ,
	KEEPER_WRITE,
	KEEPER_CREATE, /* make an empty database */
};

struct keeper;

/* `dirfd` is the ledger directory, borrowed. */
MUSTUSE int keeper_start(
    int dirfd, enum keeper_mode mode, struct keeper **out, struct err *e);
void keeper_stop(struct keeper *k); /* NULL is fine */

/* Entries in order; then the newest head. Bytes are borrowed for the call. */
typedef int keeper_bytes_fn(void *ctx, const char *bytes, size_t len, struct err *e);
MUSTUSE int keeper_dump(struct keeper *k, keeper_bytes_fn *entry, void *ctx,
    uint64_t *head_size, struct buf *head, struct err *e);

/* Appends after `expected` entries and sets the head, in one transaction, durable on return. */
struct keeper_bytes {
	const char *data;
	size_t len;
};
MUSTUSE int keeper_append(struct keeper *k, uint64_t expected,
    const struct keeper_bytes *entries, size_t n, const char *head, size_t head_len,
    struct err *e);

MUSTUSE int keeper_has_manifest(
    struct keeper *k, const struct digest *digest, bool *has, struct err *e);
/* Chunks from 0 upwards, then keeper_put_done(), which makes them visible. */
MUSTUSE int keeper_put_chunk(struct keeper *k, const struct digest *digest,
    uint32_t index, const void *data, size_t len, struct err *e);
MUSTUSE int keeper_put_done(
    struct keeper *k, const struct digest *digest, uint32_t chunks, struct err *e);
/* Begins reading one; keeper_next_chunk() gives *len == 0 after the last. ERR_NOT_FOUND: not there. */
MUSTUSE int keeper_get_manifest(
    struct keeper *k, const struct digest *digest, struct err *e);
MUSTUSE int keeper_next_chunk(
    struct keeper *k, const char **data, size_t *len, struct err *e);

/* The child's side (keeper_child.c): serves until the socket closes; never returns. */
NORETURN void keeper_serve(int socket_fd, int dirfd, enum keeper_mode mode);

#endif
