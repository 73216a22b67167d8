/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: what the commands that need the secret key share. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/cli.h"
#include "ledger/ledger_dir.h"

#define NAME_PREFIX "layerseal/"

struct signer_source cli_signer_source(const struct cli *c)
{
	const struct key_settings *key = &c->config.key;
	struct signer_source source = {
	    .place = key->place,
	    .name = key->name,
	    .dirfd = AT_FDCWD,
	    .passphrase = {.kind = key->passphrase,
		.credential = key->credential,
		.ask = terminal_ask_passphrase},
	};

	if (key->place == SIGNER_FILE && !key->name)
		source.name = LEDGER_FILE_KEY;
	if (c->passphrase_fd >= 0) {
		source.passphrase.kind = PASSPHRASE_FD;
		source.passphrase.fd = c->passphrase_fd;
	}
	return source;
}

int cli_parse_fd(const char *text, int *out, struct err *e)
{
	size_t len = strlen(text);

	if (len == 0 || len > 6 || strspn(text, "0123456789") != len)
		return err_set(e, ERR_USAGE, "--passphrase-fd: '%s' is no number", text);
	*out = (int)strtol(text, NULL, 10);
	return fcntl(*out, F_GETFD) >= 0
		   ? 0
		   : err_set(e, ERR_USAGE, "--passphrase-fd: descriptor %d is not open",
			 *out);
}

void cli_fresh_name(char out[static CLI_FRESH_NAME_BYTES])
{
	uint8_t id[16];

	crypto_random(id, sizeof(id));
	memcpy(out, NAME_PREFIX, sizeof(NAME_PREFIX));
	hex_encode(out + strlen(NAME_PREFIX), id, sizeof(id));
}

int cli_absolute_path(const char *path, char **out, struct err *e)
{
	CLEANUP_FREE char *cwd = path[0] == '/' ? NULL : getcwd(NULL, 0);

	if (path[0] == '\0' || path[strlen(path) - 1] == '/')
		return err_set(e, ERR_USAGE, "'%s' is no name of a file", path);
	if (path[0] != '/' && !cwd)
		return err_sys(e, "working directory");
	*out = cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
	return 0;
}
