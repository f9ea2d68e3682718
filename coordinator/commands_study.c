/* Commands that change a study, or take its model out. */
#include "coordinator/commands.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/name.h"
#include "coordinator/tables.h"
#include "protocol/promise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- study add */

/* The file that the study starts from, named relative to the study's own folder. */
static enum err read_first_model(struct buf *out, const char *study_path, const char *name, struct diag *why)
{
	const char *slash = strrchr(study_path, '/');
	int folder = slash == NULL || name[0] == '/' ? 0 : (int)(slash - study_path + 1);
	char *path;

	if (asprintf(&path, "%.*s%s", folder, study_path, name) < 0)
		mem_exhausted(1, PATH_SIZE);
	enum err e = file_read(out, path, MODEL_FILE_MAX, why);
	free(path);
	return e;
}

/* The coordinator gets it by parts, before the study that needs it. */
static enum err send_first_model(struct commands_state *s, const struct command_line *line, const struct study *study,
                                 struct diag *why)
{
	struct buf file = {0};
	char hex[HASH_HEX_SIZE];
	size_t at = 0;
	enum err e = read_first_model(&file, line->operands[0], study->init_file, why);

	hash_hex(hex, &study->init_sha256);
	while (e == OK && at < file.len) {
		size_t n = file.len - at < PART_MAX ? file.len - at : PART_MAX;
		struct json *answer;

		e = commands_ask(s, line, &answer, HTTP_PUT, bytes_of(file.ptr + at, n), why,
		                 "/admin/models?sha256=%s&offset=%zu&octets=%zu", hex, at, file.len);
		json_free(answer);
		at += n;
	}
	buf_free(&file);
	return e;
}

/* What a hospital will be asked to believe. */
static void tell_promise(const struct study *study)
{
	struct buf words;

	buf_init(&words, PROMISE_WORDS_MAX);
	promise_words(&words, study);
	fputs(buf_text(&words), stderr);
	buf_free(&words);
}

static void print_added(const struct command_line *line, struct json *answer, const struct study *study)
{
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &study->hash);
	if (command_flag(line, "json")) {
		json_set(answer, "privacy", promise_json(study));
		json_set(answer, "warnings", study_warnings(study));
		tables_json_line(answer);
		return;
	}
	fwrite(study->warnings.ptr, 1, study->warnings.len, stderr);
	tell_promise(study);
	printf("%s\n", hex);
	fprintf(stderr,
	        "study %s revision %" PRIu32
	        " %s. Tell the hospitals this hash by telephone or on paper; each compares "
	        "it with\n"
	        "what `cohort-client show %s` says, and approves it. Then: cohort-coordinator study start %s\n",
	        study->name, study->revision,
	        json_as_bool(json_get(answer, "added")) ? "is added" : "was here already, unchanged", study->name,
	        study->name);
}

int commands_study_add(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	struct study study = {0};
	struct json *answer = NULL;
	enum err e = study_load(&study, line->operands[0], false, why);

	if (e == OK && study.init == INIT_FILE)
		e = send_first_model(&s, line, &study, why);
	if (e == OK)
		e = commands_ask(&s, line, &answer, HTTP_POST, buf_bytes(&study.canonical), why, "/admin/studies");
	if (e == OK)
		print_added(line, answer, &study);
	json_free(answer);
	study_free(&study);
	return commands_done(&s, e);
}

/* ---- study start, pause, resume, stop */

static int change(const struct command_line *line, const char *verb, struct diag *why)
{
	struct commands_state s = {0};
	const char *name = line->operands[0];
	struct json *answer = NULL;
	enum err e = OK;

	if (!name_is_study(name))
		e = diag_set(why, ERR_USAGE, "\"%s\" is no name of a study", name);
	if (e == OK)
		e = commands_ask(&s, line, &answer, HTTP_POST, bytes_of(NULL, 0), why, "/admin/%s?study=%s", verb,
		                 name);
	if (e == OK && command_flag(line, "json"))
		tables_json_line(answer);
	else if (e == OK)
		printf("%s: %s\n", name, json_as_string(json_get(answer, "state")));
	json_free(answer);
	return commands_done(&s, e);
}

int commands_study_start(const struct command_line *line, struct diag *why)
{
	return change(line, "start", why);
}

int commands_study_pause(const struct command_line *line, struct diag *why)
{
	return change(line, "pause", why);
}

int commands_study_resume(const struct command_line *line, struct diag *why)
{
	return change(line, "resume", why);
}

int commands_study_stop(const struct command_line *line, struct diag *why)
{
	return change(line, "stop", why);
}

/* ---- export */

static enum err copy_model(const struct settings *settings, const char *hex, const char *to, struct diag *why)
{
	char path[PATH_SIZE];
	struct buf file = {0};
	struct hash wanted, found;
	enum err e;

	CHECK(hash_from_hex(&wanted, hex));
	snprintf(path, sizeof path, "%s/%s.safetensors", settings->models, hex);
	e = file_read(&file, path, MODEL_FILE_MAX, why);
	if (e == OK)
		sha256_of(&found, buf_bytes(&file));
	if (e == OK && !hash_equal(&wanted, &found))
		e = diag_set(why, ERR_IO, "%s: damaged: its SHA-256 is not its name; restore it from a backup", path);
	if (e == OK)
		e = file_create(to, buf_bytes(&file), 0644, why);
	buf_free(&file);
	return e;
}

int commands_export(const struct command_line *line, struct diag *why)
{
	struct commands_state s = {0};
	const char *out = command_value(line, "out", 0), *which = command_value(line, "which", 0);
	struct json *answer = NULL;
	enum err e = OK;

	if (which == NULL)
		which = "best";
	if (out == NULL)
		e = diag_set(why, ERR_USAGE, "export: where to? --out FILE");
	else if (strcmp(which, "best") != 0 && strcmp(which, "final") != 0)
		e = diag_set(why, ERR_USAGE, "export: --which is best or final, not \"%s\"", which);
	else if (!name_is_study(line->operands[0]))
		e = diag_set(why, ERR_USAGE, "\"%s\" is no name of a study", line->operands[0]);
	if (e == OK)
		e = commands_ask(&s, line, &answer, HTTP_GET, bytes_of(NULL, 0), why, "/admin/model?study=%s&which=%s",
		                 line->operands[0], which);
	if (e == OK)
		e = copy_model(&s.settings, json_as_string(json_get(answer, "sha256")), out, why);
	if (e == OK && command_flag(line, "json"))
		tables_json_line(answer);
	else if (e == OK)
		fprintf(stderr, "%s: the %s model of study %s, after %" PRId64 " training rounds, SHA-256 %s\n", out,
		        which, line->operands[0], json_as_integer(json_get(answer, "step")),
		        json_as_string(json_get(answer, "sha256")));
	json_free(answer);
	return commands_done(&s, e);
}
