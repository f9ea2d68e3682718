/*
 * cohort-client: a hospital's program. The table below is its command line; `run` is the daemon.
 */
#include "base/secret.h"
#include "client/commands.h"

#include <signal.h>
#include <sys/stat.h>

static const struct command_option request_options[] = {
	{"out", "DIR", "folder for the keys and the request; made when it is missing", false},
	{"site", "NAME", "the hospital's name in the federation", false},
	{"signing-key", "FILE", "renew: keep this sign.key, the site's lasting identity", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option config_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false}};
static const struct command_option show_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"hash", "HASH", "the contract with this hash; default: the newest fetched", false},
	{"json", NULL, "print the contract's own bytes, which are hashed", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option answer_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"hash", "HASH", "the contract's hash, all 64 digits", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option study_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"hash", "HASH", "the contract with this hash; default: the newest fetched", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option ledger_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"study", "NAME", "of this study only", false},
	{"accept-loss", "COUNTER", "state that the newest ledger, of so many entries, is lost for good", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option outbound_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"study", "NAME", "of this study only", false},
	{"round", "N", "of this round only", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option export_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"out", "FILE", "where to; default: STUDY.safetensors here", false},
	{"hash", "HASH", "the contract with this hash; default: the newest fetched", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option epsilon_options[] = {
	{"noise-multiplier", "Z", "deviation of the noise, in clips", false},
	{"sampling-rate", "Q", "chance of a unit to be in a step; 1 without sampling", false},
	{"steps", "T", "how many such steps", false},
	{"part", "Q,Z,T", "further steps of another kind", true},
	{"delta", "D", "probability of failing; below 1 / patients", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option noise_options[] = {
	{"epsilon", "E", "what may be spent", false},
	{"sampling-rate", "Q", "chance of a unit to be in a step; 1 without sampling", false},
	{"steps", "T", "how many such steps", false},
	{"part", "Q,Z,T", "steps of another kind that are spent beside them", true},
	{"delta", "D", "probability of failing; below 1 / patients", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option run_options[] = {
	{"config", "FILE", "the hospital's configuration; default: client.yaml here", false},
	{"verbose", NULL, "log more", false},
	{NULL, NULL, NULL, false},
};

static const struct command commands[] = {
	{"request", "", 0, 0, request_options, "make this hospital's keys and its request for a certificate",
         "\nWrites site.key, sign.key (both stay here) and site.csr, which goes to the federation's authority.",
         commands_request},
	{"studies", "", 0, 0, config_options, "list the coordinator's studies for this hospital", NULL,
         commands_studies},
	{"fetch", "STUDY", 1, 1, config_options, "get a study's contract", NULL, commands_fetch},
	{"show", "STUDY", 1, 1, show_options, "show a fetched contract in words",
         "\n`cohort-client show STUDY --json | b2sum -l 256` prints the contract's hash.", commands_show},
	{"check", "STUDY", 1, 1, study_options, "hold a study's columns against this hospital's file",
         "\nNothing leaves and nothing is written. Exit code 1: this hospital cannot take part with these rows.",
         commands_check},
	{"approve", "STUDY", 1, 1, answer_options, "approve a contract by its hash, with the data as they are now",
         "\nThe policy judges the contract and the data first. Works offline.", commands_approve},
	{"reject", "STUDY", 1, 1, answer_options, "reject a contract, or withdraw from it",
         "\nA running cohort-client stops taking part within two seconds; the coordinator is told.", commands_reject},
	{"run", "", 0, 0, run_options, "take part in the approved studies, until SIGTERM or Ctrl-C", NULL,
         commands_run},
	{"status", "", 0, 0, config_options, "show how this hospital stands",
         "\nExit code 1: the certificate does not hold.", commands_status},
	{"ledger", "", 0, 0, ledger_options, "list everything that ever left this hospital",
         "\n--accept-loss cannot be taken back: nothing is left of any privacy budget, and studies under way are over.",
         commands_ledger},
	{"show-outbound", "[STUDY]", 0, 1, outbound_options,
         "show the parts of what left, their noise, and the rules that permitted it", NULL, commands_outbound},
	{"figures", "STUDY", 1, 1, config_options, "show this hospital's own figures, which stay here", NULL,
         commands_figures},
	{"export", "STUDY", 1, 1, export_options, "write a study's model as safetensors", NULL, commands_export},
	{"privacy epsilon", "", 0, 0, epsilon_options, "what steps with noise cost: epsilon at a delta",
         "  --part may be given more than once, instead of the three options of one kind of step or beside them.\n",
         commands_privacy_epsilon},
	{"privacy noise", "", 0, 0, noise_options, "the noise that an epsilon needs",
         "  --part: what is released beside these steps, with its own noise; may be given more than once.\n",
         commands_privacy_noise},
};

static const struct command_program program = {
	.name = "cohort-client",
	.about = "a hospital's part in a federation",
	.commands = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};

int main(int argc, char **argv)
{
	secret_init();
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error that is said, not a silent end */
	umask(077); /* what this program writes is the hospital's own */
	return command_main(&program, argc, argv);
}
