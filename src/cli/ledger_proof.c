/* SPDX-License-Identifier: Apache-2.0 */
/* ledger_proof.c: `layerseal ledger proof` and `check-proof`: that one entry is in the log. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/entries.h"
#include "cli/infile.h"
#include "cli/outfile.h"
#include "cli/sealed_object.h"
#include "ledger/proof.h"

/* ---- make ---- */

struct arguments {
	bool by_number;
	uint64_t seq;
	const char *id;
	const char *proof, *entry; /* files; NULL: standard output, and none */
};

static bool parse_number(const char *s, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(s, &end, 10);
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && errno == 0;
}

static int parse(int argc, char **argv, struct arguments *out, struct err *e)
{
	static const struct option options[] = {{"seq", required_argument, NULL, 's'},
	    {"entry", required_argument, NULL, 'e'}, {0}};
	int option;

	*out = (struct arguments){0};
	while ((option = getopt_long(argc, argv, ":o:", options, NULL)) != -1) {
		switch (option) {
		case 's':
			out->by_number = true;
			if (!parse_number(optarg, &out->seq))
				return cli_usage_error(
				    e, "ledger proof", "--seq takes a number");
			break;
		case 'o':
			out->proof = optarg;
			break;
		case 'e':
			out->entry = optarg;
			break;
		default:
			return cli_usage_error(e, "ledger proof",
			    option == ':' ? "an option without its value"
					  : "an option that ledger proof does not have");
		}
	}
	out->id = argv[optind];
	if (optind + (out->by_number ? 0 : 1) != argc)
		return cli_usage_error(
		    e, "ledger proof", "ledger proof takes one id or name, or --seq");
	return 0;
}

static int find(const struct session *s, const char *id, uint64_t *seq, struct err *e)
{
	CLEANUP_SEALED_OBJECT struct sealed_object o;
	int r = sealed_object_find(s, id, &o, e);

	if (!r)
		*seq = o.layer ? o.layer->seq : o.image->seq;
	return r;
}

static int write_file(const char *path, const struct buf *data, struct err *e)
{
	CLEANUP_OUTFILE struct outfile f;
	int r = outfile_open(path, &f, e);

	return r ? r : outfile_write(&f, data, 0644, e);
}

static int put(const struct arguments *a, const struct proof *proof,
    const struct buf *entry, struct err *e)
{
	CLEANUP_BUF struct buf text;
	int r;

	buf_init(&text, PROOF_MAX_BYTES);
	r = proof_format(proof, &text, e);
	if (!r && a->entry)
		r = write_file(a->entry, entry, e);
	if (!r && a->proof)
		r = write_file(a->proof, &text, e);
	if (r || a->proof)
		return r;
	fwrite(text.data, 1, text.len, stdout);
	return fflush(stdout) ? err_sys(e, "standard output") : 0;
}

static int prove(struct ledger *l, const struct arguments *a, uint64_t seq, struct err *e)
{
	CLEANUP_BUF struct buf entry;
	struct proof proof;
	int r;

	buf_init(&entry, ENTRY_MAX_BYTES);
	r = proof_make(l, seq, &proof, &entry, e);
	if (r == ERR_NOT_FOUND)
		e->code = r = ERR_USAGE;
	if (!r)
		r = put(a, &proof, &entry, e);
	return r ? r : EXIT_CLEAN;
}

int ledger_proof(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_SESSION struct session s = {.store.runroot_fd = -1};
	CLEANUP_LEDGER struct ledger *ledger = NULL;
	struct arguments a;
	uint64_t seq;
	int r = parse(argc, argv, &a, e);

	if (r)
		return r;
	if (a.by_number) {
		r = cli_open_ledger(c, LEDGER_READ, false, &ledger, e);
		return r ? r : prove(ledger, &a, a.seq, e);
	}
	r = session_open_ledger(c, LEDGER_READ, &s, e);
	if (!r)
		r = find(&s, a.id, &seq, e);
	return r ? r : prove(s.ledger, &a, seq, e);
}

/* ---- check ---- */

static int print(const struct proof *p, const struct checkpoint *head,
    const struct public_key *signer, const struct buf *entry, struct err *e)
{
	struct entry en;
	int r = entry_parse(entry->data, entry->len, &en, e);

	if (r)
		return r;
	entry_release(&en);
	printf("clean: entry %" PRIu64 " of log %s\n", p->index, head->origin);
	printf("  size         %" PRIu64 " entries\n", head->size);
	printf("  signed by    key %08" PRIx32 "\n", signer->id);
	entries_print_full(stdout, p->index, entry->data, entry->len);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}

static int check(
    const struct trust *t, const struct buf *text, const struct buf *entry, struct err *e)
{
	struct checkpoint head;
	struct public_key signer;
	struct proof proof;
	int r = proof_parse(text->data, text->len, &proof, e);

	if (!r)
		r = proof_check(&proof, t, entry, &head, &signer, e);
	return r ? r : print(&proof, &head, &signer, entry, e);
}

int ledger_check_proof(struct cli *c, int argc, char **argv, struct err *e)
{
	static const struct option none[] = {{0}};
	CLEANUP_BUF struct buf text, entry;
	struct trust trust;
	int r;

	buf_init(&text, PROOF_MAX_BYTES);
	buf_init(&entry, ENTRY_MAX_BYTES);
	if (getopt_long(argc, argv, ":", none, NULL) != -1)
		return cli_usage_error(e, "ledger check-proof",
		    "an option that ledger check-proof does not have");
	if (optind + 2 != argc)
		return cli_usage_error(e, "ledger check-proof",
		    "ledger check-proof takes a proof and its entry");
	r = cli_load_trust(c, &trust, e);
	if (!r)
		r = infile_read(argv[optind], &text, e);
	if (!r)
		r = infile_read(argv[optind + 1], &entry, e);
	return r ? r : check(&trust, &text, &entry, e);
}
