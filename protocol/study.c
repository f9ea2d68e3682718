/*
 * The way of a contract:
 *
 *   YAML text --yaml_apply--> written tree --study_complete, study_solve--> finished tree --json_write--> canonical bytes
 *                                                                                                  |
 *                 struct study <--study_read-- tree <--yaml_check (same table)-- json_parse -------+--> hashes
 *
 * The lower line is walked for every study, from a file or from the wire, so what a file would be refused for, received
 * bytes are refused for, and the struct never depends on where the bytes came from. A refusal in the lower line names a
 * path of the finished tree; for a file it is turned into the place where that was written.
 */
#include "protocol/study.h"

#include "base/file.h"
#include "base/parse.h"
#include "base/yaml.h"
#include "protocol/study_complete.h"
#include "protocol/study_read.h"
#include "protocol/study_rules.h"
#include "protocol/study_solve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WHAT "contract" /* received bytes in messages */
#define STUDY_WARNINGS_MAX (8 * DIAG_MAX) /* more than there are kinds of them */

/* The format first: all else in a study of another one would only look like mistakes. */
static void describe_format(struct diag *words, int64_t format)
{
	diag_set(words, ERR_DATA, "the study has format %lld and this version reads format %d; %s", (long long)format,
	         STUDY_FORMAT,
	         format > STUDY_FORMAT ? "install a version of Cohort that is as new as the study" : "write cohort: 1");
}

static enum err check_tree_format(const struct json *tree, struct diag *why)
{
	const struct json *format = json_get(tree, "cohort");
	struct diag words = {0};
	if (!format || json_kind(format) != JSON_IS_INTEGER || json_as_integer(format) == STUDY_FORMAT)
		return OK; /* the table judges what is no number */
	describe_format(&words, json_as_integer(format));
	return diag_set(why, ERR_DATA, WHAT ": cohort: %s", words.text);
}

static enum err check_file_format(const struct yaml_document *d, struct diag *why)
{
	const char *text = yaml_peek(d, "cohort");
	struct diag words = {0};
	int64_t format;
	if (!text || !parse_i64(&format, bytes_text(text)) || format == STUDY_FORMAT)
		return OK;
	describe_format(&words, format);
	return yaml_complain(d, why, ERR_DATA, "cohort", "%s", words.text);
}

/* The lower line of the picture. `field` is empty when the failure is not one of meaning. */
static enum err adopt(struct study *out, struct bytes canonical, struct study_field *field, struct diag *why)
{
	*field = (struct study_field){0};
	*out = (struct study){0};
	buf_init(&out->canonical, CONTRACT_MAX);
	buf_init(&out->warnings, STUDY_WARNINGS_MAX);
	enum err e = json_parse(&out->tree, canonical, CONTRACT_MAX, WHAT, why);
	if (e != OK || (e = check_tree_format(out->tree, why)) != OK)
		return e;
	e = yaml_check(out->tree, study_rules, study_rules_count, WHAT, why);
	if (e != OK || (e = study_read(out, out->tree, field, why)) != OK)
		return e;
	buf_put(&out->canonical, canonical);
	hash_blake2b(&out->hash, canonical);
	sha256_of(&out->sha256, canonical);
	out->draws = out->hash;
	return OK;
}

/* Whether these are the bytes that json_write makes of their tree: no blanks, one spelling of every number and text. */
static bool is_canonical(const struct json *tree, struct bytes text)
{
	struct buf again;
	buf_init(&again, CONTRACT_MAX);
	json_write(&again, tree, false);
	bool same = !again.failed && bytes_equal(buf_bytes(&again), text);
	buf_free(&again);
	return same;
}

enum err study_from_canonical(struct study *out, struct bytes canonical, struct diag *why)
{
	struct study_field field;
	enum err e = adopt(out, canonical, &field, why);
	if (e != OK && field.path[0])
		diag_prefix(why, e, WHAT ": %s", field.path);
	else if (e == OK && !is_canonical(out->tree, canonical))
		e = diag_set(why, ERR_DATA, WHAT ": not in canonical form, although every term is understood");
	if (e != OK)
		study_free(out);
	return e;
}

/* A path of the finished tree as one of the file: the features' indices differ. */
static void path_in_file(char out[STUDY_FIELD_SIZE], const char *path, const struct study_origin *origin)
{
	static const char features[] = "data.features[";
	size_t len = sizeof features - 1;
	char *end;
	snprintf(out, STUDY_FIELD_SIZE, "%s", path);
	if (strncmp(path, features, len) != 0)
		return;
	unsigned long index = strtoul(path + len, &end, 10);
	if (index < origin->count)
		snprintf(out, STUDY_FIELD_SIZE, "%s%u%s", features, origin->entry[index], end);
}

/* From the completed tree on. */
static enum err finish(struct study *out, struct json *tree, const struct yaml_document *d,
                       const struct study_origin *origin, struct diag *why)
{
	struct study_field field = {""};
	struct buf text;
	struct diag words = {0};
	char path[STUDY_FIELD_SIZE];
	buf_init(&text, CONTRACT_MAX);
	enum err e = study_solve(tree, &field, &words);
	if (e == OK)
		json_write(&text, tree, false);
	if (text.failed)
		e = diag_set(&words, ERR_LIMIT, "the contract is larger than %u bytes", CONTRACT_MAX);
	else if (e == OK)
		e = adopt(out, buf_bytes(&text), &field, &words);
	if (e != OK) {
		path_in_file(path, field.path, origin);
		(void)yaml_complain(d, why, e, path, "%s", words.text);
	}
	buf_free(&text);
	return e;
}

static enum err apply_settings(struct yaml_document *d, const char *const *settings, size_t count, struct diag *why)
{
	char path[STUDY_FIELD_SIZE];
	struct diag meant;
	enum err e = OK;

	for (size_t i = 0; i < count && e == OK; i++) {
		size_t len = strcspn(settings[i], "=");

		if (settings[i][len] != '=' || len == 0 || len >= sizeof path)
			return diag_set(why, ERR_USAGE, "\"%s\" is no setting; write KEY=VALUE as in training.rounds=5",
			                settings[i]);
		snprintf(path, sizeof path, "%.*s", (int)len, settings[i]);
		if (!yaml_knows_key(&meant, path, study_rules, study_rules_count))
			return diag_set(why, ERR_DATA, "%s is no key of a study%s%s%s", path,
			                meant.text[0] ? "; did you mean " : "", meant.text, meant.text[0] ? "?" : "");
		e = yaml_set(d, path, settings[i] + len + 1, why);
	}
	return e;
}

static enum err parse(struct study *out, struct bytes yaml, const char *file, bool simulation,
                      const char *const *settings, size_t count, struct diag *why)
{
	struct yaml_document *d = NULL;
	struct json *tree = NULL;
	struct study_origin origin = {0};
	struct buf warnings;
	*out = (struct study){0};
	buf_init(&warnings, STUDY_WARNINGS_MAX);
	enum err e = yaml_open(&d, yaml, file, why);
	if (e != OK || (e = check_file_format(d, why)) != OK)
		goto out;
	if ((e = apply_settings(d, settings, count, why)) != OK)
		goto out;
	if ((e = yaml_apply(d, study_rules, study_rules_count, why)) != OK)
		goto out;
	if ((e = study_complete(&tree, &origin, &warnings, d, simulation, why)) != OK)
		goto out;
	e = finish(out, tree, d, &origin, why);
out:
	if (e != OK)
		study_free(out);
	else
		buf_put(&out->warnings, buf_bytes(&warnings));
	buf_free(&warnings);
	free(origin.entry);
	json_free(tree);
	yaml_close(d);
	return e;
}

enum err study_parse(struct study *out, struct bytes yaml, const char *file, bool simulation, struct diag *why)
{
	return parse(out, yaml, file, simulation, NULL, 0, why);
}

static enum err load(struct study *out, const char *path, bool simulation, const char *const *settings, size_t count,
                     struct diag *why)
{
	struct buf text;
	*out = (struct study){0};
	enum err e = file_read(&text, path, YAML_TEXT_MAX, why);
	if (e == OK)
		e = parse(out, buf_bytes(&text), path, simulation, settings, count, why);
	buf_free(&text);
	return e;
}

enum err study_load(struct study *out, const char *path, bool simulation, struct diag *why)
{
	return load(out, path, simulation, NULL, 0, why);
}

enum err study_load_set(struct study *out, const char *path, const char *const *settings, size_t count,
                        struct diag *why)
{
	return load(out, path, true, settings, count, why);
}

void study_seed(struct study *s, uint64_t seed)
{
	uint8_t octets[8] = {0};
	struct bytes field = bytes_of(octets, sizeof octets);

	store_u64(octets, seed);
	s->draws = s->hash;
	if (seed != 0)
		hash_fields(&s->draws, NULL, "COHRTsed", &field, 1);
}

struct metrics_shape study_shape(const struct study *s)
{
	const struct label *l = &s->schema.label;
	struct metrics_shape shape = {
		.classes = schema_classes(&s->schema), .bins = s->bins, .class_bins = s->class_bins};
	if (l->type == COLUMN_NUMERIC) {
		shape.middle = (l->min + l->max) / 2;
		shape.half = (l->max - l->min) / 2;
	}
	return shape;
}

struct json *study_warnings(const struct study *s)
{
	struct json *list = json_new_array();
	struct bytes left = buf_bytes(&s->warnings);
	const uint8_t *end;
	while (left.len > 0 && (end = memchr(left.ptr, '\n', left.len)) != NULL) {
		size_t length = (size_t)(end - left.ptr);
		char line[DIAG_MAX + 1];
		snprintf(line, sizeof line, "%.*s", (int)length, (const char *)left.ptr);
		json_add(list, json_new_string(line));
		left = bytes_of(end + 1, left.len - length - 1);
	}
	return list;
}

void study_free(struct study *s)
{
	for (uint32_t i = 0; s->schema.features && i < s->schema.feature_count; i++) {
		free(s->schema.features[i].levels.items);
		free(s->schema.features[i].missing.items);
	}
	free(s->schema.features);
	free(s->schema.label.levels.items);
	free(s->schema.missing.items);
	free(s->members);
	buf_free(&s->canonical);
	buf_free(&s->warnings);
	json_free(s->tree);
	*s = (struct study){0};
}

int64_t study_expires_s(const struct study *s)
{
	if (s->expires[0] == 0)
		return INT64_MAX;
	struct tm day = {.tm_year = atoi(s->expires) - 1900,
	                 .tm_mon = atoi(s->expires + 5) - 1,
	                 .tm_mday = atoi(s->expires + 8) + 1};
	return timegm(&day);
}

bool study_invites(const struct study *s, const char *site)
{
	if (!s->members)
		return true;
	for (uint32_t i = 0; i < s->member_count; i++)
		if (strcmp(s->members[i], site) == 0)
			return true;
	return false;
}
