/* SPDX-License-Identifier: Apache-2.0 */
/* statement_impl.h: the pieces of which the statements of statement.h are put together. */
#ifndef CLI_STATEMENT_IMPL_H
#define CLI_STATEMENT_IMPL_H

#include "cli/statement.h"

/* Names of our own (RFC 4151). Nothing is ever fetched from them. */
#define STATEMENT_TAG "tag:layerseal,2026:"

/* Up to the list of subjects, which is left open, and from its end into the predicate. */
void statement_begin(struct jsonout *j);
void statement_predicate(struct jsonout *j, const char *type);

/* RFC 3339, UTC. */
void statement_time(struct jsonout *j, const char *name, int64_t seconds);
/* A member "digest", in-toto's way. */
void statement_digest_set(struct jsonout *j, const char *hex);
/* Members: which ledger and store, and how far the ledger is. */
void statement_head(struct jsonout *j, const struct session *s);

/*
 * The subjects of an image: its manifest, as registries and cosign know it, and its configuration, as
 * podman does. Other manifests that are kept with it may be lists, which lead to images that are not here.
 */
void statement_image(struct jsonout *j, const struct entry_seal_image *i);
/* False for a list of manifests, whose id is the digest of nothing. */
bool statement_has_config(const struct entry_seal_image *i);

#endif
