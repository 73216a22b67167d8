/* SPDX-License-Identifier: Apache-2.0 */
/* image.c: see image.h. */
#include "store/image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/hex.h"
#include "store/image_doc.h"

#define IMAGE_FILE_MAX (64U << 20)
#define IMAGE_NAMES_MAX 4096
#define FILE_NAME_MAX 4096
#define LOOKS_MIN 3
#define LOOKS_MAX 8
#define LOOK_EVERY_NS 20000000L

struct check {
	const struct records *r;
	const struct store_image *i;
	struct image_content *out;
	struct findings *findings;
	int dirfd;
	const struct store_layer **chain; /* top first; owned */
	size_t n_chain;
	bool has_chain; /* it leads to a base layer */
	bool
	    is_list; /* a list of manifests (podman manifest create): no layers, no config */
	bool has_config;   /* whose bytes are what the id says */
	bool has_manifest; /* the item "manifest" */
	bool has_digest;   /* some manifest has the digest that the record names */
	/* The manifest that was read last: "manifest" mostly is one of those under their digest. */
	bool has_parsed;
	struct digest parsed_sha256;
	struct image_manifest parsed;
};

void image_content_release(struct image_content *c)
{
	for (size_t i = 0; i < c->n_files; i++)
		free(c->files[i].name);
	free(c->files);
	free(c->diff_ids);
	*c = (struct image_content){0};
}

bool image_is_alias(const struct records *r, const struct store_image *i)
{
	const struct store_image *other = records_image(r, i->id);
	const struct store_image *end = r->images + r->n_images;

	if (i->n_big_data)
		return false;
	for (; other && other < end && strcmp(other->id, i->id) == 0; other++) {
		if (other != i && other->n_big_data &&
		    strcmp(other->top_layer, i->top_layer) == 0)
			return true;
	}
	return false;
}

int image_file_name(const char *big_data_name, struct buf *out, struct err *e)
{
	static const char plain[] = ".0123456789abcdefghijklmnopqrstuvwxyz";
	size_t len = strlen(big_data_name);
	int r;

	if (!len || strcmp(big_data_name, ".") == 0 || strcmp(big_data_name, "..") == 0)
		return err_set(
		    e, ERR_MALFORMED, "'%s' cannot name a file", big_data_name);
	if (strspn(big_data_name, plain) == len)
		return buf_add(out, big_data_name, len, e);
	r = buf_adds(out, "=", e);
	if (!r)
		r = base64_encode(out, big_data_name, len, e);
	/* The alphabet of base64 has one character that no file name may hold. */
	if (!r && strchr(out->data, '/'))
		return err_set(
		    e, ERR_MALFORMED, "'%s' cannot name a file", big_data_name);
	return r;
}

static struct finding *add(
    const struct check *c, enum finding_class class, const char *path)
{
	return findings_add(
	    c->findings, class, (struct place){.image = c->i->id, .path = path});
}

static struct finding *add_found(const struct check *c, enum finding_class class,
    const char *path, const char *expected, const char *found)
{
	struct finding *f = add(c, class, path);

	finding_expected(f, "%s", expected);
	return finding_found(f, "%s", found);
}

/* The two names of one item: in the record and on disk. */
struct item {
	char *file;
	const struct store_big_data *data;
};

static int item_cmp(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->file, ((const struct item *)b)->file);
}

/* What containers/storage writes before it renames; left behind by a crash, never read. */
static bool is_leftover(int dirfd, const char *name)
{
	struct stat st;

	return strncmp(name, ".tmp-", 5) == 0 &&
	       fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

/* Both lists are sorted. */
static void match_names(const struct check *c, const struct item *items, size_t n,
    const struct fs_names *names)
{
	size_t i = 0, k = 0;

	while (i < n || k < names->n) {
		int order = i == n	    ? 1
			    : k == names->n ? -1
					    : strcmp(items[i].file, names->v[k]);

		if (order > 0) {
			if (!is_leftover(c->dirfd, names->v[k]))
				add_found(c, FINDING_IMAGE_FILE, names->v[k],
				    "no such file", "a file the record does not name");
			k++;
			continue;
		}
		if (order < 0)
			add_found(c, FINDING_IMAGE_FILE, items[i].data->name,
			    "the file that the record names", "no such file");
		i++;
		k += order == 0;
	}
}

static int check_names(const struct check *c, struct err *e)
{
	const struct store_image *im = c->i;
	CLEANUP_FREE struct item *items = xcalloc(im->n_big_data, sizeof(*items));
	struct fs_names names CLEANUP_NAMES = {0};
	size_t n = 0;
	int r = fs_list_fd(c->dirfd, IMAGE_NAMES_MAX, &names, e);

	if (r == ERR_MALFORMED) {
		add_found(c, FINDING_IMAGE_FILE, NULL, "the files that the record names",
		    e->msg);
		return 0;
	}
	if (r)
		return r;
	for (size_t i = 0; i < im->n_big_data; i++) {
		CLEANUP_BUF struct buf file;
		struct err why;

		buf_init(&file, FILE_NAME_MAX);
		if (image_file_name(im->big_data[i].name, &file, &why)) {
			add_found(c, FINDING_IMAGE_FILE, im->big_data[i].name,
			    "the name of a file", why.msg);
			continue;
		}
		items[n].file = buf_take(&file);
		items[n++].data = &im->big_data[i];
	}
	qsort(items, n, sizeof(*items), item_cmp);
	match_names(c, items, n, &names);
	for (size_t i = 0; i < n; i++)
		free(items[i].file);
	return 0;
}

/* The record's own words about the bytes. A record of an old version may lack them. */
static void check_recorded(
    const struct check *c, const struct store_big_data *d, const struct image_file *f)
{
	char recorded[DIGEST_TEXT_LEN + 1], measured[DIGEST_TEXT_LEN + 1];
	struct finding *finding;

	if (d->size >= 0 && (uint64_t)d->size != f->size) {
		finding = add(c, FINDING_IMAGE_FILE, d->name);
		finding_expected(finding, "%" PRId64 " bytes (its record)", d->size);
		finding_found(finding, "%" PRIu64 " bytes", f->size);
	} else if (d->digest.has && !digest_equal(&d->digest.d, &f->sha256)) {
		digest_text(&d->digest.d, recorded);
		digest_text(&f->sha256, measured);
		finding = add(c, FINDING_IMAGE_FILE, d->name);
		finding_expected(finding, "%s (its record)", recorded);
		finding_found(finding, "%s", measured);
	}
}

static void collect_chain(struct check *c)
{
	const char *id = c->i->top_layer;
	struct finding *f;

	c->chain = xcalloc(c->r->n_layers, sizeof(struct store_layer *));
	for (; id[0]; id = c->chain[c->n_chain++]->parent) {
		const struct store_layer *l = records_layer(c->r, id);

		if (l && c->n_chain < c->r->n_layers) {
			c->chain[c->n_chain] = l;
			continue;
		}
		f = findings_add(c->findings, FINDING_LAYER_MISSING,
		    (struct place){.layer = id, .image = c->i->id});
		finding_expected(f, "a recorded layer");
		finding_found(f, l ? "a chain of parents without end" : "no record");
		return;
	}
	c->has_chain = true;
}

static void add_diff_id(
    const struct check *c, const struct store_layer *l, const struct digest *configured)
{
	char expected[DIGEST_TEXT_LEN + 1], found[DIGEST_TEXT_LEN + 1];
	struct finding *f = findings_add(c->findings, FINDING_IMAGE_DIFF_IDS,
	    (struct place){.layer = l->id, .image = c->i->id});

	digest_text(&l->diff.d, expected);
	digest_text(configured, found);
	finding_expected(f, "the layer's %s",
	    l->diff.has ? expected : "diff-digest, which is missing");
	finding_found(f, "%s in the configuration", found);
}

/* The configuration's diff-ids are base first, the chain is top first. */
static void check_diff_ids(const struct check *c)
{
	const struct image_content *out = c->out;
	size_t n = c->n_chain;
	struct finding *f;

	if (out->n_diff_ids != n) {
		f = add(c, FINDING_IMAGE_DIFF_IDS, NULL);
		finding_expected(f, "%zu diff-ids, one per layer", n);
		finding_found(f, "%zu diff-ids", out->n_diff_ids);
		return;
	}
	for (size_t k = 0; k < n; k++) {
		const struct store_layer *l = c->chain[n - 1 - k];

		if (!l->diff.has || !digest_equal(&l->diff.d, &out->diff_ids[k]))
			add_diff_id(c, l, &out->diff_ids[k]);
	}
}

/* The id is the SHA-256 of the configuration, whose item is named after it. */
static void check_config(struct check *c, const struct store_big_data *d,
    const struct image_file *f, const struct buf *bytes)
{
	struct err why;
	struct digest named;
	char hex[DIGEST_HEX_LEN + 1];

	if (!digest_parse_text(d->name, &named))
		return;
	digest_hex(&f->sha256, hex);
	if (!digest_equal(&named, &f->sha256)) {
		add_found(
		    c, FINDING_IMAGE_ID, d->name, "the bytes it is named after", hex);
		return;
	}
	if (strcmp(hex, c->i->id) != 0)
		return;
	c->has_config = true;
	if (image_config_parse(
		bytes->data, bytes->len, &c->out->diff_ids, &c->out->n_diff_ids, &why))
		add_found(c, FINDING_IMAGE_MANIFEST, d->name,
		    "a configuration that can be read in one way", why.msg);
}

static void check_manifest_config(
    const struct check *c, const char *name, const struct image_manifest *m)
{
	char hex[DIGEST_HEX_LEN + 1];

	digest_hex(&m->config, hex);
	if (strcmp(hex, c->i->id) != 0)
		add_found(c, FINDING_IMAGE_MANIFEST, name,
		    "a manifest of this image's configuration", hex);
}

/* What a list was pulled for is in the image under its own digest. */
static bool lists_ours(const struct check *c, const struct buf *list)
{
	static const char prefix[] = "manifest-";

	for (size_t n = 0; n < c->i->n_big_data; n++) {
		const char *name = c->i->big_data[n].name;

		if (strncmp(name, prefix, strlen(prefix)) == 0 &&
		    image_list_has(list->data, list->len, name + strlen(prefix)))
			return true;
	}
	return false;
}

static int parse_manifest(struct check *c, const struct image_file *f,
    const struct buf *bytes, struct image_manifest *out, struct err *e)
{
	int r;

	if (c->has_parsed && digest_equal(&c->parsed_sha256, &f->sha256)) {
		*out = c->parsed;
		return 0;
	}
	r = image_manifest_parse(bytes->data, bytes->len, out, e);
	c->has_parsed = r == 0;
	c->parsed_sha256 = f->sha256;
	c->parsed = *out;
	return r;
}

/* "manifest", and "manifest-sha256:..." for the same or the list it was pulled by. */
static void check_manifest(struct check *c, const struct store_big_data *d,
    struct image_file *f, const struct buf *bytes)
{
	static const char prefix[] = "manifest-";
	bool main_one = strcmp(d->name, "manifest") == 0;
	struct image_manifest m;
	struct digest named;
	struct finding *finding;
	struct err why;

	if (!main_one && (strncmp(d->name, prefix, strlen(prefix)) != 0 ||
			     !digest_parse_text(d->name + strlen(prefix), &named) ||
			     !digest_equal(&named, &f->sha256))) {
		add_found(c, FINDING_IMAGE_MANIFEST, d->name,
		    "the manifest it is named after", "other bytes");
		return;
	}
	if (c->i->digest.has && digest_equal(&c->i->digest.d, &f->sha256))
		c->has_digest = true;
	if (parse_manifest(c, f, bytes, &m, &why)) {
		add_found(c, FINDING_IMAGE_MANIFEST, d->name,
		    "a manifest that can be read in one way", why.msg);
		return;
	}
	if (m.kind == MANIFEST_LIST) {
		if (main_one && c->i->top_layer[0])
			add_found(c, FINDING_IMAGE_MANIFEST, d->name,
			    "a manifest of this image", "a list of manifests");
		c->is_list |= main_one;
		f->foreign_list = !lists_ours(c, bytes);
		return;
	}
	check_manifest_config(c, d->name, &m);
	if (c->has_chain && m.n_layers != c->n_chain) {
		finding = add(c, FINDING_IMAGE_MANIFEST, d->name);
		finding_expected(finding, "%zu layers", c->n_chain);
		finding_found(finding, "%zu layers", m.n_layers);
	}
}

/* One file: its bytes, its record, and what it is for. */
static int check_item(struct check *c, const struct store_big_data *d, struct err *e)
{
	struct image_file *f = &c->out->files[c->out->n_files];
	CLEANUP_BUF struct buf name, bytes;
	struct err why;
	int r;

	buf_init(&name, FILE_NAME_MAX);
	buf_init(&bytes, IMAGE_FILE_MAX);
	if (image_file_name(d->name, &name, &why))
		return 0; /* a finding already */
	r = fs_read_file(c->dirfd, name.data, IMAGE_FILE_MAX, &bytes, NULL, &why);
	if (r == ERR_NOT_FOUND)
		return 0; /* likewise */
	if (r == ERR_INTERNAL) {
		*e = why;
		return r;
	}
	if (r) {
		add_found(c, FINDING_IMAGE_FILE, d->name, "a regular file", why.msg);
		return 0;
	}
	*f = (struct image_file){.name = xstrdup(d->name), .size = bytes.len};
	c->out->n_files++;
	sha256(bytes.data, bytes.len, &f->sha256);
	check_recorded(c, d, f);
	c->has_manifest |= strcmp(d->name, "manifest") == 0;
	if (strncmp(d->name, "manifest", strlen("manifest")) == 0)
		check_manifest(c, d, f, &bytes);
	else
		check_config(c, d, f, &bytes);
	return 0;
}

/* What only the whole can tell. */
static void check_whole(const struct check *c)
{
	if (c->is_list)
		return;
	if (!c->has_config)
		add_found(c, FINDING_IMAGE_ID, NULL,
		    "a configuration with the image's id", "none");
	else if (c->has_chain)
		check_diff_ids(c);
	if (!c->has_manifest)
		add_found(c, FINDING_IMAGE_MANIFEST, "manifest", "a manifest", "none");
	else if (c->i->digest.has && !c->has_digest)
		add_found(c, FINDING_IMAGE_MANIFEST, "manifest",
		    "a manifest with the recorded digest", "none");
}

static int check_items(struct check *c, struct err *e)
{
	int r = 0;

	collect_chain(c);
	c->out->files = xcalloc(c->i->n_big_data, sizeof(*c->out->files));
	for (size_t i = 0; i < c->i->n_big_data && !r; i++)
		r = check_item(c, &c->i->big_data[i], e);
	if (!r)
		check_whole(c);
	free(c->chain);
	return r;
}

static int look(const struct store *s, const struct records *r,
    const struct store_image *i, struct image_content *out, struct findings *findings,
    struct err *e)
{
	CLEANUP_FD int dirfd = -1;
	struct check c = {.r = r, .i = i, .out = out, .findings = findings};
	bool alias = image_is_alias(r, i);
	struct err why;
	int rc;

	rc = fs_open_dir(s->places[i->place].images_fd, i->id, &dirfd, &why);
	if (rc == ERR_NOT_FOUND && alias)
		return 0;
	if (rc) {
		add_found(
		    &c, FINDING_IMAGE_FILE, NULL, "a directory of its files", why.msg);
		return 0;
	}
	c.dirfd = dirfd;
	rc = check_names(&c, e);
	return rc || alias ? rc : check_items(&c, e);
}

static const struct store_image *find_image(
    const struct records *r, const struct store_image *i)
{
	const struct store_image *m = records_image(r, i->id);
	const struct store_image *end = r->images + r->n_images;

	while (m && m < end && m->place != i->place)
		m++;
	return m && m < end && strcmp(m->id, i->id) == 0 ? m : NULL;
}

/* True if both records name the same files. */
static bool same_files(const struct store_image *a, const struct store_image *b)
{
	if (a->n_big_data != b->n_big_data)
		return false;
	for (size_t n = 0; n < a->n_big_data; n++) {
		const struct store_big_data *x = &a->big_data[n], *y = &b->big_data[n];

		if (strcmp(x->name, y->name) != 0 || x->size != y->size ||
		    x->digest.has != y->digest.has ||
		    !digest_equal(&x->digest.d, &y->digest.d))
			return false;
	}
	return true;
}

/*
 * Another look beside records that are read now. *settled: nothing is going on any more: they are
 * those of `i`, or have no such image.
 */
static int look_again(const struct store *s, const struct store_image *i,
    struct image_content *out, struct findings *findings, bool *settled, struct err *e)
{
	struct findings ignored CLEANUP_FINDINGS = {0};
	struct records fresh CLEANUP_RECORDS = {0};
	const struct store_image *now;
	int rc = records_read(s, &fresh, &ignored, e);

	if (rc)
		return rc;
	now = find_image(&fresh, i);
	*settled = !now || same_files(now, i);
	if (!now)
		return 0;
	if (!digest_equal(&now->record, &i->record))
		return err_set(
		    e, ERR_CHANGED, "another image replaces image %.12s", i->id);
	findings_release(findings);
	image_content_release(out);
	return look(s, &fresh, now, out, findings, e);
}

int image_check(const struct store *s, const struct records *r,
    const struct store_image *i, struct image_content *out, struct findings *findings,
    struct err *e)
{
	struct findings now CLEANUP_FINDINGS = {0};
	bool settled = true;
	int rc;

	*out = (struct image_content){0};
	rc = look(s, r, i, out, &now, e);
	for (int n = 1; !rc && now.n && n < (settled ? LOOKS_MIN : LOOKS_MAX); n++) {
		nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_NS}, NULL);
		rc = look_again(s, i, out, &now, &settled, e);
	}
	if (rc)
		image_content_release(out);
	else
		findings_move(findings, &now);
	return rc;
}

static void read_history(const struct store *s, const struct store_image *i,
    const char *item, image_steps_fn *fn, void *ctx)
{
	CLEANUP_FREE struct digest *steps = NULL;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_BUF struct buf name, bytes;
	struct digest named, found;
	struct err ignored;
	size_t n;

	buf_init(&name, FILE_NAME_MAX);
	buf_init(&bytes, IMAGE_FILE_MAX);
	if (!digest_parse_text(item, &named) || image_file_name(item, &name, &ignored))
		return;
	path = xasprintf("%s/%s", i->id, name.data);
	if (fs_read_file(s->places[i->place].images_fd, path, IMAGE_FILE_MAX, &bytes,
		NULL, &ignored))
		return;
	sha256(bytes.data, bytes.len, &found);
	if (digest_equal(&named, &found) &&
	    image_config_history(bytes.data, bytes.len, &steps, &n, &ignored) == 0)
		fn(ctx, steps, n);
}

void image_each_history(
    const struct store *s, const struct store_image *i, image_steps_fn *fn, void *ctx)
{
	for (size_t k = 0; k < i->n_big_data; k++)
		read_history(s, i, i->big_data[k].name, fn, ctx);
}

int image_listed(const struct store *s, const struct store_image *i,
    struct digest **digests, size_t *n, struct err *e)
{
	CLEANUP_FREE char *path = xasprintf("%s/manifest", i->id);
	CLEANUP_BUF struct buf bytes;
	int r;

	*digests = NULL;
	*n = 0;
	buf_init(&bytes, IMAGE_FILE_MAX);
	/* A list is nothing but its manifest; the error is not for who asks of an image. */
	if (i->top_layer[0])
		return err_set(e, ERR_NOT_FOUND, "no list of manifests");
	r = fs_read_file(
	    s->places[i->place].images_fd, path, IMAGE_FILE_MAX, &bytes, NULL, e);
	/* Whether it is one is not known then. */
	if (r == ERR_NOT_FOUND)
		return err_set(e, ERR_MALFORMED, "image %.12s has no manifest", i->id);
	return r ? r : image_list_parse(bytes.data, bytes.len, digests, n, e);
}
