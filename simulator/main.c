/*
 * cohort-sim: a federation in one process, on the cores that the daemon and the client link. The table below is its command
 * line.
 */
#include "base/secret.h"
#include "simulator/commands.h"

#include <signal.h>

static const struct command commands[] = {
	{"plot", "RUN...", 1, COMMAND_OPERANDS_MAX, commands_plot_options,
         "compare runs: a picture or a table of means over seeds", commands_plot_help, commands_plot},
	{"rules", "STUDY.yaml", 1, 1, NULL, "read a study and print its contract's canonical bytes", NULL,
         commands_rules},
};

static const struct command_program program = {
	.name = "cohort-sim",
	.about = "a federation simulated in one process",
	.commands = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};

int main(int argc, char **argv)
{
	secret_init();
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error that is said, not a silent end */
	return command_main(&program, argc, argv);
}
