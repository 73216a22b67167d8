/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor_pin.c: the newest checkpoint that was seen, in a file beside the trust file: there without
 * being asked for, and only ever one note long. It is made when it is not there, so it cannot be
 * missing: who could remove it could change the trust file, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "ledger/anchor_impl.h"

#define BEGIN_ANEW "%s (layerseal ledger anchor --reset begins it anew)"
/* Checkpoints are public. */
#define PIN_MODE 0644

struct anchor_pin {
	char *path;
	struct buf note; /* as it was read; empty: there is none */
	int64_t written; /* mtime */
};

static int read_note(const struct anchor_pin *p, struct buf *note, struct err *e)
{
	int r;

	buf_clear(note);
	r = fs_read_guarded(p->path, NOTE_MAX_BYTES, note, e);
	return r == ERR_NOT_FOUND ? 0 : r;
}

static void look(struct anchor *a)
{
	struct anchor_pin *p = a->own;
	struct stat st;
	struct err e;
	int r = read_note(p, &p->note, &e);

	a->knows_head = false;
	if (!r) {
		p->written = stat(p->path, &st) == 0 ? st.st_mtim.tv_sec : 0;
		a->state = ANCHOR_SEEN;
	} else {
		anchor_is(a, r == ERR_IO ? ANCHOR_UNREACHABLE : ANCHOR_DAMAGED,
		    BEGIN_ANEW, e.msg);
	}
}

static const struct buf *note(const struct anchor *a)
{
	const struct anchor_pin *p = a->own;

	return &p->note;
}

static int judge(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_pin *p = a->own;
	struct err why;

	if (p->note.len == 0) {
		a->state = ANCHOR_BEHIND;
		return 0;
	}
	if (view->open_note(view->ctx, p->note.data, p->note.len, &a->head, &why)) {
		anchor_is(a, ANCHOR_DAMAGED, BEGIN_ANEW, why.msg);
		return 0;
	}
	a->knows_head = true;
	return anchor_judge_head(a, view, p->written, e);
}

static int prepare(struct anchor *a, const struct anchor_view *view, bool *counts,
    uint64_t *counter, struct err *e)
{
	(void)a;
	(void)view;
	(void)counter;
	(void)e;
	*counts = false;
	return 0;
}

static int write_note(
    const struct anchor_pin *p, const struct anchor_view *view, struct err *e)
{
	CLEANUP_FD int fd = -1;
	const char *name;
	int r = fs_open_parent(p->path, &fd, &name, e);

	return r ? r : fs_replace(fd, name, view->note, view->note_len, PIN_MODE, e);
}

/*
 * Where it cannot be written (another user verifies, /etc is read-only) it stays behind, and is right
 * about less. With the lock held: who was here before us with a longer ledger is left alone.
 */
static int advance(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	struct anchor_pin *p = a->own;
	struct err why;
	int r = read_note(p, &p->note, e);

	if (!r && p->note.len &&
	    view->open_note(view->ctx, p->note.data, p->note.len, &a->head, &why) == 0 &&
	    a->head.size >= view->head->size)
		return 0;
	if (r || write_note(p, view, &why))
		return 0;
	a->head = *view->head;
	a->knows_head = true;
	return 0;
}

static int create(
    struct anchor *a, const struct anchor_view *view, bool again, struct err *e)
{
	(void)again;
	a->head = *view->head;
	a->knows_head = true;
	return write_note(a->own, view, e);
}

static void release(struct anchor *a)
{
	struct anchor_pin *p = a->own;

	buf_release(&p->note);
	free(p->path);
	free(p);
}

void anchor_pin_init(struct anchor *a, const struct anchor_setting *s)
{
	static const struct anchor_ops ops = {
	    .look = look,
	    .note = note,
	    .judge = judge,
	    .prepare = prepare,
	    .advance = advance,
	    .create = create,
	    .release = release,
	};
	struct anchor_pin *p = xcalloc(1, sizeof(*p));

	p->path = xstrdup(s->path);
	buf_init(&p->note, NOTE_MAX_BYTES);
	*a = (struct anchor){.ops = &ops, .name = xasprintf("pin:%s", s->path), .own = p};
}
