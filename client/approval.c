#include "client/approval.h"

#include "base/file.h"
#include "base/name.h"
#include "base/yaml.h"
#include "client/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".yaml"
#define TOLD_SUFFIX ".told"
#define FILE_MAX 4096 /* six short lines and a comment */
#define REVISION_MAX 1000000 /* as in a study */

static const char *const folders[] = {[APPROVAL_GIVEN] = "approved", [APPROVAL_REJECTED] = "rejected"};

/* ---- one file */

void approval_date(struct approval *a, int64_t now_s)
{
	time_t at = (time_t)now_s;
	struct tm utc;

	CHECK(gmtime_r(&at, &utc) != NULL && strftime(a->when, sizeof a->when, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
}

static enum err path_of(char path[PATH_SIZE], const char *state, const struct hash *study_hash, enum approval_kind kind,
                        const char *suffix, struct diag *why)
{
	char name[NAME_SIZE + HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	hash_hex(hex, study_hash);
	snprintf(name, sizeof name, "%s/%s%s", folders[kind], hex, suffix);
	return state_path(path, state, name, why);
}

static enum err file_of(char path[PATH_SIZE], const char *state, const struct hash *study_hash, enum approval_kind kind,
                        struct diag *why)
{
	return path_of(path, state, study_hash, kind, SUFFIX, why);
}

static bool exists(const char *state, const struct hash *study_hash, enum approval_kind kind, const char *suffix)
{
	char path[PATH_SIZE];

	return path_of(path, state, study_hash, kind, suffix, NULL) == OK && access(path, F_OK) == 0;
}

static enum err remove_path(const char *path, struct diag *why)
{
	if (unlink(path) == 0)
		return file_sync_folder_of(path, why);
	return errno == ENOENT ? OK : diag_set(why, ERR_IO, "%s: cannot be removed: %s", path, strerror(errno));
}

static void put_text(struct buf *out, const struct approval *a, enum approval_kind kind)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &a->study_hash);
	buf_printf(out, "# Written by `cohort-client %s`. The contract lies in ../contracts/%s.json\n",
	           kind == APPROVAL_GIVEN ? "approve" : "reject", hex);
	buf_printf(out, "study: \"%s\"\nrevision: %u\nhash: \"%s\"\nwhen: \"%s\"\n", a->study, a->revision, hex,
	           a->when);
	if (kind == APPROVAL_GIVEN) {
		hash_hex(hex, &a->fingerprint);
		buf_printf(out, "fingerprint: \"%s\"\n", hex);
	} else {
		buf_printf(out, "withdrawn: %s\n", a->withdrawn ? "true" : "false");
	}
}

enum err approval_write(const char *state, const struct approval *a, enum approval_kind kind, struct diag *why)
{
	enum approval_kind opposite = kind == APPROVAL_GIVEN ? APPROVAL_REJECTED : APPROVAL_GIVEN;
	char path[PATH_SIZE], told[PATH_SIZE];
	struct buf text;
	enum err e = state_folder(path, state, folders[kind], why);

	buf_init(&text, FILE_MAX);
	put_text(&text, a, kind);
	if (e == OK)
		e = path_of(told, state, &a->study_hash, APPROVAL_REJECTED, TOLD_SUFFIX, why);
	if (e == OK)
		e = remove_path(told, why); /* of an earlier rejection: this one is news */
	if (e == OK)
		e = file_of(path, state, &a->study_hash, kind, why);
	if (e == OK)
		e = file_replace(path, buf_bytes(&text), 0600, why);
	if (e == OK)
		e = approval_remove(state, &a->study_hash, opposite, why);
	buf_free(&text);
	return e;
}

enum err approval_told(const char *state, const struct hash *study_hash, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = path_of(path, state, study_hash, APPROVAL_REJECTED, TOLD_SUFFIX, why);

	return e == OK ? file_replace(path, bytes_of(NULL, 0), 0600, why) : e;
}

enum err approval_remove(const char *state, const struct hash *study_hash, enum approval_kind kind, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = file_of(path, state, study_hash, kind, why);

	return e == OK ? remove_path(path, why) : e;
}

static const struct yaml_rule rules[] = {
	{.path = "study", .types = YAML_TEXT, .required = true, .min = 1, .max = NAME_SIZE - 1},
	{.path = "revision", .types = YAML_INTEGER, .required = true, .min = 1, .max = REVISION_MAX},
	{.path = "hash", .types = YAML_TEXT, .required = true, .min = 64, .max = 64},
	{.path = "when", .types = YAML_TEXT, .required = true, .min = 1, .max = APPROVAL_WHEN_SIZE - 1},
	{.path = "fingerprint", .types = YAML_TEXT, .min = 64, .max = 64}, /* an approval has one */
	{.path = "withdrawn", .types = YAML_BOOL, .fallback = "false"},
};

static const char *text_of(const struct json *tree, const char *key)
{
	const struct json *value = json_get(tree, key);

	return value != NULL ? json_as_string(value) : "";
}

/* The tree has passed its rules. */
static enum err fill(struct approval *a, const struct yaml_document *d, enum approval_kind kind, struct diag *why)
{
	const struct json *tree = yaml_tree(d);

	snprintf(a->study, sizeof a->study, "%s", text_of(tree, "study"));
	snprintf(a->when, sizeof a->when, "%s", text_of(tree, "when"));
	a->revision = (uint32_t)json_as_integer(json_get(tree, "revision"));
	if (!name_is_study(a->study))
		return yaml_complain(d, why, ERR_CONFIG, "study", "no study's name");
	if (!hash_from_hex(&a->study_hash, text_of(tree, "hash")))
		return yaml_complain(d, why, ERR_CONFIG, "hash", "no hash");
	a->withdrawn = json_as_bool(json_get(tree, "withdrawn"));
	if (kind == APPROVAL_GIVEN && !hash_from_hex(&a->fingerprint, text_of(tree, "fingerprint")))
		return yaml_complain(d, why, ERR_CONFIG, "fingerprint", "no hash");
	return OK;
}

static enum err read_file(struct approval *out, const char *path, const struct hash *study_hash,
                          enum approval_kind kind, struct diag *why)
{
	struct yaml_document *d = NULL;
	struct buf text = {0};
	enum err e = file_read(&text, path, FILE_MAX, why);

	if (e == OK) {
		e = yaml_parse(&d, buf_bytes(&text), path, rules, sizeof rules / sizeof *rules, why);
		e = e == ERR_DATA ? ERR_CONFIG : e;
	}
	if (e == OK)
		e = fill(out, d, kind, why);
	if (e == OK && !hash_equal(&out->study_hash, study_hash))
		e = yaml_complain(d, why, ERR_CONFIG, "hash", "is not the one that the file is named by");
	yaml_close(d);
	buf_free(&text);
	return e;
}

enum err approval_read(struct approval *out, const char *state, const struct hash *study_hash, enum approval_kind kind,
                       struct diag *why)
{
	char path[PATH_SIZE], hex[HASH_HEX_SIZE];
	bool rejected = exists(state, study_hash, APPROVAL_REJECTED, SUFFIX);
	enum err e = file_of(path, state, study_hash, kind, why);

	memset(out, 0, sizeof *out);
	if (e != OK)
		return e;
	hash_hex(hex, study_hash);
	if (!exists(state, study_hash, kind, SUFFIX) || (kind == APPROVAL_GIVEN && rejected))
		return diag_set(why, ERR_NOT_FOUND, "contract %s was not %s", hex, folders[kind]);
	out->told = exists(state, study_hash, APPROVAL_REJECTED, TOLD_SUFFIX);
	return read_file(out, path, study_hash, kind, why);
}

/* ---- all of them */

/* HASH.yaml, and nothing else. */
static bool is_approval(struct hash *out, const char *name)
{
	char hex[HASH_HEX_SIZE];

	if (strlen(name) != HASH_HEX_SIZE - 1 + strlen(SUFFIX) || strcmp(name + HASH_HEX_SIZE - 1, SUFFIX) != 0)
		return false;
	memcpy(hex, name, sizeof hex - 1);
	hex[sizeof hex - 1] = '\0';
	return hash_from_hex(out, hex);
}

void approval_list(struct approval **out, uint32_t *count, const char *state, enum approval_kind kind,
                   struct diag *trouble)
{
	char folder[PATH_SIZE];
	struct dirent *entry;
	DIR *dir;

	*out = NULL;
	*count = 0;
	if (trouble != NULL)
		trouble->text[0] = '\0';
	if (state_path(folder, state, folders[kind], NULL) != OK || (dir = opendir(folder)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		struct approval a;
		struct diag why = {{0}};
		struct hash hash;
		enum err e;

		if (!is_approval(&hash, entry->d_name))
			continue;
		e = approval_read(&a, state, &hash, kind, &why);
		if (e == OK) {
			*out = mem_resize(*out, *count + 1, sizeof **out);
			(*out)[(*count)++] = a;
		} else if (e != ERR_NOT_FOUND && trouble != NULL) {
			*trouble = why;
		}
	}
	closedir(dir);
}
