/* SPDX-License-Identifier: Apache-2.0 */
/* test_anchor_tpm.c: the counter of a TPM as an anchor, against swtpm; tpm2-tools plays the attacker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "anchor_view.h"
#include "ledger/ledger_impl.h"

#ifdef HAVE_TPM

static struct fake *f;
static pid_t tpm;
static unsigned port;
static char tpm_state[96], tcti[64];

__attribute__((format(printf, 1, 2))) static int run(const char *fmt, ...)
{
	CLEANUP_FREE char *command = NULL, *quiet = NULL;
	va_list ap;

	va_start(ap, fmt);
	command = xvasprintf(fmt, ap);
	va_end(ap);
	quiet =
	    xasprintf("TPM2TOOLS_TCTI=%s; export TPM2TOOLS_TCTI; (%s) >/dev/null 2>&1",
		tcti, command);
	return system(quiet);
}

static void must_run(const char *command)
{
	if (run("%s", command))
		fail_msg("failed: %s", command);
}

static bool is_free(unsigned n)
{
	const struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)n),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	       bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

/* Not where another test's TPM would answer. */
static bool start_on(unsigned n)
{
	CLEANUP_FREE char *server = xasprintf("type=tcp,port=%u,bindaddr=127.0.0.1", n);
	CLEANUP_FREE char *ctrl = xasprintf("type=tcp,port=%u,bindaddr=127.0.0.1", n + 1);
	CLEANUP_FREE char *where = xasprintf("dir=%s", tpm_state);

	if (!is_free(n) || !is_free(n + 1))
		return false;
	snprintf(tcti, sizeof(tcti), "swtpm:host=127.0.0.1,port=%u", n);
	tpm = fork();
	if (tpm == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", where,
		    "--ctrl", ctrl, "--server", server, "--flags",
		    "not-need-init,startup-clear", "--log", "level=0", (char *)NULL);
		_exit(127);
	}
	for (int tries = 0; tries < 400; tries++) {
		if (waitpid(tpm, NULL, WNOHANG) == tpm)
			return false;
		if (run("tpm2_getcap properties-fixed") == 0)
			return true;
		usleep(10000);
	}
	return false;
}

static void stop_tpm(void)
{
	kill(tpm, SIGKILL);
	waitpid(tpm, NULL, 0);
}

static void start_tpm(void)
{
	for (int tries = 0; tries < 20; tries++) {
		port =
		    port ? port : 20000 + (unsigned)(getpid() * 2 + tries * 514) % 40000;
		if (start_on(port))
			return;
		port = 0;
	}
	fail_msg("swtpm does not start");
}

/* One TPM for all tests; each has an index of its own. */
static int group_setup(void **state)
{
	if (scratch_setup(state))
		return -1;
	snprintf(tpm_state, sizeof(tpm_state), "%s/tpm", scratch);
	if (mkdir(tpm_state, 0700))
		return -1;
	start_tpm();
	return 0;
}

static int group_teardown(void **state)
{
	stop_tpm();
	return scratch_teardown(state);
}

static unsigned tpm_index = 0x01500020;

static int setup(void **state)
{
	char text[16];

	(void)state;
	snprintf(text, sizeof(text), "0x%08x", tpm_index);
	settings = (struct anchor_settings){0};
	set("tpm", text);
	set("tcti", tcti);
	f = fake_new(ORIGIN, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	run("tpm2_nvundefine 0x%08x -C o", tpm_index);
	tpm_index++;
	fake_free(f);
	remove_tree(dir);
	return 0;
}

static uint64_t tpm_value(void)
{
	struct anchors *as = must_open_anchors();
	struct anchor_report report;

	anchors_report(as, 0, &report);
	anchors_close(as);
	assert_true(report.knows_counter);
	return report.counter;
}

/* As ledger_append() does it: the counter is an entry of the batch. `crash`: before the TPM counts. */
static int append_counted(bool crash, struct err *e)
{
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	size_t n;
	int r = anchors_check(as, &f->view, e);

	if (!r)
		r = anchors_prepare(as, &f->view, counts, &n, e);
	if (!r && n) {
		assert_int_equal(n, 1);
		assert_int_equal(strncmp(counts[0].anchor, "tpm:0x0150", 10), 0);
		f->has_counter = true;
		f->counter = counts[0].counter;
	}
	if (!r)
		fake_append(f, 2, 'a');
	if (!r && !crash)
		r = anchors_advance(as, &f->view, e);
	anchors_close(as);
	return r;
}

static void must_count(bool crash)
{
	struct err e;

	if (append_counted(crash, &e))
		fail_msg("%s", e.msg);
}

/* As `layerseal ledger anchor --create`: made, then joined with the ledger by an append. */
static int join(bool again, struct err *e)
{
	struct anchors *as = must_open_anchors();
	struct anchor_count counts[ANCHORS_MAX];
	struct err ignored;
	size_t n;
	int r;

	(void)!anchors_check(as, &f->view, &ignored);
	r = anchors_create(as, &f->view, again, e);
	if (!r)
		r = anchors_prepare(as, &f->view, counts, &n, e);
	if (!r) {
		f->has_counter = true;
		f->counter = counts[0].counter;
		fake_append(f, 1, 'a');
		r = anchors_advance(as, &f->view, e);
	}
	anchors_close(as);
	return r;
}

static void must_join(void)
{
	struct err e;

	if (join(false, &e))
		fail_msg("%s", e.msg);
}

static void test_counts(void **state)
{
	uint64_t first;

	(void)state;
	expect_state(f, ANCHOR_MISSING, "the TPM has no such NV index");
	must_join();
	first = f->counter;
	expect_fine(f);
	for (int i = 0; i < 3; i++)
		must_count(false);
	assert_int_equal(f->counter, first + 3);
	assert_int_equal(tpm_value(), first + 3);
	expect_fine(f);
	expect_fine(f);
	assert_int_equal(tpm_value(), first + 3);
}

static void test_create_refuses_one_that_counts(void **state)
{
	struct err e;

	(void)state;
	must_join();
	assert_int_equal(join(false, &e), ERR_REFUSED);
	expect_fine(f);
}

/* Defined with tpm2-tools, as an owner password demands it. */
static void test_create_takes_one_that_never_counted(void **state)
{
	(void)state;
	assert_int_equal(run("tpm2_nvdefine 0x%08x -C o -s 8 -a "
			     "'ownerread|authread|authwrite|nt=counter|no_da'",
			     tpm_index),
	    0);
	expect_state(f, ANCHOR_MISSING, "the NV index has never counted");
	must_join();
	expect_fine(f);
}

static void test_rolled_back(void **state)
{
	uint64_t now;

	(void)state;
	must_join();
	must_count(false);
	must_count(false);
	now = f->counter;
	f->counter = now - 1;
	expect_state(f, ANCHOR_ROLLED_BACK, "an older ledger");
	f->counter = now - 2;
	expect_state(f, ANCHOR_ROLLED_BACK, "an older ledger");
	/* To before there was an anchor. */
	f->has_counter = false;
	expect_state(f, ANCHOR_ROLLED_BACK, "no entry of the ledger counts with it");
	assert_int_equal(tpm_value(), now);
	f->has_counter = true;
	f->counter = now;
	expect_fine(f);
}

static void test_crash_before_counting(void **state)
{
	uint64_t before;

	(void)state;
	must_join();
	before = tpm_value();
	must_count(true);
	assert_int_equal(tpm_value(), before);
	f->view.may_write = false;
	expect_state(f, ANCHOR_BEHIND, "");
	assert_int_equal(tpm_value(), before);
	f->view.may_write = true;
	expect_fine(f);
	assert_int_equal(tpm_value(), before + 1);
	/* And by the next append, when the one that could heal did not. */
	must_count(true);
	must_count(false);
	assert_int_equal(tpm_value(), before + 3);
	expect_fine(f);
}

static void test_replaced(void **state)
{
	struct err e;

	(void)state;
	must_join();
	f->counter += 2;
	expect_state(f, ANCHOR_REPLACED, "the TPM was replaced or set back");
	f->counter += 100000;
	/* Not even begun anew: counting so far would wear a TPM out. */
	assert_int_equal(join(true, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "give it another NV index"));
}

static void test_begun_anew(void **state)
{
	struct err e;

	(void)state;
	must_join();
	must_count(false);
	must_count(false);
	f->counter -= 2;
	expect_state(f, ANCHOR_ROLLED_BACK, "");
	if (join(true, &e))
		fail_msg("%s", e.msg);
	expect_fine(f);
}

/* Others append and count between our look at the TPM and our look at the ledger. */
static void test_append_between_looks(void **state)
{
	struct anchors *as;
	struct err e;

	(void)state;
	must_join();
	as = must_open_anchors();
	must_count(false);
	must_count(false);
	must_count(false);
	if (anchors_check(as, &f->view, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(state_of(as, 0), ANCHOR_AGREES);
	anchors_close(as);
}

/* Removed and made again, a counter only goes up. */
static void test_undefined_and_defined_again(void **state)
{
	uint64_t before;

	(void)state;
	must_join();
	must_count(false);
	before = tpm_value();
	assert_int_equal(run("tpm2_nvundefine 0x%08x -C o", tpm_index), 0);
	expect_state(f, ANCHOR_MISSING, "no such NV index");
	set("unreachable", "off");
	expect_state(f, ANCHOR_MISSING, "no such NV index");
	assert_int_equal(run("tpm2_nvdefine 0x%08x -C o -s 8 -a "
			     "'ownerread|authread|authwrite|nt=counter|no_da' && "
			     "tpm2_nvincrement 0x%08x -C 0x%08x",
			     tpm_index, tpm_index, tpm_index),
	    0);
	assert_true(tpm_value() > before);
	expect_state(f, ANCHOR_ROLLED_BACK, "");
}

/* An index of another type holds whatever its maker wrote. */
static void test_not_a_counter(void **state)
{
	(void)state;
	must_join();
	assert_int_equal(run("tpm2_nvundefine 0x%08x -C o", tpm_index), 0);
	assert_int_equal(run("tpm2_nvdefine 0x%08x -C o -s 8 -a "
			     "'ownerread|authread|authwrite|no_da' && "
			     "printf '\\000\\000\\000\\000\\000\\000\\000\\001' | "
			     "tpm2_nvwrite 0x%08x -C 0x%08x -i -",
			     tpm_index, tpm_index, tpm_index),
	    0);
	f->counter = 1;
	expect_state(f, ANCHOR_DAMAGED, "not a plain counter");
	assert_int_equal(
	    run("tpm2_nvundefine 0x%08x -C o && tpm2_nvdefine 0x%08x -C o -s 8 "
		"-a 'ownerread|authread|authwrite|nt=counter|orderly|no_da'",
		tpm_index, tpm_index),
	    0);
	expect_state(f, ANCHOR_DAMAGED, "not a plain counter");
}

static void test_somebody_else_counts(void **state)
{
	(void)state;
	must_join();
	assert_int_equal(
	    run("tpm2_nvincrement 0x%08x -C 0x%08x", tpm_index, tpm_index), 0);
	expect_state(f, ANCHOR_ROLLED_BACK, "somebody else counts with it");
}

static void test_restarted(void **state)
{
	uint64_t before;

	(void)state;
	must_join();
	must_count(false);
	before = tpm_value();
	stop_tpm();
	start_tpm();
	assert_int_equal(tpm_value(), before);
	expect_fine(f);
	must_count(false);
	expect_fine(f);
}

/* The weak point of a TPM made of software: who has its state has the counter. */
static void test_state_of_a_virtual_tpm_put_back(void **state)
{
	CLEANUP_FREE char *keep =
	    xasprintf("rm -rf %s/kept && cp -a %s %s/kept", scratch, tpm_state, scratch);
	CLEANUP_FREE char *put =
	    xasprintf("rm -rf %s && cp -a %s/kept %s", tpm_state, scratch, tpm_state);

	(void)state;
	must_join();
	stop_tpm();
	must_run(keep);
	start_tpm();
	must_count(false);
	must_count(false);
	stop_tpm();
	must_run(put);
	start_tpm();
	expect_state(f, ANCHOR_REPLACED, "replaced or set back");
}

static void test_unreachable(void **state)
{
	struct err e;

	(void)state;
	must_join();
	stop_tpm();
	expect_state(f, ANCHOR_UNREACHABLE, "cannot be reached");
	assert_int_equal(append_counted(false, &e), ERR_LEDGER);
	set("unreachable", "grace 1h");
	f->view.newest = time(NULL) - 4000;
	assert_int_equal(append_counted(false, &e), ERR_LEDGER);
	f->view.newest = time(NULL);
	must_count(false);
	start_tpm();
	/* What was appended meanwhile is not counted; the next append is. */
	expect_fine(f);
	must_count(false);
	expect_fine(f);
}

static void test_goes_away_meanwhile(void **state)
{
	struct anchor_count counts[ANCHORS_MAX];
	struct anchors *as;
	uint64_t before;
	struct err e;
	size_t n;

	(void)state;
	must_join();
	before = tpm_value();
	as = must_open_anchors();
	assert_int_equal(anchors_check(as, &f->view, &e), 0);
	assert_int_equal(anchors_prepare(as, &f->view, counts, &n, &e), 0);
	f->counter = counts[0].counter;
	fake_append(f, 1, 'a');
	stop_tpm();
	assert_int_equal(anchors_advance(as, &f->view, &e), ERR_LEDGER);
	anchors_close(as);
	start_tpm();
	expect_fine(f);
	assert_int_equal(tpm_value(), before + 1);
}

/* Many that heal at once count once. */
static void test_racing(void **state)
{
	pid_t children[8];
	uint64_t before;

	(void)state;
	must_join();
	before = tpm_value();
	must_count(true);
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		children[i] = fork();
		if (children[i] == 0) {
			struct anchors *as = must_open_anchors();
			struct err e;
			int r;

			/* A descriptor of its own, as each process has. */
			f->view.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			r = anchors_check(as, &f->view, &e);
			_exit(r || state_of(as, 0) != ANCHOR_AGREES);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		int status = -1;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(tpm_value(), before + 1);
}

/* ---- a whole ledger ---- */

static struct ledger *open_counted(void)
{
	struct trust trust;
	struct ledger_options o = {.dir = dir,
	    .mode = LEDGER_WRITE,
	    .trust = &trust,
	    .key = &key_source,
	    .anchors = &settings};
	struct ledger *l = NULL;
	struct err e;

	if (trust_load(trust_file(), &trust, &e) || ledger_open(&o, &l, &e))
		fail_msg("%s", e.msg);
	return l;
}

static uint64_t counter_of(const struct ledger *l)
{
	struct anchor_report report;
	uint64_t told;

	anchors_report(ledger_anchors(l), 0, &report);
	assert_true(ledger_anchor_counter(l, report.name, &told));
	return told;
}

/* The count of the batch of a state entry comes after it, and readers that begin there know it. */
static void test_ledger_with_a_snapshot(void **state)
{
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file(),
	    .key = &key_source,
	    .request = {.name = ORIGIN},
	    .anchors = &settings};
	struct entry batch[600];
	struct ledger *l;
	uint64_t first;
	struct err e;

	(void)state;
	remove_ledger();
	if (ledger_create(&c, &l, &e))
		fail_msg("%s", e.msg);
	must_append(l, init_at("/g"));
	first = counter_of(l);
	assert_int_equal(tpm_value(), first);
	for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
		batch[i] = layer_of(i);
	for (unsigned round = 0; round < 3; round++)
		assert_int_equal(ledger_append(l, batch, ARRAY_LEN(batch), &e), 0);
	for (unsigned i = 0; i < ARRAY_LEN(batch); i++)
		entry_release(&batch[i]);
	assert_int_equal(counter_of(l), first + 3);
	assert_int_equal(ledger_maintain(l, &e), 0);
	assert_int_equal(counter_of(l), first + 4);
	ledger_close(l);
	l = open_counted();
	assert_true(l->start > 1800);
	assert_int_equal(counter_of(l), first + 4);
	must_append(l, layer_of(700));
	ledger_close(l);
	assert_int_equal(tpm_value(), first + 5);
	ledger_close(open_counted());
	remove_ledger();
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH(test_counts),
	    WITH(test_create_refuses_one_that_counts),
	    WITH(test_create_takes_one_that_never_counted),
	    WITH(test_rolled_back),
	    WITH(test_crash_before_counting),
	    WITH(test_replaced),
	    WITH(test_begun_anew),
	    WITH(test_append_between_looks),
	    WITH(test_undefined_and_defined_again),
	    WITH(test_not_a_counter),
	    WITH(test_somebody_else_counts),
	    WITH(test_restarted),
	    WITH(test_state_of_a_virtual_tpm_put_back),
	    WITH(test_unreachable),
	    WITH(test_goes_away_meanwhile),
	    WITH(test_racing),
	    WITH(test_ledger_with_a_snapshot),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}

#else

/* A build without tpm2-tss says so, and verifies nothing that was to be anchored there. */
static void test_says_so(void **state)
{
	struct anchors *as = NULL;
	struct err e;

	(void)state;
	set("tpm", "0x01500020");
	set("unreachable", "off");
	assert_false(anchor_tpm_is_built_in());
	assert_int_equal(anchors_open(&settings, &as, &e), ERR_LEDGER);
	assert_non_null(strstr(e.msg, "built without TPM support"));
	assert_null(as);
	/* What is shared with the test of a full build. */
	(void)expect_state;
	(void)fake_new;
	(void)fake_free;
	(void)fake_append;
	(void)state_of;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_says_so)};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}

#endif
