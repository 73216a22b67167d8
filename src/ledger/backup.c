/* SPDX-License-Identifier: Apache-2.0 */
/* backup.c: a ledger's database made anew elsewhere, with what else belongs to it. */
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "crypto/keyfile.h"
#include "crypto/secmem.h"
#include "ledger/upkeep.h"

int upkeep_copy_secret(int from, int to, const char *name, bool *copied, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf secret;
	int r;

	*copied = false;
	secret_buf_init(&secret, KEYFILE_MAX);
	r = fs_read_file(from, name, KEYFILE_MAX, &secret, NULL, e);
	if (r == ERR_NOT_FOUND)
		return 0;
	if (!r)
		r = fs_create(to, name, secret.data, secret.len, 0600, e);
	*copied = r == 0;
	return r ? err_wrap(e, "%s", name) : 0;
}

static int write_trust(int dirfd, const struct trust *trust, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, TRUST_MAX_BYTES);
	r = trust_format(trust, &text, e);
	return r ? r : fs_create(dirfd, BACKUP_FILE_TRUST, text.data, text.len, 0600, e);
}

static int write_files(
    struct ledger *l, int dirfd, const struct ledger_backup_options *o, struct err *e)
{
	bool ignored;
	int r =
	    fs_create(dirfd, BACKUP_FILE_CHECKPOINT, l->note.data, l->note.len, 0600, e);

	if (!r)
		r = write_trust(dirfd, o->trust, e);
	if (!r && o->with_secrets)
		r = upkeep_copy_secret(l->dirfd, dirfd, LEDGER_FILE_KEY, &ignored, e);
	if (!r && o->with_secrets)
		r = upkeep_copy_secret(
		    l->dirfd, dirfd, LEDGER_FILE_STATPRINT, &ignored, e);
	return r;
}

/* The mark that it is unfinished goes last, so what has no mark is whole. */
static int fill(struct ledger *l, int dirfd, const struct ledger_backup_options *o,
    struct copy_report *out, struct err *e)
{
	const struct copy_options all = {0};
	CLEANUP_FD int dbfd = -1;
	int r = ledger_dir_database(dirfd, &dbfd, e);

	if (!r)
		r = copy_make(l, dbfd, &all, out, e);
	if (!r && fsync(dbfd))
		r = err_sys(e, LEDGER_DIR_DATABASE);
	if (!r)
		r = write_files(l, dirfd, o, e);
	if (!r && fsync(dirfd))
		r = err_sys(e, "its directory");
	if (!r)
		return ledger_dir_finish(dirfd, e);
	/* The large part of a failure, lest it be one of space. */
	unlinkat(dirfd, LEDGER_FILE_DATA, 0);
	return r;
}

int upkeep_backup(struct ledger *l, const struct ledger_backup_options *o,
    struct copy_report *out, struct err *e)
{
	CLEANUP_FD int dirfd = -1;
	int r = ledger_dir_prepare(o->dir, &dirfd, e);

	*out = (struct copy_report){0};
	if (!r)
		r = fill(l, dirfd, o, out, e);
	return r ? err_wrap(e, "backup %s", o->dir) : 0;
}
