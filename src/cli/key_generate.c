/* SPDX-License-Identifier: Apache-2.0 */
/* key_generate.c: `layerseal key generate`: a new key file, and its public key for whoever trusts it. */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

struct options {
	bool ask;
	int fd; /* or -1 */
	const char *name;
};

static int parse_options(int argc, char **argv, struct options *out, struct err *e)
{
	static const struct option options[] = {{"passphrase", no_argument, NULL, 'p'},
	    {"passphrase-fd", required_argument, NULL, 'f'},
	    {"name", required_argument, NULL, 'n'}, {0}};
	int option, r;

	while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			out->ask = true;
			break;
		case 'f':
			r = cli_parse_fd(optarg, &out->fd, e);
			if (r)
				return r;
			break;
		case 'n':
			out->name = optarg;
			break;
		default:
			return cli_usage_error(e, "key generate",
			    option == ':' ? "an option without its value"
					  : "an option that key generate does not have");
		}
	}
	if (optind + 1 != argc)
		return cli_usage_error(e, "key generate", "key generate takes one FILE");
	if (out->ask && out->fd >= 0)
		return cli_usage_error(e, "key generate",
		    "one passphrase: from the terminal or a descriptor");
	if (out->name && !key_name_is_valid(out->name, strlen(out->name)))
		return err_set(e, ERR_USAGE,
		    "--name '%s': 1 to %d of a-z 0-9 . / _ -, the first a letter or "
		    "digit",
		    out->name, KEY_NAME_MAX);
	return 0;
}

int key_generate(struct cli *c, int argc, char **argv, struct err *e)
{
	char fresh_name[CLI_FRESH_NAME_BYTES];
	struct options o = {.fd = c->passphrase_fd};
	struct signer_source source = {.place = SIGNER_FILE, .dirfd = AT_FDCWD};
	CLEANUP_SIGNER struct signer *signer = NULL;
	CLEANUP_FREE char *path = NULL;
	CLEANUP_BUF struct buf vkey;
	int r = parse_options(argc, argv, &o, e);

	buf_init(&vkey, 1024);
	if (!r)
		r = cli_absolute_path(argv[optind], &path, e);
	if (r)
		return r;
	cli_fresh_name(fresh_name);
	source.name = path;
	source.passphrase =
	    (struct passphrase_source){.kind = o.ask	   ? PASSPHRASE_ASK
					       : o.fd >= 0 ? PASSPHRASE_FD
							   : PASSPHRASE_NONE,
		.fd = o.fd,
		.ask = terminal_ask_passphrase};
	r = signer_generate(&source, o.name ? o.name : fresh_name, &signer, e);
	if (!r)
		r = public_key_format(signer_public(signer), &vkey, e);
	if (r)
		return r;
	printf("%s\n", vkey.data);
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
