/* SPDX-License-Identifier: Apache-2.0 */
/* hookfile.c: see hookfile.h. */
#include "guard/hookfile.h"

#include <string.h>

#include "base/fs.h"

static const struct setting {
	const char *name;
	size_t offset;
	bool is_flag;
} settings[] = {
    {"layerseal", offsetof(struct hookfile, layerseal), false},
    {"ledger", offsetof(struct hookfile, ledger), false},
    {"config", offsetof(struct hookfile, config), false},
    {"trust", offsetof(struct hookfile, trust), false},
    {"link", offsetof(struct hookfile, link), false},
    {"verify-run", offsetof(struct hookfile, verify_run), true},
    {"allow-remote", offsetof(struct hookfile, allow_remote), true},
};

static char **text_of(const struct hookfile *h, const struct setting *s)
{
	return (char **)((uintptr_t)h + s->offset);
}

static bool *flag_of(const struct hookfile *h, const struct setting *s)
{
	return (bool *)((uintptr_t)h + s->offset);
}

void hookfile_release(struct hookfile *h)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (!settings[i].is_flag)
			free(*text_of(h, &settings[i]));
	}
	*h = (struct hookfile){0};
}

static int set(
    struct hookfile *h, const struct setting *s, const char *value, struct err *e)
{
	if (s->is_flag) {
		*flag_of(h, s) = strcmp(value, "yes") == 0;
		if (*flag_of(h, s) || strcmp(value, "no") == 0)
			return 0;
		return err_set(e, ERR_USAGE, "%s is yes or no", s->name);
	}
	if (value[0] != '/')
		return err_set(e, ERR_USAGE, "%s is no absolute path", s->name);
	if (*text_of(h, s))
		return err_set(e, ERR_USAGE, "%s is there twice", s->name);
	*text_of(h, s) = xstrdup(value);
	return 0;
}

static int parse_line(struct hookfile *h, char *line, struct err *e)
{
	char *value = strstr(line, " = ");

	if (!line[0] || line[0] == '#')
		return 0;
	if (!value)
		return err_set(e, ERR_USAGE, "expected NAME = VALUE");
	*value = '\0';
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (strcmp(settings[i].name, line) == 0)
			return set(h, &settings[i], value + strlen(" = "), e);
	}
	return err_set(e, ERR_USAGE, "no setting '%s'", line);
}

int hookfile_parse(const char *text, size_t len, struct hookfile *out, struct err *e)
{
	CLEANUP_FREE char *copy = xstrndup(text, len);
	char *rest = copy, *line;
	int r = 0;

	*out = (struct hookfile){0};
	if (memchr(text, '\0', len))
		r = err_set(e, ERR_USAGE, "a NUL byte");
	for (unsigned number = 1; !r && (line = strsep(&rest, "\n")); number++) {
		if (parse_line(out, line, e))
			r = err_wrap(e, "line %u", number);
	}
	if (!r && !out->layerseal)
		r = err_set(e, ERR_USAGE, "layerseal is not set");
	if (r)
		hookfile_release(out);
	return r;
}

int hookfile_load(const char *dir, struct hookfile *out, struct err *e)
{
	CLEANUP_FREE char *path = xasprintf("%s/" HOOKFILE_NAME, dir);
	CLEANUP_BUF struct buf text;
	int r;

	*out = (struct hookfile){0};
	buf_init(&text, HOOKFILE_MAX_BYTES);
	r = fs_read_guarded(path, HOOKFILE_MAX_BYTES, &text, e);
	if (!r)
		r = hookfile_parse(text.data, text.len, out, e);
	return r ? err_wrap(e, "%s", path) : 0;
}

int hookfile_format(const struct hookfile *h, struct buf *out, struct err *e)
{
	int r = buf_adds(out, "# " HOOK_MARK "; see layerseal-hook(7)\n", e);

	for (size_t i = 0; !r && i < ARRAY_LEN(settings); i++) {
		const struct setting *s = &settings[i];
		const char *value = s->is_flag	     ? (*flag_of(h, s) ? "yes" : "no")
				    : *text_of(h, s) ? *text_of(h, s)
						     : NULL;

		if (!value)
			continue;
		if (strchr(value, '\n'))
			return err_set(
			    e, ERR_USAGE, "%s: a line break in a path", s->name);
		r = buf_addf(out, e, "%s = %s\n", s->name, value);
	}
	return r;
}
