/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c: see manifest.h. Both directions go through entry_flaw(): the writer cannot produce
 * what the reader refuses, and the reader accepts nothing that the writer would spell otherwise.
 */
#include "tree/manifest.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/esc.h"
#include "base/hex.h"

#define UNSEALED_XATTR                                                                   \
	"security.selinux" /* belongs to the host's policy, not to the layer */
#define COMPONENT_MAX 255
#define NSEC_DIGITS 9
#define DIGEST_COLUMN 10 /* PATH is 0 */

/* ---- what an entry may be ---- */

bool manifest_path_ok(const char *path)
{
	if (path[0] != '/')
		return false;
	if (path[1] == '\0')
		return true;
	while (*path == '/') {
		size_t len = strcspn(++path, "/");

		if (len == 0 || len > COMPONENT_MAX || (len == 1 && path[0] == '.') ||
		    (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
	}
	return true;
}

static bool type_ok(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return (mode & ~(uint32_t)(S_IFMT | 07777)) == 0;
	default:
		return false;
	}
}

static const char *hardlink_flaw(const struct manifest_entry *m)
{
	if (S_ISDIR(m->mode))
		return "a directory is no hard link";
	if (!m->payload || !manifest_path_ok(m->payload) ||
	    manifest_path_cmp(m->payload, m->path) >= 0)
		return "a hard link names an earlier path";
	if (m->nlink < 2)
		return "a hard link has at least two links";
	if (m->has_digest || m->n_xattrs)
		return "a hard link has neither digest nor xattrs";
	return NULL;
}

static const char *payload_flaw(const struct manifest_entry *m)
{
	if (m->hardlink)
		return hardlink_flaw(m);
	if (!S_ISLNK(m->mode))
		return m->payload ? "only links have a payload" : NULL;
	if (!m->payload || !m->payload[0] || strlen(m->payload) != m->size)
		return "a symbolic link has a target of SIZE bytes";
	return NULL;
}

static const char *xattrs_flaw(const struct manifest_entry *m)
{
	for (size_t i = 0; i < m->n_xattrs; i++) {
		const char *name = m->xattrs[i].name;

		if (!name[0] || strcmp(name, UNSEALED_XATTR) == 0)
			return "an xattr has a name, and " UNSEALED_XATTR " is left out";
		if (i && strcmp(m->xattrs[i - 1].name, name) >= 0)
			return "xattrs are sorted by name";
	}
	return NULL;
}

/* The rule that `m` breaks, or NULL. */
static const char *entry_flaw(const struct manifest_entry *m)
{
	bool regular = S_ISREG(m->mode);
	const char *flaw;

	if (!manifest_path_ok(m->path))
		return "PATH is absolute, without empty, '.' or '..' components";
	if (!type_ok(m->mode))
		return "MODE is a known file type and permission bits";
	if (m->path[1] == '\0' && !S_ISDIR(m->mode))
		return "the root is a directory";
	if (S_ISDIR(m->mode) && m->nlink != 1)
		return "NLINK of a directory is 1";
	if (m->size && !regular && !S_ISLNK(m->mode))
		return "SIZE is for regular files and symbolic links";
	if ((m->dev_major || m->dev_minor) && !S_ISCHR(m->mode) && !S_ISBLK(m->mode))
		return "RDEV is for devices";
	if (m->mtime_nsec > 999999999)
		return "MTIME has less than a second of nanoseconds";
	flaw = payload_flaw(m);
	if (flaw)
		return flaw;
	if (m->has_digest != (regular && m->size > 0 && !m->hardlink))
		return "DIGEST is for regular files of at least one byte";
	return xattrs_flaw(m);
}

/* 0 sorts first, then "/", then all other bytes in their order. */
static unsigned path_rank(char c)
{
	unsigned byte = (unsigned char)c;

	return byte == 0 ? 0 : byte == '/' ? 1 : byte + 1;
}

int manifest_path_cmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (int)path_rank(*a) - (int)path_rank(*b);
}

bool manifest_path_below(const char *dir, const char *path)
{
	/* The root has a slash already. */
	size_t len = dir[1] ? strlen(dir) : 0;

	return strncmp(path, dir, len) == 0 && path[len] == '/' && path[len + 1];
}

/* ---- writing ---- */

/* printf() would take a third of the time of listing a tree of small files. */
static char *put_number(char *p, uint64_t v, unsigned base)
{
	char digits[24];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % base);
	while (v /= base);
	while (n)
		*p++ = digits[--n];
	return p;
}

static char *put_column(char *p, uint64_t v)
{
	p = put_number(p, v, 10);
	*p++ = ' ';
	return p;
}

static char *put_mtime(char *p, int64_t sec, uint32_t nsec)
{
	if (sec < 0)
		*p++ = '-';
	p = put_number(p, sec < 0 ? 0 - (uint64_t)sec : (uint64_t)sec, 10);
	*p++ = '.';
	for (size_t i = NSEC_DIGITS; i--; nsec /= 10)
		p[i] = (char)('0' + nsec % 10);
	p[NSEC_DIGITS] = ' ';
	return p + NSEC_DIGITS + 1;
}

static int format_columns(const struct manifest_entry *m, struct buf *out, struct err *e)
{
	char text[256];
	char *p = text;

	*p++ = ' ';
	p = put_column(p, m->size);
	if (m->hardlink)
		*p++ = '@';
	p = put_number(p, m->mode, 8);
	*p++ = ' ';
	p = put_column(p, m->nlink);
	p = put_column(p, m->uid);
	p = put_column(p, m->gid);
	p = put_column(p, (uint64_t)m->dev_major << 32 | m->dev_minor);
	p = put_mtime(p, m->mtime_sec, m->mtime_nsec);
	return buf_add(out, text, (size_t)(p - text), e);
}

static int format_digest(const struct manifest_entry *m, struct buf *out, struct err *e)
{
	char text[DIGEST_HEX_LEN + 4] = " - ";

	if (!m->has_digest)
		return buf_adds(out, " - -", e);
	digest_hex(&m->digest, text + 3);
	return buf_add(out, text, 3 + DIGEST_HEX_LEN, e);
}

/* An empty value is nothing behind the "=", as composefs-dump(5) reads it. */
static int format_xattr(const struct manifest_xattr *x, struct buf *out, struct err *e)
{
	int r = buf_add(out, " ", 1, e);

	if (!r)
		r = esc_token(out, x->name, strlen(x->name), "=", e);
	if (!r)
		r = buf_add(out, "=", 1, e);
	if (!r && x->len)
		r = esc_token(out, x->value, x->len, "", e);
	return r;
}

int manifest_format(const struct manifest_entry *m, struct buf *out, struct err *e)
{
	const char *flaw = entry_flaw(m);
	size_t before = out->len;
	int r;

	if (flaw)
		return err_set(
		    e, ERR_MALFORMED, "%s has no manifest line: %s", m->path, flaw);
	r = esc_token(out, m->path, strlen(m->path), "", e);
	if (!r)
		r = format_columns(m, out, e);
	if (!r && m->payload)
		r = esc_token(out, m->payload, strlen(m->payload), "", e);
	else if (!r)
		r = buf_add(out, "-", 1, e);
	if (!r)
		r = format_digest(m, out, e);
	for (size_t i = 0; !r && i < m->n_xattrs; i++)
		r = format_xattr(&m->xattrs[i], out, e);
	if (!r)
		r = buf_add(out, "\n", 1, e);
	if (!r && out->len - before > MANIFEST_LINE_MAX)
		r = err_set(e, ERR_MALFORMED,
		    "its manifest line is longer than %u bytes (names, target and "
		    "xattrs)",
		    MANIFEST_LINE_MAX);
	if (r) {
		buf_truncate(out, before);
		return err_wrap(e, "%s", m->path);
	}
	return 0;
}

/* No token has a space in it. */
char *manifest_line_digest(char *line)
{
	for (unsigned column = 0; column < DIGEST_COLUMN; column++)
		line = strchr(line, ' ') + 1;
	return line;
}

/* ---- reading ---- */

struct manifest_scratch {
	struct buf
	    bytes; /* decoded strings, each with its NUL; never moves while one line lives */
	struct manifest_xattr *xattrs;
	size_t cap;
};

struct cursor {
	const char *p, *end; /* p is NULL behind the last token */
	struct manifest_scratch *s;
};

struct token {
	const char *p;
	size_t len;
};

struct manifest_scratch *manifest_scratch_new(void)
{
	struct manifest_scratch *s = xcalloc(1, sizeof(*s));

	buf_init(&s->bytes, 2 * MANIFEST_LINE_MAX + 64);
	return s;
}

void manifest_scratch_free(struct manifest_scratch *s)
{
	if (!s)
		return;
	buf_release(&s->bytes);
	free(s->xattrs);
	free(s);
}

static bool more_tokens(const struct cursor *c)
{
	return c->p != NULL;
}

/*
 * The next token, empty if there is none. Exactly one space ends a token: two in a row, or one at
 * the end of the line, make an empty token, and no column takes that.
 */
static struct token next_token(struct cursor *c)
{
	struct token t = {"", 0};
	const char *space;

	if (!more_tokens(c))
		return t;
	space = memchr(c->p, ' ', (size_t)(c->end - c->p));
	t = (struct token){c->p, (size_t)((space ? space : c->end) - c->p)};
	c->p = space ? space + 1 : NULL;
	return t;
}

static bool token_is(struct token t, const char *text)
{
	return t.len == strlen(text) && memcmp(t.p, text, t.len) == 0;
}

/* Digits of `base` without leading zeros, up to `max`. */
static bool number(struct token t, unsigned base, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (t.len == 0 || (t.p[0] == '0' && t.len > 1))
		return false;
	for (size_t i = 0; i < t.len; i++) {
		unsigned digit = (unsigned)(unsigned char)t.p[i] - '0';

		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*out = v;
	return v <= max;
}

static bool column(struct cursor *c, uint64_t max, uint64_t *out)
{
	return number(next_token(c), 10, max, out);
}

static bool column32(struct cursor *c, uint32_t *out)
{
	uint64_t v;

	if (!column(c, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool mode_column(struct cursor *c, struct manifest_entry *m)
{
	struct token t = next_token(c);
	uint64_t mode;

	m->hardlink = t.len && t.p[0] == '@';
	if (m->hardlink) {
		t.p++;
		t.len--;
	}
	if (!number(t, 8, S_IFMT | 07777, &mode))
		return false;
	m->mode = (uint32_t)mode;
	return true;
}

static bool mtime_column(struct cursor *c, struct manifest_entry *m)
{
	struct token t = next_token(c);
	bool negative = t.len && t.p[0] == '-';
	uint64_t sec;

	if (t.len <= NSEC_DIGITS + 1 || t.p[t.len - NSEC_DIGITS - 1] != '.')
		return false;
	m->mtime_nsec = 0;
	for (size_t i = t.len - NSEC_DIGITS; i < t.len; i++) {
		if (t.p[i] < '0' || t.p[i] > '9')
			return false;
		m->mtime_nsec = 10 * m->mtime_nsec + (uint32_t)(t.p[i] - '0');
	}
	t.len -= NSEC_DIGITS + 1;
	if (negative) {
		t.p++;
		t.len--;
	}
	if (!number(t, 10, (uint64_t)INT64_MAX + negative, &sec) ||
	    (negative && sec == 0))
		return false;
	m->mtime_sec = negative ? (int64_t)(0 - sec) : (int64_t)sec;
	return true;
}

/* Decodes a token behind what the scratch holds; *out gets a NUL of its own. */
static int decode(struct cursor *c, struct token t, const char *also, const char **out,
    size_t *len, struct err *e)
{
	struct buf *bytes = &c->s->bytes;
	size_t start = bytes->len;
	int r = esc_untoken(bytes, t.p, t.len, also, e);

	*len = bytes->len - start;
	if (!r)
		r = buf_add(bytes, "", 1, e);
	*out = bytes->data + start;
	return r;
}

static int decode_string(
    struct cursor *c, struct token t, const char *also, const char **out, struct err *e)
{
	size_t len;
	int r = decode(c, t, also, out, &len, e);

	if (!r && strlen(*out) != len)
		return err_set(e, ERR_MALFORMED, "a name holds a NUL byte");
	return r;
}

static int parse_columns(struct cursor *c, struct manifest_entry *m, struct err *e)
{
	uint64_t rdev;

	if (!column(c, UINT64_MAX, &m->size))
		return err_set(e, ERR_MALFORMED, "SIZE is no plain number");
	if (!mode_column(c, m))
		return err_set(e, ERR_MALFORMED, "MODE is no plain octal number");
	if (!column(c, UINT64_MAX, &m->nlink))
		return err_set(e, ERR_MALFORMED, "NLINK is no plain number");
	if (!column32(c, &m->uid) || !column32(c, &m->gid))
		return err_set(
		    e, ERR_MALFORMED, "UID or GID is no plain number of 32 bits");
	if (!column(c, UINT64_MAX, &rdev))
		return err_set(e, ERR_MALFORMED, "RDEV is no plain number");
	m->dev_major = (uint32_t)(rdev >> 32);
	m->dev_minor = (uint32_t)rdev;
	if (!mtime_column(c, m))
		return err_set(e, ERR_MALFORMED,
		    "MTIME is not seconds, '.' and nine digits of nanoseconds");
	return 0;
}

static int parse_content(struct cursor *c, struct manifest_entry *m, struct err *e)
{
	char hex[DIGEST_HEX_LEN + 1] = "";
	struct token t = next_token(c);
	int r;

	if (!token_is(t, "-")) {
		r = decode_string(c, t, "", &m->payload, e);
		if (r)
			return err_wrap(e, "PAYLOAD");
	}
	if (!token_is(next_token(c), "-"))
		return err_set(e, ERR_MALFORMED, "CONTENT is not \"-\"");
	t = next_token(c);
	if (token_is(t, "-"))
		return 0;
	if (t.len == DIGEST_HEX_LEN)
		memcpy(hex, t.p, DIGEST_HEX_LEN);
	m->has_digest = digest_parse_hex(hex, &m->digest);
	return m->has_digest ? 0
			     : err_set(e, ERR_MALFORMED,
				   "DIGEST is not 64 lower-case hexadecimal digits");
}

static int parse_xattr(
    struct cursor *c, struct token t, struct manifest_xattr *x, struct err *e)
{
	const char *equals = memchr(t.p, '=', t.len);
	struct token name, value;
	const char *bytes;
	int r;

	if (!equals || equals == t.p)
		return err_set(e, ERR_MALFORMED, "an xattr is not NAME=VALUE");
	name = (struct token){t.p, (size_t)(equals - t.p)};
	value = (struct token){equals + 1, t.len - name.len - 1};
	*x = (struct manifest_xattr){.value = ""};
	r = decode_string(c, name, "=", &x->name, e);
	if (r || value.len == 0)
		return r;
	if (token_is(value, "-"))
		return err_set(
		    e, ERR_MALFORMED, "an empty xattr value is spelled as nothing");
	r = decode(c, value, "", &bytes, &x->len, e);
	x->value = bytes;
	return r;
}

static int parse_xattrs(struct cursor *c, struct manifest_entry *m, struct err *e)
{
	struct manifest_scratch *s = c->s;
	int r = 0;

	while (!r && more_tokens(c)) {
		if (m->n_xattrs == s->cap) {
			s->cap = s->cap ? 2 * s->cap : 16;
			s->xattrs = xreallocarray(s->xattrs, s->cap, sizeof(*s->xattrs));
		}
		r = parse_xattr(c, next_token(c), &s->xattrs[m->n_xattrs], e);
		m->n_xattrs++;
	}
	m->xattrs = s->xattrs;
	return r;
}

static int parse(struct cursor *c, struct manifest_entry *m, struct err *e)
{
	const char *flaw;
	int r = decode_string(c, next_token(c), "", &m->path, e);

	if (r)
		return err_wrap(e, "PATH");
	r = parse_columns(c, m, e);
	if (!r)
		r = parse_content(c, m, e);
	if (!r)
		r = parse_xattrs(c, m, e);
	if (r)
		return r;
	flaw = entry_flaw(m);
	return flaw ? err_set(e, ERR_MALFORMED, "%s", flaw) : 0;
}

int manifest_parse(const char *line, size_t len, struct manifest_scratch *scratch,
    struct manifest_entry *out, struct err *e)
{
	struct cursor c = {.p = line, .s = scratch};
	int r;

	if (len && line[len - 1] == '\n')
		len--;
	if (len >= MANIFEST_LINE_MAX)
		return err_set(e, ERR_MALFORMED, "manifest line is longer than %u bytes",
		    MANIFEST_LINE_MAX);
	if (memchr(line, '\n', len))
		return err_set(
		    e, ERR_MALFORMED, "manifest line holds more than one line");
	c.end = line + len;
	*out = (struct manifest_entry){0};
	buf_clear(&scratch->bytes);
	/* Enough for every token and its NUL: the strings handed out never move. */
	r = buf_reserve(&scratch->bytes, 2 * len + 2, e);
	if (!r)
		r = parse(&c, out, e);
	return r ? err_wrap(e, "manifest line of %s", out->path ? out->path : "no path")
		 : 0;
}
