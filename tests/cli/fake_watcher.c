/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_watcher.c: a watcher that says what it is told to of any request that is about its store, for the tests of who asks
 * one: fake_watcher SOCKET ANSWER LEDGER TRUST GRAPHROOT RUNROOT. ANSWER: clean, violated, unknown, mute. Each request is a
 * line on standard output: what subject_compare() finds, and why.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/cachemounts.h"
#include "watch/control.h"
#include "watch/subject.h"

static struct control *control;
static struct subject subject;
static const char *told;

static void say(struct answer *a)
{
	if (strcmp(told, "clean") && strcmp(told, "violated")) {
		answer_say(a, ANSWER_UNKNOWN, "it was told so");
		return;
	}
	a->status = ANSWER_KNOWN;
	a->verdict = VERDICT_CLEAN;
	a->layers = 42;
	a->images = 7;
	a->source = xstrdup("fanotify");
	a->graphroot = xstrdup(subject.store);
	a->store_id = xstrdup("00112233445566778899aabbccddeeff");
	a->ledger_size = 99;
	a->last_pass = time(NULL) - 200;
	if (strcmp(told, "violated") == 0) {
		findings_add(&a->findings, FINDING_TREE_CONTENT,
		    (struct place){.path = "/etc/\033[31mmotd"});
		a->verdict = VERDICT_VIOLATED;
	}
}

static void take_request(
    void *ctx, uint64_t client, const struct peer *peer, struct request *r)
{
	struct answer a = {0};
	struct err why = {0};
	enum answer_status s = subject_compare(&subject, r, &why);

	(void)ctx;
	(void)peer;
	printf("%s: %s\n", answer_status_name(s), why.msg);
	fflush(stdout);
	request_release(r);
	if (strcmp(told, "mute") == 0)
		return;
	if (s == ANSWER_KNOWN)
		say(&a);
	else
		answer_say(&a, s, "%s", why.msg);
	control_answer(control, client, &a);
	answer_release(&a);
}

static NORETURN void serve(void)
{
	struct pollfd p[CONTROL_POLL_MAX];

	for (;;) {
		size_t n = control_poll(control, p);
		struct timespec t;

		poll(p, n, 1000);
		clock_gettime(CLOCK_MONOTONIC, &t);
		control_serve(control, p, n, t.tv_sec * 1000 + t.tv_nsec / 1000000);
	}
}

static int start(char **argv, struct err *e)
{
	struct store_config config = {
	    .graphroot = argv[5], .runroot = argv[6], .driver = STORE_OVERLAY};
	struct policy policy;
	int r = crypto_init(e);

	told = argv[2];
	policy_default(&policy);
	policy_digest(&policy, &subject.policy);
	subject.trust = xstrdup(argv[4]);
	subject.store = realpath(argv[5], NULL);
	subject.only = true;
	subject.cache_dirs.v = xcalloc(1, sizeof(*subject.cache_dirs.v));
	subject.cache_dirs.v[subject.cache_dirs.n++] =
	    subject_cache_dir(CACHE_MOUNT_DEFAULT_DIR);
	if (!r)
		r = subject_ledger(argv[3], &subject.ledger, &subject.ledger_device,
		    &subject.ledger_inode, e);
	if (!r)
		r = subject_options(&config, &subject.options, e);
	return r ? r : control_open(argv[1], take_request, NULL, &control, e);
}

int main(int argc, char **argv)
{
	struct err e;

	if (argc != 7 || start(argv, &e)) {
		fprintf(stderr, "fake_watcher: %s\n", argc == 7 ? e.msg : "usage");
		return 1;
	}
	serve();
}
