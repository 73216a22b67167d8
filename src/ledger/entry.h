/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h: the bytes of one ledger entry and back. Pure, no I/O. An entry is strict ASCII lines,
 * each ended by LF, in a fixed order; values are spelled by esc_token(). layerseal-ledger(5) is
 * the specification; what entry_format() would not write, entry_parse() refuses.
 *
 *   layerseal/v1 entry
 *   op seal-layer
 *   time 1767225600
 *   store 00112233445566778899aabbccddeeff
 *   ... the op's fields
 */
#ifndef LEDGER_ENTRY_H
#define LEDGER_ENTRY_H

#include "base/buf.h"
#include "crypto/digest.h"

struct finding;

#define ENTRY_MAX_BYTES 4096
#define STORE_ID_BYTES 16
#define ENTRY_ID_LEN 64 /* layer and image ids: hex digits */

struct store_id {
	uint8_t bytes[STORE_ID_BYTES];
};

enum entry_op {
	ENTRY_INIT, /* a store enters the ledger: where it is */
	ENTRY_SEAL_LAYER,
	ENTRY_SEAL_IMAGE,
	ENTRY_SEAL_NAME, /* a name leads to an image */
	ENTRY_SEAL_TREE, /* a directory outside the store that its builds use */
	ENTRY_RETIRE, /* a sealed layer or image was removed by the engine or by purge */
	ENTRY_RETIRE_TREE, /* a sealed directory is gone, or not to be looked at any more */
	ENTRY_REMEASURE,   /* same tree, new statprint */
	ENTRY_PURGE,	   /* something was taken out of the store, and why */
	ENTRY_BUILD,	   /* who built what was sealed just before it, and how */
	ENTRY_ALARM,	   /* a watcher saw something deviate */
	ENTRY_GAP,	   /* a watcher may have missed something */
	/* About the whole ledger: */
	ENTRY_KEY_ADD,	  /* a key may sign larger ledgers than this entry's number */
	ENTRY_KEY_RETIRE, /* a key may sign none larger than that with this entry last */
	ENTRY_ANCHOR,	  /* the value that a counter elsewhere is about to have */
	ENTRY_REVOKE,	  /* what has this digest must not be used any more */
	ENTRY_UNREVOKE,	  /* it may be again */
	ENTRY_STATE,	  /* where a reader may begin: the entries that still count */
	ENTRY_OP_COUNT
};

struct entry_init {
	char *graphroot, *runroot, *driver;
	char *imagestore;	     /* NULL: none */
	struct digest statprint_key; /* SHA-256 of the secret; zeros: none */
	char **additional;
	size_t n_additional;
	/* Whose store root looks after, and the ids of the user's containers; all three, or NULL. */
	char *user, *uids, *gids;
};

struct entry_file {
	char *name;
	uint64_t size;
	struct digest sha256;
};

struct entry_seal_layer {
	char layer[ENTRY_ID_LEN + 1];
	char parent[ENTRY_ID_LEN + 1]; /* "" for a base */
	struct digest diff_id;
	uint64_t diff_size;
	struct digest record;	 /* store_layer.record */
	char *created;		 /* as recorded */
	char *link;		 /* overlay short name, NULL for vfs */
	struct digest tar_split; /* of the inflated stream */
	struct digest tree;	 /* of the manifest */
	uint64_t manifest_bytes, entries, bytes;
	struct entry_file *files; /* big data, sorted by name */
	size_t n_files;
	bool has_print, has_scrub;
	uint8_t print[16], scrub[16];
	char *reason; /* NULL, or why a change was accepted */
};

struct entry_seal_image {
	char image[ENTRY_ID_LEN + 1];
	char layer[ENTRY_ID_LEN + 1]; /* top layer; "" for none */
	struct digest record;
	struct entry_file *files; /* sorted by name */
	size_t n_files;
	char *reason;
};

struct entry_seal_name {
	char *name;
	char image[ENTRY_ID_LEN + 1];
	char *reason;
};

/* What a directory outside the store is. */
enum tree_kind { TREE_CACHE_MOUNT /* of RUN --mount=type=cache */ };
const char *tree_kind_name(enum tree_kind k); /* "cache-mount" */

struct entry_seal_tree {
	enum tree_kind kind;
	char *path;	    /* absolute */
	struct digest tree; /* of the manifest */
	uint64_t manifest_bytes, entries, bytes;
	bool has_print, has_scrub;
	uint8_t print[16], scrub[16];
	char *reason;
};

struct entry_retire_tree {
	enum tree_kind kind;
	char *path;
	char *reason;
};

struct entry_retire {
	bool is_image;
	char id[ENTRY_ID_LEN + 1];
	char *reason;
};

struct entry_remeasure {
	char layer[ENTRY_ID_LEN + 1];
	struct digest tree;
	bool has_scrub;
	uint8_t print[16], scrub[16];
};

/* What a purge takes out. */
enum purged {
	PURGED_LAYER,
	PURGED_IMAGE,
	PURGED_CONTAINER,
	PURGED_NAME,
	PURGED_FILE,
	PURGED_CACHE_MOUNT
};
const char *purged_name(enum purged p); /* "layer" */

struct entry_purge {
	enum purged object;
	char *
	    id; /* of a layer, image, container; a name; a path in the store, or an absolute one */
	uint64_t bytes;
	char *quarantine; /* the directory that has it now; NULL: removed */
	char *reason;
};

/* A guarded build. Secrets are left out of the arguments by who fills it in. */
struct entry_build {
	char *engine;	 /* "podman" */
	uint64_t status; /* the engine's exit status; 128 and the signal that ended it */
	uint64_t user;	 /* uid that it ran as */
	uint64_t began;	 /* seconds since 1970; it ended at the time of the entry */
	char result[ENTRY_ID_LEN + 1]; /* the image it ended with, "" if it failed */
	struct digest containerfile;   /* zeros: unknown */
	uint64_t sealed;	       /* so many entries before this one are its work */
	char **bases;		       /* images that it began from, by id */
	size_t n_bases;
	char **arguments;
	size_t n_arguments;
	uint64_t left_out; /* arguments for which there was no room */
};

/* Texts are NULL if they do not apply; entry_alarm_set() cuts them so that every alarm has room. */
struct entry_alarm {
	char *class; /* finding_class_name() */
	char *layer, *image, *path, *expected, *found;
	/* Who wrote, as far as the kernel told. */
	bool has_pid, has_uid;
	uint64_t pid, uid;
	char *program;
	uint64_t left_out; /* alarms before this one that have no entry */
};

struct entry_gap {
	char *kind;
	uint64_t count; /* so many since the entry before of this kind */
};

struct entry_key {
	char *vkey;
	char *reason;
};

struct entry_anchor {
	char *name;
	uint64_t counter;
};

struct entry_revoke {
	struct digest digest; /* a diff-id, a tree digest, or an image id */
	char *reason;
};

struct entry_state {
	struct digest snapshot;	 /* SHA-256 of its text, stored like a manifest */
	uint64_t bytes, objects; /* its length, its lines */
};

struct entry {
	enum entry_op op;
	int64_t time;	       /* seconds since 1970 */
	struct store_id store; /* zeros for an op of the whole ledger */
	union {
		struct entry_init init;
		struct entry_seal_layer seal_layer;
		struct entry_seal_image seal_image;
		struct entry_seal_name seal_name;
		struct entry_seal_tree seal_tree;
		struct entry_retire retire;
		struct entry_retire_tree retire_tree;
		struct entry_remeasure remeasure;
		struct entry_purge purge;
		struct entry_build build;
		struct entry_alarm alarm;
		struct entry_gap gap;
		struct entry_key key; /* key-add, key-retire */
		struct entry_anchor anchor;
		struct entry_revoke revoke; /* revoke, unrevoke */
		struct entry_state state;
	};
};

const char *entry_op_name(enum entry_op op); /* "seal-layer" */
/* The manifest that an entry names, and its length; NULL: it names none. */
const struct digest *entry_listing(const struct entry *en, uint64_t *bytes);
/* False for what is about the whole ledger. */
bool entry_op_of_store(enum entry_op op);

/*
 * Copies what a finding says, and who wrote (`uid` and `program` may be NULL, pid 0: not known). What is spelled in
 * more bytes than layerseal-ledger(5) gives it is cut there and ends in "...". *out was all zero.
 */
void entry_alarm_set(struct entry_alarm *out, const struct finding *f);
void entry_alarm_set_writer(
    struct entry_alarm *out, uint64_t pid, const uint64_t *uid, const char *program);

/*
 * Appends the bytes of an entry. ERR_REFUSED if it would exceed ENTRY_MAX_BYTES; ERR_INTERNAL for
 * values that entry_parse() would refuse (an id that is none, an empty text, files out of order).
 */
MUSTUSE int entry_format(const struct entry *en, struct buf *out, struct err *e);
/* Owned strings in *out: entry_release(). ERR_LEDGER names the line and the rule it broke. */
MUSTUSE int entry_parse(const char *bytes, size_t len, struct entry *out, struct err *e);
void entry_release(struct entry *en);

#endif
