/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_attest_key.c: what is read as a key file is what would be written for that key, byte for byte; and
 * a key that was read can be used without libgcrypt ending the program.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/attest_key.h"
#include "crypto/p256.h"
#include "fuzz.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void check_public(const char *data, size_t len)
{
	CLEANUP_BUF struct buf again;
	struct attest_public k;
	struct err e;

	buf_init(&again, ATTEST_PEM_MAX);
	if (attest_public_parse(data, len, &k, &e))
		return;
	must(attest_public_format(&k, &again, &e) == 0);
	must(again.len == len && memcmp(again.data, data, len) == 0);
	must(attest_verify(&k, data, len, data, len, &e) == ERR_LEDGER);
}

static void check_secret(const char *data, size_t len)
{
	CLEANUP_ATTEST_KEY struct attest_key *k = NULL;
	struct attest_signature sig;
	struct err e;

	if (attest_key_parse(data, len, &k, &e) == 0)
		must(attest_sign(k, data, len, &sig, &e) == 0);
}

static void check_der(const uint8_t *data, size_t len)
{
	uint8_t rs[2 * P256_BYTES], again[P256_DER_MAX];

	if (p256_from_der(data, len, rs))
		must(p256_to_der(rs, again) == len && memcmp(again, data, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool ready;
	struct err e;

	if (!ready)
		must(crypto_init(&e) == 0);
	ready = true;
	check_public((const char *)data, len);
	check_secret((const char *)data, len);
	check_der(data, len);
	return 0;
}
