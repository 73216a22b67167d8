/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_note.c: no bytes become a note that the key did not sign, and what parses as a checkpoint
 * or as a key has one spelling.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/note.h"
#include "fuzz.h"

/* The public key of RFC 8032's first test, and the one text of the corpus that it has signed. */
#define VKEY                                                                             \
	"build01.ci.example/cache-ledger+1704497b+"                                      \
	"AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define SIGNED_TEXT                                                                      \
	"build01.ci.example/cache-ledger\n300\n"                                         \
	"S/e2YjfEyZF0W2QbJnmThSOigReG2Xb8CYQWyrsMA+4=\n"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool equals(const char *data, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(data, text, len) == 0;
}

static void check_note(const char *data, size_t len, const struct public_key *key)
{
	struct checkpoint c;
	size_t text_len;
	struct err e;

	if (note_verify(data, len, key, 1, &text_len, &e) == 0)
		must(text_len < len && equals(data, text_len, SIGNED_TEXT));
	if (checkpoint_open(data, len, key, 1, &c, &e) == 0)
		must(c.size == 300 && strcmp(c.origin, key->name) == 0);
}

static void check_checkpoint(const char *data, size_t len)
{
	CLEANUP_BUF struct buf again;
	struct checkpoint c;
	struct err e;

	buf_init(&again, NOTE_MAX_BYTES);
	if (checkpoint_parse(data, len, &c, &e))
		return;
	must(checkpoint_format(&c, &again, &e) == 0);
	must(again.len == len && memcmp(again.data, data, len) == 0);
}

static void check_vkey(const char *data, size_t len)
{
	CLEANUP_FREE char *vkey = xstrndup(data, len);
	CLEANUP_BUF struct buf again;
	struct public_key k;
	struct err e;

	buf_init(&again, 512);
	if (public_key_parse(vkey, &k, &e))
		return;
	must(public_key_format(&k, &again, &e) == 0);
	must(strcmp(again.data, vkey) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct public_key key;
	struct err e;

	if (!key.id)
		must(crypto_init(&e) == 0 && public_key_parse(VKEY, &key, &e) == 0);
	check_note((const char *)data, len, &key);
	check_checkpoint((const char *)data, len);
	check_vkey((const char *)data, len);
	return 0;
}
