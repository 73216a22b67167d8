/* SPDX-License-Identifier: Apache-2.0 */
/* key_show.c: `layerseal key show`: public keys, and where their secret halves are. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/esc.h"
#include "base/hex.h"
#include "base/jsonout.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "crypto/keyfile.h"
#include "ledger/ledger_dir.h"

struct options {
	bool json, agent;
	const char *name; /* for the keys of an agent, which have none */
	const char *file;
};

/* One key as it is shown. */
struct shown {
	const uint8_t *point;
	const struct public_key *key; /* NULL: without a name there is no vkey */
	const char *from;
	const char *comment; /* of an agent's */
	bool wrapped;
};

static int parse_options(int argc, char **argv, struct options *out, struct err *e)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
	    {"agent", no_argument, NULL, 'a'}, {"name", required_argument, NULL, 'n'},
	    {0}};
	int option;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			out->json = true;
			break;
		case 'a':
			out->agent = true;
			break;
		case 'n':
			out->name = optarg;
			break;
		default:
			return cli_usage_error(e, "key show",
			    option == ':' ? "an option without its value"
					  : "an option that key show does not have");
		}
	}
	out->file = argv[optind];
	if (out->file && (argv[optind + 1] || out->agent))
		return cli_usage_error(e, "key show", "one FILE, or an agent");
	if (out->name && !key_name_is_valid(out->name, strlen(out->name)))
		return err_set(
		    e, ERR_USAGE, "--name '%s' is no name of a key", out->name);
	return 0;
}

/* ---- printing ---- */

struct texts {
	struct buf vkey, openssh;
	char hex[2 * KEY_BYTES + 1];
};

static void texts_release(struct texts *t)
{
	buf_release(&t->vkey);
	buf_release(&t->openssh);
}

static int make_texts(const struct shown *s, struct texts *out, struct err *e)
{
	int r = public_key_format_openssh(s->point, &out->openssh, e);

	hex_encode(out->hex, s->point, KEY_BYTES);
	if (!r && s->key)
		r = public_key_format(s->key, &out->vkey, e);
	return r;
}

static void print_text(const struct shown *s, const struct texts *t)
{
	CLEANUP_FREE char *from = esc_str(s->from);
	CLEANUP_FREE char *comment = esc_str(s->comment);

	if (s->key)
		printf("%s\n", t->vkey.data);
	else
		printf("(without --name an agent's key has no vkey)\n");
	printf("  point    %s\n", t->hex);
	printf("  openssh  %s%s%s\n", t->openssh.data, s->comment ? " " : "", comment);
	printf("  from     %s%s\n", from, s->wrapped ? ", under a passphrase" : "");
}

static void print_json(struct jsonout *j, const struct shown *s, const struct texts *t)
{
	jsonout_begin(j, NULL, '{');
	jsonout_str(j, "name", s->key ? s->key->name : NULL);
	jsonout_str(j, "vkey", s->key ? t->vkey.data : NULL);
	jsonout_str(j, "point", t->hex);
	jsonout_str(j, "openssh", t->openssh.data);
	jsonout_str(j, "from", s->from);
	jsonout_str(j, "comment", s->comment);
	jsonout_bool(j, "passphrase", s->wrapped);
	jsonout_end(j, '}');
}

static int print_one(struct jsonout *j, const struct shown *s, struct err *e)
{
	CLEANUP(texts_release) struct texts t;
	int r;

	buf_init(&t.vkey, 1024);
	buf_init(&t.openssh, 1024);
	r = make_texts(s, &t, e);
	if (r)
		return r;
	if (j)
		print_json(j, s, &t);
	else
		print_text(s, &t);
	return 0;
}

/* ---- finding ---- */

static int show_agent(const struct signer_source *source, const struct options *o,
    struct jsonout *j, struct err *e)
{
	CLEANUP_IDENTITIES struct agent_identities list = {0};
	CLEANUP_FREE char *from = NULL;
	struct agent agent;
	int r = signer_source_agent(source, &agent, e);

	if (!r)
		r = agent_list(&agent, &list, e);
	if (r)
		return r;
	if (list.n == 0)
		return err_set(
		    e, ERR_NOT_FOUND, "agent %s holds no Ed25519 key", agent.socket);
	from = xasprintf("agent %s", agent.socket);
	for (size_t i = 0; !r && i < list.n; i++) {
		struct shown s = {
		    .point = list.v[i].point, .from = from, .comment = list.v[i].comment};
		struct public_key key;

		if (o->name) {
			r = public_key_make(o->name, s.point, &key, e);
			s.key = &key;
		}
		if (!r)
			r = print_one(j, &s, e);
	}
	return r;
}

static int show_text(const struct signer_source *source, struct jsonout *j, struct err *e)
{
	CLEANUP_FREE char *what = signer_source_text(source);
	CLEANUP_SECRET_BUF struct buf text;
	struct public_key key;
	int r;

	secret_buf_init(&text, KEYFILE_MAX);
	r = signer_source_read(source, &text, e);
	if (r)
		return r;
	if (keyfile_public(&text, &key, e))
		return err_wrap(e, "%s", what);
	return print_one(j,
	    &(struct shown){.point = key.point,
		.key = &key,
		.from = what,
		.wrapped = keyfile_is_wrapped(&text)},
	    e);
}

/* Absolute, heap: the FILE of the command line, or what the settings mean. */
static int find_file(
    const struct cli *c, const struct options *o, char **out, struct err *e)
{
	const char *set = c->config.key.name;
	CLEANUP_FREE char *in_ledger = xasprintf("%s/" LEDGER_FILE_KEY, c->ledger_dir);

	return cli_absolute_path(o->file ? o->file : set ? set : in_ledger, out, e);
}

static int show(
    const struct cli *c, const struct options *o, struct jsonout *j, struct err *e)
{
	struct signer_source source = cli_signer_source(c);
	CLEANUP_FREE char *path = NULL;
	int r;

	if (o->agent && source.place != SIGNER_AGENT)
		source = (struct signer_source){.place = SIGNER_AGENT};
	if (o->file)
		source.place = SIGNER_FILE;
	if (source.place == SIGNER_AGENT)
		return show_agent(&source, o, j, e);
	if (source.place == SIGNER_FILE) {
		r = find_file(c, o, &path, e);
		if (r)
			return r;
		source.name = path;
	}
	return show_text(&source, j, e);
}

int key_show(struct cli *c, int argc, char **argv, struct err *e)
{
	CLEANUP_JSONOUT struct jsonout j;
	struct options o = {0};
	int r = parse_options(argc, argv, &o, e);

	jsonout_init(&j);
	if (r)
		return r;
	if (!o.json) {
		r = show(c, &o, NULL, e);
		if (!r && fflush(stdout))
			r = err_sys(e, "standard output");
		return r ? r : EXIT_CLEAN;
	}
	jsonout_begin(&j, NULL, '{');
	jsonout_str(&j, "schema", "layerseal.key/1");
	jsonout_begin(&j, "keys", '[');
	r = show(c, &o, &j, e);
	jsonout_end(&j, ']');
	jsonout_end(&j, '}');
	return r ? r : report_json(&j, e);
}
