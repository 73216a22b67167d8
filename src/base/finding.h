/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding.h: one deviation between a store and what was sealed, as plain data. It lives in the
 * lowest layer because the rooms that read a store report findings and only guard/ judges them.
 *
 * The class names are a promise (layerseal-findings(7)): scripts and layerseal.conf use them.
 * A list is filled by one thread; lists of several threads are joined with findings_move().
 */
#ifndef BASE_FINDING_H
#define BASE_FINDING_H

#include "base/base.h"

/* X(enumerator, "stable-name", "one-line meaning") */
#define FINDING_CLASSES(X)                                                               \
	/* records: the JSON files of the store */                                       \
	X(RECORD_MALFORMED, "record-malformed",                                          \
	    "a record file is not what containers/storage writes")                       \
	X(RECORD_AMBIGUOUS, "record-ambiguous",                                          \
	    "two parsers could read a record file differently")                          \
	X(RECORD_MISSING, "record-missing",                                              \
	    "a record file is missing or empty although objects are sealed")             \
	X(LAYER_UNSEALED, "layer-unsealed", "a layer that was never sealed")             \
	X(LAYER_RECORD, "layer-record", "the record of a sealed layer was changed")      \
	X(LAYER_MISSING, "layer-missing",                                                \
	    "a layer that an image or a layer needs has no record")                      \
	X(LAYER_MAPPED, "layer-mapped",                                                  \
	    "an id-mapped copy of a layer, which is not measured")                       \
	/* structure: directories and links of the driver */                             \
	X(LAYER_UNRECORDED, "layer-unrecorded", "a layer directory without a record")    \
	X(LAYER_ENTRY, "layer-entry",                                                    \
	    "something in a layer directory that the driver did not put there")          \
	X(LAYER_DIFF, "layer-diff", "the tree of a layer is not a plain directory")      \
	X(LAYER_LINK, "layer-link", "the link file of a layer is wrong")                 \
	X(LAYER_LOWER, "layer-lower",                                                    \
	    "the lower file does not follow the recorded parents")                       \
	X(LAYER_SCRATCH, "layer-scratch", "a directory that must be empty is not")       \
	X(LINK_TARGET, "link-target", "a short link does not lead to its layer")         \
	X(LINK_UNEXPLAINED, "link-unexplained", "a short link that belongs to no layer") \
	X(STORE_ENTRY, "store-entry",                                                    \
	    "a file or directory of the store that no record explains")                  \
	/* trees: what is below diff/ */                                                 \
	X(TREE_ADDED, "tree-added",                                                      \
	    "a file that was not there when the layer was sealed")                       \
	X(TREE_REMOVED, "tree-removed", "a sealed file is gone")                         \
	X(TREE_TYPE, "tree-type", "a file became another type of file")                  \
	X(TREE_CONTENT, "tree-content", "the bytes of a file were changed")              \
	X(TREE_MODE, "tree-mode", "permission bits were changed")                        \
	X(TREE_OWNER, "tree-owner", "the owner or group was changed")                    \
	X(TREE_XATTR, "tree-xattr", "an extended attribute was changed")                 \
	X(TREE_MTIME, "tree-mtime", "the modification time was changed")                 \
	X(TREE_TARGET, "tree-target", "a symbolic link leads elsewhere")                 \
	X(TREE_DEVICE, "tree-device", "a device number was changed")                     \
	X(TREE_HARDLINK, "tree-hardlink", "the hard links of a file were changed")       \
	X(TREE_UNSTABLE, "tree-unstable", "a tree kept changing while it was measured")  \
	X(TREE_UNREADABLE, "tree-unreadable", "a tree could not be read completely")     \
	/* content identity */                                                           \
	X(DIFF_ID, "diff-id", "the recomputed diff-id is not the recorded one")          \
	X(LAYER_ID, "layer-id", "the layer id is not the chain id of its diff-ids")      \
	X(TAR_SPLIT, "tar-split", "the tar-split file is missing, malformed or changed") \
	X(LAYER_DATA, "layer-data",                                                      \
	    "a file kept beside a layer is missing or was changed")                      \
	X(TAR_HEADER, "tar-header", "the tree is not what the tar headers describe")     \
	/* images */                                                                     \
	X(IMAGE_UNSEALED, "image-unsealed", "an image that was never sealed")            \
	X(IMAGE_RECORD, "image-record", "the record of a sealed image was changed")      \
	X(IMAGE_LAYER, "image-layer", "an image points to another top layer")            \
	X(IMAGE_NAME, "image-name", "a sealed name leads to another image")              \
	X(NAME_UNSEALED, "name-unsealed",                                                \
	    "a name that was never sealed leads to a sealed image")                      \
	X(IMAGE_ID, "image-id", "the image id is not the SHA-256 of its configuration")  \
	X(IMAGE_MANIFEST, "image-manifest",                                              \
	    "the manifest does not name this configuration and these layers")            \
	X(IMAGE_DIFF_IDS, "image-diff-ids",                                              \
	    "the configuration lists other diff-ids than the layers have")               \
	X(IMAGE_FILE, "image-file", "a file of an image is missing, added or changed")   \
	/* around the store */                                                           \
	X(STORE_SHADOW, "store-shadow",                                                  \
	    "one place of the store hides an object of another")                         \
	X(LIBPOD_DATABASE, "libpod-database",                                            \
	    "podman's database leads to another store")                                  \
	X(MOUNTPOINTS, "mountpoints",                                                    \
	    "mountpoints.json names a mount that is not the layer's")                    \
	X(STORE_COVERED, "store-covered",                                                \
	    "the user whose store it is has mounted something over a part of it")        \
	/* guarded builds */                                                             \
	X(TREE_TOUCHED, "tree-touched",                                                  \
	    "a sealed layer was written to while a guarded build ran")                   \
	X(BUILD_INPUT, "build-input",                                                    \
	    "a guarded build used an image that is not sealed")                          \
	X(BUILD_RESULT, "build-result",                                                  \
	    "what a guarded build leaves is not what it made")                           \
	/* directories of RUN --mount=type=cache */                                      \
	X(CACHE_MOUNT_CHANGED, "cache-mount-changed",                                    \
	    "a sealed cache mount was changed")                                          \
	X(CACHE_MOUNT_UNSEALED, "cache-mount-unsealed",                                  \
	    "a cache mount that was never sealed")                                       \
	X(CACHE_MOUNT_ENTRY, "cache-mount-entry",                                        \
	    "where engines keep cache mounts, something that is none")                   \
	/* what an administrator said */                                                 \
	X(REVOKED, "revoked", "a layer or image that must not be used any more")

enum finding_class {
#define X(id, name, meaning) FINDING_##id,
	FINDING_CLASSES(X)
#undef X
	    FINDING_CLASS_COUNT
};

const char *finding_class_name(enum finding_class c);
const char *finding_class_meaning(enum finding_class c);
bool finding_class_parse(const char *name, enum finding_class *out);

/* What is to be done about it; set by guard/policy, SEVERITY_DENY until then. */
enum severity { SEVERITY_DENY, SEVERITY_WARN, SEVERITY_IGNORE };

/* What was looked at when it was found; set by guard_verify(). */
enum finding_stage { STAGE_STRUCTURE, STAGE_TREE, STAGE_CACHE_MOUNT };

/* All strings are owned, NULL if they do not apply, and may hold untrusted bytes (never NUL). */
struct finding {
	enum finding_class class;
	enum severity severity;
	enum finding_stage
	    stage;     /* of records and structure, unless somebody says otherwise */
	char *layer;   /* layer id */
	char *image;   /* image id */
	char *used_by; /* the images that use the layer, ", " between; set by guard */
	char *path; /* below the layer's tree ("/etc/passwd"), or a file of the store */
	char *expected; /* what was sealed, or the rule */
	char *found;	/* what is there */
};

struct findings {
	struct finding *v;
	size_t n;
	size_t dropped; /* not kept because the list was full */
	/* for finding.c */
	size_t cap;
	struct finding
	    last_dropped; /* what findings_add() returns when the list is full */
};

/* A list keeps this many; the rest is only counted, so that an attacker cannot fill memory. */
#define FINDINGS_MAX 10000

/* Where a finding is: strings are borrowed and copied by findings_add(), NULL if they do not apply. */
struct place {
	const char *layer, *image, *path;
};

/* Adds one and returns it (valid until the next add) for finding_expected()/_found(). Never NULL. */
struct finding *findings_add(
    struct findings *list, enum finding_class c, struct place where);
struct finding *finding_expected(struct finding *f, const char *fmt, ...)
    PRINTF_LIKE(2, 3);
struct finding *finding_found(struct finding *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Adds one as it is, with its words and severity. */
struct finding *findings_copy(struct findings *list, const struct finding *f);

/* `from` is empty afterwards. */
void findings_move(struct findings *to, struct findings *from);
/* All from index `first` on were found at this stage. */
void findings_set_stage(struct findings *list, size_t first, enum finding_stage s);
/* Drops those of one severity, keeps the order of the rest. */
void findings_drop(struct findings *list, enum severity s);
/* Forgets all but the first `mark` ever added (kept and dropped ones counted together). */
void findings_cut(struct findings *list, size_t mark);
void findings_release(struct findings *list);
#define CLEANUP_FINDINGS CLEANUP(findings_release)

#endif
