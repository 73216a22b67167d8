/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_rotate.c: `layerseal key rotate`: another key signs from here on.
 *
 * A key file is replaced by FILE.new. Steps, each durable before the next: FILE.new; trusted; entries
 * in the ledger, signed by both keys; the trust file says until where and from where on; FILE.new takes
 * the place of FILE. Interrupted anywhere, verify goes on, and the same command does what is left.
 *
 * FILE.new lies where whoever writes to the ledger can put a key of his own. So what is found there
 * is the successor only if the trust file names it already, or the caller does.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/cli.h"
#include "crypto/keyfile.h"

struct rotation {
	const char *reason;
	const char *to; /* spelling of another source; NULL: the file again */
	const char *vkey;
	struct key_settings other; /* what `to` means */
	char *trust_file;
	struct trust trust;
	struct ledger *ledger;
	char *file, *new_file; /* NULL: not a file that is replaced */
	struct signer *next;   /* until the ledger has it */
	struct public_key key; /* of `next` */
};

static void rotation_release(struct rotation *ro)
{
	ledger_close(ro->ledger);
	signer_free(ro->next);
	free(ro->other.name);
	free(ro->trust_file);
	free(ro->file);
	free(ro->new_file);
}

static int parse(int argc, char **argv, struct rotation *out, struct err *e)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'},
	    {"to", required_argument, NULL, 't'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (option == 'r')
			out->reason = optarg;
		else if (option == 't')
			out->to = optarg;
		else
			return cli_usage_error(e, "key rotate",
			    "an option that key rotate does not have, or without its "
			    "value");
	}
	if (optind + 1 < argc)
		return cli_usage_error(e, "key rotate", "key rotate takes one VKEY");
	out->vkey = argv[optind];
	return out->to ? config_parse_key_source(out->to, &out->other, e) : 0;
}

/* The file that holds the key now, and the one where its successor waits. */
static int find_files(const struct cli *c, struct rotation *ro, struct err *e)
{
	struct signer_source source = cli_signer_source(c);
	CLEANUP_FREE char *file = NULL;
	int r;

	if (ro->to || source.place != SIGNER_FILE)
		return 0;
	file = source.name[0] == '/' ? xstrdup(source.name)
				     : xasprintf("%s/%s", c->ledger_dir, source.name);
	r = cli_absolute_path(file, &ro->file, e);
	if (!r)
		ro->new_file = xasprintf("%s.new", ro->file);
	return r;
}

/* Unless the settings say otherwise the successor of a key under a passphrase has one, too. */
static int keep_passphrase(
    const char *file, struct passphrase_source *passphrase, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	int r;

	secret_buf_init(&text, KEYFILE_MAX);
	if (passphrase->kind != PASSPHRASE_IF_NEEDED)
		return 0;
	r = keyfile_read(AT_FDCWD, file, &text, e);
	if (!r && keyfile_is_wrapped(&text))
		passphrase->kind = PASSPHRASE_ASK;
	return r;
}

/* Asks for no passphrase: a key that nobody trusts must not be worth one. */
static int remove_unknown(struct rotation *ro, struct err *e)
{
	CLEANUP_SECRET_BUF struct buf text;
	struct public_key key;
	int r;

	secret_buf_init(&text, KEYFILE_MAX);
	r = keyfile_read(AT_FDCWD, ro->new_file, &text, e);
	if (!r)
		r = keyfile_public(&text, &key, e);
	if (r == ERR_NOT_FOUND || (!r && trust_find(&ro->trust, &key)))
		return 0;
	if (r && r != ERR_MALFORMED)
		return r;
	return unlink(ro->new_file) ? err_sys(e, "%s", ro->new_file) : 0;
}

/* One that waits in FILE.new since an interrupted run and is trusted by now, or a fresh one. */
static int find_in_file(
    struct rotation *ro, const struct signer_source *source, struct err *e)
{
	struct public_key trusted[TRUST_KEYS_MAX];
	int r = remove_unknown(ro, e);

	for (size_t i = 0; i < ro->trust.n_log; i++)
		trusted[i] = ro->trust.log[i].key;
	if (!r)
		r = signer_open(source, trusted, ro->trust.n_log, &ro->next, e);
	return r == ERR_NOT_FOUND ? signer_generate(source,
					ledger_head(ro->ledger)->origin, &ro->next, e)
				  : r;
}

/* The successor: in FILE.new, or in another source. */
static int find_next(const struct cli *c, struct rotation *ro, struct err *e)
{
	struct signer_source source = cli_signer_source(c);
	struct signer_request request = {.name = ledger_head(ro->ledger)->origin};
	struct public_key choice;
	int r = 0;

	source.dirfd = AT_FDCWD;
	if (ro->new_file) {
		source.name = ro->new_file;
		r = keep_passphrase(ro->file, &source.passphrase, e);
	} else if (ro->to) {
		source.place = ro->other.place;
		source.name = ro->other.name;
	} else if (!ro->vkey) {
		return cli_usage_error(e, "key rotate",
		    "a key that is not in a file: name the next one, or --to where it "
		    "is");
	}
	if (!r && ro->vkey) {
		r = public_key_parse(ro->vkey, &choice, e);
		request.choice = &choice;
	}
	if (!r)
		r = ro->new_file && !ro->vkey
			? find_in_file(ro, &source, e)
			: signer_create(&source, &request, &ro->next, e);
	if (r)
		return r;
	ro->key = *signer_public(ro->next);
	return strcmp(ro->key.name, request.name) == 0
		   ? 0
		   : err_set(e, ERR_REFUSED,
			 "key %s: the next key has the name of the ledger, %s",
			 ro->key.name, request.name);
}

static int trust_next(struct rotation *ro, struct err *e)
{
	if (trust_find(&ro->trust, &ro->key))
		return 0;
	if (trust_add(&ro->trust, &ro->key, 0, UINT64_MAX, e))
		return e->code;
	return trust_save(ro->trust_file, &ro->trust, e);
}

/* The ledger was opened before its successor was trusted: for the append that does not matter. */
static int enter(struct rotation *ro, struct err *e)
{
	struct signer *next = ro->next;

	ro->next = NULL;
	return ledger_rotate_key(ro->ledger, next, ro->reason, e);
}

/*
 * From the size that both signed on only the new key counts, or who has the old one could sign another
 * ledger of just that size; and the ledger is known to have got there.
 */
static int bound_trust(struct rotation *ro, uint64_t size, struct err *e)
{
	struct trusted_key *k = trust_find(&ro->trust, &ro->key);

	for (size_t i = 0; i < ro->trust.n_log; i++) {
		struct trusted_key *other = &ro->trust.log[i];

		if (other != k && other->until >= size &&
		    !ledger_key_is_live(ro->ledger, &other->key))
			other->until = size - 1;
	}
	k->from = size;
	return trust_save(ro->trust_file, &ro->trust, e);
}

static int replace_file(const struct rotation *ro, struct err *e)
{
	CLEANUP_FREE char *dir = ro->file ? xstrdup(ro->file) : NULL;
	CLEANUP_FD int fd = -1;
	char *slash = dir ? strrchr(dir, '/') : NULL;
	int r;

	if (!slash)
		return 0;
	if (rename(ro->new_file, ro->file))
		return err_sys(e, "%s to %s", ro->new_file, ro->file);
	*slash = '\0';
	r = fs_open_root(dir[0] ? dir : "/", &fd, e);
	return !r && fsync(fd) ? err_sys(e, "%s", dir) : r;
}

static int rotate(const struct cli *c, struct rotation *ro, struct err *e)
{
	int r = cli_trust_file(c, &ro->trust_file, e);

	if (!r)
		r = cli_open_ledger(c, LEDGER_WRITE, false, &ro->ledger, e);
	if (!r)
		r = trust_load(ro->trust_file, &ro->trust, e);
	if (!r)
		r = find_files(c, ro, e);
	if (!r)
		r = find_next(c, ro, e);
	if (!r)
		r = trust_next(ro, e);
	if (!r && ledger_key_added_at(ro->ledger, &ro->key) == 0)
		r = enter(ro, e);
	if (!r)
		r = bound_trust(ro, ledger_key_added_at(ro->ledger, &ro->key), e);
	return r ? r : replace_file(ro, e);
}

int key_rotate(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP(rotation_release) struct rotation ro = {0};
	CLEANUP_BUF struct buf vkey;
	int r = parse(argc, argv, &ro, e);

	buf_init(&vkey, 1024);
	if (!r)
		r = rotate(c, &ro, e);
	if (!r)
		r = public_key_format(&ro.key, &vkey, e);
	if (r)
		return r;
	printf("%s\n", vkey.data);
	if (ro.to)
		printf("set in layerseal.conf, section [key]: source = %s\n", ro.to);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
