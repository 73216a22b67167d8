/* SPDX-License-Identifier: Apache-2.0 */
/* storageconf.c: see storageconf.h. */
#include "store/storageconf.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define NESTED_MAX 16
#define STRING_MAX 4096

struct reader {
	const char *p;
	unsigned line;
	const char *file;
	char table[64]; /* "storage.options", "" before the first */
	struct storage_conf *conf;
};

struct value {
	enum { VALUE_TEXT, VALUE_BARE, VALUE_LIST, VALUE_TABLE } kind;
	struct buf text; /* of a string or a bare word */
	char **list;	 /* strings of a list */
	size_t n;
	bool mixed; /* a list of other things than strings */
};

void storage_conf_drop_options(struct storage_conf *c)
{
	for (size_t i = 0; i < c->n_options; i++)
		free(c->options[i]);
	free(c->options);
	c->options = NULL;
	c->n_options = 0;
}

void storage_conf_release(struct storage_conf *c)
{
	free(c->driver);
	free(c->graphroot);
	free(c->runroot);
	free(c->rootless_storage_path);
	free(c->imagestore);
	storage_conf_drop_options(c);
	*c = (struct storage_conf){0};
}

void storage_conf_add_option(struct storage_conf *c, const char *text, size_t len)
{
	c->options = xreallocarray(c->options, c->n_options + 1, sizeof(*c->options));
	c->options[c->n_options++] = xstrndup(text, len);
}

static void value_release(struct value *v)
{
	buf_release(&v->text);
	for (size_t i = 0; i < v->n; i++)
		free(v->list[i]);
	free(v->list);
}

static int cannot(const struct reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_STORE, "%s:%u: cannot read %s", r->file, r->line, what);
}

/* Blanks; with `lines` also line ends and comments. */
static void skip(struct reader *r, bool lines)
{
	for (;; r->p++) {
		if (*r->p == '#' && lines)
			r->p += strcspn(r->p, "\n");
		if (*r->p == '\n' && lines)
			r->line++;
		else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r')
			return;
	}
}

/* What must follow a table or a value. */
static int end_of_line(struct reader *r, struct err *e)
{
	skip(r, false);
	if (*r->p == '#')
		r->p += strcspn(r->p, "\n");
	return *r->p == '\n' || *r->p == '\0' ? 0 : cannot(r, "what follows", e);
}

static int read_string(struct reader *r, struct buf *out, struct err *e)
{
	static const char escapes[] = "\"\"\\\\t\tn\nr\rb\bf\f";
	char quote = *r->p;

	if (r->p[1] == quote && r->p[2] == quote)
		return cannot(r, "a string over several lines", e);
	for (r->p++; *r->p != quote; r->p++) {
		char c = *r->p;

		if (c == '\0' || c == '\n')
			return cannot(r, "a string without end", e);
		if (c == '\\' && quote == '"') {
			const char *found = strchr(escapes, *++r->p);

			/* Pairs: the letter, then what it stands for. */
			if (*r->p == '\0' || !found || (found - escapes) % 2)
				return cannot(r, "this escape", e);
			c = found[1];
		}
		if (buf_add(out, &c, 1, e))
			return cannot(r, "so long a string", e);
	}
	r->p++;
	return 0;
}

static int read_value(struct reader *r, struct value *v, int nested, struct err *e);

static int read_list(struct reader *r, struct value *v, int nested, struct err *e)
{
	int result = 0;

	v->kind = VALUE_LIST;
	r->p++;
	for (skip(r, true); *r->p != ']'; skip(r, true)) {
		CLEANUP(value_release) struct value item = {0};

		result = read_value(r, &item, nested + 1, e);
		if (result)
			return result;
		if (item.kind == VALUE_TEXT) {
			v->list = xreallocarray(v->list, v->n + 1, sizeof(*v->list));
			v->list[v->n++] = buf_take(&item.text);
		} else {
			v->mixed = true;
		}
		skip(r, true);
		if (*r->p == ',')
			r->p++;
		else if (*r->p != ']')
			return cannot(r, "this list", e);
	}
	r->p++;
	return 0;
}

/* { key = value, ... }: read to find its end only. */
static int skip_inline_table(struct reader *r, struct value *v, int nested, struct err *e)
{
	v->kind = VALUE_TABLE;
	r->p++;
	for (skip(r, false); *r->p != '}'; skip(r, false)) {
		CLEANUP(value_release) struct value item = {0};
		int result;

		r->p +=
		    strspn(r->p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_-.");
		skip(r, false);
		if (*r->p != '=')
			return cannot(r, "this table", e);
		r->p++;
		result = read_value(r, &item, nested + 1, e);
		if (result)
			return result;
		skip(r, false);
		if (*r->p == ',')
			r->p++;
		else if (*r->p != '}')
			return cannot(r, "this table", e);
	}
	r->p++;
	return 0;
}

static int read_value(struct reader *r, struct value *v, int nested, struct err *e)
{
	size_t len;

	buf_init(&v->text, STRING_MAX);
	if (nested > NESTED_MAX)
		return cannot(r, "so deep a value", e);
	skip(r, false);
	if (*r->p == '"' || *r->p == '\'')
		return read_string(r, &v->text, e);
	if (*r->p == '[')
		return read_list(r, v, nested, e);
	if (*r->p == '{')
		return skip_inline_table(r, v, nested, e);
	len = strcspn(r->p, " \t\r\n#,]}");
	if (len == 0)
		return cannot(r, "a value that is not there", e);
	v->kind = VALUE_BARE;
	if (buf_add(&v->text, r->p, len, e))
		return cannot(r, "so long a value", e);
	r->p += len;
	return 0;
}

/* Once only: a second line for a key is an error to podman's reader too. */
static int set_text(struct reader *r, char **to, const struct value *v, struct err *e)
{
	if (*to || v->kind != VALUE_TEXT)
		return cannot(r, "this value (one string is expected)", e);
	*to = xstrdup(v->text.data);
	return 0;
}

static int set_flag(struct reader *r, bool *to, const struct value *v, struct err *e)
{
	if (v->kind != VALUE_BARE ||
	    (strcmp(v->text.data, "true") != 0 && strcmp(v->text.data, "false") != 0))
		return cannot(r, "this value (true or false is expected)", e);
	*to = v->text.data[0] == 't';
	return 0;
}

static int add_option(struct reader *r, const char *driver, const char *key,
    const struct value *v, struct err *e)
{
	const char *dot = *driver ? "." : "";

	if (v->kind == VALUE_TABLE || v->mixed)
		return cannot(r, "this value", e);
	for (size_t i = 0; i < (v->kind == VALUE_LIST ? v->n : 1); i++) {
		const char *text = v->kind == VALUE_LIST ? v->list[i] : v->text.data;
		CLEANUP_FREE char *option =
		    xasprintf("%s%s%s=%s", driver, dot, key, text);

		if (*text)
			storage_conf_add_option(r->conf, option, strlen(option));
	}
	return 0;
}

static int set_storage(
    struct reader *r, const char *key, const struct value *v, struct err *e)
{
	struct storage_conf *c = r->conf;

	if (strcmp(key, "driver") == 0)
		return set_text(r, &c->driver, v, e);
	if (strcmp(key, "graphroot") == 0)
		return set_text(r, &c->graphroot, v, e);
	if (strcmp(key, "runroot") == 0)
		return set_text(r, &c->runroot, v, e);
	if (strcmp(key, "rootless_storage_path") == 0)
		return set_text(r, &c->rootless_storage_path, v, e);
	if (strcmp(key, "imagestore") == 0)
		return set_text(r, &c->imagestore, v, e);
	if (strcmp(key, "transient_store") == 0)
		return set_flag(r, &c->transient, v, e);
	if (strcmp(key, "options") == 0)
		return cannot(r, "the options as one value", e);
	c->driver_priority = v->n > 0; /* the last key there is */
	return 0;
}

/* Keys of the tables that are read; others change nothing that layerseal looks at. */
static const struct {
	const char *table, *driver;
	const char *keys[14];
} tables[] = {
    {"storage", NULL,
	{"driver", "graphroot", "runroot", "rootless_storage_path", "imagestore",
	    "transient_store", "options", "driver_priority"}},
    {"storage.options", "",
	{"additionalimagestores", "additionallayerstores", "ignore_chown_errors",
	    "force_mask", "use_composefs", "overlay", "vfs", "mount_program", "mountopt",
	    "size", "skip_mount_home"}},
    {"storage.options.overlay", "overlay",
	{"ignore_chown_errors", "force_mask", "use_composefs", "mount_program",
	    "mountopt", "size", "inodes", "skip_mount_home"}},
    {"storage.options.vfs", "vfs", {"ignore_chown_errors"}},
};

static int take_value(
    struct reader *r, const char *key, const struct value *v, struct err *e)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		if (strcmp(tables[t].table, r->table) != 0)
			continue;
		for (const char *const *k = tables[t].keys; *k; k++) {
			/* podman's reader folds case. */
			if (strcasecmp(*k, key) != 0)
				continue;
			if (strcmp(*k, key) != 0)
				return cannot(r, "a key in upper case", e);
			if (!tables[t].driver)
				return set_storage(r, key, v, e);
			return add_option(r, tables[t].driver, key, v, e);
		}
	}
	return 0;
}

/* A bare key: anything else could spell one of ours in another way. */
static int read_key(
    struct reader *r, const char *more, char *out, size_t size, struct err *e)
{
	size_t len = 0;

	while ((r->p[len] >= 'a' && r->p[len] <= 'z') ||
	       (r->p[len] >= 'A' && r->p[len] <= 'Z') ||
	       (r->p[len] >= '0' && r->p[len] <= '9') || r->p[len] == '_' ||
	       r->p[len] == '-' || (r->p[len] && strchr(more, r->p[len])))
		len++;
	if (len == 0 || len >= size)
		return cannot(r, "this key", e);
	memcpy(out, r->p, len);
	out[len] = '\0';
	r->p += len;
	skip(r, false);
	return 0;
}

static int read_table(struct reader *r, struct err *e)
{
	int result;

	r->p++;
	skip(r, false);
	result = read_key(r, ".", r->table, sizeof(r->table), e);
	if (result)
		return result;
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		if (strcasecmp(tables[t].table, r->table) == 0 &&
		    strcmp(tables[t].table, r->table) != 0)
			return cannot(r, "a table in upper case", e);
	}
	if (*r->p != ']')
		return cannot(r, "this table", e);
	r->p++;
	return end_of_line(r, e);
}

static int read_pair(struct reader *r, struct err *e)
{
	CLEANUP(value_release) struct value v = {0};
	char key[64];
	int result = read_key(r, "", key, sizeof(key), e);

	if (result)
		return result;
	if (*r->p != '=')
		return cannot(r, "this key", e);
	if (!r->table[0] && strcasecmp(key, "storage") == 0)
		return cannot(r, "the settings as one value", e);
	r->p++;
	result = read_value(r, &v, 0, e);
	if (!result)
		result = take_value(r, key, &v, e);
	return result ? result : end_of_line(r, e);
}

int storage_conf_parse(
    struct storage_conf *c, const char *text, const char *file, struct err *e)
{
	struct reader r = {.p = text, .line = 1, .file = file, .conf = c};
	int result = 0;

	for (skip(&r, true); !result && *r.p; skip(&r, true))
		result = *r.p == '[' ? read_table(&r, e) : read_pair(&r, e);
	return result;
}
