/* SPDX-License-Identifier: Apache-2.0 */
/* passphrase.c: see passphrase.h. */
#include "crypto/passphrase.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define CREDENTIAL_NAME_MAX 255

/* ---- credentials ---- */

bool credential_name_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= CREDENTIAL_NAME_MAX && name[0] != '.' &&
	       !strchr(name, '/');
}

/*
 * The service manager made the file: it belongs to root, with an access control list for the service's
 * user, or to that user. So its owner says nothing, and its group bits are the list's mask.
 */
static int check_mode(const char *name, const struct stat *st, struct err *e)
{
	if (st->st_mode & (S_IRWXO | S_IWGRP))
		return err_set(e, ERR_LEDGER,
		    "credential %s: others may use it (mode %04o)", name,
		    st->st_mode & 07777);
	return 0;
}

int credential_read(const char *name, struct buf *out, struct err *e)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	CLEANUP_FD int dirfd = -1;
	struct stat st;
	int r;

	if (!credential_name_is_valid(name))
		return err_set(e, ERR_USAGE, "'%s' is no name of a credential", name);
	if (!dir || dir[0] != '/')
		return err_set(e, ERR_NOT_FOUND,
		    "credential %s: there are none (no CREDENTIALS_DIRECTORY)", name);
	r = fs_open_root(dir, &dirfd, e);
	if (!r)
		r = fs_read_file(dirfd, name, out->max, out, &st, e);
	if (r)
		return err_wrap(e, "credential");
	return check_mode(name, &st, e);
}

/* ---- passphrases ---- */

int passphrase_check(const struct buf *passphrase, bool fresh, struct err *e)
{
	if (passphrase->len == 0)
		return err_set(e, ERR_REFUSED, "an empty passphrase");
	if (memchr(passphrase->data, '\0', passphrase->len))
		return err_set(e, ERR_REFUSED, "a passphrase with a NUL byte");
	if (fresh && passphrase->len < PASSPHRASE_MIN)
		return err_set(e, ERR_REFUSED, "a passphrase of fewer than %d bytes",
		    PASSPHRASE_MIN);
	return 0;
}

static int too_long(struct err *e)
{
	return err_set(
	    e, ERR_REFUSED, "a passphrase of more than %d bytes", PASSPHRASE_MAX);
}

/* Byte by byte: what follows the line is the next reader's. */
static int read_line(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		size_t got;

		if (out->len == PASSPHRASE_MAX)
			return too_long(e);
		if (fs_read_up_to(fd, out->data + out->len, 1, &got))
			return err_sys(e, "descriptor %d", fd);
		if (got == 0 || out->data[out->len] == '\n')
			break;
		out->len++;
	}
	out->data[out->len] = '\0';
	return 0;
}

static int read_credential(const char *name, struct buf *out, struct err *e)
{
	const char *end;
	int r = credential_read(name, out, e);

	if (r)
		return r;
	end = memchr(out->data, '\n', out->len);
	if (end)
		buf_truncate(out, (size_t)(end - out->data));
	return 0;
}

int passphrase_get(const struct passphrase_source *s, const char *what, bool fresh,
    struct buf *out, struct err *e)
{
	int r = secmem_prepare(e);

	if (r)
		return r;
	switch (s->kind) {
	case PASSPHRASE_IF_NEEDED:
	case PASSPHRASE_ASK:
		r = s->ask ? s->ask(what, fresh, out, e)
			   : err_set(e, ERR_REFUSED, "nobody to ask for the passphrase");
		break;
	case PASSPHRASE_FD:
		r = read_line(s->fd, out, e);
		break;
	case PASSPHRASE_CREDENTIAL:
		r = read_credential(s->credential, out, e);
		break;
	case PASSPHRASE_NONE:
		r = err_set(e, ERR_REFUSED,
		    "it is under a passphrase, and the settings say that none is given");
		break;
	}
	if (!r)
		r = passphrase_check(out, fresh, e);
	return r ? err_wrap(e, "%s", what) : 0;
}
