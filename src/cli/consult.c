/* SPDX-License-Identifier: Apache-2.0 */
/* consult.c: see consult.h. */
#include "cli/consult.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/esc.h"
#include "watch/client.h"
#include "watch/subject.h"

#define WAIT_MS 2000

static void give_up(struct consultation *t, const char *why)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	answer_release(&t->answer);
	free(t->why);
	t->why = xstrdup(why);
}

char *consult_socket(const struct cli *c, uid_t *ledger_owner)
{
	const struct watch_settings *settings = &c->config.watch;
	struct stat st;

	if (settings->no_socket || stat(c->ledger_dir, &st))
		return NULL;
	*ledger_owner = st.st_uid;
	return settings->socket ? xstrdup(settings->socket)
				: client_default_socket(st.st_uid);
}

void consult_open(const struct cli *c, struct consultation *out)
{
	CLEANUP_FREE char *socket = NULL;
	uid_t owner;
	struct err e;
	int r;

	*out = (struct consultation){.fd = -1};
	socket = consult_socket(c, &owner);
	if (!socket)
		return;
	r = client_connect(socket, owner, &out->fd, &e);
	out->suspect = r == ERR_REFUSED;
	if (r && r != ERR_NOT_FOUND)
		give_up(out, e.msg);
}

void consult_close(struct consultation *t)
{
	if (t->fd >= 0)
		close(t->fd);
	answer_release(&t->answer);
	free(t->why);
	*t = (struct consultation){.fd = -1};
}

/* ---- the question ---- */

static int describe_store(const struct cli *c, const struct store_config *store,
    struct request *out, struct err *e)
{
	const char *root = store ? store->graphroot : c->store.root;

	if (store && subject_options(store, &out->options, e))
		return e->code;
	out->store = root ? realpath(root, NULL) : NULL;
	return root && !out->store ? err_sys(e, "store %s", root) : 0;
}

int consult_describe(const struct cli *c, const struct store_config *store,
    const struct fs_names *dirs, struct request *out, struct err *e)
{
	int r = subject_ledger(
	    c->ledger_dir, &out->ledger, &out->ledger_device, &out->ledger_inode, e);

	out->whiteout_files = c->config.whiteout_files;
	policy_digest(&c->config.policy, &out->policy);
	if (c->user)
		out->user = xstrdup(c->user);
	if (!r && c->trust_file)
		r = cli_absolute_path(c->trust_file, &out->trust, e);
	if (!r)
		r = describe_store(c, store, out, e);
	out->cache_dirs = xcalloc(dirs->n, sizeof(*out->cache_dirs));
	for (size_t i = 0; i < dirs->n; i++)
		out->cache_dirs[out->n_cache_dirs++] = subject_cache_dir(dirs->v[i]);
	return r;
}

bool consult(const struct cli *c, struct consultation *t,
    const struct store_config *store, const struct fs_names *cache_dirs)
{
	CLEANUP_REQUEST struct request question = {
	    .verb = REQUEST_VERIFY, .wait_ms = WAIT_MS};
	struct err e;
	int r;

	if (t->fd < 0)
		return false;
	r = consult_describe(c, store, cache_dirs, &question, &e);
	if (!r)
		r = client_exchange(t->fd, &question, &t->answer, &e);
	if (r) {
		give_up(t, e.msg);
	} else if (t->answer.status != ANSWER_KNOWN) {
		CLEANUP_FREE char *why =
		    xasprintf("%s%s%s", answer_status_name(t->answer.status),
			t->answer.why ? ": " : "", t->answer.why ? t->answer.why : "");

		give_up(t, why);
	} else if (t->answer.verdict == VERDICT_UNVERIFIABLE) {
		give_up(t, "it finds the store unverifiable");
	}
	return !t->why;
}

/* ---- the report ---- */

void consult_explain(const struct consultation *t, bool suspicion)
{
	CLEANUP_FREE char *why = esc_str(t->why);

	if (t->why && (t->suspect || !suspicion))
		fprintf(stderr, "layerseal: no verdict of the watcher (%s)\n", why);
}

static char *ago(int64_t then)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	int64_t age = time(NULL) - then;
	size_t i = 0;

	if (then <= 0)
		return xstrdup("not yet");
	age = age > 0 ? age : 0;
	while (i + 1 < ARRAY_LEN(units) && age < 2 * units[i].seconds)
		i++;
	return xasprintf(
	    "%lld %s ago", (long long)(age / units[i].seconds), units[i].name);
}

char *consult_words(const struct answer *a)
{
	CLEANUP_FREE char *source = esc_str(a->source ? a->source : "?");
	CLEANUP_FREE char *pass = ago(a->last_pass);

	return xasprintf("by the watcher (%s), last whole pass %s", source, pass);
}

void consult_json(struct jsonout *j, const struct consultation *t)
{
	const struct answer *a = &t->answer;

	if (t->fd < 0 && !t->why) {
		jsonout_str(j, "watcher", NULL);
		return;
	}
	jsonout_begin(j, "watcher", '{');
	jsonout_bool(j, "answered", !t->why);
	if (t->why) {
		jsonout_str(j, "why", t->why);
	} else {
		jsonout_str(j, "source", a->source);
		jsonout_u64(j, "last_pass", (uint64_t)a->last_pass);
	}
	jsonout_end(j, '}');
}
