/* SPDX-License-Identifier: Apache-2.0 */
/* restore.c: the ledger of a backup takes the place of one that is older, damaged or gone. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/audit.h"
#include "ledger/exchange.h"
#include "ledger/upkeep.h"

/* ---- the backup ---- */

/* All of it is checked but the manifests, which the copy reads anyway; and the anchors are asked. */
static int open_backup(
    const struct ledger_restoration *o, struct ledger **out, struct err *e)
{
	const struct ledger_options lo = {.dir = o->backup,
	    .mode = LEDGER_READ,
	    .trust = o->trust,
	    .anchors = o->anchors};
	const struct audit_options ao = {.trust = o->trust};
	struct audit_report ignored;
	int r = ledger_open(&lo, out, e);

	if (r == ERR_NOT_FOUND)
		return err_set(e, ERR_LEDGER, "%s holds no backup", o->backup);
	if (!r)
		ledger_forget_statprint_key(*out);
	if (!r)
		r = audit_ledger(*out, &ao, &ignored, e);
	return r ? err_wrap(e, "backup %s", o->backup) : 0;
}

/* ---- the ledger in place ---- */

struct place {
	int dirfd, dbfd, floor_fd;
};

static void place_release(struct place *p)
{
	base_close_p(&p->floor_fd);
	base_close_p(&p->dbfd);
	base_close_p(&p->dirfd);
}

static int open_place(const struct ledger_restoration *o, struct place *p, struct err *e)
{
	int r;

	if (mkdir(o->dir, 0700) && errno != EEXIST)
		return err_sys(e, "ledger %s", o->dir);
	r = ledger_dir_open_any(o->dir, &p->dirfd, e);
	if (!r && faccessat(p->dirfd, LEDGER_FILE_UNFINISHED, F_OK, 0) == 0)
		r = err_set(e, ERR_REFUSED,
		    "%s: layerseal init was interrupted there: let it finish, or remove "
		    "the directory",
		    o->dir);
	if (r)
		return r;
	r = ledger_dir_database(p->dirfd, &p->dbfd, e);
	if (r == ERR_NOT_FOUND)
		return 0;
	return r ? r : exchange_claim(p->dirfd, p->dbfd, o->wait_s, &p->floor_fd, e);
}

struct glimpse {
	const struct trust *trust;
	struct checkpoint *head;
	bool seen;
};

static int see_head(void *ctx, uint64_t size, struct span note, struct err *e)
{
	struct glimpse *g = ctx;

	g->seen =
	    trust_open_checkpoint(g->trust, note.data, note.len, g->head, NULL, e) == 0 &&
	    g->head->size == size;
	return err_set(e, ERR_LEDGER, "that is enough");
}

static int see_entry(void *ctx, struct span bytes, struct err *e)
{
	(void)ctx;
	(void)bytes;
	return err_set(e, ERR_INTERNAL, "an entry before the head");
}

/*
 * What the ledger in place was, as far as it can be told: even of a damaged one, the newest checkpoint
 * may still say, with a signature, that there was more. False: nothing can be told.
 */
static bool look(
    const struct place *p, const struct trust *trust, struct checkpoint *head)
{
	struct glimpse g = {.trust = trust, .head = head};
	const struct keeper_sink sink = {&g, see_head, NULL, see_entry};
	struct keeper *k;
	struct err ignored;

	if (p->dbfd < 0 || keeper_start(p->dbfd, KEEPER_READ, &k, &ignored))
		return false;
	(void)!keeper_dump(k, false, &sink, &ignored);
	keeper_stop(k);
	return g.seen;
}

/* Never back, and never to another one. */
static int check_beginning(
    struct ledger *backup, const struct checkpoint *present, struct err *e)
{
	uint64_t size = ledger_size(backup);
	struct digest root;
	int r;

	if (size < present->size)
		return err_set(e, ERR_REFUSED,
		    "the ledger in place was signed with %" PRIu64
		    " entries, the backup has %" PRIu64
		    ": what came after it would be lost",
		    present->size, size);
	r = ledger_root_at(backup, present->size, &root, e);
	if (r || digest_equal(&root, &present->root))
		return r;
	return err_set(e, ERR_REFUSED,
	    "the ledger in place has other entries than the backup: neither is a "
	    "continuation of the other");
}

/* ---- putting it in place ---- */

static bool exists(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Secrets in place stay: they may be newer. */
static int bring_secrets(
    int backup_fd, const struct place *p, struct restored *out, struct err *e)
{
	int r = 0;

	if (!exists(p->dirfd, LEDGER_FILE_KEY))
		r = upkeep_copy_secret(
		    backup_fd, p->dirfd, LEDGER_FILE_KEY, &out->key, e);
	if (!r && !exists(p->dirfd, LEDGER_FILE_STATPRINT))
		r = upkeep_copy_secret(
		    backup_fd, p->dirfd, LEDGER_FILE_STATPRINT, &out->statprint_key, e);
	return r;
}

static int put_in_place(
    struct ledger *backup, const struct place *p, struct restored *out, struct err *e)
{
	const struct copy_options all = {0};
	CLEANUP_FD int newfd = -1;
	int r = exchange_prepare(p->dirfd, &newfd, e);

	if (!r)
		r = copy_make(backup, newfd, &all, &out->copy, e);
	if (!r)
		r = bring_secrets(backup->dirfd, p, out, e);
	if (!r)
		r = exchange_finish(p->dirfd, newfd, e);
	else
		exchange_discard(p->dirfd);
	return r;
}

int upkeep_restore(
    const struct ledger_restoration *o, struct restored *out, struct err *e)
{
	CLEANUP(place_release) struct place p = {-1, -1, -1};
	CLEANUP_LEDGER struct ledger *backup = NULL;
	struct checkpoint present;
	int r = open_backup(o, &backup, e);

	*out = (struct restored){0};
	if (!r)
		r = open_place(o, &p, e);
	if (!r && look(&p, o->trust, &present)) {
		out->before = present.size;
		r = check_beginning(backup, &present, e);
	}
	if (r)
		return r;
	out->head = *ledger_head(backup);
	return put_in_place(backup, &p, out, e);
}
