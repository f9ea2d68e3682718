/*
 * Features as a person lists them to one entry each: `names` and ranges spread out, the type that min/max or levels imply,
 * the column that the name implies, the codes of a binary.
 */
#include "protocol/study_complete.h"

#include "base/limits.h"
#include "base/parse.h"

#include <stdio.h>
#include <string.h>

#define PATH_TEXT 96 /* "data.features[4095].names[4095]" fits */

struct entry {
	const struct json *written;
	size_t index; /* in the file's list */
	const char *type;
	char path[PATH_TEXT];
};

static void refuse_key(struct study_draft *d, const struct entry *e, const char *key, const char *words)
{
	char path[PATH_TEXT + 16];
	snprintf(path, sizeof path, "%s.%s", e->path, key);
	study_draft_refuse(d, path, "%s", words);
}

/* The type as written or implied; NULL after a refusal. Whether the keys fit it is judged later. */
static const char *type_of(struct study_draft *d, const struct entry *e)
{
	const struct json *type = json_get(e->written, "type");
	bool range = json_get(e->written, "min") || json_get(e->written, "max");
	bool levels = json_get(e->written, "levels");
	if (type)
		return json_as_string(type);
	if (range)
		return "numeric";
	if (levels)
		return "categorical";
	refuse_key(d, e, "type", "is missing: write min and max (numeric), levels (categorical) or type: binary");
	return NULL;
}

static void note_origin(struct study_origin *o, size_t index)
{
	if (o->count == o->room) {
		o->room = o->room ? 2 * o->room : 64;
		o->entry = mem_resize(o->entry, o->room, sizeof *o->entry);
	}
	o->entry[o->count++] = (uint32_t)index;
}

static size_t octets_of(const struct json *feature)
{
	struct buf text;
	buf_init(&text, CONTRACT_MAX);
	json_write(&text, feature, false);
	size_t octets = text.failed ? CONTRACT_MAX : text.len;
	buf_free(&text);
	return octets;
}

static void add_feature(struct study_draft *d, struct json *list, const struct entry *e, const char *name)
{
	const struct json *in = e->written;
	if (d->origin->count == FEATURES_MAX) {
		study_draft_refuse(d, e->path, "makes more than %d features", FEATURES_MAX);
		return;
	}
	struct json *out = json_new_object();
	json_set_string(out, "name", name);
	study_carry_text(out, in, "column", name);
	json_set_string(out, "type", e->type);
	study_carry(out, in, "min");
	study_carry(out, in, "max");
	study_carry(out, in, "unit");
	study_carry(out, in, "levels");
	study_carry_text(out, in, "positive", strcmp(e->type, "binary") == 0 ? "1" : NULL);
	study_carry_text(out, in, "negative", strcmp(e->type, "binary") == 0 ? "0" : NULL);
	study_carry(out, in, "missing");
	study_carry(out, in, "scale");
	d->feature_octets += octets_of(out);
	if (d->feature_octets > CONTRACT_MAX)
		study_draft_refuse(d, e->path, "makes the contract larger than %u bytes", CONTRACT_MAX);
	json_add(list, out);
	note_origin(d->origin, e->index);
}

/* "{first..last}" at `text`: its length, 0 when it is none. */
static size_t parse_range(const char *text, uint64_t *first, uint64_t *last)
{
	const char *dots = strstr(text, ".."), *end = strchr(text, '}');
	if (text[0] != '{' || !dots || !end || dots > end)
		return 0;
	bool good = parse_u64(first, bytes_of(text + 1, (size_t)(dots - text - 1))) &&
	            parse_u64(last, bytes_of(dots + 2, (size_t)(end - dots - 2)));
	return good && *first <= *last ? (size_t)(end - text) + 1 : 0;
}

/* All features that one name stands for: itself, or a range's. */
static void add_names(struct study_draft *d, struct json *list, const struct entry *e, const char *name,
                      const char *path)
{
	char single[TEXT_LINE_MAX];
	const char *open = strpbrk(name, "{}");
	uint64_t first = 0, last = 0;
	if (!open) {
		add_feature(d, list, e, name);
		return;
	}
	size_t len = parse_range(open, &first, &last);
	if (len == 0 || strpbrk(open + len, "{}")) {
		study_draft_refuse(d, path, "\"%s\": a range is written {0..63}, once in a name", name);
		return;
	}
	if (json_get(e->written, "column")) {
		refuse_key(d, e, "column", "one column cannot serve several features; list them one by one");
		return;
	}
	for (uint64_t i = first; i <= last && !d->failed; i++) {
		snprintf(single, sizeof single, "%.*s%llu%s", (int)(open - name), name, (unsigned long long)i,
		         open + len);
		add_feature(d, list, e, single);
	}
}

static void add_entry(struct study_draft *d, struct json *list, struct entry *e)
{
	const struct json *name = json_get(e->written, "name"), *names = json_get(e->written, "names");
	char path[2 * PATH_TEXT];
	if (!name == !names) {
		study_draft_refuse(d, e->path, name ? "has both name and names; write one" : "has no name");
		return;
	}
	e->type = type_of(d, e);
	if (!e->type)
		return;
	if (name) {
		snprintf(path, sizeof path, "%s.name", e->path);
		add_names(d, list, e, json_as_string(name), path);
		return;
	}
	if (json_count(names) > 1 && json_get(e->written, "column")) {
		refuse_key(d, e, "column", "one column cannot serve several features; list them one by one");
		return;
	}
	for (size_t i = 0; i < json_count(names) && !d->failed; i++) {
		snprintf(path, sizeof path, "%s.names[%zu]", e->path, i);
		add_names(d, list, e, json_as_string(json_at(names, i)), path);
	}
}

struct json *study_features(struct study_draft *d, const struct json *written)
{
	struct json *list = json_new_array();
	for (size_t i = 0; i < json_count(written) && !d->failed; i++) {
		struct entry e = {.written = json_at(written, i), .index = i};
		snprintf(e.path, sizeof e.path, "data.features[%zu]", i);
		add_entry(d, list, &e);
	}
	return list;
}

struct json *study_label(const struct json *written)
{
	bool binary = strcmp(json_as_string(json_get(written, "type")), "binary") == 0;
	struct json *out = json_new_object();
	study_carry(out, written, "name");
	study_carry_text(out, written, "column", json_as_string(json_get(written, "name")));
	study_carry(out, written, "type");
	study_carry(out, written, "min");
	study_carry(out, written, "max");
	study_carry(out, written, "unit");
	study_carry_text(out, written, "positive", binary ? "1" : NULL);
	study_carry_text(out, written, "negative", binary ? "0" : NULL);
	study_carry(out, written, "levels");
	study_carry(out, written, "time");
	study_carry(out, written, "event");
	return out;
}
