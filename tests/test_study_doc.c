/*
 * docs/STUDY.md against the grammar: every key of protocol/study_rules.c has its row, with the type, the bounds and the default of
 * the table; no other key has one; and what the page says is refused, is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "protocol/study.h"
#include "protocol/study_rules.h"
#include "tests/support/page.h"

#define ROW_SIZE 1024
#define TABLES "Every key"

static struct page page;

/* ---- a rule as the page writes it */

static void put(char row[ROW_SIZE], const char *fmt, ...) PRINTF_LIKE(2, 3);

static void put(char row[ROW_SIZE], const char *fmt, ...)
{
	size_t length = strlen(row);
	va_list args;
	va_start(args, fmt);
	vsnprintf(row + length, ROW_SIZE - length, fmt, args);
	va_end(args);
}

static void put_bounds(char row[ROW_SIZE], const struct yaml_rule *r, const char *unit)
{
	if (r->min != 0 || r->max != 0)
		put(row, ", %.16g to %.16g%s", r->min, r->max, unit);
}

static void put_choices(char row[ROW_SIZE], const char *choices, const char *first)
{
	for (const char *at = choices; *at; at += strcspn(at, "|") + (at[strcspn(at, "|")] == '|'))
		put(row, "%s `%.*s`", at == choices ? first : ",", (int)strcspn(at, "|"), at);
}

/* "text, 1 to 64 bytes", "integer, 0 to 4096, or text", "text: `a`, `b`". */
static void put_type(char row[ROW_SIZE], const struct yaml_rule *r)
{
	static const struct {
		unsigned type;
		const char *name, *unit;
	} names[] = {{YAML_INTEGER, "integer", ""}, {YAML_REAL, "number", ""}, {YAML_LIST, "list", " entries"},
	             {YAML_MAP, "map", ""},         {YAML_DATE, "date", ""},   {YAML_TEXT, "text", " bytes"}};
	bool first = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!(r->types & names[i].type))
			continue;
		put(row, "%s%s", first ? "" : ", or ", names[i].name);
		if (first && !(names[i].type == YAML_TEXT && r->choices))
			put_bounds(row, r, names[i].unit);
		if (names[i].type == YAML_TEXT && r->choices)
			put_choices(row, r->choices, ":");
		if (names[i].type == YAML_TEXT && r->later)
			put_choices(row, r->later, ",");
		first = false;
	}
}

static void write_row(char row[ROW_SIZE], const struct yaml_rule *r)
{
	row[0] = '\0';
	put(row, "| `%s` | ", r->path);
	put_type(row, r);
	put(row, " | ");
	if (r->required)
		put(row, "required |");
	else if (r->fallback && strcmp(r->fallback, "{}") != 0)
		put(row, "`%s` |", r->fallback);
}

static void every_rule_has_its_row(void **state)
{
	(void)state;
	char row[ROW_SIZE];
	for (size_t i = 0; i < study_rules_count; i++) {
		write_row(row, &study_rules[i]);
		if (!page_has_row(&page, row))
			fail_msg("docs/STUDY.md has no row that begins: %s", row);
	}
}

static void is_rule(void *context, const char *word)
{
	(void)context;
	for (size_t i = 0; i < study_rules_count; i++)
		if (strcmp(study_rules[i].path, word) == 0)
			return;
	fail_msg("docs/STUDY.md explains `%s`, which is no key of a study", word);
}

static void every_row_is_a_rule(void **state)
{
	(void)state;
	assert_int_equal(page_words(&page, TABLES, is_rule, NULL), study_rules_count);
}

/* ---- what is refused, and the examples */

static const char beginning[] = "cohort: 1\n"
				"study: heart\n"
				"purpose: Predict coronary disease from a first visit\n"
				"expires: 2099-06-30\n"
				"data:\n"
				"  features:\n"
				"    - {name: age, min: 18, max: 110}\n"
				"  label: {name: disease, type: binary}\n";

/* The rest of the study; terms of one section stand together. */
static const struct term {
	const char *section, *key, *value;
} terms[] = {
	{"model", "layers", "[dense 1]"},    {"model", "init", "he"},          {"training", "rounds", "30"},
	{"training", "strategy", "fedavg"},  {"evaluation", "patience", "0"},  {"evaluation", "subgroups", "[]"},
	{"evaluation", "release", "masked"}, {"privacy", "mechanism", "none"}, {"masking", "", "off"},
};

static enum err parse(const char *text, struct diag *why)
{
	struct study s;
	enum err e = study_parse(&s, bytes_text(text), "page", false, why);
	if (!e)
		study_free(&s);
	return e;
}

/* A study that is good but for `value` at `path` ("training.strategy"); NULL changes nothing. */
static enum err parse_with(const char *path, const char *value, struct diag *why)
{
	char text[2048], name[128];
	unsigned changed = 0;
	snprintf(text, sizeof(text), "%s", beginning);
	for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
		const struct term *t = &terms[i];
		bool top = t->key[0] == '\0', first = i == 0 || strcmp(t->section, t[-1].section) != 0;
		size_t length = strlen(text);
		snprintf(name, sizeof(name), "%s%s%s", t->section, top ? "" : ".", t->key);
		bool here = path && strcmp(path, name) == 0;
		changed += here;
		if (top)
			snprintf(text + length, sizeof(text) - length, "%s: %s\n", t->section, here ? value : t->value);
		else
			snprintf(text + length, sizeof(text) - length, "%s%s  %s: %s\n", first ? t->section : "",
			         first ? ":\n" : "", t->key, here ? value : t->value);
	}
	if (path)
		assert_int_equal(changed, 1);
	return parse(text, why);
}

/* The rows of "Not built yet": `path: value`. */
static void is_refused(void *context, const char *word)
{
	unsigned *seen = context;
	struct diag why = {0};
	char path[128];
	const char *colon = strstr(word, ": ");
	if (!colon)
		fail_msg("\"%s\" is not written as key: value", word);
	snprintf(path, sizeof(path), "%.*s", (int)(colon - word), word);
	assert_int_not_equal(parse_with(path, colon + 2, &why), OK);
	if (!strstr(why.text, "not built yet") && !strstr(why.text, "not offered"))
		fail_msg("%s: %s", word, why.text);
	(*seen)++;
}

static void what_is_not_built_is_refused_by_name(void **state)
{
	(void)state;
	struct diag why = {0};
	unsigned seen = 0;
	assert_int_equal(parse_with(NULL, NULL, &why), OK);
	page_words(&page, "Not built yet", is_refused, &seen);
	assert_true(seen >= 3);
}

/* Every fenced block "```yaml" is a study that is accepted as it stands. */
static void examples_are_accepted(void **state)
{
	(void)state;
	static const char fence[] = "\n```yaml\n";
	struct diag why = {0};
	unsigned examples = 0;
	for (const char *at = buf_text(&page.text); (at = strstr(at, fence)); examples++) {
		at += strlen(fence);
		const char *end = strstr(at, "\n```");
		assert_non_null(end);
		char *text = mem_copy_text(at);
		text[end - at + 1] = '\0';
		if (parse(text, &why))
			fail_msg("an example of docs/STUDY.md: %s", why.text);
		free(text);
	}
	assert_true(examples >= 3);
}

static int open_page(void **state)
{
	(void)state;
	page_open(&page, "docs/STUDY.md");
	return 0;
}

static int close_page(void **state)
{
	(void)state;
	page_close(&page);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_has_its_row),
		cmocka_unit_test(every_row_is_a_rule),
		cmocka_unit_test(what_is_not_built_is_refused_by_name),
		cmocka_unit_test(examples_are_accepted),
	};
	return cmocka_run_group_tests(tests, open_page, close_page);
}
