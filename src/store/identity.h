/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h: whether a layer is what the registry or the build committed: the diff-id recomputed
 * from its tree and its tar-split stream, the tar headers (read with libarchive) against the tree
 * entry by entry, the chain id. Format of tar-split: vbatts/tar-split tar/storage: gzip of JSON
 * lines {type 1: file body by name, size, CRC-64; type 2: raw tar bytes}.
 *
 * Input is hostile: the stream chooses names, sizes and headers. Files are opened beneath the
 * tree only, no links followed, and must be exactly as long as stated.
 */
#ifndef STORE_IDENTITY_H
#define STORE_IDENTITY_H

#include "base/progress.h"
#include "store/records.h"
#include "tree/tree.h"

struct identity;

/*
 * One layer. For vfs, whose trees are whole root filesystems, the chain is loaded base first
 * (identity_add per layer, each with its own tree) and the expectation is the union; for overlay
 * it is one layer. A vfs layer that is added without its parents has its diff-id recomputed and
 * its headers read, but its tree is not judged.
 *
 * Limits: the tar of a sparse member cannot be remade from tar-split (podman cannot either), so
 * such a layer always has findings. Whiteouts are expected as the kernel's overlayfs takes them, or,
 * if the store allows it (store.h), all of a layer's as files named .wh.*; force_mask is not known.
 */
struct identity *identity_new(const struct store *s);
void identity_free(struct identity *id);

struct identity_result {
	struct digest diff_id;	 /* SHA-256 of the reassembled tar */
	uint64_t diff_size;	 /* its bytes */
	struct digest tar_split; /* SHA-256 of the inflated tar-split stream */
};

/*
 * Reads the layer's tar-split and the files it names below tree_fd; adds its headers to the
 * expectation. Deviations are findings: tar-split (the stream is unusable; *out is zero), diff-id
 * (against the record; with the files whose checksums differ), tar-header (readers of tar could
 * disagree, or a body does not belong to its header). `checked` false if the tree cannot be judged
 * because of them; identity_line() then finds nothing more. ERR_IO if the system fails,
 * ERR_CHANGED if a file changed while it was read.
 */
MUSTUSE int identity_add(struct identity *id, const struct store_layer *l, int tree_fd,
    struct progress *progress, struct identity_result *out, bool *checked,
    struct findings *findings, struct err *e);

/*
 * From now on identity_add() hands the bodies that it reads to `known` (borrowed), too, for a
 * measurement of the same tree. NULL: to nobody, as at first.
 */
void identity_tell(struct identity *id, struct known *known);

/*
 * Only SHA-256 of the inflated tar-split (what `verify` binds without re-reading the tree).
 */
MUSTUSE int identity_tar_split_digest(const struct store *s, const struct store_layer *l,
    struct digest *out, struct err *e);

/* A tree_line_fn (ctx: struct identity *): each manifest line must be explained by a header. */
int identity_line(void *ctx, const char *line, size_t len, const struct manifest_entry *m,
    struct err *e);
/*
 * After the measurement: headers without a file, and the collected findings. Then the tree can be
 * measured again, or (vfs) the next layer added.
 */
MUSTUSE int identity_finish(
    struct identity *id, const char *layer_id, struct findings *findings, struct err *e);

/* hex(diff_id) for a base, else SHA-256(parent id "+" hex(diff_id)) in hex. */
void identity_chain_id(
    const char *parent, const struct digest *diff_id, char out[static ID_LEN + 1]);

#endif
