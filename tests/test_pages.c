/*
 * docs/HOSPITAL.md, OPERATOR.md, RESEARCHER.md and the others against the programs: every key of the configuration files is explained and no other, every
 * message that is explained exists, every command and option that is written exists, and the Python does what it says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/page.h"
#include "tests/support/program.h"

#define SOURCE_MAX (1u << 20)

static struct program p;

static char *read_source(const char *path)
{
	struct buf text = {0};
	struct diag why = {0};
	if (file_read(&text, path, SOURCE_MAX, &why))
		fail_msg("%s", why.text);
	char *copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	return copy;
}

/* ---- keys: the paths of the rule tables, as they stand in the source */

struct keys {
	const char *source;
	char *text;
};

static void is_key(void *context, const char *word)
{
	const struct keys *k = context;
	char rule[256];
	snprintf(rule, sizeof(rule), "{.path = \"%s\",", word);
	if (!strstr(k->text, rule))
		fail_msg("`%s` is explained, but %s has no such key", word, k->source);
}

static void compare_keys(const char *path, const char *section, const char *source)
{
	static const char begin[] = "{.path = \"";
	struct keys k = {source, read_source(source)};
	struct page page;
	unsigned keys = 0;
	page_open(&page, path);
	char *text = page_section(&page, section);
	for (const char *at = k.text; (at = strstr(at, begin)); keys++) {
		char word[256];
		at += strlen(begin);
		snprintf(word, sizeof(word), "`%.*s`", (int)strcspn(at, "\""), at);
		if (!strstr(text, word))
			fail_msg("%s, section %s, does not explain %s", path, section, word);
	}
	assert_true(keys > 5);
	assert_int_equal(page_words(&page, section, is_key, &k), keys);
	free(text);
	free(k.text);
	page_close(&page);
}

static void every_key_is_explained(void **state)
{
	(void)state;
	compare_keys("docs/HOSPITAL.md", "client.yaml", "client/config.c");
	compare_keys("docs/HOSPITAL.md", "policy.yaml", "client/policy.c");
	compare_keys("docs/OPERATOR.md", "coordinator.yaml", "coordinator/settings.c");
}

/* ---- messages: all sources as one text, in which neighbouring literals are joined as the compiler does */

static char *all_messages(void)
{
	static const char *const rooms[] = {"base/*.c",     "data/*.c",        "model/*.c",  "net/*.c",
	                                    "protocol/*.c", "coordinator/*.c", "client/*.c", "certs/*.c"};
	glob_t files = {0};
	size_t length = 0;
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++)
		assert_int_equal(glob(rooms[i], i ? GLOB_APPEND : 0, NULL, &files), 0);
	char *all = mem_alloc((size_t)files.gl_pathc * 65536);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char *text = read_source(files.gl_pathv[i]);
		for (const char *c = text; *c; c++) {
			size_t blank = *c == '"' ? strspn(c + 1, " \t\n") : 0;
			if (blank && c[1 + blank] == '"')
				c += 1 + blank; /* "a"   "b" is "ab" */
			else
				all[length++] = *c;
		}
		free(text);
	}
	globfree(&files);
	return all;
}

static void is_said(void *context, const char *word)
{
	if (!strstr(context, word))
		fail_msg("no program says \"%s\"", word);
}

static void every_message_exists(void **state)
{
	(void)state;
	static const char *const paths[] = {"docs/HOSPITAL.md", "docs/OPERATOR.md"};
	char *all = all_messages();
	for (size_t i = 0; i < 2; i++) {
		struct page page;
		page_open(&page, paths[i]);
		assert_true(page_words(&page, "Messages and what to do", is_said, all) > 8);
		page_close(&page);
	}
	free(all);
}

/* ---- commands */

/* "cohort-client study add FILE --json ...": are there such a command and such options? */
static void check_command(const char *page, char *line)
{
	char name[64] = "", command[128] = "", *rest = NULL, *word = strtok_r(line, " ", &rest);
	snprintf(name, sizeof(name), "%s", strcmp(word, "cohort-client-service") == 0 ? "cohort-client" : word);
	word = strtok_r(NULL, " ", &rest);
	if (!word)
		return;
	snprintf(command, sizeof(command), "%s", word);
	if (strcmp(word, "study") == 0 || strcmp(word, "privacy") == 0) { /* commands of two words */
		const char *second = strtok_r(NULL, " ", &rest);
		snprintf(command, sizeof(command), "%s %.*s", word, second ? (int)strcspn(second, "`,.;") : 0,
		         second ? second : "");
	}
	program_run(&p, name, "%s --help", command);
	if (p.exit_code)
		fail_msg("%s: there is no %s %s", page, name, command);
	while ((word = strtok_r(NULL, " ", &rest)) && word[0] != '#' && word[0] != '|' && word[0] != '>') {
		char option[64];
		snprintf(option, sizeof(option), "%.*s", (int)strcspn(word, "=`,;.)"), word);
		/* a name of one letter may have two dashes; its help has one */
		if (strncmp(option, "--", 2) == 0 && !strstr(p.out, strlen(option) == 3 ? option + 1 : option))
			fail_msg("%s: %s %s has no option %s", page, name, command, option);
	}
}

/* In a code block, or between backticks: whatever begins with a program's name and a word. */
static unsigned check_page(const char *path)
{
	unsigned commands = 0;
	char *text = read_source(path);
	for (char *at = text; (at = strstr(at, "cohort-")); at++) {
		bool starts = at == text || at[-1] == '\n' || at[-1] == '`';
		size_t name = strcspn(at, " \n`"), length = strcspn(at, "\n`");
		bool program = strncmp(at, "cohort-ca ", 10) == 0 || strncmp(at, "cohort-client ", 14) == 0 ||
		               strncmp(at, "cohort-client-service ", 22) == 0 ||
		               strncmp(at, "cohort-coordinator ", 19) == 0 || strncmp(at, "cohort-sim ", 11) == 0;
		if (!starts || !program || !strchr("abcdefghijklmnopqrstuvwxyz", at[name + 1]))
			continue;
		char *line = mem_copy_text(at);
		line[length] = '\0';
		check_command(path, line);
		free(line);
		commands++;
	}
	free(text);
	return commands;
}

static void every_command_exists(void **state)
{
	(void)state;
	unsigned commands = 0;
	glob_t pages = {0};
	assert_int_equal(glob("docs/*.md", 0, NULL, &pages), 0);
	assert_int_equal(glob("*.md", GLOB_APPEND, NULL, &pages), 0);
	for (size_t i = 0; i < pages.gl_pathc; i++)
		commands += check_page(pages.gl_pathv[i]);
	globfree(&pages);
	assert_true(commands > 60);
}

/* ---- tests: whatever a page calls `test_NAME` is there to be run */

static void every_test_exists(void **state)
{
	(void)state;
	program_shell(&p, "grep -ohE '(`|tests/)test_[a-z_0-9]+' *.md docs/*.md | grep -o 'test_.*' | sort -u | tee "
	                  "/dev/stderr | "
	                  "while read -r name; do [ -e tests/$name.c ] || echo $name; done");
	if (p.out[0])
		fail_msg("no such test: %s", p.out);
	assert_non_null(strstr(p.err, "test_kill\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_explained),
		cmocka_unit_test(every_message_exists),
		cmocka_unit_test(every_command_exists),
		cmocka_unit_test(every_test_exists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
