/* SPDX-License-Identifier: Apache-2.0 */
/* lines.c: see lines.h. */
#include "tree/lines.h"

#include <string.h>

#include "base/esc.h"

void lines_init(struct lines *l, lines_read_fn *read, void *ctx)
{
	*l = (struct lines){.read = read, .ctx = ctx, .chunk = ""};
	buf_init(&l->line, MANIFEST_LINE_MAX);
	buf_init(&l->path, MANIFEST_LINE_MAX);
	buf_init(&l->before, MANIFEST_LINE_MAX);
}

void lines_release(struct lines *l)
{
	buf_release(&l->line);
	buf_release(&l->path);
	buf_release(&l->before);
}

static int read_line(struct lines *l, struct err *e)
{
	buf_clear(&l->line);
	for (;;) {
		const char *lf =
		    l->chunk_len ? memchr(l->chunk, '\n', l->chunk_len) : NULL;
		size_t n = lf ? (size_t)(lf - l->chunk) + 1 : l->chunk_len;
		int r = buf_add(&l->line, l->chunk, n, e);

		if (r)
			return r;
		l->chunk += n;
		l->chunk_len -= n;
		if (lf || l->at_end)
			return 0;
		r = l->read(l->ctx, &l->chunk, &l->chunk_len, e);
		if (r)
			return r;
		l->at_end = l->chunk_len == 0;
	}
}

static int read_path(struct lines *l, struct err *e)
{
	size_t token = strcspn(l->line.data, " \n");
	struct buf before = l->before;
	int r;

	l->before = l->path;
	l->path = before;
	buf_clear(&l->path);
	r = esc_untoken(&l->path, l->line.data, token, "", e);
	if (r)
		return r;
	if (strlen(l->path.data) != l->path.len)
		return err_set(e, ERR_MALFORMED, "a name holds a NUL byte");
	if (l->before.len && manifest_path_cmp(l->before.data, l->path.data) >= 0)
		return err_set(e, ERR_MALFORMED, "%s is not behind %s", l->path.data,
		    l->before.data);
	return 0;
}

int lines_next(struct lines *l, struct err *e)
{
	int r = read_line(l, e);

	if (r)
		return r;
	if (l->line.len == 0) {
		buf_clear(&l->path);
		return 0;
	}
	if (l->line.data[l->line.len - 1] != '\n')
		return err_set(e, ERR_MALFORMED, "the last line has no end");
	return read_path(l, e);
}
