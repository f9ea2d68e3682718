/* The table of rules, looked up by parent and name. Tables have about a hundred rows, so a scan is fast enough. */
#include "base/yaml_table.h"

#include "base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the last name of a path begins: after the last '.', or at a final "[]" or "{}". */
static size_t name_offset(const char *path)
{
	size_t len = strlen(path);
	if (len > 2 && (strcmp(path + len - 2, "[]") == 0 || strcmp(path + len - 2, "{}") == 0))
		return len - 2;
	const char *dot = strrchr(path, '.');
	return dot ? (size_t)(dot - path) + 1 : 0;
}

static size_t find_parent(const struct yaml_rule *rules, size_t index, size_t offset)
{
	const char *path = rules[index].path;
	if (offset == 0)
		return YAML_TABLE_TOP;
	unsigned wanted = strcmp(path + offset, "[]") == 0 ? YAML_LIST : YAML_MAP;
	if (strcmp(path + offset, "{}") == 0)
		wanted = YAML_NAMES;
	size_t len = path[offset - 1] == '.' ? offset - 1 : offset;
	for (size_t i = 0; i < index; i++)
		if (strlen(rules[i].path) == len && memcmp(rules[i].path, path, len) == 0) {
			CHECK(rules[i].types & wanted);
			return i;
		}
	CHECK(!"a rule without a parent before it");
	return YAML_TABLE_NONE;
}

void yaml_table_make(struct yaml_table *t, const struct yaml_rule *rules, size_t count)
{
	*t = (struct yaml_table){.rules = rules, .count = count};
	t->parent = mem_array(count, sizeof *t->parent);
	t->name = mem_array(count, sizeof *t->name);
	for (size_t i = 0; i < count; i++) {
		size_t offset = name_offset(rules[i].path);
		t->parent[i] = find_parent(rules, i, offset);
		t->name[i] = rules[i].path + offset;
	}
}

void yaml_table_free(struct yaml_table *t)
{
	free(t->parent);
	free(t->name);
	*t = (struct yaml_table){0};
}

size_t yaml_table_find(const struct yaml_table *t, size_t parent, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->parent[i] == parent && strcmp(t->name[i], name) == 0)
			return i;
	return YAML_TABLE_NONE;
}

void yaml_table_names(const struct yaml_table *t, size_t parent, struct buf *out)
{
	bool first = true;
	for (size_t i = 0; i < t->count; i++) {
		if (t->parent[i] != parent)
			continue;
		if (!first)
			buf_put_u8(out, '|');
		buf_put_text(out, t->name[i]);
		first = false;
	}
}

static bool reject(struct diag *words, const char *text)
{
	diag_set(words, ERR_DATA, "%s", text);
	return false;
}

static bool number_accepted(const struct yaml_rule *rule, double v, struct diag *words)
{
	bool bounded = rule->min != 0 || rule->max != 0;
	if (!bounded || (v >= rule->min && v <= rule->max))
		return true;
	bool below = v < rule->min;
	diag_set(words, ERR_DATA, "%.10g is %s %.10g", v, below ? "below" : "above", below ? rule->min : rule->max);
	return false;
}

void yaml_list_choices(struct buf *out, const char *choices)
{
	for (const char *c = choices; *c; c++)
		buf_put_text(out, *c == '|' ? ", " : (const char[]){*c, 0});
}

static bool is_choice(const char *text, const char *choices)
{
	size_t len = strlen(text);
	for (const char *at = choices; *at;) {
		size_t n = strcspn(at, "|");
		if (n == len && memcmp(at, text, n) == 0)
			return true;
		at += n + (at[n] == '|');
	}
	return false;
}

static bool choice_accepted(const struct yaml_rule *rule, const char *text, struct diag *words)
{
	char near[64];
	struct buf list;
	if (!rule->choices || is_choice(text, rule->choices) || (rule->later && is_choice(text, rule->later)))
		return true;
	buf_init(&list, DIAG_MAX);
	yaml_list_choices(&list, rule->choices);
	if (nearest_word(near, sizeof near, text, rule->choices))
		diag_set(words, ERR_DATA, "\"%s\" is not one of %s; did you mean \"%s\"?", text, buf_text(&list), near);
	else
		diag_set(words, ERR_DATA, "\"%s\" is not one of %s", text, buf_text(&list));
	buf_free(&list);
	return false;
}

static bool text_accepted(const struct yaml_rule *rule, const char *text, struct diag *words)
{
	size_t len = strlen(text);
	bool bounded =
		rule->max != 0 && !(rule->types & (YAML_INTEGER | YAML_REAL | YAML_LIST | YAML_MAP | YAML_NAMES));
	if (!json_is_plain(text))
		return reject(words, "holds a control character");
	if (bounded && (double)len < rule->min)
		return reject(words, len == 0 ? "must not be empty" : "is too short");
	if (bounded && (double)len > rule->max) {
		diag_set(words, ERR_DATA, "is %zu bytes long, more than %.0f", len, rule->max);
		return false;
	}
	return choice_accepted(rule, text, words);
}

static bool count_accepted(const struct yaml_rule *rule, size_t count, struct diag *words)
{
	bool few = rule->max != 0 && (double)count < rule->min, many = rule->max != 0 && (double)count > rule->max;
	if (few && count == 0)
		return reject(words, "must not be empty");
	if (few || many)
		diag_set(words, ERR_DATA, "has %zu entries, %s than %.0f", count, few ? "fewer" : "more",
		         few ? rule->min : rule->max);
	return !few && !many;
}

bool yaml_table_accepts(const struct yaml_rule *rule, const struct json *value, struct diag *words)
{
	switch (json_kind(value)) {
	case JSON_IS_INTEGER:
	case JSON_IS_REAL:
		return number_accepted(rule, json_as_real(value), words);
	case JSON_IS_STRING:
		return text_accepted(rule, json_as_string(value), words);
	case JSON_IS_ARRAY:
	case JSON_IS_OBJECT:
		return count_accepted(rule, json_count(value), words);
	case JSON_IS_BOOL:
	case JSON_IS_NULL:
		break;
	}
	return true;
}

/* `n` digits as a number, -1 when one is no digit. */
static int digits(const char *text, size_t n)
{
	int v = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		v = 10 * v + (text[i] - '0');
	}
	return v;
}

bool yaml_is_date(const char *text)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-')
		return false;
	int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
	if (year < 1970 || month < 1 || month > 12)
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

static size_t path_end(size_t length, int written)
{
	size_t end = length + (written > 0 ? (size_t)written : 0);
	return end < YAML_PATH_MAX ? end : YAML_PATH_MAX - 1;
}

size_t yaml_path_key(char path[YAML_PATH_MAX], size_t length, const char *key)
{
	return path_end(length, snprintf(path + length, YAML_PATH_MAX - length, "%s%s", length ? "." : "", key));
}

size_t yaml_path_index(char path[YAML_PATH_MAX], size_t length, size_t index)
{
	return path_end(length, snprintf(path + length, YAML_PATH_MAX - length, "[%zu]", index));
}
