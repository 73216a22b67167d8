/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_impl.h: the inside of struct ledger, for ledger.c and manifest_store.c. */
#ifndef LEDGER_LEDGER_IMPL_H
#define LEDGER_LEDGER_IMPL_H

#include "crypto/merkle.h"
#include "ledger/keeper.h"
#include "ledger/ledger.h"
#include "ledger/ledger_dir.h"
#include "ledger/state.h"

struct ledger_record {
	struct span bytes;   /* owned: what was signed */
	struct entry *entry; /* owned: what it says; NULL until authenticated */
};

struct ledger {
	enum ledger_mode mode;
	int dirfd;
	struct keeper *keeper;
	struct public_key trusted[TRUSTED_KEYS_MAX];
	size_t n_trusted;
	struct signer *own_key; /* NULL: verify only */
	bool has_print_key;
	struct xxh_key print_key;
	struct checkpoint head;
	struct buf note;	  /* the head as it was signed */
	struct public_key signer; /* of the head */
	struct merkle tree;
	struct ledger_record *records;
	size_t n_records;
	struct state *state;
};

#endif
