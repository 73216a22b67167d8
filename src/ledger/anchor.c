/* SPDX-License-Identifier: Apache-2.0 */
/* anchor.c: see anchor.h: what all anchors share: the comparison and what follows from it. */
#include "ledger/anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/duration.h"
#include "ledger/anchor_impl.h"

/* Writers hold the lock for milliseconds; who holds it for longer means no good. */
#define LOCK_SECONDS 8
/* A clock that is set right now and then may go back by so much. */
#define CLOCK_SLACK 60

struct anchors {
	struct anchor v[ANCHORS_MAX];
	size_t n;
	enum anchor_policy unreachable;
	int64_t grace;
};

const char *anchor_state_name(enum anchor_state s)
{
	static const char *const names[] = {
#define X(id, name) [ANCHOR_##id] = name,
	    ANCHOR_STATES(X)
#undef X
	};

	return names[s];
}

void anchor_is(struct anchor *a, enum anchor_state state, const char *fmt, ...)
{
	va_list ap;

	a->state = state;
	a->why.code = state == ANCHOR_UNREACHABLE ? ERR_IO : ERR_LEDGER;
	va_start(ap, fmt);
	vsnprintf(a->why.msg, sizeof(a->why.msg), fmt, ap);
	va_end(ap);
}

/* ---- settings ---- */

static int set_file(struct anchor_setting *a, const char *value, struct err *e)
{
	const char *base = strrchr(value, '/');

	if (value[0] != '/' || !base[1] || strcmp(base, "/.") == 0 ||
	    strcmp(base, "/..") == 0)
		return err_set(
		    e, ERR_USAGE, "file: '%s' is not the full path of a file", value);
	if (strlen(value) >= sizeof(a->path))
		return err_set(e, ERR_USAGE, "file: the path is longer than %zu bytes",
		    sizeof(a->path) - 1);
	a->kind = ANCHOR_FILE;
	memcpy(a->path, value, strlen(value) + 1);
	return 0;
}

static int set_tpm(struct anchor_setting *a, const char *value, struct err *e)
{
	char *end;
	unsigned long index;

	errno = 0;
	index = strtoul(value, &end, 16);
	if (strncmp(value, "0x", 2) != 0 || !value[2] || *end || errno ||
	    index < 0x01000000 || index > 0x01ffffff)
		return err_set(e, ERR_USAGE,
		    "tpm: '%s' is not an NV index from 0x01000000 to 0x01ffffff", value);
	a->kind = ANCHOR_TPM;
	a->index = (uint32_t)index;
	return 0;
}

static int set_unreachable(struct anchor_settings *s, const char *value, struct err *e)
{
	static const char grace[] = "grace ";

	if (strcmp(value, "strict") == 0) {
		s->unreachable = ANCHOR_STRICT;
	} else if (strcmp(value, "off") == 0) {
		s->unreachable = ANCHOR_OFF;
	} else if (strncmp(value, grace, strlen(grace)) == 0 &&
		   duration_parse(
		       value + strlen(grace) + strspn(value + strlen(grace), " \t"),
		       &s->grace)) {
		s->unreachable = ANCHOR_GRACE;
	} else {
		return err_set(e, ERR_USAGE,
		    "unreachable: '%s' is not strict, off or grace N (N as in 90s, 10m, "
		    "2h, 7d)",
		    value);
	}
	return 0;
}

static int add_anchor(struct anchor_settings *s, const struct anchor_setting *a,
    const char *name, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].kind == a->kind && s->v[i].index == a->index &&
		    strcmp(s->v[i].path, a->path) == 0)
			return err_set(e, ERR_USAGE, "%s: this anchor twice", name);
	}
	if (s->n == ANCHORS_MAX - 1)
		return err_set(
		    e, ERR_USAGE, "%s: more than %d anchors", name, ANCHORS_MAX - 1);
	s->v[s->n++] = *a;
	return 0;
}

static int set_pin(struct anchor_settings *s, const char *value, struct err *e)
{
	s->no_pin = strcmp(value, "no") == 0;
	return s->no_pin || strcmp(value, "yes") == 0
		   ? 0
		   : err_set(e, ERR_USAGE, "pin: '%s' is not yes or no", value);
}

char *anchor_pin_path(const char *trust_file)
{
	return xasprintf("%s+head", trust_file);
}

int anchor_settings_pin(struct anchor_settings *s, const char *trust_file, struct err *e)
{
	CLEANUP_FREE char *path = anchor_pin_path(trust_file);
	struct anchor_setting *a = &s->v[s->n];

	if (s->no_pin)
		return 0;
	if (strlen(path) >= sizeof(a->path))
		return err_set(
		    e, ERR_USAGE, "trust file %s: its path is too long", trust_file);
	*a = (struct anchor_setting){.kind = ANCHOR_PIN};
	memcpy(a->path, path, strlen(path) + 1);
	s->n++;
	return 0;
}

int anchor_settings_set(
    struct anchor_settings *s, const char *name, const char *value, struct err *e)
{
	struct anchor_setting a = {0};
	int r;

	if (strcmp(name, "unreachable") == 0)
		return set_unreachable(s, value, e);
	if (strcmp(name, "pin") == 0)
		return set_pin(s, value, e);
	if (strcmp(name, "tcti") == 0) {
		if (!value[0] || strlen(value) >= sizeof(s->tcti))
			return err_set(
			    e, ERR_USAGE, "tcti: '%s' is empty or too long", value);
		memcpy(s->tcti, value, strlen(value) + 1);
		return 0;
	}
	if (strcmp(name, "file") == 0)
		r = set_file(&a, value, e);
	else if (strcmp(name, "tpm") == 0)
		r = set_tpm(&a, value, e);
	else
		r = err_set(e, ERR_USAGE, "section [anchor] has no setting '%s'", name);
	return r ? r : add_anchor(s, &a, name, e);
}

/* ---- open, close ---- */

int anchors_open(const struct anchor_settings *s, struct anchors **out, struct err *e)
{
	struct anchors *as = xcalloc(1, sizeof(*as));
	int r = 0;

	as->unreachable = s->unreachable;
	as->grace = s->grace;
	for (size_t i = 0; !r && i < s->n; i++) {
		if (s->v[i].kind == ANCHOR_TPM)
			r = anchor_tpm_init(&as->v[i], &s->v[i], s->tcti, e);
		else if (s->v[i].kind == ANCHOR_PIN)
			anchor_pin_init(&as->v[i], &s->v[i]);
		else
			anchor_file_init(&as->v[i], &s->v[i]);
		as->n += !r;
	}
	for (size_t i = 0; !r && i < as->n; i++)
		as->v[i].ops->look(&as->v[i]);
	if (r)
		anchors_close(as);
	else
		*out = as;
	return r;
}

void anchors_prove(const struct anchors *as, const struct anchor_view *view)
{
	for (size_t i = 0; i < as->n; i++) {
		const struct anchor *a = &as->v[i];
		const struct buf *note =
		    a->ops->note && a->state == ANCHOR_SEEN ? a->ops->note(a) : NULL;
		struct checkpoint unused;
		struct err ignored;

		if (note && note->len)
			(void)!view->open_note(
			    view->ctx, note->data, note->len, &unused, &ignored);
	}
}

void anchors_close(struct anchors *as)
{
	if (!as)
		return;
	for (size_t i = 0; i < as->n; i++) {
		as->v[i].ops->release(&as->v[i]);
		free(as->v[i].name);
	}
	free(as);
}

/* ---- the comparison ---- */

static void when_text(int64_t seconds, char out[static 32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		memcpy(out, "?", 2);
}

static void is_rolled_back(struct anchor *a, const struct anchor_view *view, int64_t when)
{
	char told[32] = "?", newest[32] = "nothing";

	when_text(when, told);
	if (view->newest)
		when_text(view->newest, newest);
	anchor_is(a, ANCHOR_ROLLED_BACK,
	    "it remembers %" PRIu64 " entries%s%s, but the ledger has %" PRIu64
	    ", the last of %s: an older ledger was put in place of the newest",
	    a->head.size, when ? ", told at " : "", when ? told : "", view->head->size,
	    newest);
}

int anchor_judge_head(
    struct anchor *a, const struct anchor_view *view, int64_t when, struct err *e)
{
	struct digest root = view->head->root;
	int r = 0;

	if (strcmp(a->head.origin, view->head->origin) != 0) {
		anchor_is(a, ANCHOR_FOREIGN, "it belongs to ledger %s, this one is %s",
		    a->head.origin, view->head->origin);
		return 0;
	}
	if (a->head.size > view->head->size) {
		is_rolled_back(a, view, when);
		return 0;
	}
	if (a->head.size < view->head->size)
		r = view->root_at(view->ctx, a->head.size, &root, e);
	if (r)
		return r;
	if (!digest_equal(&root, &a->head.root))
		anchor_is(a, ANCHOR_FORKED,
		    "the first %" PRIu64 " entries of the ledger are not those that it "
		    "remembers: the ledger was forked",
		    a->head.size);
	else
		a->state =
		    a->head.size < view->head->size ? ANCHOR_BEHIND : ANCHOR_AGREES;
	return 0;
}

/* ---- what cannot be reached ---- */

static int within_grace(
    const struct anchors *as, const struct anchor_view *view, struct err *e)
{
	int64_t age = (int64_t)time(NULL) - view->newest;
	char newest[32];

	if (age >= -CLOCK_SLACK && age <= as->grace)
		return 0;
	when_text(view->newest, newest);
	return err_set(e, ERR_LEDGER,
	    "the grace period does not reach to the newest entry of the ledger, of %s",
	    view->newest ? newest : "nothing");
}

/* 0 if the policy lets an anchor be unreachable now. */
static int tolerate(const struct anchors *as, const struct anchor *a,
    const struct anchor_view *view, struct err *e)
{
	struct err why;

	switch (as->unreachable) {
	case ANCHOR_OFF:
		return 0;
	case ANCHOR_GRACE:
		if (within_grace(as, view, &why) == 0)
			return 0;
		return err_set(e, ERR_LEDGER, "anchor %s cannot be reached: %s; %s",
		    a->name, a->why.msg, why.msg);
	case ANCHOR_STRICT:
		break;
	}
	return err_set(
	    e, ERR_LEDGER, "anchor %s cannot be reached: %s", a->name, a->why.msg);
}

static int verdict(const struct anchors *as, const struct anchor *a,
    const struct anchor_view *view, struct err *e)
{
	switch (a->state) {
	case ANCHOR_AGREES:
	case ANCHOR_BEHIND:
		return 0;
	case ANCHOR_UNREACHABLE:
		return tolerate(as, a, view, e);
	default:
		return err_set(e, ERR_LEDGER, "anchor %s: %s", a->name, a->why.msg);
	}
}

/* ---- moving forwards ---- */

/* Of the ledger's directory, where only the ledger's user can hold it; closing gives it back. */
static int lock(const struct anchor_view *view, int *out, struct err *e)
{
	static const struct timespec pause = {.tv_nsec = 5000000};
	CLEANUP_FD int fd = openat(view->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	time_t end = time(NULL) + LOCK_SECONDS;

	if (fd < 0)
		return err_sys(e, "cannot lock the ledger's directory");
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(e, "cannot lock the ledger's directory");
		if (time(NULL) > end)
			return err_set(e, ERR_IO,
			    "another process keeps the ledger's directory locked");
		nanosleep(&pause, NULL);
	}
	*out = take_fd(&fd);
	return 0;
}

static int advance(struct anchor *a, const struct anchor_view *view, struct err *e)
{
	CLEANUP_FD int held = -1;
	int r = lock(view, &held, e);

	if (!r)
		r = a->ops->advance(a, view, e);
	if (!r)
		a->state = ANCHOR_AGREES;
	return r;
}

int anchors_check(struct anchors *as, const struct anchor_view *view, struct err *e)
{
	int r = 0;

	for (size_t i = 0; !r && i < as->n; i++) {
		if (as->v[i].state == ANCHOR_SEEN)
			r = as->v[i].ops->judge(&as->v[i], view, e);
	}
	for (size_t i = 0; !r && i < as->n; i++)
		r = verdict(as, &as->v[i], view, e);
	if (r || !view->may_write)
		return r;
	/* Whether it can be healed says nothing about the ledger; anchors_prepare() insists. */
	for (size_t i = 0; i < as->n; i++) {
		struct anchor *a = &as->v[i];
		struct err why;

		if (a->state == ANCHOR_BEHIND && advance(a, view, &why))
			anchor_is(a, ANCHOR_BEHIND, "%s", why.msg);
	}
	return 0;
}

/* An anchor that fails while it is used: what could not be reached is up to the policy. */
static int lost(const struct anchors *as, struct anchor *a,
    const struct anchor_view *view, struct err *e)
{
	CLEANUP_FREE char *why = xstrdup(e->msg);

	if (e->code != ERR_IO)
		return err_wrap(e, "anchor %s", a->name);
	anchor_is(a, ANCHOR_UNREACHABLE, "%s", why);
	return tolerate(as, a, view, e);
}

static int prepare(const struct anchors *as, struct anchor *a,
    const struct anchor_view *view, struct anchor_count *out, bool *counts, struct err *e)
{
	int r = 0;

	*counts = false;
	/* What speaks against the ledger must have been heard before. */
	if (a->state == ANCHOR_SEEN)
		return err_set(e, ERR_INTERNAL, "anchor %s was not compared", a->name);
	if (a->state != ANCHOR_AGREES && a->state != ANCHOR_BEHIND)
		return verdict(as, a, view, e);
	if (a->state == ANCHOR_BEHIND)
		r = advance(a, view, e);
	if (!r)
		r = a->ops->prepare(a, view, counts, &out->counter, e);
	out->anchor = a->name;
	return r ? lost(as, a, view, e) : 0;
}

int anchors_prepare(struct anchors *as, const struct anchor_view *view,
    struct anchor_count out[static ANCHORS_MAX], size_t *n, struct err *e)
{
	int r = 0;

	*n = 0;
	for (size_t i = 0; !r && i < as->n; i++) {
		bool counts;

		r = prepare(as, &as->v[i], view, &out[*n], &counts, e);
		*n += !r && counts;
	}
	return r;
}

int anchors_advance(struct anchors *as, const struct anchor_view *view, struct err *e)
{
	int result = 0;

	for (size_t i = 0; i < as->n; i++) {
		struct anchor *a = &as->v[i];
		struct err why;
		int r = a->state == ANCHOR_UNREACHABLE ? 0 : advance(a, view, &why);

		if (r)
			r = lost(as, a, view, &why);
		if (r && !result)
			result = err_set(e, r,
			    "the ledger was written, but an anchor not: %s", why.msg);
	}
	return result;
}

/* ---- making them ---- */

/* Every anchor that is left as it is must speak for this ledger. */
static int may_create(const struct anchors *as, bool again, struct err *e)
{
	size_t wanted = 0;

	for (size_t i = 0; i < as->n; i++) {
		const struct anchor *a = &as->v[i];
		bool fine = a->state == ANCHOR_AGREES || a->state == ANCHOR_BEHIND;

		if (a->state == ANCHOR_UNREACHABLE || a->state == ANCHOR_FOREIGN ||
		    (!again && !fine && a->state != ANCHOR_MISSING))
			return err_set(
			    e, ERR_REFUSED, "anchor %s: %s", a->name, a->why.msg);
		wanted += again || a->state == ANCHOR_MISSING;
	}
	return wanted ? 0
		      : err_set(e, ERR_REFUSED, "%s",
			    as->n ? "every anchor of the configuration exists already"
				  : "the configuration names no anchor");
}

int anchors_create(
    struct anchors *as, const struct anchor_view *view, bool again, struct err *e)
{
	CLEANUP_FD int held = -1;
	int r = may_create(as, again, e);

	if (!r)
		r = lock(view, &held, e);
	for (size_t i = 0; !r && i < as->n; i++) {
		struct anchor *a = &as->v[i];

		if (!again && a->state != ANCHOR_MISSING)
			continue;
		r = a->ops->create(a, view, again, e);
		if (r)
			return err_wrap(e, "anchor %s", a->name);
		a->state = ANCHOR_AGREES;
		a->why.msg[0] = '\0';
	}
	return r;
}

/* ---- for people ---- */

size_t anchors_count(const struct anchors *as)
{
	return as ? as->n : 0;
}

void anchors_report(const struct anchors *as, size_t i, struct anchor_report *out)
{
	const struct anchor *a = &as->v[i];

	*out = (struct anchor_report){
	    .name = a->name,
	    .state = a->state,
	    .why = a->why.msg,
	    .knows_head = a->knows_head,
	    .head = a->head,
	    .knows_counter = a->knows_counter,
	    .counter = a->counter,
	    .has_file = a->has_file,
	    .append_only = a->append_only,
	};
}
