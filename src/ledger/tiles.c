/* SPDX-License-Identifier: Apache-2.0 */
/* tiles.c: see tiles.h: paths and the right edge, shared by writer and reader. */
#include "ledger/tiles.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* N in groups of three digits, all but the last behind an x: 1234067 is x001/x234/067. */
static void spell_index(uint64_t index, char *out, size_t size)
{
	unsigned groups = 1;
	uint64_t unit = 1;
	int at = 0;

	for (; index / unit >= 1000; groups++)
		unit *= 1000;
	for (; groups > 1; groups--, unit /= 1000)
		at += snprintf(out + at, size - (size_t)at, "x%03u/",
		    (unsigned)(index / unit % 1000));
	snprintf(out + at, size - (size_t)at, "%03u", (unsigned)(index % 1000));
}

void tile_path(int level, uint64_t index, unsigned width, char out[static TILE_PATH_MAX])
{
	char number[40], part[8] = "", in[8] = "entries";

	spell_index(index, number, sizeof(number));
	if (level != TILE_ENTRIES)
		snprintf(in, sizeof(in), "%d", level);
	if (width < TILE_HASHES)
		snprintf(part, sizeof(part), ".p/%u", width);
	snprintf(out, TILE_PATH_MAX, "tile/%s/%s%s", in, number, part);
}

uint64_t tile_hashes(uint64_t size, unsigned level)
{
	return level < TILE_LEVELS ? size >> 8 * level : 0;
}

void tile_root(const struct tile *t, struct digest *out)
{
	struct merkle tree;

	merkle_init(&tree);
	for (unsigned i = 0; i < t->n; i++)
		merkle_append(&tree, &t->hash[i]);
	merkle_root(&tree, out);
}

/*
 * The hashes of an edge are roots of perfect subtrees, largest first; those of one level make larger
 * ones together. What is left is the right edge of the tree.
 */
void tile_edge_root(const struct tile edge[static TILE_LEVELS], struct digest *out)
{
	struct merkle tree, part;

	merkle_init(&tree);
	for (int level = TILE_LEVELS - 1; level >= 0; level--) {
		size_t peaks = (size_t)__builtin_popcountll(tree.size);

		merkle_init(&part);
		for (unsigned i = 0; i < edge[level].n; i++)
			merkle_append(&part, &edge[level].hash[i]);
		memcpy(&tree.peak[peaks], part.peak,
		    (size_t)__builtin_popcountll(part.size) * sizeof(part.peak[0]));
		tree.size += part.size << 8 * level;
	}
	merkle_root(&tree, out);
}
