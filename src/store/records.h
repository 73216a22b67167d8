/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records.h: a consistent snapshot of the records of a store: layers.json, volatile-layers.json,
 * images.json of every place, containers.json and volatile-containers.json of the graphroot or
 * the runroot, read strictly.
 *
 * containers/storage reads these files with a lax parser (json-iterator: folds case, last
 * duplicate wins, stops at NUL, accepts null). Whatever a strict parser and podman's could read
 * differently is a finding (record-malformed, record-ambiguous) and its object is left out of
 * the snapshot; nothing is guessed. Ids are 64 lower-case hex digits, digests "sha256:" + 64.
 */
#ifndef STORE_RECORDS_H
#define STORE_RECORDS_H

#include "base/finding.h"
#include "crypto/digest.h"
#include "store/store.h"

#define ID_LEN 64

/*
 * A digest column as recorded: a record may lack it ("has" false).
 */
struct opt_digest {
	bool has;
	struct digest d;
};

struct store_layer {
	char id[ID_LEN + 1];
	char parent[ID_LEN + 1]; /* "" for a base layer */
	size_t place;		 /* index in store->places */
	bool volatile_record;	 /* from volatile-layers.json */
	bool incomplete;	 /* being created or deleted by the engine */
	bool has_id_maps;	 /* uidmap or gidmap: an id-mapped copy */
	char *created;		 /* as written; "" if the record has none */
	struct opt_digest diff, compressed;
	struct opt_digest toc;
	int64_t diff_size; /* -1 unknown */
	char **names;	   /* a container's layer may have some */
	size_t n_names;
	char **big_data;
	size_t n_big_data;
	/*
	 * Digest of the canonical text of everything recorded about the layer but names, mount label,
	 * the incomplete flag and the index of a partial pull (they change in ordinary life). One
	 * "key value" line per member in key order, values by esc_token().
	 */
	struct digest record;
};

/*
 * True for a layer that a partial pull made (zstd:chunked, or converted to it): containers/storage
 * keeps the table of contents beside it, and later maybe an index of that.
 */
bool layer_is_partial(const struct store_layer *l);
#define LAYER_DATA_INDEX "chunked-manifest-cache"

struct store_big_data {
	char *name; /* as in the record: "manifest", "sha256:..." */
	int64_t size;
	struct opt_digest digest;
};

struct store_image {
	char id[ID_LEN + 1];
	char top_layer[ID_LEN + 1]; /* "" for an image without layers */
	size_t place;
	struct opt_digest digest; /* of the manifest */
	char *created;
	char **names; /* in recorded order */
	size_t n_names;
	char (*mapped_layers)[ID_LEN + 1]; /* id-mapped copies of the top layer */
	size_t n_mapped_layers;
	struct store_big_data *big_data; /* sorted by name */
	size_t n_big_data;
	/*
	 * As store_layer.record, without what ordinary use changes: names, names-history,
	 * mapped-layers, metadata, digest, and the lists of big data.
	 */
	struct digest record;
};

struct store_container {
	char id[ID_LEN + 1];
	char layer[ID_LEN + 1];
	char image[ID_LEN + 1]; /* "" for a container from scratch */
};

struct records {
	struct store_layer *layers; /* sorted by id, then place */
	size_t n_layers;
	struct store_image *images; /* sorted by id, then place */
	size_t n_images;
	struct store_container *containers; /* sorted by id */
	size_t n_containers;
	bool
	    locked; /* read under the store's locks; false: a writer was busy, read optimistically */
};

/* Limits of one record file and one element, far above real stores. */
#define RECORDS_FILE_MAX (256U << 20)
#define RECORDS_ELEMENT_MAX (1U << 20)

/*
 * Reads all records at one moment: under non-blocking read locks held for milliseconds, or, when
 * a writer is busy, by re-reading until nothing changed in between (ERR_CHANGED after about a
 * second). Never waits for a build. A file that does not exist is an empty list; unreadable is
 * ERR_STORE. Parse problems are findings, not errors.
 */
MUSTUSE int records_read(
    const struct store *s, struct records *out, struct findings *findings, struct err *e);
/* The same for whom an engine started that holds the locks until this ends: tries none. */
MUSTUSE int records_read_beside(
    const struct store *s, struct records *out, struct findings *findings, struct err *e);
/* Those of containers alone, without locks. Of what a read of all would find only some is in `findings`. */
MUSTUSE int records_read_containers(
    const struct store *s, struct records *out, struct findings *findings, struct err *e);
void records_release(struct records *r);
#define CLEANUP_RECORDS CLEANUP(records_release)

/* First of that id (a shadowed one comes later), or NULL. */
const struct store_layer *records_layer(const struct records *r, const char *id);
const struct store_image *records_image(const struct records *r, const char *id);
/* True if the layer is the writable layer of a container and no image or other layer uses it. */
bool records_is_container_layer(const struct records *r, const struct store_layer *l);

/* Parsers of one file's bytes, for fuzzing and tests. `file` names it in findings. */
MUSTUSE int records_parse_layers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);
MUSTUSE int records_parse_images(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);
MUSTUSE int records_parse_containers(const char *json, size_t len, const char *file,
    struct records *out, struct findings *findings, struct err *e);

#endif
