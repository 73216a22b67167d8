/* SPDX-License-Identifier: Apache-2.0 */
/* keyfile.c: see keyfile.h. */
#include "crypto/keyfile.h"

#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "crypto/key_impl.h"
#include "crypto/secmem.h"

#define SECRET_PREFIX "PRIVATE+KEY+"
#define KEY_FILE_MAX 512

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

/* Into locked memory throughout. */
static int parse_secret(struct buf *text, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf seed;
	struct key_text parts;
	int r;

	secret_buf_init(&seed, KEY_BYTES);
	parts.bytes = (uint8_t *)seed.data;
	if (text->len && text->data[text->len - 1] == '\n')
		buf_truncate(text, text->len - 1);
	if (strlen(text->data) != text->len ||
	    strncmp(text->data, SECRET_PREFIX, strlen(SECRET_PREFIX)) != 0)
		return err_set(e, ERR_MALFORMED, "not a secret key");
	r = key_text_split(text->data + strlen(SECRET_PREFIX), &parts, e);
	if (!r)
		r = secret_key_from_seed(parts.name, parts.bytes, out, e);
	if (!r && secret_key_public(*out)->id != parts.id) {
		secret_key_free_p(out);
		r = err_set(e, ERR_MALFORMED, "the hash does not belong to the key");
	}
	return r;
}

int secret_key_load(int dirfd, const char *file, struct secret_key **out, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	struct stat st;
	int r;

	*out = NULL;
	secret_buf_init(&text, KEY_FILE_MAX);
	r = fs_read_file(dirfd, file, KEY_FILE_MAX, &text, &st, e);
	if (!r)
		r = check_file(file, &st, e);
	if (!r && parse_secret(&text, out, e))
		r = err_wrap(e, "key file %s", file);
	return r;
}

int secret_key_save(
    const struct secret_key *k, int dirfd, const char *file, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	secret_buf_init(&text, KEY_FILE_MAX);
	r = buf_adds(&text, SECRET_PREFIX, e);
	if (!r)
		r = key_text_format(secret_key_public(k), secret_key_seed(k), &text, e);
	if (!r)
		r = buf_adds(&text, "\n", e);
	if (!r)
		r = fs_create(dirfd, file, text.data, text.len, 0600, e);
	return r;
}
