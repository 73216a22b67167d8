/* SPDX-License-Identifier: Apache-2.0 */
/* mountargs.c: see mountargs.h. */
#include "guard/mountargs.h"

#include <string.h>
#include <sys/mount.h>

#include "base/buf.h"

enum kind {
	LOWER,
	UPPER,
	WORK,
	OVERLAY,     /* the kernel's overlayfs and fuse-overlayfs know it */
	KERNEL,	     /* the kernel's alone; of no meaning to fuse-overlayfs */
	FUSE,	     /* fuse-overlayfs alone */
	FLAG,	     /* of mount(2) */
	UNFLAG,	     /* takes one away again */
	PROPAGATION, /* of the finished mount */
	NOTHING,
};

static const struct known {
	const char *name; /* with "=" at its end: has a value */
	enum kind kind;
	unsigned long flag;
} known[] = {
    {"lowerdir=", LOWER, 0},
    {"upperdir=", UPPER, 0},
    {"workdir=", WORK, 0},
    {"volatile", OVERLAY, 0},
    {"context=", OVERLAY, 0},
    {"redirect_dir=", KERNEL, 0},
    {"fscontext=", KERNEL, 0},
    {"defcontext=", KERNEL, 0},
    {"rootcontext=", KERNEL, 0},
    {"metacopy=", KERNEL, 0},
    {"index=", KERNEL, 0},
    {"nfs_export=", KERNEL, 0},
    {"xino=", KERNEL, 0},
    {"uuid=", KERNEL, 0},
    {"userxattr", KERNEL, 0},
    {"uidmapping=", FUSE, 0},
    {"gidmapping=", FUSE, 0},
    {"squash_to_root", FUSE, 0},
    {"squash_to_uid=", FUSE, 0},
    {"squash_to_gid=", FUSE, 0},
    {"static_nlink", FUSE, 0},
    {"fast_ino=", FUSE, 0},
    {"noacl", FUSE, 0},
    {"noxattrs=", FUSE, 0},
    {"fsync=", FUSE, 0},
    {"timeout=", FUSE, 0},
    {"threaded=", FUSE, 0},
    {"allow_other", FUSE, 0},
    {"allow_root", FUSE, 0},
    {"ro", FLAG, MS_RDONLY},
    {"nodev", FLAG, MS_NODEV},
    {"nosuid", FLAG, MS_NOSUID},
    {"noexec", FLAG, MS_NOEXEC},
    {"noatime", FLAG, MS_NOATIME},
    {"nodiratime", FLAG, MS_NODIRATIME},
    {"relatime", FLAG, MS_RELATIME},
    {"rw", UNFLAG, MS_RDONLY},
    {"dev", UNFLAG, MS_NODEV},
    {"suid", UNFLAG, MS_NOSUID},
    {"exec", UNFLAG, MS_NOEXEC},
    {"atime", UNFLAG, MS_NOATIME},
    {"private", PROPAGATION, MS_PRIVATE},
    {"rprivate", PROPAGATION, MS_PRIVATE},
    {"slave", PROPAGATION, MS_SLAVE},
    {"rslave", PROPAGATION, MS_SLAVE},
    {"shared", PROPAGATION, MS_SHARED},
    {"rshared", PROPAGATION, MS_SHARED},
    {"defaults", NOTHING, 0},
    {"", NOTHING, 0},
};

/* What is collected while the options are read. */
struct reading {
	struct mount_args *out;
	struct buf kernel, fuse;
};

void mount_args_release(struct mount_args *a)
{
	for (size_t i = 0; i < a->n_lowers; i++)
		free(a->lowers[i]);
	free(a->lowers);
	free(a->upper);
	free(a->work);
	free(a->options);
	free(a->fuse_options);
	free(a->fuse_needed_by);
	*a = (struct mount_args){0};
}

/*
 * Up to the next `end` that no backslash protects; label.FormatMountLabel() puts a security context, which
 * may have commas, between quotes. False: the string ends within an escape or a quote.
 */
static bool find_end(const char *text, char end, size_t *len)
{
	bool quoted = false;

	for (*len = 0; text[*len] && (quoted || text[*len] != end); ++*len) {
		if (text[*len] == '"' && quoted)
			quoted = false;
		else if (text[*len] == '"')
			quoted = *len && text[*len - 1] == '=' && end == ',';
		else if (text[*len] == '\\' && !text[++*len])
			return false;
	}
	return !quoted;
}

/* Without the backslashes; NULL for an empty path. */
static char *take_path(const char *text, size_t len)
{
	char *path = xstrndup(text, len), *to = path;

	for (const char *from = path; *from; from++) {
		if (*from == '\\')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	if (*path)
		return path;
	free(path);
	return NULL;
}

static int add_lowers(struct mount_args *a, const char *text, size_t len, struct err *e)
{
	CLEANUP_FREE char *list = xstrndup(text, len);
	const char *rest = list;
	size_t part;

	if (a->lowers)
		return err_set(e, ERR_USAGE, "lowerdir is there twice");
	a->lowers = xcalloc(MOUNTARGS_LOWERS_MAX, sizeof(*a->lowers));
	for (;; rest += part + 1) {
		char *path;

		if (!find_end(rest, ':', &part))
			return err_set(e, ERR_USAGE, "lowerdir ends in a backslash");
		if (a->n_lowers == MOUNTARGS_LOWERS_MAX)
			return err_set(e, ERR_USAGE, "more than %d lower directories",
			    MOUNTARGS_LOWERS_MAX);
		/* "::" stands before directories that only hold data. */
		path = take_path(rest, part);
		if (!path)
			return err_set(e, ERR_USAGE, "an empty lower directory");
		a->lowers[a->n_lowers++] = path;
		if (!rest[part])
			return 0;
	}
}

static int set_path(
    char **to, const char *name, const char *text, size_t len, struct err *e)
{
	if (*to)
		return err_set(e, ERR_USAGE, "%s is there twice", name);
	*to = take_path(text, len);
	return *to ? 0 : err_set(e, ERR_USAGE, "%s is empty", name);
}

static int add_text(struct buf *to, const char *text, size_t len, struct err *e)
{
	return buf_addf(to, e, "%s%.*s", to->len ? "," : "", (int)len, text);
}

static int pass_on(struct reading *r, const struct known *k, const char *option,
    size_t len, struct err *e)
{
	int rc = 0;

	if (k->kind == OVERLAY || k->kind == KERNEL)
		rc = add_text(&r->kernel, option, len, e);
	if (!rc && k->kind != KERNEL)
		rc = add_text(&r->fuse, option, len, e);
	return rc;
}

static int apply(struct reading *r, const struct known *k, const char *option, size_t len,
    struct err *e)
{
	struct mount_args *a = r->out;
	const char *value = option + strlen(k->name);
	size_t rest = len - strlen(k->name);

	switch (k->kind) {
	case LOWER:
		return add_lowers(a, value, rest, e);
	case UPPER:
		return set_path(&a->upper, "upperdir", value, rest, e);
	case WORK:
		return set_path(&a->work, "workdir", value, rest, e);
	case FUSE:
		if (!a->fuse_needed_by)
			a->fuse_needed_by = xstrndup(option, strcspn(option, "=,"));
		return pass_on(r, k, option, len, e);
	case FLAG:
		a->flags |= k->flag;
		return pass_on(r, k, option, len, e);
	case UNFLAG:
		a->flags &= ~k->flag;
		return pass_on(r, k, option, len, e);
	case OVERLAY:
	case KERNEL:
		return pass_on(r, k, option, len, e);
	case PROPAGATION:
		a->propagation = k->flag;
		break;
	case NOTHING:
		break;
	}
	return 0;
}

static const struct known *find(const char *option, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		size_t n = strlen(known[i].name);
		bool has_value = n && known[i].name[n - 1] == '=';

		if (len >= n && (has_value || len == n) &&
		    memcmp(known[i].name, option, n) == 0)
			return &known[i];
	}
	return NULL;
}

static int read_options(struct reading *r, const char *options, struct err *e)
{
	size_t len;

	for (const char *option = options;; option += len + 1) {
		const struct known *k;
		int rc;

		if (!find_end(option, ',', &len))
			return err_set(
			    e, ERR_USAGE, "the mount options end in the middle of one");
		k = find(option, len);
		if (!k)
			return err_set(e, ERR_USAGE,
			    "the mount option '%.*s' is not known",
			    (int)(len < 200 ? len : 200), option);
		rc = apply(r, k, option, len, e);
		if (rc)
			return rc;
		if (!option[len])
			return 0;
	}
}

int mount_args_parse(
    const char *options, const char *target, struct mount_args *out, struct err *e)
{
	struct reading r = {.out = out};
	int rc = 0;

	*out = (struct mount_args){.target = target};
	buf_init(&r.kernel, MOUNTARGS_BYTES_MAX);
	buf_init(&r.fuse, MOUNTARGS_BYTES_MAX);
	if (strlen(options) > MOUNTARGS_BYTES_MAX)
		rc = err_set(e, ERR_USAGE, "so many mount options");
	if (!rc)
		rc = read_options(&r, options, e);
	if (!rc && !out->n_lowers)
		rc = err_set(e, ERR_USAGE, "the mount options name no lowerdir");
	if (!rc && !out->upper != !out->work)
		rc = err_set(e, ERR_USAGE, "upperdir and workdir go together");
	out->options = buf_take(&r.kernel);
	out->fuse_options = buf_take(&r.fuse);
	if (rc)
		mount_args_release(out);
	return rc;
}
