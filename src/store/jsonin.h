/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jsonin.h: strict JSON for bytes that somebody else also parses: what is in stores, which is much, as the trees
 * of value.h, other documents by way of jansson. Refuses NUL bytes anywhere, \u0000, duplicate keys,
 * bytes that are not UTF-8, lone surrogates, bytes after the value, depth above 32, integers
 * outside int64, and anything else RFC 8259 does not allow.
 *
 * Go's parsers match the keys of a *structure* under case folding (encoding/json even folds
 * U+017F and U+212A) but those of a *map* exactly, and maps such as an image's labels may hold
 * keys in any script and case. So the rules for keys are in jsonin_keys(), which a reader calls
 * for every object that is a structure to Go, nested ones too.
 */
#ifndef STORE_JSONIN_H
#define STORE_JSONIN_H

#include <jansson.h>

#include "store/value.h"

/* Elements of one array, far above real stores. */
#define JSONIN_ELEMENTS_MAX (1U << 20)

/*
 * Calls `element` for each element of the top-level array, parsing one at a time, so memory is
 * one element of at most element_max bytes, which is there for the call. Every element must be an object. Returns JSON_OK, or
 * the fault with e->msg filled. `element` returns a fault of its own to stop.
 */
typedef enum json_fault json_element_fn(void *ctx, struct value *element, struct err *e);
MUSTUSE enum json_fault jsonin_array(const char *json, size_t len, size_t element_max,
    json_element_fn *element, void *ctx, struct err *e);

/* One object document, whole, in a room of the caller's: a manifest, a configuration. */
MUSTUSE enum json_fault jsonin_map(const char *json, size_t len, struct value_room *room,
    struct value **out, struct err *e);
/* The same by way of jansson. *out is a new reference. */
MUSTUSE enum json_fault jsonin_object(
    const char *json, size_t len, json_t **out, struct err *e);

/*
 * Checks the keys of an object against those its reader knows: a key with a byte outside ASCII, or
 * one that equals a known key only under case folding, is JSON_AMBIGUOUS; an unknown one is
 * JSON_MALFORMED if `closed`.
 */
MUSTUSE enum json_fault jsonin_keys(json_t *object, const char *const known[],
    size_t n_known, bool closed, struct err *e);
MUSTUSE enum json_fault jsonin_names(const struct value *object,
    const char *const known[], size_t n_known, bool closed, struct err *e);

#endif
