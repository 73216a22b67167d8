/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outlet_lines.c: see outlet_impl.h. A reader that stops reading (a pager, a terminal that was stopped) must not stop
 * the watcher; and O_NONBLOCK would be a change for all that share the descriptor. So no more is written at once than
 * poll(2) says there is room for: PIPE_BUF bytes.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/colour.h"
#include "watch/outlet_impl.h"

#define LAST_WAIT_MS 1000

struct lines {
	enum outlet_lines how;
	int fd;
	bool terminal, gone;
	struct buf pending;
	size_t written; /* of these */
};

struct lines *lines_new(enum outlet_lines how, int fd)
{
	struct lines *l;

	if (how == LINES_NONE)
		return NULL;
	l = xcalloc(1, sizeof(*l));
	*l = (struct lines){.how = how, .fd = fd, .terminal = isatty(fd)};
	buf_init(&l->pending, LINES_PENDING_MAX);
	return l;
}

static enum colour colour_of(const struct notice *n)
{
	int priority = notice_priority(n);

	return priority <= LOG_ERR	 ? COLOUR_RED
	       : priority <= LOG_WARNING ? COLOUR_YELLOW
					 : COLOUR_NONE;
}

/* NULL: no memory stream. */
static char *as_text(const struct lines *l, const struct notice *n)
{
	enum colour c = colour_of(n);
	bool coloured = l->terminal && c != COLOUR_NONE;
	char when[NOTICE_TIME_MAX], *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	notice_time(n->time_ms, when);
	fprintf(to, "%s  %s", when, colour_text(coloured, c));
	notice_text(to, n);
	fprintf(to, "%s\n", colour_text(coloured, COLOUR_NONE));
	fclose(to);
	return text;
}

static char *as_json(const struct notice *n)
{
	CLEANUP_JSONOUT struct jsonout j;

	jsonout_init(&j);
	notice_json(&j, n);
	return xasprintf("%s\n", j.text.data);
}

bool lines_tell(struct lines *l, const struct notice *n)
{
	CLEANUP_FREE char *line = NULL;
	struct err ignored;

	if (!l || l->gone)
		return true;
	line = l->how == LINES_JSON ? as_json(n) : as_text(l, n);
	/* All of a line, or nothing of it. */
	if (!line || buf_adds(&l->pending, line, &ignored))
		return false;
	lines_flush(l);
	return true;
}

/* False: no more for now. */
static bool write_some(struct lines *l, int wait_ms)
{
	struct pollfd p = {.fd = l->fd, .events = POLLOUT};
	size_t len = l->pending.len - l->written;
	ssize_t n;

	if (len == 0 || poll(&p, 1, wait_ms) != 1)
		return false;
	n = write(l->fd, l->pending.data + l->written, len < PIPE_BUF ? len : PIPE_BUF);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n < 0) {
		l->gone = true;
		return false;
	}
	l->written += (size_t)n;
	return true;
}

void lines_flush(struct lines *l)
{
	if (!l || l->gone)
		return;
	while (write_some(l, 0))
		;
	memmove(
	    l->pending.data, l->pending.data + l->written, l->pending.len - l->written);
	buf_truncate(&l->pending, l->pending.len - l->written);
	l->written = 0;
}

void lines_free(struct lines *l)
{
	if (!l)
		return;
	while (!l->gone && write_some(l, LAST_WAIT_MS))
		;
	buf_release(&l->pending);
	free(l);
}
