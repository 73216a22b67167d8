/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grow.c: for the tests of exports: grow LEDGER SIZE [BATCH [TIME]] makes a ledger, with its trust file LEDGER.trust, or
 * appends to the one that is there, until it has at least SIZE entries, of every op that stores and anchors
 * make, BATCH under each checkpoint. The same arguments make the same entries.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ledger/ledger.h"

#define LIVE 40 /* layers and images that are sealed again and again */

static const struct store_id store = {{0x0a, 1}};
static const struct signer_source key_source = {
    .place = SIGNER_FILE, .name = "key", .passphrase = {.kind = PASSPHRASE_NONE}};
static struct err e;
static int64_t now = 1767225600;

static void check(int r)
{
	if (r) {
		fprintf(stderr, "grow: %s\n", e.msg);
		exit(1);
	}
}

static struct ledger *open_ledger(const char *dir, const char *trust_file)
{
	struct ledger_creation c = {.dir = dir,
	    .trust_file = trust_file,
	    .key = &key_source,
	    .request = {.name = "audit/test"}};
	struct trust trust;
	struct ledger_options o = {
	    .dir = dir, .mode = LEDGER_WRITE, .trust = &trust, .key = &key_source};
	struct ledger *l;

	if (ledger_exists(dir, &e) == ERR_NOT_FOUND) {
		check(ledger_create(&c, &l, &e));
		ledger_close(l);
	}
	check(trust_load(trust_file, &trust, &e));
	check(ledger_open(&o, &l, &e));
	return l;
}

static void id_of(char out[static ENTRY_ID_LEN + 1], uint64_t n)
{
	snprintf(out, ENTRY_ID_LEN + 1, "%064" PRIx64, n % LIVE);
}

static struct entry entry_of(enum entry_op op)
{
	return (struct entry){.op = op, .time = now, .store = store};
}

static struct entry init_of(void)
{
	struct entry en = entry_of(ENTRY_INIT);

	en.init.graphroot = xstrdup("/var/lib/containers/storage");
	en.init.runroot = xstrdup("/run/containers storage");
	en.init.driver = xstrdup("overlay");
	return en;
}

static struct entry layer_of(uint64_t n)
{
	struct entry en = entry_of(ENTRY_SEAL_LAYER);

	id_of(en.seal_layer.layer, n);
	sha256("a tree", 6, &en.seal_layer.tree);
	sha256(&n, sizeof(n), &en.seal_layer.diff_id);
	en.seal_layer.created = xstrdup("2026-01-01T00:00:00.000000000Z");
	en.seal_layer.has_print = n % 2;
	return en;
}

static struct entry image_of(uint64_t n)
{
	struct entry en = entry_of(ENTRY_SEAL_IMAGE);

	id_of(en.seal_image.image, n);
	id_of(en.seal_image.layer, n);
	en.seal_image.files = xcalloc(1, sizeof(*en.seal_image.files));
	en.seal_image.n_files = 1;
	en.seal_image.files[0] =
	    (struct entry_file){.name = xstrdup("manifest"), .size = n};
	en.seal_image.reason = n % 3 ? NULL : xstrdup("because \\ \xc3\xa4 -");
	return en;
}

static struct entry name_of(uint64_t n)
{
	struct entry en = entry_of(ENTRY_SEAL_NAME);

	en.seal_name.name = xasprintf("localhost/name%" PRIu64 ":latest", n % LIVE);
	id_of(en.seal_name.image, n);
	return en;
}

static struct entry remeasure_of(uint64_t n)
{
	struct entry en = entry_of(ENTRY_REMEASURE);

	id_of(en.remeasure.layer, n);
	sha256("a tree", 6, &en.remeasure.tree);
	memset(en.remeasure.print, (int)(n & 0xff), 16);
	return en;
}

static struct entry retire_of(bool is_image, uint64_t n)
{
	struct entry en = entry_of(ENTRY_RETIRE);

	en.retire.is_image = is_image;
	id_of(en.retire.id, n);
	return en;
}

static struct entry anchor_of(uint64_t n)
{
	struct entry en = {.op = ENTRY_ANCHOR, .time = now};

	en.anchor.name = xstrdup("tpm:0x01500020");
	en.anchor.counter = n + 1;
	return en;
}

/* A life in eight entries. */
static struct entry entry_number(uint64_t n)
{
	uint64_t life = n / 8;

	switch (n % 8) {
	case 0:
		return init_of();
	case 1:
		return layer_of(life);
	case 2:
		return image_of(life);
	case 3:
		return name_of(life);
	case 4:
		return remeasure_of(life);
	case 5:
		return anchor_of(life);
	case 6: /* now and then for good */
		return life % 3 ? image_of(life) : retire_of(true, life);
	default:
		return life % 5 ? layer_of(life) : retire_of(false, life);
	}
}

int main(int argc, char **argv)
{
	uint64_t size = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	size_t most = argc > 3 ? strtoul(argv[3], NULL, 10) : 50;
	struct entry *batch = xcalloc(most, sizeof(*batch));
	char *trust_file;
	struct ledger *l;

	if (argc > 4)
		now = strtoll(argv[4], NULL, 10);
	if (argc < 3 || most == 0) {
		fprintf(stderr, "usage: grow LEDGER SIZE [BATCH [TIME]]\n");
		return 2;
	}
	trust_file = xasprintf("%s.trust", argv[1]);
	check(crypto_init(&e));
	l = open_ledger(argv[1], trust_file);
	/* Beside the eight of each life there are `state` entries: a life is never begun twice. */
	for (uint64_t n = (ledger_size(l) + 7) / 8 * 8; ledger_size(l) < size;) {
		size_t used = 0;

		while (used < most && ledger_size(l) + used < size)
			batch[used++] = entry_number(n++);
		check(ledger_append(l, batch, used, &e));
		for (size_t i = 0; i < used; i++)
			entry_release(&batch[i]);
		check(ledger_maintain(l, &e));
	}
	ledger_close(l);
	free(batch);
	free(trust_file);
	return 0;
}
