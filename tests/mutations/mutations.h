/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mutations.h: what an attacker may do to the files of a ledger, one small change after the other, and
 * what a reader may make of each: the truth, or a refusal.
 */
#ifndef TESTS_MUTATIONS_MUTATIONS_H
#define TESTS_MUTATIONS_MUTATIONS_H

#include "ledger/ledger.h"

/* X(enumerator, "what") */
#define FAMILIES(X)                                                                      \
	X(BITS, "bits and bytes anywhere")                                               \
	X(META, "fields of the meta pages")                                              \
	X(PAGES, "fields of page headers")                                               \
	X(NODES, "node pointers and node headers")                                       \
	X(CONTENT, "keys and values")                                                    \
	X(FREE, "the list of free pages")                                                \
	X(LENGTH, "files cut, extended, huge")                                           \
	X(MOVED, "pages exchanged and copied")                                           \
	X(OTHER, "databases of other ledgers and other times")                           \
	X(LOCK, "the lock file")                                                         \
	X(KINDS, "links, fifos, directories, owners, modes")

enum family {
#define X(id, what) FAMILY_##id,
	FAMILIES(X)
#undef X
	    FAMILY_COUNT
};
extern const char *const family_names[FAMILY_COUNT];

/* Files that are kept in memory to be put in place. */
enum source { SOURCE_GENUINE, SOURCE_OLDER, SOURCE_OTHER_KEY, SOURCE_SAME_NAME, SOURCES };

struct mutation {
	enum family family;
	enum {
		WRITE,	  /* `len` low bytes of `value` at `at` */
		TWICE,	  /* the same, and at the place `and_at` */
		NOISE,	  /* `len` bytes made of `value`, at `at` */
		SIZE,	  /* of data.mdb: `value` */
		EXCHANGE, /* pages `at` and `and_at`; their own numbers too if `value` */
		COPY,	  /* page `at` over page `and_at`; its number too if `value` */
		REPLACE,  /* data.mdb by that of source `value` */
		SPLICE,	  /* `len` pages from page `at` on by those of source `value` */
		LOCK,	  /* lock.mdb: `len` bytes of noise; held by a process if `at` */
		SPECIAL,  /* specials[value] */
	} kind;
	uint64_t at, and_at, value;
	uint32_t len;
};

struct bytes {
	char *data;
	size_t len;
};

struct mutations {
	struct mutation *v;
	size_t n;
	uint32_t page_size;
	struct bytes sources[SOURCES]; /* data.mdb of each */
};

/* The list, the same for the same bytes and seed. */
void mutations_plan(struct mutations *all, uint64_t seed);
/* Makes the ledger at `dir` the genuine one, whatever is there; then changes it. */
void mutations_restore(const struct mutations *all, const char *dir);
/* A process that must be ended afterwards, or 0. */
pid_t mutations_apply(
    const struct mutations *all, const struct mutation *m, const char *dir);
/* How many things can be done that are not bytes. */
size_t mutations_n_specials(void);
void mutations_describe(const struct mutation *m, char *out, size_t size);

/* What a session made of it, from good to bad. */
enum verdict {
	REFUSED, /* an error, in words */
	OLDER,	 /* the genuine ledger of an earlier moment: a matter for anchors */
	GENUINE,
	LOST, /* an append was confirmed, and is not there afterwards */
	LIE,  /* anything else */
};

/* Makes the ledgers that mutations begin with, below `scratch`. */
void genuine_make(const char *scratch, struct mutations *all);
/* One process's whole use of the ledger, for reading or to append. `why` of a lie, else "". */
enum verdict genuine_read(const char *dir, char *why, size_t size);
enum verdict genuine_append(const char *dir, char *why, size_t size);

#endif
