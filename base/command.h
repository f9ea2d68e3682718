/*
 * A program of commands: one table is its command line, its help and its list of what to type.
 *
 *     cohort-ca sign DIR REQUEST --out FILE
 *     program   |    operands    option with a value
 *               command (may be two words: "study add")
 *
 * Options may stand anywhere behind the command, as --name VALUE or --name=VALUE, and one whose name is a single letter also as
 * -n VALUE or -nVALUE; "--" ends them. Every command has
 * --help, the program has --help and --version. What is mistyped is answered with the nearest word that exists.
 */
#ifndef COHORT_BASE_COMMAND_H
#define COHORT_BASE_COMMAND_H

#include "base/err.h"

#define COMMAND_OPERANDS_MAX 1024 /* runs that a shell's pattern names */
#define COMMAND_OPTIONS_MAX 96 /* given at once: --host may be repeated for each name of a machine */

struct command_option {
	const char *name; /* "out" or "o", without the dashes; NULL ends a list */
	const char *value; /* "FILE"; NULL: a flag */
	const char *help; /* one line */
	bool repeats; /* may be given more than once */
};

struct command_line;

struct command {
	const char *name; /* "sign", "study add" */
	const char *operands; /* "DIR REQUEST", for the help */
	size_t operands_min, operands_max;
	const struct command_option *options; /* ends with a NULL name; NULL: none */
	const char *about; /* one line for the list */
	const char *help; /* further lines, or NULL */
	/* Returns the exit code. A text left in `why` is printed to stderr behind the program's name. */
	int (*run)(const struct command_line *line, struct diag *why);
};

struct command_program {
	const char *name; /* "cohort-ca" */
	const char *about; /* one line */
	const struct command *commands;
	size_t count;
};

/* What was typed; strings are argv's. */
struct command_line {
	const struct command *command;
	const char *operands[COMMAND_OPERANDS_MAX];
	size_t operand_count;
	struct command_given {
		const struct command_option *option;
		const char *value; /* NULL for a flag */
	} given[COMMAND_OPTIONS_MAX];
	size_t given_count;
};

/* Parses, runs, prints; the exit code for main: 64 for a wrong command line, 74 when stdout did not take the output. */
int command_main(const struct command_program *program, int argc, char **argv);

/* Parsing alone. `line->command` NULL with OK: the program's own help or version was asked for and printed.
 * ERR_USAGE. */
enum err command_parse(struct command_line *line, const struct command_program *program, int argc, char **argv,
                       struct diag *why) MUST_USE;

/* The option's value, its `index`-th when repeated; NULL when not given (so often). The name must be in the table. */
const char *command_value(const struct command_line *line, const char *name, size_t index);
bool command_flag(const struct command_line *line, const char *name);

#endif
