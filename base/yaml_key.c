/* A key by its path, against the table: for what a command line says before it is put into a document. */
#include "base/yaml_table.h"

#include <stdio.h>
#include <string.h>

#define PART_SIZE 128
#define MEANT_MAX 3 /* keys that are named */

struct search {
	struct yaml_table table;
	char path[YAML_PATH_MAX]; /* of the rule that was reached */
	size_t rule;
};

/* The next part of the path: "name", or "[3]" and a map's own name for an item. False: there is none. */
static bool next_part(char out[PART_SIZE], const char **rest)
{
	size_t len = **rest == '[' ? strcspn(*rest, "]") + 1 : strcspn(*rest, ".[");

	if (**rest == '\0')
		return false;
	if (len > strlen(*rest))
		len = strlen(*rest);
	snprintf(out, PART_SIZE, "%.*s", (int)len, *rest);
	*rest += len + ((*rest)[len] == '.');
	return true;
}

static bool step(struct search *s, const char *part)
{
	unsigned types = s->rule == YAML_TABLE_TOP ? YAML_MAP : s->table.rules[s->rule].types;
	const char *name = types & YAML_LIST ? "[]" : types & YAML_NAMES ? "{}" : part;
	size_t found = yaml_table_find(&s->table, s->rule, name);

	if (found == YAML_TABLE_NONE)
		return false;
	s->rule = found;
	yaml_path_key(s->path, strlen(s->path), part);
	return true;
}

static bool ends_with_word(const char *path, const char *word)
{
	size_t len = strlen(path), wanted = strlen(word);

	return len > wanted && path[len - wanted - 1] == '.' && strcmp(path + len - wanted, word) == 0 &&
	       strchr(path, '[') == NULL && strchr(path, '{') == NULL;
}

/* "training.rounds", or up to three of them; "" when no rule ends with the word. */
static void put_keys_that_end_with(struct buf *out, const struct yaml_table *t, const char *word)
{
	size_t count = 0;

	for (size_t i = 0; i < t->count && count < MEANT_MAX; i++)
		if (ends_with_word(t->rules[i].path, word))
			buf_printf(out, "%s%s", count++ > 0 ? " or " : "", t->rules[i].path);
}

static void put_nearest(struct buf *out, const struct search *s, const char *part)
{
	char near[PART_SIZE];
	struct buf known;

	buf_init(&known, DIAG_MAX);
	yaml_table_names(&s->table, s->rule, &known);
	if (nearest_word(near, sizeof near, part, buf_text(&known)) != NULL)
		buf_printf(out, "%s%s%s", s->path, s->path[0] != '\0' ? "." : "", near);
	buf_free(&known);
}

bool yaml_knows_key(struct diag *meant, const char *path, const struct yaml_rule *rules, size_t count)
{
	struct search s = {.rule = YAML_TABLE_TOP};
	const char *rest = path, *word = path;
	char part[PART_SIZE];
	struct buf keys;
	bool known = true;

	meant->text[0] = '\0';
	yaml_table_make(&s.table, rules, count);
	while (known && (word = rest, next_part(part, &rest)))
		known = step(&s, part);
	buf_init(&keys, DIAG_MAX);
	if (!known)
		put_keys_that_end_with(&keys, &s.table, word);
	if (!known && keys.len == 0 && strrchr(path, '.') != NULL)
		put_keys_that_end_with(&keys, &s.table, strrchr(path, '.') + 1);
	if (!known && keys.len == 0)
		put_nearest(&keys, &s, part);
	if (keys.len > 0)
		(void)diag_set(meant, ERR_DATA, "%s", buf_text(&keys));
	buf_free(&keys);
	yaml_table_free(&s.table);
	return known;
}
