/* SPDX-License-Identifier: Apache-2.0 */
/* watcher_answer.c: requests of clients, once everything that came before them was judged. */
#include <string.h>

#include "base/hex.h"
#include "guard/finding_json.h"
#include "guard/seal.h"
#include "watch/subject.h"
#include "watch/watcher_impl.h"

static bool all_known(const struct watcher *w)
{
	for (size_t i = 0; i < w->n_layers; i++) {
		if (!w->layers[i].known)
			return false;
	}
	return true;
}

bool watcher_knows(const struct watcher *w)
{
	return w->complete && !w->blind && !w->unverifiable && !w->look_asked &&
	       !w->arm_asked && !w->cache_asked && all_known(w);
}

/* Why it does not, for whoever waits for a verdict. */
static const char *why_not(const struct watcher *w)
{
	if (w->unverifiable)
		return "the store or the ledger cannot be read";
	if (w->blind)
		return "a part of the store cannot be watched";
	return "the watcher is looking at what was touched, or may have been";
}

static void answer(struct watcher *w, const struct asked *q, struct answer *a)
{
	pthread_mutex_lock(&w->x.mutex);
	w->x.answers =
	    xreallocarray(w->x.answers, w->x.n_answers + 1, sizeof(*w->x.answers));
	w->x.answers[w->x.n_answers++] = (struct answered){q->client, *a};
	pthread_mutex_unlock(&w->x.mutex);
	watcher_wake(w);
}

static void add_all(struct findings *to, const struct findings *from)
{
	for (size_t i = 0; i < from->n; i++)
		findings_copy(to, &from->v[i]);
	to->dropped += from->dropped;
}

static void fill_verdict(const struct watcher *w, struct answer *a)
{
	char id[2 * STORE_ID_BYTES + 1];

	add_all(&a->findings, &w->structure);
	for (size_t i = 0; i < w->n_layers; i++)
		add_all(&a->findings, &w->layers[i].found);
	hex_encode(id, w->g->store_id.bytes, STORE_ID_BYTES);
	a->status = ANSWER_KNOWN;
	a->verdict = verdict_of(&a->findings);
	a->layers = w->layers_seen;
	a->images = w->images_seen;
	a->cache_mounts = w->cache_mounts_seen;
	a->source = xstrdup(source_kind_name(source_kind(w->o.source)));
	a->graphroot = xstrdup(w->g->store->config->graphroot);
	a->store_id = xstrdup(id);
	a->ledger_size = ledger_size(w->g->ledger);
	a->ledger_root = ledger_head(w->g->ledger)->root;
	a->last_pass = w->figures.last_pass;
}

static void seal(struct watcher *w, const struct request *r, struct answer *a)
{
	CLEANUP_SEAL_RESULT struct seal_result result = {0};
	const struct seal_options o = {
	    .images = (const char *const *)r->images, .n_images = r->n_images};
	CLEANUP_JSONOUT struct jsonout j;
	struct err e;

	jsonout_init(&j);
	if (guard_seal(w->g, &o, &result, &e)) {
		answer_say(a, ANSWER_ERROR, "%s", e.msg);
		return;
	}
	jsonout_begin(&j, NULL, '{');
	jsonout_u64(&j, "layers", result.layers);
	jsonout_u64(&j, "images", result.images);
	jsonout_u64(&j, "names", result.names);
	jsonout_u64(&j, "unchanged", result.unchanged);
	jsonout_u64(&j, "refused", result.refused);
	findings_json(&j, &result.findings);
	jsonout_end(&j, '}');
	a->status = ANSWER_DONE;
	a->document = buf_take(&j.text);
	if (result.layers + result.images + result.names)
		watcher_tell(w, NOTICE_SEALED, "asked for through the socket",
		    result.layers + result.images + result.names);
}

/* False: not yet. */
static bool try_to_answer(struct watcher *w, const struct asked *q)
{
	struct answer a = {.verdict = VERDICT_UNVERIFIABLE};
	struct err why;
	enum answer_status status = subject_compare(w->o.subject, &q->request, &why);

	if (status != ANSWER_KNOWN)
		answer_say(&a, status, "%s", why.msg);
	else if (q->request.verb == REQUEST_SEAL)
		seal(w, &q->request, &a);
	else if (watcher_knows(w))
		fill_verdict(w, &a);
	else if (clock_now_ms() < q->until_ms && !w->blind && !w->unverifiable)
		return false;
	else
		answer_say(&a, ANSWER_UNKNOWN, "%s", why_not(w));
	w->figures.asked++;
	w->figures.verified += a.status == ANSWER_KNOWN;
	answer(w, q, &a);
	return true;
}

void watcher_answer_all(struct watcher *w)
{
	size_t left = 0;

	for (size_t i = 0; i < w->n_waiting; i++) {
		if (try_to_answer(w, &w->waiting[i]))
			request_release(&w->waiting[i].request);
		else
			w->waiting[left++] = w->waiting[i];
	}
	w->n_waiting = left;
}
