/* SPDX-License-Identifier: Apache-2.0 */
/* tarhead.c: see tarhead.h. Follows Go's archive/tar reader.go and strconv.go. */
#include "store/tarhead.h"

#include <string.h>

/* POSIX ustar; GNU and v7 headers share all fields but the prefix. */
struct block {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type,
	    link[100], magic[8], uname[32], gname[32], dev_major[8], dev_minor[8],
	    prefix[155], pad[12];
};
_Static_assert(sizeof(struct block) == TAR_BLOCK, "a tar block");

enum format { FORMAT_V7, FORMAT_USTAR, FORMAT_GNU };

/* The PAX records that mean something to Go; the rest it ignores. */
enum pax_key {
	PAX_PATH,
	PAX_LINKPATH,
	PAX_SIZE,
	PAX_UID,
	PAX_GID,
	PAX_MTIME,
	PAX_ATIME,
	PAX_CTIME,
	PAX_KEYS
};

struct span {
	const char *p; /* NULL: absent */
	size_t len;
};

struct tarhead {
	struct buf text; /* NUL-terminated copies, at most those of one chain */
	struct tar_xattr *xattrs;
	size_t n_xattrs, cap_xattrs;
	struct span pax[PAX_KEYS];
	bool has_pax;
	const char *long_name, *long_link; /* GNU, else NULL */
};

struct tarhead *tarhead_new(void)
{
	struct tarhead *t = xcalloc(1, sizeof(*t));

	/* Each byte is copied at most once and gains a NUL at most once. */
	buf_init(&t->text, 2U * TARHEAD_MAX);
	return t;
}

void tarhead_free(struct tarhead *t)
{
	if (!t)
		return;
	buf_release(&t->text);
	free(t->xattrs);
	free(t);
}

static int refuse(struct err *e, const char *rule)
{
	return err_set(e, ERR_MALFORMED, "%s", rule);
}

/* A NUL-terminated copy; tarhead_read() has reserved the room, so that it never moves. */
static const char *keep(struct tarhead *t, const char *p, size_t len)
{
	char *copy = t->text.data + t->text.len;

	memcpy(copy, p, len);
	copy[len] = '\0';
	t->text.len += len + 1;
	return copy;
}

static const char *keep_field(struct tarhead *t, const char *field, size_t len)
{
	return keep(t, field, strnlen(field, len));
}

/* --- numbers ------------------------------------------------------------------------------ */

/* Two's complement in all bits but the first, as far as it fits 64 bits. */
static bool base256(const char *field, size_t len, int64_t *out)
{
	bool negative = field[0] & 0x40;
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)field[i] ^ (negative ? 0xff : 0);

		if (i == 0)
			byte &= 0x7f;
		if (n >> 55)
			return false;
		n = n << 8 | byte;
	}
	*out = negative ? ~(int64_t)n : (int64_t)n;
	return true;
}

/* Octal digits among spaces in front, spaces and NULs behind. Go skips NULs in front as well,
 * other readers stop there. */
static bool octal(const char *field, size_t len, int64_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	while (i < len && field[i] == ' ')
		i++;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
		if (n >> 60)
			return false;
		n = n << 3 | (uint64_t)(field[i] - '0');
	}
	for (; i < len; i++) {
		if (field[i] != ' ' && field[i] != '\0')
			return false;
	}
	*out = (int64_t)n;
	return true;
}

static bool numeric(const char *field, size_t len, int64_t *out)
{
	return field[0] & 0x80 ? base256(field, len, out) : octal(field, len, out);
}

static bool decimal(struct span s, int64_t max, int64_t *out)
{
	int64_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		int digit = s.p[i] - '0';

		if (digit < 0 || digit > 9 || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return s.len > 0;
}

/* "[-]seconds[.fraction]"; digits beyond nanoseconds are cut off. */
static bool pax_time(struct span s, int64_t *sec, uint32_t *nsec)
{
	bool negative = s.len && *s.p == '-';
	const char *dot = memchr(s.p, '.', s.len);
	struct span whole = {
	    s.p + negative, (dot ? (size_t)(dot - s.p) : s.len) - negative};
	uint32_t n = 0;
	size_t digits = 0;

	if (!decimal(whole, INT64_MAX, sec))
		return false;
	for (const char *p = dot ? dot + 1 : s.p + s.len; p < s.p + s.len; p++) {
		if (*p < '0' || *p > '9')
			return false;
		if (digits++ < 9)
			n = n * 10 + (uint32_t)(*p - '0');
	}
	for (; digits < 9; digits++)
		n *= 10;
	*sec = negative ? -*sec : *sec;
	if (negative && n) {
		*sec -= 1;
		n = 1000000000 - n;
	}
	*nsec = n;
	return true;
}

/* --- extended headers --------------------------------------------------------------------- */

static int add_xattr(struct tarhead *t, struct span name, struct span value)
{
	if (t->n_xattrs == t->cap_xattrs) {
		t->cap_xattrs = t->cap_xattrs ? 2 * t->cap_xattrs : 8;
		t->xattrs = xreallocarray(t->xattrs, t->cap_xattrs, sizeof(*t->xattrs));
	}
	t->xattrs[t->n_xattrs++] = (struct tar_xattr){
	    .name = keep(t, name.p, name.len),
	    .value = keep(t, value.p, value.len),
	    .len = value.len,
	};
	return 0;
}

static bool span_is(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

static bool span_starts(struct span s, const char *word)
{
	return s.len >= strlen(word) && memcmp(s.p, word, strlen(word)) == 0;
}

static int pax_record(
    struct tarhead *t, struct span key, struct span value, struct err *e)
{
	static const char *const names[PAX_KEYS] = {
	    "path", "linkpath", "size", "uid", "gid", "mtime", "atime", "ctime"};
	static const char xattr[] = "SCHILY.xattr.";

	if (span_starts(key, xattr)) {
		key.p += sizeof(xattr) - 1;
		key.len -= sizeof(xattr) - 1;
		return key.len ? add_xattr(t, key, value)
			       : refuse(e, "a PAX xattr without a name");
	}
	if (span_starts(key, "GNU.sparse."))
		return refuse(
		    e, "a sparse file: containers/storage cannot remake its tar");
	for (int i = 0; i < PAX_KEYS; i++) {
		if (!span_is(key, names[i]))
			continue;
		if (t->pax[i].p)
			return refuse(e, "a PAX record occurs twice");
		if (value.len == 0 || memchr(value.p, '\0', value.len))
			return refuse(e, "a PAX record is empty or has a NUL");
		t->pax[i] = (struct span){keep(t, value.p, value.len), value.len};
	}
	return 0;
}

/* Records "LENGTH KEY=VALUE\n", LENGTH counting everything. */
static int pax_records(struct tarhead *t, struct span body, struct err *e)
{
	while (body.len) {
		const char *space = memchr(body.p, ' ', body.len), *eq;
		struct span key, value;
		int64_t len;

		if (!space || !decimal((struct span){body.p, (size_t)(space - body.p)},
				  (int64_t)body.len, &len))
			return refuse(e, "a PAX record has no length");
		if (len < space - body.p + 2 || body.p[len - 1] != '\n')
			return refuse(e, "a PAX record does not end where it says");
		key.p = space + 1;
		eq = memchr(key.p, '=', (size_t)(body.p + len - 1 - key.p));
		if (!eq || eq == key.p || memchr(key.p, '\0', (size_t)(eq - key.p)))
			return refuse(e, "a PAX record has no key");
		key.len = (size_t)(eq - key.p);
		value.p = eq + 1;
		value.len = (size_t)(body.p + len - 1 - value.p);
		if (pax_record(t, key, value, e))
			return e->code;
		body.p += len;
		body.len -= (size_t)len;
	}
	return 0;
}

static int long_name(struct tarhead *t, struct span body, const char **out, struct err *e)
{
	if (*out || t->has_pax)
		return refuse(e, "two extended headers for one name");
	*out = keep_field(t, body.p, body.len);
	return **out ? 0 : refuse(e, "an empty long name");
}

/* One extended header: its block and body. *used is what it takes. */
static int extension(struct tarhead *t, const struct block *b, size_t len, size_t *used,
    unsigned *globals, struct err *e)
{
	struct span body = {(const char *)(b + 1), 0};
	int64_t size;

	if (!numeric(b->size, sizeof(b->size), &size) || size < 0 ||
	    (uint64_t)size > len - TAR_BLOCK)
		return refuse(e, "an extended header has a wrong size");
	body.len = (size_t)size;
	*used = TAR_BLOCK + (body.len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	switch (b->type) {
	case 'g':
		if (t->has_pax || t->long_name || t->long_link)
			return refuse(e, "a global header behind an extended one");
		++*globals;
		return 0;
	case 'x':
		if (t->has_pax || t->long_name || t->long_link)
			return refuse(e, "two extended headers for one file");
		t->has_pax = true;
		return pax_records(t, body, e);
	case 'L':
		return long_name(t, body, &t->long_name, e);
	case 'K':
		return long_name(t, body, &t->long_link, e);
	}
	return refuse(e, "an extended header of unknown type");
}

/* --- the header itself -------------------------------------------------------------------- */

static int format_of(const struct block *b, enum format *out, struct err *e)
{
	static const char ustar[8] = {'u', 's', 't', 'a', 'r', 0, '0', '0'};

	if (memcmp(b->magic, ustar, sizeof(ustar)) == 0)
		*out = FORMAT_USTAR;
	else if (memcmp(b->magic, "ustar  ", 8) == 0)
		*out = FORMAT_GNU;
	else if (memcmp(b->magic, "ustar", 5) != 0)
		*out = FORMAT_V7;
	else
		return refuse(e, "neither ustar nor GNU tar");
	return 0;
}

/*
 * Star keeps times in the last bytes of the prefix. Go before 1.8 wrote prefixes into GNU headers;
 * its reader takes the place of GNU's times for one if they are no numbers.
 */
static int check_prefix(const struct block *b, enum format format, struct err *e)
{
	int64_t ignored;

	if (format == FORMAT_USTAR && memcmp(b->pad + 8, "tar", 4) == 0 && b->prefix[130])
		return refuse(e, "a star header with a long prefix");
	if (format == FORMAT_GNU &&
	    ((b->prefix[0] && !numeric(b->prefix, 12, &ignored)) ||
		(b->prefix[12] && !numeric(b->prefix + 12, 12, &ignored))))
		return refuse(e, "a GNU header with a prefix");
	return 0;
}

static void names(
    struct tarhead *t, const struct block *b, enum format format, struct tar_header *out)
{
	if (t->pax[PAX_PATH].p) {
		out->name = t->pax[PAX_PATH].p;
	} else if (t->long_name) {
		out->name = t->long_name;
	} else if (format == FORMAT_USTAR && b->prefix[0]) {
		out->name = keep_field(t, b->prefix, sizeof(b->prefix));
		t->text.data[t->text.len - 1] = '/'; /* over its NUL; the name follows */
		keep_field(t, b->name, sizeof(b->name));
	} else {
		out->name = keep_field(t, b->name, sizeof(b->name));
	}
	if (t->pax[PAX_LINKPATH].p)
		out->link = t->pax[PAX_LINKPATH].p;
	else if (t->long_link)
		out->link = t->long_link;
	else
		out->link = keep_field(t, b->link, sizeof(b->link));
}

static int type(const struct block *b, struct tar_header *out, struct err *e)
{
	bool slash = out->name[0] && out->name[strlen(out->name) - 1] == '/';

	switch (b->type) {
	case '\0':
		out->type = slash ? TAR_DIR : TAR_FILE;
		break;
	case '0':
		if (slash)
			return refuse(e, "a file whose name ends in a slash");
		out->type = TAR_FILE;
		break;
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
		out->type = (enum tar_type)(b->type - '0');
		break;
	default:
		return refuse(e, "a type that containers/storage does not extract");
	}
	if (out->type != TAR_FILE && out->size)
		return refuse(e, "a size on something without a body");
	if (out->type != TAR_HARDLINK && out->type != TAR_SYMLINK)
		out->link = "";
	else if (!out->link[0])
		return refuse(e, "a link to nothing");
	return 0;
}

/* A number from its PAX record or its field, of 0 to max. */
static bool id(
    const struct tarhead *t, enum pax_key key, const char field[8], uint32_t *out)
{
	int64_t n;

	if (!numeric(field, 8, &n))
		return false;
	if (t->pax[key].p && !decimal(t->pax[key], INT64_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return n >= 0 && n <= UINT32_MAX;
}

static int numbers(const struct tarhead *t, const struct block *b, enum format format,
    struct tar_header *out, struct err *e)
{
	int64_t mode, size, major = 0, minor = 0;

	if (!numeric(b->mode, sizeof(b->mode), &mode))
		return refuse(e, "the mode is not a number");
	if (!id(t, PAX_UID, b->uid, &out->uid) || !id(t, PAX_GID, b->gid, &out->gid))
		return refuse(e, "an owner is not a number of 32 bits");
	if (!numeric(b->size, sizeof(b->size), &size) || size < 0 ||
	    (t->pax[PAX_SIZE].p && !decimal(t->pax[PAX_SIZE], INT64_MAX, &size)))
		return refuse(e, "the size is not a number");
	if (!numeric(b->mtime, sizeof(b->mtime), &out->mtime_sec))
		return refuse(e, "the time is not a number");
	if (t->pax[PAX_MTIME].p &&
	    !pax_time(t->pax[PAX_MTIME], &out->mtime_sec, &out->mtime_nsec))
		return refuse(e, "the PAX time is not a number");
	if (format != FORMAT_V7 &&
	    (!numeric(b->dev_major, sizeof(b->dev_major), &major) ||
		!numeric(b->dev_minor, sizeof(b->dev_minor), &minor) || major < 0 ||
		major > 0xfff || minor < 0 || minor > 0xfffff))
		return refuse(e, "a device number out of range");
	out->mode = (uint32_t)mode & 07777;
	out->size = (uint64_t)size;
	if (b->type == '3' || b->type == '4') {
		out->dev_major = (uint32_t)major;
		out->dev_minor = (uint32_t)minor;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct tar_xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int xattrs(struct tarhead *t, struct tar_header *out, struct err *e)
{
	if (t->n_xattrs > 1)
		qsort(t->xattrs, t->n_xattrs, sizeof(*t->xattrs), by_name);
	for (size_t i = 1; i < t->n_xattrs; i++) {
		if (strcmp(t->xattrs[i - 1].name, t->xattrs[i].name) == 0)
			return refuse(e, "a PAX record occurs twice");
	}
	out->xattrs = t->xattrs;
	out->n_xattrs = t->n_xattrs;
	return 0;
}

static bool is_extension(char type)
{
	return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

int tarhead_read(
    struct tarhead *t, const void *raw, size_t len, struct tar_header *out, struct err *e)
{
	const char *p = raw;
	const struct block *b = raw;
	enum format format = FORMAT_V7;
	size_t used = 0;

	*out = (struct tar_header){0};
	buf_clear(&t->text);
	memset(t->pax, 0, sizeof(t->pax));
	t->has_pax = false;
	t->long_name = t->long_link = NULL;
	t->n_xattrs = 0;
	if (len < TAR_BLOCK || len > TARHEAD_MAX || len % TAR_BLOCK)
		return refuse(e, "headers of an impossible length");
	if (buf_reserve(&t->text, 2 * len, e))
		return e->code;
	for (; is_extension(b->type); b = (const struct block *)p) {
		if (extension(t, b, len, &used, &out->globals, e))
			return e->code;
		p += used;
		len -= used;
		if (len == 0)
			return refuse(e, "an extended header without a header");
	}
	if (len != TAR_BLOCK)
		return refuse(e, "more than one header");
	if (format_of(b, &format, e) || check_prefix(b, format, e))
		return e->code;
	names(t, b, format, out);
	if (numbers(t, b, format, out, e) || type(b, out, e))
		return e->code;
	return xattrs(t, out, e);
}
