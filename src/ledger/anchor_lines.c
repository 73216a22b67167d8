/* SPDX-License-Identifier: Apache-2.0 */
/* anchor_lines.c: see anchor_lines.h. */
#include "ledger/anchor_lines.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"

#define CHUNK_BYTES 131072 /* more than a line */

static void drop(struct anchor_line *line)
{
	free(line->text);
	free(line->head);
}

void anchor_lines_release(struct anchor_lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		drop(&l->best[i]);
	*l = (struct anchor_lines){0};
}

/* ---- reading ---- */

/* The second line of what the base64 hides; nobody vouches for it yet. */
static bool claimed_size(const char *line, size_t len, struct buf *scratch, uint64_t *out)
{
	static const size_t enough[] = {96, (KEY_NAME_MAX + 24) / 3 * 4};
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(enough); i++) {
		size_t n = (len < enough[i] ? len : enough[i]) & ~(size_t)3;

		buf_clear(scratch);
		if (base64_decode(scratch, line, n, &e))
			return false;
		if (scratch->len &&
		    checkpoint_claimed_size(scratch->data, scratch->len, out))
			return true;
	}
	return false;
}

static void consider(struct anchor_lines *l, const struct anchor_line *line)
{
	size_t at = 0;

	while (at < l->n && l->best[at].size > line->size)
		at++;
	if (at == ANCHOR_CANDIDATES)
		return;
	if (l->n == ANCHOR_CANDIDATES)
		drop(&l->best[--l->n]);
	memmove(&l->best[at + 1], &l->best[at], (l->n - at) * sizeof(*line));
	l->best[at] = *line;
	l->n++;
}

/* The whole lines of a chunk that lies at `offset`; returns how many bytes they have. */
static size_t scan_chunk(struct anchor_lines *l, const char *chunk, size_t len,
    off_t offset, struct buf *scratch)
{
	size_t at = 0;
	const char *lf;

	while ((lf = memchr(chunk + at, '\n', len - at))) {
		struct anchor_line line = {
		    .at = offset + (off_t)at, .len = (size_t)(lf - chunk) - at};

		if (line.len <= ANCHOR_LINE_MAX &&
		    claimed_size(chunk + at, line.len, scratch, &line.size))
			consider(l, &line);
		at += line.len + 1;
	}
	return at;
}

static int read_at(int fd, char *out, size_t len, off_t at, size_t *got, struct err *e)
{
	*got = 0;
	while (*got < len) {
		ssize_t n = pread(fd, out + *got, len - *got, at + (off_t)*got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, "cannot read it");
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return 0;
}

/* Keeps the bytes of the candidates: what is judged later must be what was seen now. */
static int load_candidates(struct anchor_lines *l, int fd, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < l->n; i++) {
		struct anchor_line *line = &l->best[i];
		size_t got;

		if (line->text)
			continue;
		line->text = xmalloc(line->len + 1);
		r = read_at(fd, line->text, line->len, line->at, &got, e);
		if (!r)
			line->len = got;
	}
	return r;
}

/* What was added since the last scan. A last line without an end is no line: a crash tore it. */
int anchor_lines_scan(struct anchor_lines *l, int fd, struct err *e)
{
	CLEANUP_FREE char *chunk = xmalloc(CHUNK_BYTES);
	CLEANUP_BUF struct buf scratch;
	off_t at = l->scanned;
	size_t got = CHUNK_BYTES;
	int r = 0;

	buf_init(&scratch, KEY_NAME_MAX + 64);
	while (!r && got == CHUNK_BYTES) {
		size_t used;

		r = read_at(fd, chunk, CHUNK_BYTES, at, &got, e);
		if (r)
			break;
		l->end = at + (off_t)got;
		used = scan_chunk(l, chunk, got, at, &scratch);
		if (used == 0 && got == CHUNK_BYTES)
			used =
			    got; /* no line is that long: the rest of it is none either */
		at += (off_t)used;
	}
	l->scanned = at;
	return r ? r : load_candidates(l, fd, e);
}

/* ---- what they say ---- */

static bool is_valid(
    const struct buf *note, const struct anchor_view *view, struct checkpoint *out)
{
	struct err e;

	/* Mostly it is the ledger's own, which need not be authenticated twice. */
	if (note->len == view->note_len &&
	    memcmp(note->data, view->note, note->len) == 0) {
		*out = *view->head;
		return true;
	}
	return view->open_note(view->ctx, note->data, note->len, out, &e) == 0;
}

static void authenticate(struct anchor_line *line, const struct anchor_view *view)
{
	CLEANUP_BUF struct buf note;
	struct checkpoint head;
	struct err e;

	buf_init(&note, NOTE_MAX_BYTES);
	line->worth = LINE_WORTHLESS;
	if (base64_decode(&note, line->text, line->len, &e) == 0 &&
	    is_valid(&note, view, &head)) {
		line->worth = LINE_VALID;
		line->head = xmalloc(sizeof(head));
		*line->head = head;
	}
}

/* The name of another ledger, if that is whose line it is. */
static bool is_foreign(const struct anchor_line *line, const struct anchor_view *view,
    struct checkpoint *out)
{
	CLEANUP_BUF struct buf note;
	const char *text_end;
	struct err e;

	buf_init(&note, NOTE_MAX_BYTES);
	if (base64_decode(&note, line->text, line->len, &e))
		return false;
	text_end = memmem(note.data, note.len, "\n\n", 2);
	return text_end &&
	       checkpoint_parse(note.data, (size_t)(text_end + 1 - note.data), out, &e) ==
		   0 &&
	       strcmp(out->origin, view->head->origin) != 0;
}

static void is_worthless(
    const struct anchor_lines *l, struct anchor *a, const struct anchor_view *view)
{
	struct checkpoint other;

	for (size_t i = 0; i < l->n; i++) {
		if (is_foreign(&l->best[i], view, &other)) {
			anchor_is(a, ANCHOR_FOREIGN,
			    "it belongs to ledger %s, this one is %s", other.origin,
			    view->head->origin);
			return;
		}
	}
	anchor_is(a, ANCHOR_DAMAGED,
	    l->end == 0 ? "it is empty" : "no line of it is a checkpoint of this ledger");
}

void anchor_lines_newest(
    struct anchor_lines *l, struct anchor *a, const struct anchor_view *view)
{
	const struct anchor_line *newest = NULL;

	for (size_t i = 0; i < l->n; i++) {
		struct anchor_line *line = &l->best[i];

		if (newest && line->size < newest->size)
			break;
		if (line->worth == LINE_NEW)
			authenticate(line, view);
		if (line->worth != LINE_VALID)
			continue;
		if (newest && !digest_equal(&newest->head->root, &line->head->root)) {
			anchor_is(a, ANCHOR_FORKED,
			    "it holds two checkpoints of %" PRIu64
			    " entries with different roots: the ledger was forked",
			    line->size);
			return;
		}
		newest = line;
	}
	if (!newest) {
		is_worthless(l, a, view);
		return;
	}
	a->knows_head = true;
	a->head = *newest->head;
}
