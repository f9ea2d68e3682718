/*
 * cohort-client: a hospital's program. The table below is its command line; `run` is the daemon.
 */
#include "base/secret.h"
#include "client/commands.h"

#include <signal.h>
#include <sys/stat.h>

#define CONFIG_OPTION                                                                                                  \
	{                                                                                                              \
		"config", "FILE", "the hospital's configuration; default: client.yaml here", false                     \
	}
#define JSON_OPTION                                                                                                    \
	{                                                                                                              \
		"json", NULL, "print the answer as JSON", false                                                        \
	}
#define END_OF_OPTIONS                                                                                                 \
	{                                                                                                              \
		NULL, NULL, NULL, false                                                                                \
	}

static const struct command_option request_options[] = {
	{"out", "DIR", "folder for the keys and the request; made when it is missing", false},
	{"site", "NAME", "the hospital's name in the federation", false},
	{"signing-key", "FILE", "renew: keep this sign.key, the site's lasting identity", false},
	JSON_OPTION,
	END_OF_OPTIONS,
};
static const struct command_option config_options[] = {CONFIG_OPTION, JSON_OPTION, END_OF_OPTIONS};
static const struct command_option show_options[] = {
	CONFIG_OPTION,
	{"hash", "HASH", "the contract with this hash; default: the newest fetched", false},
	{"json", NULL, "print the contract's own bytes, which are hashed", false},
	END_OF_OPTIONS,
};
static const struct command_option answer_options[] = {
	CONFIG_OPTION,
	{"hash", "HASH", "the contract's hash, all 64 digits", false},
	JSON_OPTION,
	END_OF_OPTIONS,
};
static const struct command_option run_options[] = {
	CONFIG_OPTION,
	{"verbose", NULL, "log more", false},
	END_OF_OPTIONS,
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
	{"approve", "STUDY", 1, 1, answer_options, "approve a contract by its hash, with the data as they are now",
         "\nThe policy judges the contract and the data first. Works offline.", commands_approve},
	{"reject", "STUDY", 1, 1, answer_options, "reject a contract, or withdraw from it",
         "\nA running cohort-client stops taking part within two seconds; the coordinator is told.", commands_reject},
	{"run", "", 0, 0, run_options, "take part in the approved studies, until SIGTERM or Ctrl-C", NULL,
         commands_run},
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
