/* SPDX-License-Identifier: Apache-2.0 */
/* test_config.c: layerseal.conf: what it may say, what it may not, and who may have written it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/config.h"

static int parse(const char *text, struct config *c, struct err *e)
{
	config_default(c);
	return config_parse(text, strlen(text), c, e);
}

static void test_defaults(void **state)
{
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(parse("", &c, &e), 0);
	assert_int_equal(c.level, LEVEL_STAT);
	assert_int_equal(c.policy.severity[FINDING_TREE_CONTENT], SEVERITY_DENY);
	assert_int_equal(c.policy.severity[FINDING_NAME_UNSEALED], SEVERITY_WARN);
}

static void test_settings(void **state)
{
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(
	    parse("# comment\n[verify]\nlevel=full # why\n\tcached = yes\nthreads = 7\n"
		  "[findings]\ntree-mtime = ignore\nlayer-mapped = deny",
		&c, &e),
	    0);
	assert_int_equal(c.level, LEVEL_FULL);
	assert_true(c.cached);
	assert_int_equal(c.threads, 7);
	assert_int_equal(c.policy.severity[FINDING_TREE_MTIME], SEVERITY_IGNORE);
	assert_int_equal(c.policy.severity[FINDING_LAYER_MAPPED], SEVERITY_DENY);
}

static void test_gate(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	config_default(&c);
	assert_int_equal(c.gate_unsealed, GATE_FRESH);
	assert_false(c.gate_fuse || c.whiteout_files);
	assert_int_equal(
	    parse(
		"[gate]\nunsealed = deny\nmount = fuse\nwhiteout-files = yes\n", &c, &e),
	    0);
	assert_int_equal(c.gate_unsealed, GATE_DENY);
	assert_true(c.gate_fuse && c.whiteout_files);
	assert_int_equal(
	    parse("[gate]\nunsealed = allow\nmount = kernel\nwhiteout-files = no\n", &c,
		&e),
	    0);
	assert_int_equal(c.gate_unsealed, GATE_ALLOW);
	assert_false(c.gate_fuse || c.whiteout_files);
	assert_int_equal(parse("[gate]\nunsealed = perhaps\n", &c, &e), ERR_USAGE);
	assert_int_equal(parse("[gate]\nmount = both\n", &c, &e), ERR_USAGE);
	assert_int_equal(parse("[gate]\nwhiteout-files = 1\n", &c, &e), ERR_USAGE);
	assert_int_equal(parse("[gate]\nopen = yes\n", &c, &e), ERR_USAGE);
}

static void test_anchors(void **state)
{
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(parse("", &c, &e), 0);
	assert_int_equal(c.anchors.n, 0);
	assert_int_equal(c.anchors.unreachable, ANCHOR_STRICT);
	assert_int_equal(
	    parse("[anchor]\nfile = /a/heads # here\ntpm = 0x01500020\n"
		  "unreachable = grace 2h\ntcti = swtpm:host=127.0.0.1,port=1\n",
		&c, &e),
	    0);
	assert_int_equal(c.anchors.n, 2);
	assert_string_equal(c.anchors.v[0].path, "/a/heads");
	assert_int_equal(c.anchors.v[1].index, 0x01500020);
	assert_string_equal(c.anchors.tcti, "swtpm:host=127.0.0.1,port=1");
	assert_int_equal(c.anchors.unreachable, ANCHOR_GRACE);
	assert_int_equal(c.anchors.grace, 7200);
}

static void test_attest_key(void **state)
{
	CLEANUP_CONFIG struct config c;
	struct err e;

	(void)state;
	config_default(&c);
	assert_null(c.attest_key);
	assert_int_equal(
	    parse("[attest]\nkey = /first\nkey = /a/b.pem # c\n", &c, &e), 0);
	assert_string_equal(c.attest_key, "/a/b.pem");
}

static void test_key_sources(void **state)
{
	static const struct {
		const char *value;
		enum signer_place place;
		const char *name;
	} cases[] = {
	    {"file", SIGNER_FILE, NULL},
	    {"file:/etc/layerseal/key", SIGNER_FILE, "/etc/layerseal/key"},
	    {"agent", SIGNER_AGENT, NULL},
	    {"agent:/run/agent", SIGNER_AGENT, "/run/agent"},
	    {"credential:ledger.key", SIGNER_CREDENTIAL, "ledger.key"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *text = xasprintf("[key]\nsource = file:/first\n"
						    "source = %s\n",
		    cases[i].value);
		CLEANUP_CONFIG struct config c;
		struct err e;

		assert_int_equal(parse(text, &c, &e), 0);
		assert_int_equal(c.key.place, cases[i].place);
		assert_int_equal(c.key.passphrase, PASSPHRASE_IF_NEEDED);
		if (cases[i].name)
			assert_string_equal(c.key.name, cases[i].name);
		else
			assert_null(c.key.name);
	}
}

static void test_passphrases(void **state)
{
	static const struct {
		const char *value;
		enum passphrase_kind kind;
		const char *credential;
	} cases[] = {
	    {"ask", PASSPHRASE_ASK, NULL},
	    {"none", PASSPHRASE_NONE, NULL},
	    {"credential:phrase", PASSPHRASE_CREDENTIAL, "phrase"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP_FREE char *text =
		    xasprintf("[key]\npassphrase = %s\n", cases[i].value);
		CLEANUP_CONFIG struct config c;
		struct err e;

		assert_int_equal(parse(text, &c, &e), 0);
		assert_int_equal(c.key.passphrase, cases[i].kind);
		if (cases[i].credential)
			assert_string_equal(c.key.credential, cases[i].credential);
		else
			assert_null(c.key.credential);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"level = stat\n", "line 1: a setting before any section"},
	    {"[verify]\nlevel = deep\n",
		"line 2: level: 'deep' is not stat, scrub, full or oci"},
	    {"[verify]\nthreads = -1\n",
		"line 2: threads: '-1' is not a number from 0 to 256"},
	    {"[verify]\nthreads = 257\n", "not a number from 0 to 256"},
	    {"[verify]\ncached = true\n", "is not yes or no"},
	    {"[verify]\nspeed = 1\n", "has no setting 'speed'"},
	    {"[policy]\n", "no section '[policy]'"},
	    {"[anchor]\nfile = heads\n", "line 2: file: 'heads' is not the full path"},
	    {"[anchor]\nwitness = x\n", "section [anchor] has no setting 'witness'"},
	    {"[findings]\ntree-contents = warn\n", "'tree-contents' is no finding class"},
	    {"[findings]\ntree-content = off\n", "is not deny, purge, warn or ignore"},
	    {"[findings]\ntree-unreadable = ignore\n", "can only be deny"},
	    {"[findings]\ntree-unstable = warn\n", "can only be deny"},
	    {"[findings]\nbuild-input = warn\n", "can only be deny"},
	    {"[findings]\ntree-content\n", "expected NAME = VALUE"},
	    {"[key]\nsource = tpm\n", "is not file, file:/PATH"},
	    {"[key]\nsource = file:key\n", "'key' is no absolute path"},
	    {"[key]\nsource = agent:\n", "'' is no absolute path"},
	    {"[key]\nsource = files\n", "is not file"},
	    {"[key]\nsource = credential:\n", "no name of a credential"},
	    {"[key]\nsource = credential:../key\n", "no name of a credential"},
	    {"[key]\nsource = credential:.key\n", "no name of a credential"},
	    {"[key]\npassphrase = secret\n", "is not ask"},
	    {"[key]\npassphrase = credential:a/b\n", "no name of a credential"},
	    {"[key]\nname = a\n", "section [key] has no setting 'name'"},
	    {"[attest]\nkey = attest.pem\n", "'attest.pem' is no absolute path"},
	    {"[attest]\nkeys = /a\n", "section [attest] has no setting 'keys'"},
	};
	struct config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].text, &c, &e), ERR_USAGE);
		assert_non_null(strstr(e.msg, cases[i].message));
	}
	config_default(&c);
	assert_int_equal(config_parse("[verify]\0\n", 10, &c, &e), ERR_USAGE);
}

static void write_config(const char *path, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs("[verify]\nlevel = oci\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void test_owner_and_mode(void **state)
{
	char path[] = "/tmp/layerseal-config-XXXXXX";
	int fd = mkstemp(path);
	struct config c;
	struct err e;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	config_default(&c);
	write_config(path, 0644);
	assert_int_equal(config_load(path, &c, &e), 0);
	assert_int_equal(c.level, LEVEL_OCI);
	write_config(path, 0664);
	assert_int_equal(config_load(path, &c, &e), ERR_USAGE);
	write_config(path, 0646);
	assert_int_equal(config_load(path, &c, &e), ERR_USAGE);
	unlink(path);
	assert_int_equal(config_load(path, &c, &e), ERR_NOT_FOUND);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(config_load(path, &c, &e), ERR_USAGE);
	unlink(path);
}

static void test_policy_apply(void **state)
{
	struct findings list = {0};
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(parse("[findings]\ntree-mtime = ignore\n", &c, &e), 0);
	findings_add(&list, FINDING_TREE_MTIME, (struct place){.layer = "a"});
	findings_add(&list, FINDING_NAME_UNSEALED, (struct place){.image = "b"});
	findings_add(&list, FINDING_TREE_MODE, (struct place){.layer = "c"});
	policy_apply(&c.policy, &list);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.v[0].severity, SEVERITY_WARN);
	assert_int_equal(list.v[1].severity, SEVERITY_DENY);
	assert_string_equal(list.v[1].layer, "c");
	findings_release(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_gate),
	    cmocka_unit_test(test_anchors),
	    cmocka_unit_test(test_attest_key),
	    cmocka_unit_test(test_key_sources),
	    cmocka_unit_test(test_passphrases),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_owner_and_mode),
	    cmocka_unit_test(test_policy_apply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
