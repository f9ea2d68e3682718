/*
 * docs/SIMULATOR.md against the program: every option of `run` is explained and no other, every key of run.json and no other, every file of a
 * run, and its first command works as it is printed.
 */
#include "base/json.h"
#include "tests/support/page.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGE "docs/SIMULATOR.md"

static struct program p;

/* ---- options */

static void is_option(void *context, const char *word)
{
	char option[128];

	(void)context;
	snprintf(option, sizeof option, "  %.*s ", (int)strcspn(word, " "), word);
	if (strstr(p.out, option) == NULL)
		fail_msg("%s is explained, but `cohort-sim run` has no such option", word);
}

static void test_options(void **state)
{
	struct page page;
	unsigned explained, there = 0;

	(void)state;
	program_run(&p, "cohort-sim", "run --help");
	program_expect(&p, 0, "");
	page_open(&page, PAGE);
	explained = page_words(&page, "Running a study", is_option, NULL);
	for (const char *at = p.out; (at = strstr(at, "\n  --")) != NULL; at++)
		there += strncmp(at, "\n  --help", 9) != 0;
	assert_int_equal(explained, there);
	page_close(&page);
}

/* ---- what a run leaves */

static struct json *run_json(struct tempdir *t)
{
	struct json *node;
	struct diag why = {{0}};
	size_t len;
	const char *text;

	program_run(&p, "cohort-sim",
	            "run examples/breast-cancer/study.yaml --synthetic 4x60 --set training.rounds=2 --out '%s/run'",
	            t->path);
	program_expect(&p, 0, "");
	text = tempdir_read(t, "run/run.json", &len);
	if (json_parse(&node, bytes_of(text, len), 1u << 20, "run.json", &why) != OK)
		fail_msg("%s", why.text);
	return node;
}

static void is_key(void *context, const char *word)
{
	if (json_get(context, word) == NULL)
		fail_msg("`%s` is explained, but run.json has no such key", word);
}

struct files {
	struct tempdir *dir;
};

static void is_file(void *context, const char *word)
{
	const struct files *f = context;
	char name[128];

	if (strchr(word, '*') != NULL || strchr(word, '.') == NULL)
		return;
	snprintf(name, sizeof name, "run/%s", word);
	if (!tempdir_exists(f->dir, name))
		fail_msg("%s is explained, but a run leaves no such file", word);
}

static void test_files_and_keys(void **state)
{
	struct tempdir t;
	struct page page;
	struct json *node;
	struct files files = {&t};

	(void)state;
	tempdir_make(&t);
	node = run_json(&t);
	page_open(&page, PAGE);
	char *section = page_section(&page, "What a run leaves");
	char *keys = strstr(section, "The keys of `run.json`");
	assert_non_null(keys);

	struct page half = {PAGE, {0}};
	buf_init(&half.text, 1u << 20);
	buf_put_text(&half.text, "\n## Keys\n");
	buf_put_text(&half.text, keys);
	assert_int_equal(page_words(&half, "Keys", is_key, node), json_count(node) - 1); /* `schema` is in the words */
	page_close(&half);
	*keys = '\0';
	buf_init(&half.text, 1u << 20);
	buf_put_text(&half.text, "\n## Files\n");
	buf_put_text(&half.text, section);
	assert_true(page_words(&half, "Files", is_file, &files) >= 5);
	page_close(&half);

	free(section);
	page_close(&page);
	json_free(node);
	tempdir_remove(&t);
}

/* ---- the first command */

static void test_first_command(void **state)
{
	struct tempdir t;
	struct page page;
	char *section, *command;

	(void)state;
	tempdir_make(&t);
	tempdir_folder(&t, "build");
	page_open(&page, PAGE);
	section = page_section(&page, "A first run");
	command = strstr(section, "```sh first\n");
	assert_non_null(command);
	command += strlen("```sh first\n");
	*strstr(command, "```") = '\0';
	program_shell(&p, "here=$PWD && cd '%s' && ln -s \"$here/examples\" . && export PATH=\"$BIN:$PATH\" && %s",
	              t.path, command);
	program_expect(&p, 0, "");
	assert_true(tempdir_exists(&t, "build/first/report.html"));
	free(section);
	page_close(&page);
	tempdir_remove(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_files_and_keys),
		cmocka_unit_test(test_first_command),
	};

	return cmocka_run_group_tests_name("simulator_doc", tests, NULL, NULL);
}
