/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_fields.h: which lines an entry of each op has, in which order and of which kind. Formatting,
 * parsing and releasing walk the same tables, so they cannot disagree.
 */
#ifndef LEDGER_ENTRY_FIELDS_H
#define LEDGER_ENTRY_FIELDS_H

#include "ledger/entry.h"

#define ENTRY_FIRST_LINE "layerseal/v1 entry"
#define ENTRY_NONE "-"

enum kind {
	KIND_ID,	       /* char[65]: 64 digits */
	KIND_ID_OR_NONE,       /* char[65]: 64 digits, or "-" for "" */
	KIND_DIGEST,	       /* struct digest: "sha256:" and 64 digits */
	KIND_DIGEST_OR_NONE,   /* struct digest: the same, or "-" for zeros */
	KIND_NUMBER,	       /* uint64_t: decimal */
	KIND_NUMBER_OR_NONE,   /* the same, "-" if the bool at `extra` is false */
	KIND_TEXT,	       /* char *: a token, not empty */
	KIND_TEXT_OR_NONE,     /* char *: a token, or "-" for NULL */
	KIND_TEXT_OR_NO_LINE,  /* char *: a token, or no line at all for NULL */
	KIND_PATH,	       /* char *: a token that begins with a slash */
	KIND_PRINT,	       /* uint8_t[16]: 32 digits */
	KIND_PRINT_OR_NONE,    /* the same, "-" if the bool at `extra` is false */
	KIND_PRINT_OR_NO_LINE, /* the same, or no line at all */
	KIND_OBJECT,	       /* bool: "image" or "layer" */
	KIND_PURGED,	       /* enum purged: its name */
	KIND_TREE,	       /* enum tree_kind: its name */
	KIND_TEXTS, /* char **, count at `extra`: any number of lines, one token each */
	KIND_IDS,   /* the same, 64 digits each */
	KIND_FILES, /* struct entry_file *, count at `extra`: any number of "NAME SIZE DIGEST" */
};

struct field {
	const char *key; /* NULL ends a table */
	enum kind kind;
	size_t offset, extra; /* in struct entry */
};

struct entry_kind {
	const char *name;
	const struct field *fields;
	bool of_store; /* false: about the whole ledger, and of no store */
};
extern const struct entry_kind entry_kinds[ENTRY_OP_COUNT];

#endif
