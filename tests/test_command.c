/* base/command: what is typed, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/command.h"

static int ran;

static int run(const struct command_line *line, struct diag *why)
{
	(void)line;
	(void)why;
	ran++;
	return 7;
}

static int run_badly(const struct command_line *line, struct diag *why)
{
	return err_exit(diag_set(why, ERR_DATA, "%s: is bad", line->operands[0]));
}

static const struct command_option sign_options[] = {
	{"out", "FILE", "where to", false}, {"host", "NAME", "a name", true}, {"json", NULL, "as JSON", false},
	{"j", "CORES", "at once", false},   {"v", NULL, "say more", false},   {NULL, NULL, NULL, false},
};
static const struct command commands[] = {
	{"sign", "DIR REQUEST", 1, 2, sign_options, "sign it", NULL, run},
	{"study add", "FILE", 1, 1, NULL, "add it", NULL, run},
	{"study list", "", 0, 0, NULL, "list them", NULL, run},
	{"bad", "FILE", 1, 1, NULL, "fails", NULL, run_badly},
};
static const struct command_program program = {"cohort-test", "a test", commands, 4};

/* Words cut at blanks; the line's strings stay valid until the next call. */
static enum err parse(struct command_line *line, struct diag *why, const char *text)
{
	static char copy[1024];
	char *argv[32] = {NULL};
	int argc = 0;

	*why = (struct diag){0};
	snprintf(copy, sizeof(copy), "cohort-test %s", text);
	for (char *word = strtok(copy, " "); word && argc < 31; word = strtok(NULL, " "))
		argv[argc++] = word;
	return command_parse(line, &program, argc, argv, why);
}

static void good_lines(void **state)
{
	(void)state;
	struct command_line line;
	struct diag why;

	assert_int_equal(parse(&line, &why, "sign ca r.csr"), OK);
	assert_ptr_equal(line.command, &commands[0]);
	assert_string_equal(line.operands[0], "ca");
	assert_string_equal(line.operands[1], "r.csr");
	assert_null(command_value(&line, "out", 0));
	assert_false(command_flag(&line, "json"));

	assert_int_equal(parse(&line, &why, "sign --out x --host=a ca --json --host b --host= -- --r"), OK);
	assert_string_equal(command_value(&line, "out", 0), "x");
	assert_string_equal(command_value(&line, "host", 0), "a");
	assert_string_equal(command_value(&line, "host", 1), "b");
	assert_string_equal(command_value(&line, "host", 2), "");
	assert_null(command_value(&line, "host", 3));
	assert_true(command_flag(&line, "json"));
	assert_int_equal(line.operand_count, 2);
	assert_string_equal(line.operands[1], "--r");

	assert_int_equal(parse(&line, &why, "sign -j 4 ca -v"), OK);
	assert_string_equal(command_value(&line, "j", 0), "4");
	assert_true(command_flag(&line, "v"));
	assert_int_equal(line.operand_count, 1);
	assert_int_equal(parse(&line, &why, "sign ca --j=5"), OK);
	assert_string_equal(command_value(&line, "j", 0), "5");
	assert_int_equal(parse(&line, &why, "sign -j4 ca"), OK);
	assert_string_equal(command_value(&line, "j", 0), "4");
	assert_int_equal(line.operand_count, 1);

	assert_int_equal(parse(&line, &why, "sign -"), OK); /* a lone dash is a name */
	assert_string_equal(line.operands[0], "-");
	assert_int_equal(parse(&line, &why, "sign --out --json ca"),
	                 OK); /* the word behind is the value, whatever it is */
	assert_string_equal(command_value(&line, "out", 0), "--json");
	assert_int_equal(parse(&line, &why, "study add f"), OK);
	assert_ptr_equal(line.command, &commands[1]);
	assert_int_equal(parse(&line, &why, "study list"), OK);
	assert_ptr_equal(line.command, &commands[2]);
}

static void bad_lines(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"", "which command? cohort-test --help"},
		{"sigm ca", "no command \"sigm\" (did you mean sign?)"},
		{"xyzzy", "no command \"xyzzy\"; cohort-test --help"},
		{"study", "no command \"study\""},
		{"study ad f", "no command \"study\""},
		{"sign", "sign: something is missing; usage: cohort-test sign DIR REQUEST"},
		{"sign a b c", "sign: \"c\" is too much"},
		{"sign a --ouy f", "no option --ouy (did you mean --out?)"},
		{"sign a -o f", "no option -o"},
		{"sign a -j", "-j needs a value: -j CORES"},
		{"sign a --jj 4", "no option --jj;"},
		{"sign a -vx", "-v takes no value"},
		{"sign a -j 1 -j2", "-j is given too often"},
		{"sign a --out", "--out needs a value: --out FILE"},
		{"sign a --json=1", "--json takes no value"},
		{"sign a --json --json", "--json is given too often"},
		{"sign a --out x --out y", "--out is given too often"},
		{"sign a --", NULL},
		{"sign a --=", "no option --="},
		{"study list x", "\"x\" is too much; cohort-test study list --help lists what it takes"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command_line line;
		struct diag why;
		assert_int_equal(parse(&line, &why, cases[i].text), cases[i].words ? ERR_USAGE : OK);
		if (cases[i].words && !strstr(why.text, cases[i].words))
			fail_msg("\"%s\" does not say \"%s\"", why.text, cases[i].words);
	}
}

static void help_and_version_run_nothing(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"--help", "help", "--version", "sign --help", "sign a b --json --help", "study add --help"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct command_line line;
		struct diag why;
		assert_int_equal(parse(&line, &why, texts[i]), OK);
		assert_null(line.command);
	}
}

static void exit_codes(void **state)
{
	(void)state;
	char name[] = "cohort-test", sign[] = "sign", bad[] = "bad", dir[] = "d", wrong[] = "wrong";
	char *good[] = {name, sign, dir, NULL}, *refused[] = {name, wrong, NULL}, *failing[] = {name, bad, dir, NULL};

	ran = 0;
	assert_int_equal(command_main(&program, 3, good), 7);
	assert_int_equal(ran, 1);
	assert_int_equal(command_main(&program, 2, refused), 64);
	assert_int_equal(command_main(&program, 3, failing), 65);
	assert_int_equal(ran, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(help_and_version_run_nothing),
		cmocka_unit_test(exit_codes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
