/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_layers.c: any bytes as layers.json: no crash, nothing kept that breaks its rules. */
#include <stdlib.h>

#include "base/hex.h"
#include "fuzz.h"
#include "store/records.h"

static void check_layer(const struct records *r, size_t i)
{
	const struct store_layer *l = &r->layers[i];

	/* Ids go into paths. */
	if (!hex_is(l->id, ID_LEN) || (l->parent[0] && !hex_is(l->parent, ID_LEN)))
		abort();
	if (records_layer(r, l->id) != l || records_is_container_layer(r, l))
		abort();
	if (l->diff_size < -1 || digest_is_zero(&l->record))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_RECORDS struct records r = {0};
	CLEANUP_FINDINGS struct findings f = {0};
	static bool ready;
	struct err e;

	if (!ready && crypto_init(&e))
		abort();
	ready = true;
	if (records_parse_layers((const char *)data, len, "layers.json", &r, &f, &e))
		abort();
	for (size_t i = 0; i < r.n_layers; i++)
		check_layer(&r, i);
	return 0;
}
