/* cohort-coordinator: the table of its commands. */
#include "base/secret.h"
#include "coordinator/commands.h"

#define CONFIG                                                                                                         \
	{                                                                                                              \
		"config", "FILE", "the settings; default: coordinator.yaml in the current folder", false               \
	}
#define JSON                                                                                                           \
	{                                                                                                              \
		"json", NULL, "print the answer as JSON", false                                                        \
	}
#define END                                                                                                            \
	{                                                                                                              \
		NULL, NULL, NULL, false                                                                                \
	}

static const struct command_option serve_options[] = {
	CONFIG,
	{"check-config", NULL, "check settings, credentials and roster, and stop", false},
	{"debug", NULL, "log more", false},
	END,
};
static const struct command_option json_options[] = {CONFIG, JSON, END};
static const struct command_option export_options[] = {
	CONFIG,
	{"out", "FILE", "the file to write; it must not exist", false},
	{"which", "best|final", "best by validation figures (default), or the last", false},
	JSON,
	END,
};

static const struct command commands[] = {
	{"serve", "", 0, 0, serve_options, "run the coordinator",
         "\nLogs to stderr; SIGTERM ends it, SIGHUP reads certificate, revocation list and roster again.",
         commands_serve},
	{"study add", "FILE", 1, 1, json_options, "add a study, or a new revision of one",
         "\nPrints the study's hash, which each hospital compares and approves. A new revision takes the place of\n"
         "one that is ready, finished, stopped or failed; a running one must be stopped first.",
         commands_study_add},
	{"study list", "", 0, 0, json_options, "list the studies", NULL, commands_study_list},
	{"study start", "NAME", 1, 1, json_options, "let a study begin as soon as enough hospitals approve", NULL,
         commands_study_start},
	{"study pause", "NAME", 1, 1, json_options, "open no further round; the open one ends as usual", NULL,
         commands_study_pause},
	{"study resume", "NAME", 1, 1, json_options, "go on after a pause", NULL, commands_study_resume},
	{"study stop", "NAME", 1, 1, json_options, "end a study for good; its best model stays", NULL,
         commands_study_stop},
	{"sites", "", 0, 0, json_options, "list the enrolled hospitals", NULL, commands_sites},
	{"status", "", 0, 0, json_options, "show what each study does and waits for", NULL, commands_status},
	{"rounds", "STUDY", 1, 1, json_options, "show each round and what became of each hospital in it",
         "\nWith --json, one object per line.", commands_rounds},
	{"events", "", 0, 0, json_options, "show the event log and verify its chain",
         "\nEnds with exit code 1 when a row is not what was written. Note the head that it prints: a later log\n"
         "whose events begin differently was made anew.",
         commands_events},
	{"export", "STUDY", 1, 1, export_options, "write a study's model as a safetensors file", NULL, commands_export},
};

static const struct command_program program = {
	.name = "cohort-coordinator",
	.about = "trains one model with many hospitals",
	.commands = commands,
	.count = sizeof commands / sizeof *commands,
};

int main(int argc, char **argv)
{
	secret_init();
	return command_main(&program, argc, argv);
}
