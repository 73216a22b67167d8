/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_images.c: any bytes as images.json: no crash, nothing kept that breaks its rules. */
#include <stdlib.h>

#include "base/hex.h"
#include "fuzz.h"
#include "store/records.h"

static void check_image(const struct records *r, size_t i)
{
	const struct store_image *m = &r->images[i];

	/* Ids go into paths. */
	if (!hex_is(m->id, ID_LEN) || (m->top_layer[0] && !hex_is(m->top_layer, ID_LEN)))
		abort();
	for (size_t k = 0; k < m->n_mapped_layers; k++) {
		if (!hex_is(m->mapped_layers[k], ID_LEN))
			abort();
	}
	for (size_t k = 0; k < m->n_big_data; k++) {
		if (!m->big_data[k].name || m->big_data[k].size < -1)
			abort();
	}
	if (records_image(r, m->id) != m || digest_is_zero(&m->record))
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
	if (records_parse_images((const char *)data, len, "images.json", &r, &f, &e))
		abort();
	for (size_t i = 0; i < r.n_images; i++)
		check_image(&r, i);
	return 0;
}
