/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_hook.c: `layerseal hook COMMAND`: verification before builds. */
#include "cli/cli.h"

const struct command hook_commands[] = {
    {.name = "install",
	.run = hook_install,
	.usage = "[--dir DIR] [--link DIR] [--verify-run] [--allow-remote] "
		 "wrapper|preexec|mount",
	.summary = "have builds verified first, and refused if not clean"},
    {.name = "remove",
	.run = hook_remove,
	.usage = "[--dir DIR] wrapper|preexec|mount",
	.summary = "takes away what install made"},
    {.name = "status",
	.run = hook_status,
	.usage = "[--dir DIR]",
	.summary = "what is installed, and whether it works"},
    {.name = "check",
	.run = hook_check,
	.usage = "[--engine NAME] [--verify-run] [--allow-remote] -- COMMAND...",
	.summary = "what a hook does before it lets COMMAND run"},
    {.name = "mount",
	.run = hook_mount,
	.usage = "-o OPTIONS TARGET",
	.summary = "the mount gate: mounts a layer if all below it is as sealed"},
    {.name = "explain",
	.run = hook_explain,
	.usage = "[--engine NAME] -- COMMAND...",
	.summary = "what COMMAND is to a hook: a build, on which store"},
    {.name = NULL},
};

int cmd_hook(struct cli *c, int argc, char **argv, struct err *e)
{
	return cli_run_below(c, "hook", argc, argv, e);
}
