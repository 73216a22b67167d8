/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_enginecmd.c: arguments, divided by line ends. An option that no version knows, put in front, never
 * makes a command line more harmless, and every store option that is spelled out is either read or
 * makes the store unclear.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guard/enginecmd.h"

#define ARGUMENTS_MAX 64

/* `argv[1]` is left free. */
static size_t split(char *text, const char **argv)
{
	size_t n = 2;
	char *word;

	while (n < ARGUMENTS_MAX && (word = strsep(&text, "\n")))
		argv[n++] = word;
	argv[n] = NULL;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	CLEANUP_FREE char *text = xstrndup((const char *)data, len);
	const char *argv[ARGUMENTS_MAX + 1] = {"engine", "--no-version-knows-this"};
	size_t n = split(text, argv);

	for (enum engine engine = ENGINE_PODMAN; engine <= ENGINE_BUILDAH; engine++) {
		CLEANUP_ENGINE_COMMAND struct engine_command strange, plain;

		engine_command_parse(engine, argv, &strange);
		engine_command_parse(engine, argv + 1, &plain);
		if (plain.act > strange.act)
			abort();
		for (size_t i = 2; i < n; i++) {
			if (strncmp(argv[i], "--root=", 7) == 0 && strange.act &&
			    !strange.unclear)
				abort();
		}
	}
	return 0;
}
