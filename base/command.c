#include "base/command.h"

#include "base/nearest.h"
#include "base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 1024 /* all command or option names of a program, for the nearest */
#define NEAREST_MAX 64
#define NAME_COLUMN 30 /* where the explanations of a help text begin */

static const struct command_option help_option = {"help", NULL, "show this", false};

/* ---- help */

/* The dashes that an option is written with. */
static const char *dashes(const struct command_option *o)
{
	return o->name[1] ? "--" : "-";
}

static void print_commands(const struct command_program *p)
{
	printf("%s: %s\n\nCommands:\n", p->name, p->about);
	for (size_t i = 0; i < p->count; i++) {
		const struct command *c = &p->commands[i];
		int width = printf("  %s %s", c->name, c->operands);
		printf("%*s%s\n", width < NAME_COLUMN ? NAME_COLUMN - width : 1, "", c->about);
	}
	printf("\n%s COMMAND --help tells more; %s --version.\n", p->name, p->name);
}

static void print_command(const struct command_program *p, const struct command *c)
{
	printf("%s %s%s%s%s\n\n%s\n", p->name, c->name, *c->operands ? " " : "", c->operands,
	       c->options ? " [OPTIONS]" : "", c->about);
	if (c->help)
		printf("%s\n", c->help);
	printf("\nOptions:\n");
	for (const struct command_option *o = c->options; o && o->name; o++) {
		int width = printf("  %s%s%s%s", dashes(o), o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("%*s%s%s\n", width < NAME_COLUMN ? NAME_COLUMN - width : 1, "", o->help,
		       o->repeats ? " (may be repeated)" : "");
	}
	printf("  --%-*s%s\n", NAME_COLUMN - 4, help_option.name, help_option.help);
}

/* ---- parsing */

/* " (did you mean X?)" or nothing. */
static const char *guess(char *out, size_t size, const char *word, const char *known)
{
	char near[NEAREST_MAX];
	out[0] = '\0';
	if (nearest_word(near, sizeof(near), word, known))
		snprintf(out, size, " (did you mean %s?)", near);
	return out;
}

static enum err unknown_command(const struct command_program *p, const char *word, struct diag *why)
{
	char known[WORDS_MAX] = "", hint[NEAREST_MAX + 32];
	for (size_t i = 0; i < p->count; i++) {
		strncat(known, p->commands[i].name, sizeof(known) - strlen(known) - 1);
		strncat(known, "|", sizeof(known) - strlen(known) - 1);
	}
	return diag_set(why, ERR_USAGE, "no command \"%s\"%s; %s --help lists them", word,
	                guess(hint, sizeof(hint), word, known), p->name);
}

static enum err unknown_option(const struct command_program *p, const struct command *c, const char *word,
                               struct diag *why)
{
	char known[WORDS_MAX] = "--help", hint[NEAREST_MAX + 32];
	for (const struct command_option *o = c->options; o && o->name; o++) {
		strncat(known, o->name[1] ? "|--" : "|-", sizeof(known) - strlen(known) - 1);
		strncat(known, o->name, sizeof(known) - strlen(known) - 1);
	}
	return diag_set(why, ERR_USAGE, "%s: no option %s%s; %s %s --help lists them", c->name, word,
	                guess(hint, sizeof(hint), word, known), p->name, c->name);
}

/* How many of the words are the command's name: 0, 1 or 2. */
static int matches(const struct command *c, int count, char **words)
{
	const char *space = strchr(c->name, ' ');
	if (!space)
		return strcmp(c->name, words[0]) == 0 ? 1 : 0;
	size_t first = (size_t)(space - c->name);
	bool both = count >= 2 && strlen(words[0]) == first && strncmp(c->name, words[0], first) == 0 &&
	            strcmp(space + 1, words[1]) == 0;
	return both ? 2 : 0;
}

static const struct command_option *find_option(const struct command *c, const char *name, size_t length)
{
	if (length == strlen(help_option.name) && strncmp(name, help_option.name, length) == 0)
		return &help_option;
	for (const struct command_option *o = c->options; o && o->name; o++)
		if (strlen(o->name) == length && strncmp(o->name, name, length) == 0)
			return o;
	return NULL;
}

static bool is_given(const struct command_line *line, const struct command_option *o)
{
	for (size_t i = 0; i < line->given_count; i++)
		if (line->given[i].option == o)
			return true;
	return false;
}

/* What a word that begins with a dash names: its option, NULL when there is none, and its value when that is in the same word. */
static const struct command_option *name_of(const struct command *c, const char *word, const char **value)
{
	if (word[1] != '-') {
		*value = word[2] ? word + 2 : NULL;
		return find_option(c, word + 1, 1);
	}
	const char *name = word + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	*value = equals ? equals + 1 : NULL;
	return find_option(c, name, length);
}

/* Takes the option at words[0], with its value: how many words that were, 0 on failure. */
static int take_option(struct command_line *line, const struct command_program *p, int count, char **words,
                       struct diag *why)
{
	const struct command *c = line->command;
	const char *value = NULL;

	const struct command_option *o = name_of(c, words[0], &value);
	if (!o) {
		(void)unknown_option(p, c, words[0], why);
		return 0;
	}
	const char *dash = dashes(o);
	if (!o->value && value) {
		(void)diag_set(why, ERR_USAGE, "%s: %s%s takes no value", c->name, dash, o->name);
		return 0;
	}
	if (o->value && !value && count < 2) {
		(void)diag_set(why, ERR_USAGE, "%s: %s%s needs a value: %s%s %s", c->name, dash, o->name, dash, o->name,
		               o->value);
		return 0;
	}
	if ((is_given(line, o) && !o->repeats) || line->given_count == COMMAND_OPTIONS_MAX) {
		(void)diag_set(why, ERR_USAGE, "%s: %s%s is given too often", c->name, dash, o->name);
		return 0;
	}
	bool in_next = o->value && !value;
	line->given[line->given_count++] = (struct command_given){.option = o, .value = in_next ? words[1] : value};
	return in_next ? 2 : 1;
}

static enum err take_operand(struct command_line *line, const struct command_program *p, const char *word,
                             struct diag *why)
{
	const struct command *c = line->command;
	if (c->operands_max == 0)
		return diag_set(why, ERR_USAGE, "%s: \"%s\" is too much; %s %s --help lists what it takes", c->name,
		                word, p->name, c->name);
	if (line->operand_count == c->operands_max || line->operand_count == COMMAND_OPERANDS_MAX)
		return diag_set(why, ERR_USAGE, "%s: \"%s\" is too much; usage: %s %s %s", c->name, word, p->name,
		                c->name, c->operands);
	line->operands[line->operand_count++] = word;
	return OK;
}

static enum err take_words(struct command_line *line, const struct command_program *p, int count, char **words,
                           struct diag *why)
{
	bool options = true;
	enum err e = OK;

	for (int at = 0; !e && at < count;) {
		if (options && strcmp(words[at], "--") == 0) {
			options = false;
			at++;
		} else if (options && words[at][0] == '-' && words[at][1]) {
			int taken = take_option(line, p, count - at, words + at, why);
			e = taken ? OK : ERR_USAGE;
			at += taken;
		} else {
			e = take_operand(line, p, words[at++], why);
		}
	}
	return e;
}

enum err command_parse(struct command_line *line, const struct command_program *program, int argc, char **argv,
                       struct diag *why)
{
	int taken = 0;

	*line = (struct command_line){0};
	if (argc < 2)
		return diag_set(why, ERR_USAGE, "which command? %s --help lists them", program->name);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_commands(program);
		return OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, COHORT_VERSION);
		return OK;
	}
	for (size_t i = 0; i < program->count && !taken; i++) {
		taken = matches(&program->commands[i], argc - 1, argv + 1);
		if (taken)
			line->command = &program->commands[i];
	}
	if (!taken)
		return unknown_command(program, argv[1], why);
	enum err e = take_words(line, program, argc - 1 - taken, argv + 1 + taken, why);
	if (e)
		return e;
	const struct command *c = line->command;
	if (is_given(line, &help_option)) {
		print_command(program, c);
		line->command = NULL;
		return OK;
	}
	if (line->operand_count < c->operands_min)
		return diag_set(why, ERR_USAGE, "%s: something is missing; usage: %s %s %s", c->name, program->name,
		                c->name, c->operands);
	return OK;
}

int command_main(const struct command_program *program, int argc, char **argv)
{
	struct command_line line;
	struct diag why = {0};

	enum err e = command_parse(&line, program, argc, argv, &why);
	int code = err_exit(e);
	if (!e && line.command)
		code = line.command->run(&line, &why);
	if (why.text[0])
		fprintf(stderr, "%s: %s\n", program->name, why.text);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0) {
		fprintf(stderr, "%s: the output could not be written; is the disk full or the pipe closed?\n",
		        program->name);
		code = err_exit(ERR_IO);
	}
	return code;
}

const char *command_value(const struct command_line *line, const char *name, size_t index)
{
	const struct command_option *o = find_option(line->command, name, strlen(name));

	CHECK(o);
	for (size_t i = 0; i < line->given_count; i++)
		if (line->given[i].option == o && index-- == 0)
			return line->given[i].value;
	return NULL;
}

bool command_flag(const struct command_line *line, const char *name)
{
	const struct command_option *o = find_option(line->command, name, strlen(name));

	CHECK(o && !o->value);
	return is_given(line, o);
}
