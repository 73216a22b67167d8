/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c: see watcher.h. */
#include "cli/watcher.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/esc.h"
#include "cli/consult.h"
#include "cli/report.h"
#include "watch/client.h"

#define STATUS_WAIT_MS 2000
#define SEAL_WAIT_MS PROTOCOL_WAIT_MAX

/* ---- status ---- */

static int ask_status(const struct cli *c, struct answer *out, struct err *e)
{
	const struct request r = {.verb = REQUEST_STATUS, .wait_ms = STATUS_WAIT_MS};
	uid_t owner;
	CLEANUP_FREE char *socket = consult_socket(c, &owner);
	int rc;

	if (!socket)
		return err_set(e, ERR_NOT_FOUND, "none: [watch] socket = none");
	rc = client_ask(socket, owner, &r, out, e);
	if (!rc && out->status != ANSWER_DONE)
		rc = err_set(
		    e, ERR_IO, "%s", out->why ? out->why : "not an answer to this");
	return rc;
}

static void print_time(const char *name, const json_t *value)
{
	char when[REPORT_TIME_MAX];

	if (json_integer_value(value) == 0)
		return;
	report_time(json_integer_value(value), when);
	printf("  %-9s %s\n", name, when);
}

static void print_gaps(json_t *gaps)
{
	const char *name;
	const json_t *count;

	json_object_foreach(gaps, name, count)
	{
		if (json_integer_value(count))
			printf("  gap       %s: %lld\n", name,
			    (long long)json_integer_value(count));
	}
}

static void print_document(const json_t *d)
{
	const char *verdict = json_string_value(json_object_get(d, "verdict"));
	const char *source = json_string_value(json_object_get(d, "source"));
	bool known = json_is_true(json_object_get(d, "known"));

	printf("watcher     %s, %s%s\n", source ? source : "?", verdict ? verdict : "?",
	    known ? "" : " when it last looked: it is looking again");
	printf("  watches   %lld directories, %lld objects known, %lld events\n",
	    (long long)json_integer_value(json_object_get(d, "watches")),
	    (long long)json_integer_value(json_object_get(d, "objects")),
	    (long long)json_integer_value(json_object_get(d, "events")));
	print_time("since", json_object_get(d, "started"));
	print_time("last pass", json_object_get(d, "last_pass"));
	printf("  findings  %lld, of them unsealed objects %lld\n",
	    (long long)json_integer_value(json_object_get(d, "findings")),
	    (long long)json_integer_value(json_object_get(d, "unsealed")));
	printf("  alarms    %lld\n",
	    (long long)json_integer_value(json_object_get(d, "alarms")));
	print_time("last one", json_object_get(d, "last_alarm"));
	print_gaps(json_object_get(d, "gaps"));
}

void watcher_print_status(const struct cli *c)
{
	CLEANUP_ANSWER struct answer a = {0};
	CLEANUP_FREE char *text = NULL;
	json_t *document = NULL;
	struct err e;

	if (ask_status(c, &a, &e) == 0)
		document = json_loads(a.document, JSON_REJECT_DUPLICATES, NULL);
	if (document) {
		print_document(document);
		json_decref(document);
		return;
	}
	text = esc_str(a.document ? "its answer is not JSON" : e.msg);
	printf("watcher     %s\n", text);
}

void watcher_add_status(const struct cli *c, struct jsonout *j)
{
	CLEANUP_ANSWER struct answer a = {0};
	json_t *document = NULL;
	struct err e;

	if (ask_status(c, &a, &e) == 0)
		document = json_loads(a.document, JSON_REJECT_DUPLICATES, NULL);
	jsonout_raw(j, "watcher", document ? a.document : "null");
	json_decref(document);
}

/* ---- seal ---- */

static int report_sealed(const struct answer *a, struct err *e)
{
	json_t *d = json_loads(a->document, JSON_REJECT_DUPLICATES, NULL);
	json_int_t refused = json_integer_value(json_object_get(d, "refused"));
	size_t i;
	json_t *f;

	if (!d)
		return err_set(e, ERR_MALFORMED, "the watcher's answer is not JSON");
	json_array_foreach(json_object_get(d, "findings"), i, f)
	{
		CLEANUP_FREE char *line = json_dumps(f, JSON_COMPACT);

		fprintf(stderr, "%s\n", line);
	}
	printf(
	    "sealed %lld layers, %lld images, %lld names by the watcher; %lld refused\n",
	    (long long)json_integer_value(json_object_get(d, "layers")),
	    (long long)json_integer_value(json_object_get(d, "images")),
	    (long long)json_integer_value(json_object_get(d, "names")),
	    (long long)refused);
	json_decref(d);
	if (fflush(stdout))
		return err_sys(e, "standard output");
	return refused ? EXIT_VIOLATED : EXIT_CLEAN;
}

int watcher_seal(struct cli *c, int n, char **images, struct err *e)
{
	CLEANUP_REQUEST struct request r = {
	    .verb = REQUEST_SEAL, .wait_ms = SEAL_WAIT_MS};
	const struct fs_names usual = {0};
	CLEANUP_ANSWER struct answer a = {0};
	uid_t owner;
	CLEANUP_FREE char *socket = consult_socket(c, &owner);
	int rc;

	if (!socket)
		return err_set(
		    e, ERR_USAGE, "no watcher: [watch] socket = none, or no ledger");
	rc = consult_describe(c, NULL, &usual, &r, e);
	r.images = xcalloc((size_t)n, sizeof(*r.images));
	for (int i = 0; i < n; i++)
		r.images[r.n_images++] = xstrdup(images[i]);
	if (!rc)
		rc = client_ask(socket, owner, &r, &a, e);
	if (rc)
		return rc;
	if (a.status == ANSWER_DONE)
		return report_sealed(&a, e);
	return err_set(e, a.status == ANSWER_REFUSED ? ERR_REFUSED : ERR_IO,
	    "the watcher: %s", a.why ? a.why : answer_status_name(a.status));
}
