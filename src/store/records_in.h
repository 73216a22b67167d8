/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records_in.h: within store/records*.c only: one record (a JSON object that podman reads into a
 * structure) checked member by member against a closed table, then read without further doubt.
 */
#ifndef STORE_RECORDS_IN_H
#define STORE_RECORDS_IN_H

#include "store/jsonin.h"
#include "store/records.h"

enum member_type {
	MEMBER_ID, /* 64 lower-case hex digits */
	MEMBER_ID_OR_EMPTY,
	MEMBER_IDS,
	MEMBER_TEXT,
	MEMBER_TEXTS,	    /* list of strings */
	MEMBER_SET,	    /* list of distinct strings */
	MEMBER_TIME,	    /* RFC 3339 */
	MEMBER_DIGEST,	    /* "sha256:" + 64, or empty */
	MEMBER_DIGESTS,	    /* map of name to digest */
	MEMBER_SIZE,	    /* int64, -1 or more */
	MEMBER_SIZES,	    /* map of name to size */
	MEMBER_COMPRESSION, /* small enumeration */
	MEMBER_UINT32S,
	MEMBER_ID_MAPS, /* list of {container_id, host_id, size} */
	MEMBER_FLAGS,	/* map of name to anything that all parsers read alike */
};

struct member {
	const char *key;
	enum member_type type;
};

#define MEMBERS_MAX 24

/* Where the elements of one file go. */
struct record_sink {
	const char *file; /* names it in findings */
	struct records *out;
	struct findings *findings;
	int r; /* the first error that is no fault of the document */
};

/* Every key known (exactly), every value of its type. */
MUSTUSE enum json_fault record_check(
    const struct value *record, const struct member *members, size_t n, struct err *e);

/* Readers for what record_check() has passed. An absent member is empty. */
const char *record_text(const struct value *record, const char *key);
/* The id if it is one (safe before record_check()), else NULL: what findings name. */
const char *record_subject(const struct value *record);
void record_id(const struct value *record, const char *key, char out[static ID_LEN + 1]);
struct opt_digest record_digest(const struct value *record, const char *key);
int64_t record_size(const struct value *record, const char *key); /* 0 if absent */
char **record_texts(const struct value *record, const char *key, size_t *n);
bool record_is_empty(const struct value *record, const char *key);

/*
 * SHA-256 of the canonical text: one line "key value" per member in key order, without the members
 * in `without` (NULL-terminated) and without those that are empty, zero or false, because
 * containers/storage drops these when it saves. Values are esc_token() of the text of a string, or of
 * compact JSON with sorted keys; big-data-names are sorted too. Takes "incomplete" out of the flags.
 */
MUSTUSE int record_canonical(
    struct value *record, const char *const without[], struct digest *out, struct err *e);

/* Adds the finding of a faulty document or record. */
void record_fault(
    struct record_sink *sink, enum json_fault f, struct place where, const struct err *e);

/* Appends the records of one file; a faulty document adds none of its own. */
MUSTUSE int records_add_layers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);
MUSTUSE int records_add_images(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);
MUSTUSE int records_add_containers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);
/* Shorten the lists to their first n. */
void records_cut_layers(struct records *r, size_t n);
void records_cut_images(struct records *r, size_t n);

void store_layer_release(struct store_layer *l);
void store_image_release(struct store_image *i);

/*
 * Sorts, and takes out what one place records twice: with two records of one id podman's versions
 * disagree which one counts.
 */
void records_settle(struct records *r, struct findings *findings);

#endif
