/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_version.c: `layerseal version`. */
#include <stdio.h>

#include "cli/cli.h"

int cmd_version(struct cli *c, int argc, char **argv, struct err *e)
{
	(void)c;
	(void)argv;
	if (argc > 1)
		return cli_usage_error(e, "version", "version takes no arguments");
	printf("layerseal %s\nentry format layerseal/v1\nanchors file%s\n",
	    LAYERSEAL_VERSION,
	    anchor_tpm_is_built_in() ? ", tpm" : " (built without TPM support)");
	return fflush(stdout) ? err_sys(e, "standard output") : EXIT_CLEAN;
}
