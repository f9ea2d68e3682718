/*
 * cohort-sim: a federation in one process, on the cores that the daemon and the client link. The table below is its command
 * line.
 */
#include "base/secret.h"
#include "simulator/commands.h"
#include "simulator/ranks.h"

#include <signal.h>

static const struct command_option run_options[] = {
	{"data", "PATH", "folder with a CSV per site, or one CSV with --site-column or --partition", false},
	{"site-column", "NAME", "the column of the CSV that names each row's site", false},
	{"partition", "HOW", "iid, dirichlet:ALPHA, shards:K, quantity:ALPHA or column:NAME, with --sites", false},
	{"sites", "N", "how many sites a partition makes", false},
	{"synthetic", "SITESxROWS", "rows drawn from the study's own terms, instead of --data", false},
	{"sites-per-round", "K", "each training round asks a random K of the sites; default: all", false},
	{"dropout", "P", "probability that a site stays away from an attempt", false},
	{"slow", "P", "probability that a site's contribution comes too late", false},
	{"masks", NULL, "run masked rounds with every key, share and mask; default: their sums without them", false},
	{"seed", "N", "first parameters, order of rows, sampling; default 0: the federation's own", false},
	{"set", "KEY=VALUE", "change a key of the study, as in training.rounds=5", true},
	{"policy", "FILE", "every hospital's policy; default: one that permits everything", false},
	{"baselines", NULL, "also train on all rows pooled, and each site alone", false},
	{"threads", "N", "workers; default: the machine's cores. Results do not depend on it", false},
	{"out", "DIR", "write the model, figures and a report into this new folder", false},
	{"json", NULL, "print the run as JSON", false},
	{NULL, NULL, NULL, false},
};

static const struct command_option faults_options[] = {
	{"seeds", "A..B", "run the worlds of these seeds", false},
	{"jobs", "N", "in so many processes; default: the machine's cores", false},
	{"trace", NULL, "print every step of one seed", false},
	{"json", NULL, "print the result as JSON", false},
	{NULL, NULL, NULL, false},
};

static const struct command commands[] = {
	{"run", "STUDY.yaml", 1, 1, run_options, "simulate a study on rows of this machine",
         "\nCtrl-C ends the run at the next step and keeps what was done (exit code 75).", commands_run},
	{"new", "", 0, 0, commands_new_options, "draft a study from a file of public data", commands_new_help,
         commands_new},
	{"sweep", "STUDY.yaml", 1, 1, commands_sweep_options, "run every combination of settings with several seeds",
         commands_sweep_help, commands_sweep},
	{"plot", "RUN...", 1, COMMAND_OPERANDS_MAX, commands_plot_options,
         "compare runs: a picture or a table of means over seeds", commands_plot_help, commands_plot},
	{"faults", "", 0, 0, faults_options, "disturb many small federations, and check that every promise holds",
         "\nEnds with 1 when a promise was broken, or when 2000 seeds left a cell of the table empty.",
         commands_faults},
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
	ranks_begin();
	int code = command_main(&program, argc, argv);
	ranks_end();
	return code;
}
