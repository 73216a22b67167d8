/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_consistency.c: `layerseal ledger consistency`: that a log is the continuation of an older one. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "cli/infile.h"
#include "ledger/proof.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* An export's checkpoint, authenticated; the directory stays open. */
static int open_export(const char *dir, const struct trust *t, int *dirfd,
    struct checkpoint *out, struct err *e)
{
	CLEANUP_BUF struct buf note;
	int r = fs_open_root(dir, dirfd, e);

	buf_init(&note, NOTE_MAX_BYTES);
	if (!r)
		r = tiles_read_checkpoint(*dirfd, &note, e);
	if (!r)
		r = trust_open_checkpoint(t, note.data, note.len, out, NULL, e);
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_LEDGER;
	return r ? err_wrap(e, "%s", dir) : 0;
}

static int open_old(
    const char *path, const struct trust *t, struct checkpoint *out, struct err *e)
{
	CLEANUP_BUF struct buf note;
	CLEANUP_FD int dirfd = -1;
	int r;

	buf_init(&note, NOTE_MAX_BYTES);
	if (is_directory(path))
		return open_export(path, t, &dirfd, out, e);
	r = infile_read(path, &note, e);
	if (!r && trust_open_checkpoint(t, note.data, note.len, out, NULL, e))
		r = err_wrap(e, "%s", path);
	return r;
}

static int of_export(const char *dir, const struct trust *t, const struct checkpoint *old,
    struct checkpoint *head, struct consistency *out, struct err *e)
{
	CLEANUP_TILES_READER struct tiles_reader *reader = NULL;
	CLEANUP_FD int dirfd = -1;
	int r = open_export(dir, t, &dirfd, head, e);

	if (r)
		return r;
	r = tiles_reader_new(dirfd, head, &reader, e);
	if (!r)
		r = consistency_of_export(reader, head, old, out, e);
	return r ? err_wrap(e, "%s", dir) : 0;
}

static int of_ledger(const struct cli *c, const struct checkpoint *old,
    struct checkpoint *head, struct consistency *out, struct err *e)
{
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	int r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);

	if (r)
		return r;
	*head = *ledger_head(ledger);
	r = consistency_of_ledger(ledger, old, out, e);
	return r ? err_wrap(e, "%s", c->ledger_dir) : 0;
}

/* The proof, and nothing else, on standard output. */
static int print(const struct consistency *proof, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, PROOF_MAX_BYTES);
	r = proof_format_hashes(proof->hash, proof->n, &text, e);
	if (r)
		return r;
	fwrite(text.data, 1, text.len, stdout);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

int ledger_consistency(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option none[] = {{0}};
	struct checkpoint old, head;
	struct consistency proof;
	struct trust trust;
	int r;

	if (getopt_long(argc, argv, ":", none, NULL) != -1)
		return cli_usage_error(e, "ledger consistency",
		    "an option that ledger consistency does not have");
	if (optind + 2 != argc)
		return cli_usage_error(e, "ledger consistency",
		    "ledger consistency takes an older and a newer log");
	r = cli_load_trust(c, &trust, e);
	if (!r)
		r = open_old(argv[optind], &trust, &old, e);
	if (r)
		return r;
	if (strcmp(argv[optind + 1], "-") == 0)
		r = of_ledger(c, &old, &head, &proof, e);
	else
		r = of_export(argv[optind + 1], &trust, &old, &head, &proof, e);
	return r ? r : print(&proof, e);
}
