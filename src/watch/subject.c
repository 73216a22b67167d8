/* SPDX-License-Identifier: Apache-2.0 */
/* subject.c: see subject.h. */
#include "watch/subject.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/esc.h"
#include "store/cachemounts.h"

#define OPTIONS_MAX (1U << 20)

void subject_release(struct subject *s)
{
	free(s->ledger);
	free(s->trust);
	free(s->store);
	free(s->user);
	fs_names_release(&s->cache_dirs);
	*s = (struct subject){0};
}

/* ---- the same words on both sides ---- */

int subject_ledger(
    const char *dir, char **path, uint64_t *device, uint64_t *inode, struct err *e)
{
	CLEANUP_FREE char *canonical = realpath(dir, NULL);
	struct stat st;

	if (!canonical || stat(canonical, &st))
		return errno == ENOENT ? err_set(e, ERR_NOT_FOUND, "no ledger at %s", dir)
				       : err_sys(e, "ledger %s", dir);
	*path = take_ptr(canonical);
	*device = st.st_dev;
	*inode = st.st_ino;
	return 0;
}

static int put_line(struct buf *out, const char *key, const char *path, struct err *e)
{
	CLEANUP_FREE char *canonical = path ? realpath(path, NULL) : NULL;
	const char *text = canonical ? canonical : path ? path : "";
	int r = buf_addf(out, e, "%s ", key);

	if (!r)
		r = esc_token(out, text, strlen(text), NULL, e);
	return r ? r : buf_adds(out, "\n", e);
}

int subject_options(const struct store_config *c, struct digest *out, struct err *e)
{
	CLEANUP_BUF struct buf text;
	struct stat st;
	int r;

	buf_init(&text, OPTIONS_MAX);
	if (stat(c->graphroot, &st))
		return err_sys(e, "store %s", c->graphroot);
	r = put_line(&text, "graphroot", c->graphroot, e);
	if (!r)
		r = buf_addf(&text, e, "device %" PRIu64 "\ninode %" PRIu64 "\n",
		    (uint64_t)st.st_dev, (uint64_t)st.st_ino);
	if (!r)
		r = put_line(&text, "runroot", c->runroot, e);
	if (!r)
		r = buf_addf(&text, e, "driver %s\n", store_driver_name(c->driver));
	if (!r)
		r = put_line(&text, "imagestore", c->imagestore, e);
	for (size_t i = 0; !r && i < c->n_additional; i++)
		r = put_line(&text, "additional", c->additional[i], e);
	if (!r)
		sha256(text.data, text.len, out);
	return r;
}

char *subject_cache_dir(const char *dir)
{
	char *canonical = dir[0] == '/' ? realpath(dir, NULL) : NULL;

	return canonical ? canonical : xstrdup(dir);
}

/* ---- compare ---- */

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static bool looks_at(const struct subject *s, const char *dir)
{
	for (size_t i = 0; i < s->cache_dirs.n; i++) {
		if (strcmp(s->cache_dirs.v[i], dir) == 0)
			return true;
	}
	return false;
}

/* What is not watched, or NULL. */
static const char *other_store(const struct subject *s, const struct request *r)
{
	if (r->user && !is_same(r->user, s->user))
		return "the store of another user is watched";
	if (r->store)
		return is_same(r->store, s->store) ? NULL : "another store is watched";
	if (r->user ? s->only_of_user : s->only)
		return NULL;
	return "the ledger holds several stores, and none is named";
}

static const char *other(const struct subject *s, const struct request *r)
{
	if (!is_same(r->ledger, s->ledger) || r->ledger_device != s->ledger_device ||
	    r->ledger_inode != s->ledger_inode)
		return "another ledger is watched";
	if (other_store(s, r))
		return other_store(s, r);
	if (!digest_is_zero(&r->options) && !digest_equal(&r->options, &s->options))
		return "the command uses the store with other options than the ledger "
		       "knows it with";
	if (!digest_equal(&r->policy, &s->policy) ||
	    r->whiteout_files != s->whiteout_files)
		return "the watcher goes by another configuration";
	if (r->trust && !is_same(r->trust, s->trust))
		return "the watcher goes by another trust file";
	return NULL;
}

enum answer_status subject_compare(
    const struct subject *s, const struct request *r, struct err *why)
{
	const char *what = other(s, r);
	bool all = r->n_cache_dirs || looks_at(s, CACHE_MOUNT_DEFAULT_DIR);

	if (what) {
		err_set(why, ERR_REFUSED, "%s", what);
		return ANSWER_OTHER;
	}
	for (size_t i = 0; all && i < r->n_cache_dirs; i++)
		all = looks_at(s, r->cache_dirs[i]);
	if (all)
		return ANSWER_KNOWN;
	err_set(
	    why, ERR_REFUSED, "cache mounts would be in a directory that is not watched");
	return ANSWER_UNKNOWN;
}
