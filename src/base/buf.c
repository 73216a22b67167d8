/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char empty[1];

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.data = empty, .max = max};
}

void buf_release(struct buf *b)
{
	if (b->cap)
		free(b->data);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	buf_truncate(b, 0);
}

void buf_truncate(struct buf *b, size_t len)
{
	b->len = len;
	if (b->cap)
		b->data[len] = '\0';
}

int buf_reserve(struct buf *b, size_t more, struct err *e)
{
	size_t cap = b->cap ? b->cap : 64;
	size_t need; /* the NUL included */

	if (more > b->max - b->len || b->len + more == SIZE_MAX)
		return err_set(
		    e, ERR_MALFORMED, "larger than the %zu bytes allowed", b->max);
	need = b->len + more + 1;
	if (b->cap >= need)
		return 0;
	/* A size that cannot be doubled up to ends the program in xreallocarray(). */
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? SIZE_MAX : 2 * cap;
	b->data = xreallocarray(b->cap ? b->data : NULL, cap, 1);
	b->data[b->len] = '\0';
	b->cap = cap;
	return 0;
}

int buf_add(struct buf *b, const void *data, size_t len, struct err *e)
{
	int r = buf_reserve(b, len, e);

	if (r)
		return r;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s, struct err *e)
{
	return buf_add(b, s, strlen(s), e);
}

int buf_addf(struct buf *b, struct err *e, const char *fmt, ...)
{
	CLEANUP_FREE char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_set(e, ERR_INTERNAL, "cannot format text");
	return buf_add(b, text, (size_t)n, e);
}

char *buf_take(struct buf *b)
{
	char *data = b->cap ? b->data : xstrdup("");

	buf_init(b, b->max);
	return data;
}
