/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_keyfile.c: no text of a key file makes its reader misbehave; a key under a passphrase has one
 * spelling, and asks for no more than a bounded effort.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/keyfile.h"
#include "crypto/wrap.h"
#include "fuzz.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_wrapped(const char *text)
{
	CLEANUP_BUF struct buf again;
	struct wrapped_key w;
	struct err e;

	buf_init(&again, WRAP_TEXT_MAX);
	if (wrapped_key_parse(text, &w, &e))
		return;
	must(w.cost.memory <= WRAP_MEMORY_MAX && w.cost.passes <= WRAP_PASSES_MAX &&
	     w.cost.lanes <= WRAP_LANES_MAX);
	must(wrapped_key_format(&w, &again, &e) == 0 && strcmp(again.data, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct passphrase_source none = {.kind = PASSPHRASE_NONE};
	CLEANUP_SECRET_KEY struct secret_key *key = NULL;
	CLEANUP_SECRET_BUF struct buf text;
	struct public_key public;
	struct err e;

	must(crypto_init(&e) == 0);
	secret_buf_init(&text, KEYFILE_MAX);
	if (buf_add(&text, data, len, &e))
		return 0;
	check_wrapped(text.data);
	/* What can be unlocked can be shown, and is the same key. */
	if (keyfile_unlock(&text, "text", &none, &key, &e) == 0)
		must(keyfile_public(&text, &public, &e) == 0 &&
		     public_key_equal(&public, secret_key_public(key)));
	else if (keyfile_public(&text, &public, &e) == 0)
		must(keyfile_is_wrapped(&text));
	return 0;
}
