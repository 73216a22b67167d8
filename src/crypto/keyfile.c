/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile.c: see keyfile.h. */
#include "crypto/keyfile.h"

#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "crypto/key_impl.h"
#include "crypto/wrap.h"

#define CLEAR_PREFIX "PRIVATE+KEY+"

/* ---- files ---- */

static int check_file(const char *file, const struct stat *st, struct err *e)
{
	if (st->st_uid != geteuid())
		return err_set(e, ERR_LEDGER,
		    "key file %s: owned by uid %u, not by this user", file, st->st_uid);
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_LEDGER,
		    "key file %s: group or others may use it (mode %04o)", file,
		    st->st_mode & 07777);
	return 0;
}

/* The directory of a file, and its name there. What is absolute an administrator has named. */
static int open_directory(
    int dirfd, const char *file, int *out_fd, const char **name, struct err *e)
{
	*name = file;
	return file[0] == '/' ? fs_open_parent(file, out_fd, name, e)
			      : fs_open_dir(dirfd, ".", out_fd, e);
}

int keyfile_read(int dirfd, const char *file, struct buf *text, struct err *e)
{
	CLEANUP_FD int fd = -1;
	const char *name;
	struct stat st;
	int r = secmem_prepare(e);

	if (!r)
		r = open_directory(dirfd, file, &fd, &name, e);
	if (!r)
		r = fs_read_file(fd, name, KEYFILE_MAX, text, &st, e);
	if (r)
		return err_wrap(e, "key file");
	return check_file(file, &st, e);
}

static int format_clear(const struct secret_key *k, struct buf *out, struct err *e)
{
	int r = buf_adds(out, CLEAR_PREFIX, e);

	if (!r)
		r = key_text_format(secret_key_public(k), secret_key_seed(k), out, e);
	return r ? r : buf_adds(out, "\n", e);
}

static int format_wrapped(const struct secret_key *k, const struct buf *passphrase,
    struct buf *out, struct err *e)
{
	struct wrapped_key wrapped;
	int r = key_wrap(k, passphrase, &wrap_cost_default, &wrapped, e);

	return r ? r : wrapped_key_format(&wrapped, out, e);
}

int keyfile_write(const struct secret_key *k, int dirfd, const char *file,
    const struct buf *passphrase, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	CLEANUP_FD int fd = -1;
	const char *name;
	int r;

	secret_buf_init(&text, KEYFILE_MAX);
	r = passphrase ? format_wrapped(k, passphrase, &text, e)
		       : format_clear(k, &text, e);
	if (!r)
		r = open_directory(dirfd, file, &fd, &name, e);
	if (!r)
		r = fs_create(fd, name, text.data, text.len, 0600, e);
	return r ? err_wrap(e, "key file") : 0;
}

/* ---- text ---- */

bool keyfile_is_wrapped(const struct buf *text)
{
	return wrapped_key_is(text->data);
}

static int parse_clear(const struct buf *text, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf copy;
	CLEANUP_SECRET_BUF struct buf seed;
	struct key_text parts;
	int r;

	secret_buf_init(&copy, KEYFILE_MAX);
	secret_buf_init(&seed, KEY_BYTES);
	parts.bytes = (uint8_t *)seed.data;
	if (strncmp(text->data, CLEAR_PREFIX, strlen(CLEAR_PREFIX)) != 0)
		return err_set(e, ERR_MALFORMED, "not a secret key");
	r = buf_adds(&copy, text->data + strlen(CLEAR_PREFIX), e);
	if (r)
		return r;
	if (copy.len && copy.data[copy.len - 1] == '\n')
		buf_truncate(&copy, copy.len - 1);
	r = key_text_split(copy.data, &parts, e);
	if (!r)
		r = secret_key_from_seed(parts.name, parts.bytes, out, e);
	if (!r && secret_key_public(*out)->id != parts.id) {
		secret_key_free_p(out);
		r = err_set(e, ERR_MALFORMED, "the hash does not belong to the key");
	}
	return r;
}

static int check_text(const struct buf *text, struct err *e)
{
	return strlen(text->data) == text->len
		   ? 0
		   : err_set(e, ERR_MALFORMED, "not a secret key: a NUL byte");
}

int keyfile_public(const struct buf *text, struct public_key *out, struct err *e)
{
	CLEANUP_SECRET_KEY struct secret_key *k = NULL;
	struct wrapped_key wrapped;
	int r = check_text(text, e);

	if (r)
		return r;
	if (keyfile_is_wrapped(text)) {
		r = wrapped_key_parse(text->data, &wrapped, e);
		if (!r)
			*out = wrapped.public;
		return r;
	}
	r = parse_clear(text, &k, e);
	if (!r)
		*out = *secret_key_public(k);
	return r;
}

static int unwrap(const struct buf *text, const char *what,
    const struct passphrase_source *source, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf passphrase;
	struct wrapped_key wrapped;
	int r = wrapped_key_parse(text->data, &wrapped, e);

	secret_buf_init(&passphrase, PASSPHRASE_MAX);
	if (r)
		return err_wrap(e, "%s", what);
	r = passphrase_get(source, what, false, &passphrase, e);
	if (r)
		return r;
	r = key_unwrap(&wrapped, &passphrase, out, e);
	return r ? err_wrap(e, "%s", what) : 0;
}

int keyfile_unlock(const struct buf *text, const char *what,
    const struct passphrase_source *source, struct secret_key **out, struct err *e)
{
	int r = check_text(text, e);

	*out = NULL;
	if (!r && keyfile_is_wrapped(text))
		return unwrap(text, what, source, out, e);
	if (!r)
		r = parse_clear(text, out, e);
	return r ? err_wrap(e, "%s", what) : 0;
}
