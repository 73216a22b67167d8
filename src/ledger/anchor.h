/* SPDX-License-Identifier: Apache-2.0 */
/*
 * anchor.h: places outside the ledger that remember how far it was, so that an older ledger, validly
 * signed, cannot be put back. Knows nothing of struct ledger: what it needs is in a view.
 *
 *   anchors_open()      looks what each anchor remembers; BEFORE the ledger is read, so that an
 *                       append in between makes the ledger newer than the anchor, never older
 *   anchors_check()     compares, and brings anchors that a crash left behind up to date
 *   anchors_prepare()   before an append: refuses if it could not be anchored; counters for it
 *   anchors_advance()   after the append is durable
 *
 * All that speaks against the ledger is ERR_LEDGER. Anchors only move forwards.
 */
#ifndef LEDGER_ANCHOR_H
#define LEDGER_ANCHOR_H

#include "crypto/note.h"

#define ANCHORS_MAX 5 /* four, and a pin */
#define ANCHOR_PATH_MAX 1024
#define ANCHOR_TCTI_MAX 256

enum anchor_kind { ANCHOR_FILE, ANCHOR_TPM, ANCHOR_PIN };
/* What to do about an anchor that cannot be reached. */
enum anchor_policy {
	ANCHOR_STRICT, /* unverifiable */
	ANCHOR_GRACE, /* accepted while the newest entry is younger than the grace period */
	ANCHOR_OFF,   /* accepted */
};

struct anchor_setting {
	enum anchor_kind kind;
	char path[ANCHOR_PATH_MAX]; /* ANCHOR_FILE: absolute; ANCHOR_PIN */
	uint32_t index;		    /* ANCHOR_TPM: NV index */
};

/* Section [anchor] of layerseal.conf(5). All zero: no anchors. */
struct anchor_settings {
	struct anchor_setting v[ANCHORS_MAX];
	size_t n;
	char tcti[ANCHOR_TCTI_MAX]; /* how to reach the TPM; "": the default */
	enum anchor_policy unreachable;
	int64_t grace; /* seconds */
	bool no_pin;
};

/* Where the pin of a trust file is: PATH+head; a fresh string. No ledger's trust file is called so. */
char *anchor_pin_path(const char *trust_file);
/* Adds the pin, unless the settings say no. ERR_USAGE: the path is too long. */
MUSTUSE int anchor_settings_pin(
    struct anchor_settings *s, const char *trust_file, struct err *e);

/* One "name = value" of that section; ERR_USAGE names what is wrong. */
MUSTUSE int anchor_settings_set(
    struct anchor_settings *s, const char *name, const char *value, struct err *e);

/* What the ledger is now, as its readers authenticated it. All borrowed. */
struct anchor_view {
	const struct checkpoint *head;
	const char *note; /* the head as it was signed */
	size_t note_len;
	int64_t newest; /* time of the newest entry; 0 if there is none */
	int dirfd; /* the ledger's directory, whose lock keeps writers of anchors apart */
	bool may_write;
	void *ctx;
	/* Authenticates a checkpoint of this ledger, of whatever size. */
	int (*open_note)(void *ctx, const char *note, size_t len, struct checkpoint *out,
	    struct err *e);
	/* Root of the first `size` entries, at most head->size. */
	int (*root_at)(void *ctx, uint64_t size, struct digest *root, struct err *e);
	/* Counter of the newest entry of op anchor that names it; false: none does. */
	bool (*counter)(void *ctx, const char *anchor, uint64_t *out);
};

/* X(enumerator, "stable-name") */
#define ANCHOR_STATES(X)                                                                 \
	X(SEEN, "seen")		      /* looked at, not compared */                      \
	X(AGREES, "agrees")	      /* remembers this ledger as it is */               \
	X(BEHIND, "behind")	      /* remembers it as it was: a crash; heals */       \
	X(ROLLED_BACK, "rolled-back") /* remembers a longer ledger */                    \
	X(FORKED, "forked")	      /* remembers other entries than these */           \
	X(FOREIGN, "foreign")	      /* remembers another ledger */                     \
	X(REPLACED, "replaced")	      /* a counter that was set back: another TPM */     \
	X(DAMAGED, "damaged")	      /* there, and not what an anchor is */             \
	X(MISSING, "missing")	      /* its place is there, it is not */                \
	X(UNREACHABLE, "unreachable") /* its place is not there now */

enum anchor_state {
#define X(id, name) ANCHOR_##id,
	ANCHOR_STATES(X)
#undef X
};
const char *anchor_state_name(enum anchor_state s);

struct anchors;

/* ERR_LEDGER if this build lacks what a setting asks for. */
MUSTUSE int anchors_open(
    const struct anchor_settings *s, struct anchors **out, struct err *e);
void anchors_close(struct anchors *as); /* NULL is fine */
/*
 * Opens the notes that anchors remember, for the time that it takes alone: a valid signature is remembered
 * (key.h), and mostly it is the one of the head, which is yet to come.
 */
void anchors_prove(const struct anchors *as, const struct anchor_view *view);

/* Compares all anchors before it brings any up to date. The first that speaks against the ledger is in *e. */
MUSTUSE int anchors_check(
    struct anchors *as, const struct anchor_view *view, struct err *e);

/* Entries of op anchor that belong in the next batch. */
struct anchor_count {
	const char *anchor; /* borrowed from the anchors */
	uint64_t counter;
};
MUSTUSE int anchors_prepare(struct anchors *as, const struct anchor_view *view,
    struct anchor_count out[static ANCHORS_MAX], size_t *n, struct err *e);
/* The append stands, whatever this returns: an anchor that failed is behind, and heals. */
MUSTUSE int anchors_advance(
    struct anchors *as, const struct anchor_view *view, struct err *e);

/*
 * Makes the anchors that are missing; ERR_REFUSED if none is. With `again`, all of them forget what
 * they remember and begin with the ledger as it is: whoever asks for that vouches for it. A counter
 * is joined with the ledger by the next append only: make one.
 */
MUSTUSE int anchors_create(
    struct anchors *as, const struct anchor_view *view, bool again, struct err *e);

/* For people. */
struct anchor_report {
	const char *name; /* "file:/path", "tpm:0x01500020" */
	enum anchor_state state;
	const char *why; /* "" if there is nothing to say */
	bool knows_head;
	struct checkpoint head;
	bool knows_counter;
	uint64_t counter;
	bool has_file;
	bool append_only; /* of one with a file */
};
size_t anchors_count(const struct anchors *as);
void anchors_report(const struct anchors *as, size_t i, struct anchor_report *out);

/* Whether this build can use a TPM. */
bool anchor_tpm_is_built_in(void);

#endif
