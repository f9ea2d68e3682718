/* check: a study's columns against this hospital's file. Nothing leaves, nothing is written. */
#include "client/commands.h"
#include "client/desk.h"
#include "client/extract.h"
#include "client/inspect.h"
#include "client/screen.h"
#include "protocol/promise.h"

#include <stdio.h>
#include <time.h>

#define FOUND_BAD 1 /* exit code: checked, and this hospital cannot take part */
#define COUNT_SIZE 24 /* "<" and 20 digits */
#define LIST_MAX (1u << 20) /* all levels of a feature in one cell, which is then cut */

/* ---- from the JSON to a page */

static const char *text_of(const struct json *node, const char *key)
{
	return json_as_string(json_get(node, key));
}

/* "<11" when it is guarded. */
static const char *count_text(char out[COUNT_SIZE], const struct json *root, const struct json *count)
{
	bool is_guarded = json_kind(count) == JSON_IS_NULL;
	const struct json *number = is_guarded ? json_get(root, "cell_min") : count;

	snprintf(out, COUNT_SIZE, "%s%lld", is_guarded ? "<" : "", (long long)json_as_integer(number));
	return out;
}

static void cell_count(struct screen_table *t, const struct json *root, const struct json *node, const char *key)
{
	char text[COUNT_SIZE];

	screen_table_cell(t, "%s", count_text(text, root, json_get(node, key)));
}

static void cell_number(struct screen_table *t, const struct json *node, const char *key)
{
	const struct json *number = json_get(node, key);

	if (json_kind(number) == JSON_IS_NULL)
		screen_table_cell(t, "%s", "");
	else
		screen_table_cell(t, "%.6g", json_as_real(number));
}

/* "B 120, M <11": a list of {KEY, "rows"} in one cell. */
static void cell_list(struct screen_table *t, const struct json *root, const struct json *list, const char *key)
{
	char count[COUNT_SIZE];
	struct buf text;

	buf_init(&text, LIST_MAX);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *entry = json_at(list, i);

		buf_printf(&text, "%s%s %s", i > 0 ? ", " : "", text_of(entry, key),
		           count_text(count, root, json_get(entry, "rows")));
	}
	screen_table_cell(t, "%s", buf_text(&text));
	buf_free(&text);
}

static void print_parts(const struct json *root)
{
	static const char *const titles[] = {"PART", ">ROWS", ">PATIENTS", "LABELS"};
	const struct json *parts = json_get(root, "parts");
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(parts); i++) {
		const struct json *p = json_at(parts, i);

		screen_table_cell(&t, "%s", text_of(p, "part"));
		cell_count(&t, root, p, "rows");
		cell_count(&t, root, p, "patients");
		cell_list(&t, root, json_get(p, "classes"), "label");
	}
	screen_table_end(&t);
}

static void print_feature(struct screen_table *t, const struct json *root, const struct json *f)
{
	screen_table_cell(t, "%s", text_of(f, "name"));
	cell_count(t, root, f, "field");
	cell_count(t, root, f, "present");
	cell_count(t, root, f, "missing");
	cell_count(t, root, f, "below");
	cell_count(t, root, f, "above");
	cell_count(t, root, f, "unknown");
	cell_number(t, f, "lowest");
	cell_number(t, f, "highest");
	cell_number(t, f, "mean");
	cell_list(t, root, json_get(f, "levels"), "level");
}

/* And a numeric label, in front of them. */
static void print_features(const struct json *root)
{
	static const char *const titles[] = {"COLUMN",   ">FIELD",  ">PRESENT", ">MISSING", ">BELOW", ">ABOVE",
	                                     ">UNKNOWN", ">LOWEST", ">HIGHEST", ">MEAN",    "LEVELS"};
	const struct json *features = json_get(root, "features");
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	if (json_kind(json_get(root, "label")) == JSON_IS_OBJECT)
		print_feature(&t, root, json_get(root, "label"));
	for (size_t i = 0; i < json_count(features); i++)
		print_feature(&t, root, json_at(features, i));
	screen_table_end(&t);
}

static void print_lines(const struct json *root)
{
	const struct json *warnings = json_get(root, "warnings");

	for (size_t i = 0; i < json_count(warnings); i++)
		printf("warning: %s\n", json_as_string(json_at(warnings, i)));
	if (json_as_bool(json_get(root, "permitted")))
		printf("This hospital can take part with these rows.\n");
	else
		printf("This hospital CANNOT take part (%s): %s\n", text_of(root, "refusal"), text_of(root, "why"));
}

static void print_page(const struct json *root)
{
	char used[COUNT_SIZE], patients[COUNT_SIZE];

	printf("%s revision %lld on %s (stays at the hospital)\n", text_of(root, "study"),
	       (long long)json_as_integer(json_get(root, "revision")), text_of(root, "file"));
	printf("%lld rows in the file, %s used, of %s patients\n\n", (long long)json_as_integer(json_get(root, "rows")),
	       count_text(used, root, json_get(root, "used")), count_text(patients, root, json_get(root, "patients")));
	print_parts(root);
	printf("\n");
	print_features(root);
	printf("\n");
	print_lines(root);
}

static void print_promise(const struct study *s)
{
	struct buf words;

	buf_init(&words, PROMISE_WORDS_MAX);
	promise_words(&words, s);
	promise_warning(&words, s);
	printf("\n%s", buf_text(&words));
	buf_free(&words);
}

/* ---- the command */

static enum err check(struct json **out, const struct client_config *c, const struct study *s, struct diag *why)
{
	const struct source *source;
	struct extract_stamp stamp;
	struct table rows;
	enum err e = extract_read(&rows, &stamp, c, s, why);

	if (e == OK)
		e = client_config_source(&source, c, s, why);
	if (e == OK)
		*out = inspect_table(&rows, s, &c->policy, source->path, (int64_t)time(NULL));
	table_free(&rows);
	return e;
}

int commands_check(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *root = NULL;
	struct study s = {0};
	const char *name;
	bool permitted = true;
	enum err e = desk_study(&name, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_contract(&s, &config, name, command_value(line, "hash", 0), why);
	if (e == OK)
		e = check(&root, &config, &s, why);
	if (e == OK) {
		permitted = json_as_bool(json_get(root, "permitted"));
		if (command_flag(line, "json")) {
			screen_json(root);
		} else {
			print_page(root);
			print_promise(&s);
			json_free(root);
		}
	}
	study_free(&s);
	client_config_free(&config);
	return e == OK && !permitted ? FOUND_BAD : err_exit(e);
}
