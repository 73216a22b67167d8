/* SPDX-License-Identifier: Apache-2.0 */
/* entry_fields.c: see entry_fields.h: the tables; to add an op, begin here. */
#include "ledger/entry_fields.h"

#include <stddef.h>
#include <stdlib.h>

#define AT(member) offsetof(struct entry, member)

static const struct field init_fields[] = {
    {"graphroot", KIND_TEXT, AT(init.graphroot), 0},
    {"runroot", KIND_TEXT, AT(init.runroot), 0},
    {"driver", KIND_TEXT, AT(init.driver), 0},
    {"imagestore", KIND_TEXT_OR_NONE, AT(init.imagestore), 0},
    {"statprint-key", KIND_DIGEST_OR_NONE, AT(init.statprint_key), 0},
    {"additional", KIND_TEXTS, AT(init.additional), AT(init.n_additional)},
    {"user", KIND_TEXT_OR_NO_LINE, AT(init.user), 0},
    {"uids", KIND_TEXT_OR_NO_LINE, AT(init.uids), 0},
    {"gids", KIND_TEXT_OR_NO_LINE, AT(init.gids), 0},
    {0},
};

static const struct field seal_layer_fields[] = {
    {"layer", KIND_ID, AT(seal_layer.layer), 0},
    {"parent", KIND_ID_OR_NONE, AT(seal_layer.parent), 0},
    {"diff-id", KIND_DIGEST, AT(seal_layer.diff_id), 0},
    {"diff-size", KIND_NUMBER, AT(seal_layer.diff_size), 0},
    {"record", KIND_DIGEST, AT(seal_layer.record), 0},
    {"created", KIND_TEXT, AT(seal_layer.created), 0},
    {"link", KIND_TEXT_OR_NONE, AT(seal_layer.link), 0},
    {"tar-split", KIND_DIGEST, AT(seal_layer.tar_split), 0},
    {"tree", KIND_DIGEST, AT(seal_layer.tree), 0},
    {"manifest-bytes", KIND_NUMBER, AT(seal_layer.manifest_bytes), 0},
    {"entries", KIND_NUMBER, AT(seal_layer.entries), 0},
    {"bytes", KIND_NUMBER, AT(seal_layer.bytes), 0},
    {"file", KIND_FILES, AT(seal_layer.files), AT(seal_layer.n_files)},
    {"statprint", KIND_PRINT_OR_NONE, AT(seal_layer.print), AT(seal_layer.has_print)},
    {"scrub", KIND_PRINT_OR_NO_LINE, AT(seal_layer.scrub), AT(seal_layer.has_scrub)},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_layer.reason), 0},
    {0},
};

static const struct field seal_image_fields[] = {
    {"image", KIND_ID, AT(seal_image.image), 0},
    {"layer", KIND_ID_OR_NONE, AT(seal_image.layer), 0},
    {"record", KIND_DIGEST, AT(seal_image.record), 0},
    {"file", KIND_FILES, AT(seal_image.files), AT(seal_image.n_files)},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_image.reason), 0},
    {0},
};

static const struct field seal_name_fields[] = {
    {"name", KIND_TEXT, AT(seal_name.name), 0},
    {"image", KIND_ID, AT(seal_name.image), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_name.reason), 0},
    {0},
};

static const struct field seal_tree_fields[] = {
    {"kind", KIND_TREE, AT(seal_tree.kind), 0},
    {"path", KIND_PATH, AT(seal_tree.path), 0},
    {"tree", KIND_DIGEST, AT(seal_tree.tree), 0},
    {"manifest-bytes", KIND_NUMBER, AT(seal_tree.manifest_bytes), 0},
    {"entries", KIND_NUMBER, AT(seal_tree.entries), 0},
    {"bytes", KIND_NUMBER, AT(seal_tree.bytes), 0},
    {"statprint", KIND_PRINT_OR_NONE, AT(seal_tree.print), AT(seal_tree.has_print)},
    {"scrub", KIND_PRINT_OR_NO_LINE, AT(seal_tree.scrub), AT(seal_tree.has_scrub)},
    {"reason", KIND_TEXT_OR_NONE, AT(seal_tree.reason), 0},
    {0},
};

static const struct field retire_tree_fields[] = {
    {"kind", KIND_TREE, AT(retire_tree.kind), 0},
    {"path", KIND_PATH, AT(retire_tree.path), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(retire_tree.reason), 0},
    {0},
};

static const struct field retire_fields[] = {
    {"object", KIND_OBJECT, AT(retire.is_image), 0},
    {"id", KIND_ID, AT(retire.id), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(retire.reason), 0},
    {0},
};

static const struct field remeasure_fields[] = {
    {"layer", KIND_ID, AT(remeasure.layer), 0},
    {"tree", KIND_DIGEST, AT(remeasure.tree), 0},
    {"statprint", KIND_PRINT, AT(remeasure.print), 0},
    {"scrub", KIND_PRINT_OR_NO_LINE, AT(remeasure.scrub), AT(remeasure.has_scrub)},
    {0},
};

static const struct field purge_fields[] = {
    {"object", KIND_PURGED, AT(purge.object), 0},
    {"id", KIND_TEXT, AT(purge.id), 0},
    {"bytes", KIND_NUMBER, AT(purge.bytes), 0},
    {"quarantine", KIND_TEXT_OR_NONE, AT(purge.quarantine), 0},
    {"reason", KIND_TEXT, AT(purge.reason), 0},
    {0},
};

static const struct field build_fields[] = {
    {"engine", KIND_TEXT, AT(build.engine), 0},
    {"status", KIND_NUMBER, AT(build.status), 0},
    {"user", KIND_NUMBER, AT(build.user), 0},
    {"began", KIND_NUMBER, AT(build.began), 0},
    {"result", KIND_ID_OR_NONE, AT(build.result), 0},
    {"containerfile", KIND_DIGEST_OR_NONE, AT(build.containerfile), 0},
    {"sealed", KIND_NUMBER, AT(build.sealed), 0},
    {"base", KIND_IDS, AT(build.bases), AT(build.n_bases)},
    {"argument", KIND_TEXTS, AT(build.arguments), AT(build.n_arguments)},
    {"left-out", KIND_NUMBER, AT(build.left_out), 0},
    {0},
};

static const struct field alarm_fields[] = {
    {"class", KIND_TEXT, AT(alarm.class), 0},
    {"layer", KIND_TEXT_OR_NONE, AT(alarm.layer), 0},
    {"image", KIND_TEXT_OR_NONE, AT(alarm.image), 0},
    {"path", KIND_TEXT_OR_NONE, AT(alarm.path), 0},
    {"expected", KIND_TEXT_OR_NONE, AT(alarm.expected), 0},
    {"found", KIND_TEXT_OR_NONE, AT(alarm.found), 0},
    {"pid", KIND_NUMBER_OR_NONE, AT(alarm.pid), AT(alarm.has_pid)},
    {"uid", KIND_NUMBER_OR_NONE, AT(alarm.uid), AT(alarm.has_uid)},
    {"program", KIND_TEXT_OR_NONE, AT(alarm.program), 0},
    {"left-out", KIND_NUMBER, AT(alarm.left_out), 0},
    {0},
};

static const struct field gap_fields[] = {
    {"kind", KIND_TEXT, AT(gap.kind), 0},
    {"count", KIND_NUMBER, AT(gap.count), 0},
    {0},
};

static const struct field key_fields[] = {
    {"vkey", KIND_TEXT, AT(key.vkey), 0},
    {"reason", KIND_TEXT_OR_NONE, AT(key.reason), 0},
    {0},
};

static const struct field anchor_fields[] = {
    {"anchor", KIND_TEXT, AT(anchor.name), 0},
    {"counter", KIND_NUMBER, AT(anchor.counter), 0},
    {0},
};

static const struct field revoke_fields[] = {
    {"digest", KIND_DIGEST, AT(revoke.digest), 0},
    {"reason", KIND_TEXT, AT(revoke.reason), 0},
    {0},
};

static const struct field state_fields[] = {
    {"snapshot", KIND_DIGEST, AT(state.snapshot), 0},
    {"snapshot-bytes", KIND_NUMBER, AT(state.bytes), 0},
    {"objects", KIND_NUMBER, AT(state.objects), 0},
    {0},
};

const struct entry_kind entry_kinds[ENTRY_OP_COUNT] = {
    [ENTRY_INIT] = {"init", init_fields, true},
    [ENTRY_SEAL_LAYER] = {"seal-layer", seal_layer_fields, true},
    [ENTRY_SEAL_IMAGE] = {"seal-image", seal_image_fields, true},
    [ENTRY_SEAL_NAME] = {"seal-name", seal_name_fields, true},
    [ENTRY_SEAL_TREE] = {"seal-tree", seal_tree_fields, true},
    [ENTRY_RETIRE_TREE] = {"retire-tree", retire_tree_fields, true},
    [ENTRY_RETIRE] = {"retire", retire_fields, true},
    [ENTRY_REMEASURE] = {"remeasure", remeasure_fields, true},
    [ENTRY_PURGE] = {"purge", purge_fields, true},
    [ENTRY_BUILD] = {"build", build_fields, true},
    [ENTRY_ALARM] = {"alarm", alarm_fields, true},
    [ENTRY_GAP] = {"gap", gap_fields, true},
    [ENTRY_KEY_ADD] = {"key-add", key_fields, false},
    [ENTRY_KEY_RETIRE] = {"key-retire", key_fields, false},
    [ENTRY_ANCHOR] = {"anchor", anchor_fields, false},
    [ENTRY_REVOKE] = {"revoke", revoke_fields, false},
    [ENTRY_UNREVOKE] = {"unrevoke", revoke_fields, false},
    [ENTRY_STATE] = {"state", state_fields, false},
};

const char *purged_name(enum purged p)
{
	static const char *const names[] = {
	    [PURGED_LAYER] = "layer",
	    [PURGED_IMAGE] = "image",
	    [PURGED_CONTAINER] = "container",
	    [PURGED_NAME] = "name",
	    [PURGED_FILE] = "file",
	    [PURGED_CACHE_MOUNT] = "cache-mount",
	};

	return names[p];
}

const char *tree_kind_name(enum tree_kind k)
{
	static const char *const names[] = {[TREE_CACHE_MOUNT] = "cache-mount"};

	return names[k];
}

const char *entry_op_name(enum entry_op op)
{
	return entry_kinds[op].name;
}

bool entry_op_of_store(enum entry_op op)
{
	return entry_kinds[op].of_store;
}

const struct digest *entry_listing(const struct entry *en, uint64_t *bytes)
{
	switch (en->op) {
	case ENTRY_SEAL_LAYER:
		*bytes = en->seal_layer.manifest_bytes;
		return &en->seal_layer.tree;
	case ENTRY_SEAL_TREE:
		*bytes = en->seal_tree.manifest_bytes;
		return &en->seal_tree.tree;
	default:
		return NULL;
	}
}

static void release_files(struct entry *en, const struct field *f)
{
	char *base = (char *)en;
	struct entry_file *files = *(struct entry_file **)(void *)(base + f->offset);
	size_t n = *(size_t *)(void *)(base + f->extra);

	for (size_t i = 0; i < n; i++)
		free(files[i].name);
	free(files);
}

static void release_texts(struct entry *en, const struct field *f)
{
	char *base = (char *)en;
	char **texts = *(char ***)(void *)(base + f->offset);
	size_t n = *(size_t *)(void *)(base + f->extra);

	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

void entry_release(struct entry *en)
{
	for (const struct field *f = entry_kinds[en->op].fields; f->key; f++) {
		if (f->kind == KIND_TEXT || f->kind == KIND_TEXT_OR_NONE ||
		    f->kind == KIND_PATH || f->kind == KIND_TEXT_OR_NO_LINE)
			free(*(char **)(void *)((char *)en + f->offset));
		if (f->kind == KIND_FILES)
			release_files(en, f);
		if (f->kind == KIND_TEXTS || f->kind == KIND_IDS)
			release_texts(en, f);
	}
	*en = (struct entry){0};
}
