#include "coordinator/settings.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SETTINGS_TEXT_MAX (64u << 10) /* a page of settings with long paths */
#define HOST_PORT_MAX 270 /* a DNS name of 253 bytes, brackets, a port */
#define ROUND_S_MIN 0.01 /* tests of deadlines; a real round needs minutes */
#define ROUND_S_MAX 604800 /* a week: a hospital whose job runs at night, and its holidays */
#define THREADS_MAX 64

static const struct yaml_rule rules[] = {
	{.path = "listen", .types = YAML_TEXT, .required = true, .min = 2, .max = HOST_PORT_MAX},
	{.path = "names", .types = YAML_LIST, .min = 0, .max = SETTINGS_NAMES_MAX, .fallback = "[]"},
	{.path = "names[]", .types = YAML_TEXT, .min = 1, .max = HOST_PORT_MAX},
	{.path = "credentials", .types = YAML_MAP, .required = true},
	{.path = "credentials.authority", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_SIZE / 2},
	{.path = "credentials.certificate", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_SIZE / 2},
	{.path = "credentials.key", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_SIZE / 2},
	{.path = "revocation_list", .types = YAML_TEXT, .min = 1, .max = PATH_SIZE / 2},
	{.path = "roster", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_SIZE / 2},
	{.path = "state", .types = YAML_TEXT, .required = true, .min = 1, .max = PATH_SIZE / 2},
	{.path = "rounds", .types = YAML_MAP, .fallback = "{}"},
	{.path = "rounds.join", .types = YAML_REAL, .min = ROUND_S_MIN, .max = ROUND_S_MAX, .fallback = "30"},
	{.path = "rounds.deadline", .types = YAML_REAL, .min = ROUND_S_MIN, .max = ROUND_S_MAX, .fallback = "600"},
	{.path = "rounds.phase", .types = YAML_REAL, .min = ROUND_S_MIN, .max = ROUND_S_MAX, .fallback = "120"},
	{.path = "rounds.pause", .types = YAML_REAL, .min = ROUND_S_MIN, .max = ROUND_S_MAX, .fallback = "10"},
	{.path = "limits", .types = YAML_MAP, .fallback = "{}"},
	{.path = "limits.uploads", .types = YAML_INTEGER, .min = 1, .max = UPLOADS_IN_FLIGHT_MAX, .fallback = "16"},
	{.path = "limits.threads", .types = YAML_INTEGER, .min = 1, .max = THREADS_MAX, .fallback = "2"},
	{.path = "control", .types = YAML_TEXT, .min = 1, .max = PATH_SIZE / 2},
};

static const char *text_at(const struct json *map, const char *key)
{
	const struct json *node = json_get(map, key);

	return node != NULL ? json_as_string(node) : NULL;
}

/* "FOLDER/name"; an absolute name stays as it is. Owned by the caller. */
static char *below(const char *folder, const char *name)
{
	char *path;

	if (name[0] == '/' || folder[0] == '\0')
		return mem_copy_text(name);
	if (asprintf(&path, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name) < 0)
		mem_exhausted(strlen(folder) + strlen(name), 1);
	return path;
}

/* The folder that the file lies in, "" for the current one. Owned by the caller. */
static char *folder_of(const char *path)
{
	char *folder = mem_copy_text(path), *slash = strrchr(folder, '/');

	if (slash != NULL)
		slash[1] = '\0';
	else
		folder[0] = '\0';
	return folder;
}

static int64_t milliseconds(const struct json *map, const char *key)
{
	return (int64_t)(json_as_real(json_get(map, key)) * 1000.0 + 0.5);
}

static void read_state(struct settings *out, const struct json *tree, const char *folder)
{
	const char *control = text_at(tree, "control");

	out->state = below(folder, text_at(tree, "state"));
	out->database = below(out->state, "coordinator.db");
	out->models = below(out->state, "models");
	out->staging = below(out->state, "staging");
	out->lock = below(out->state, "lock");
	out->control = control != NULL ? below(folder, control) : below(out->state, "admin.sock");
}

static void read_tree(struct settings *out, const struct json *tree, const char *folder)
{
	const struct json *credentials = json_get(tree, "credentials"), *rounds = json_get(tree, "rounds");
	const struct json *limits = json_get(tree, "limits"), *names = json_get(tree, "names");
	const char *revocations = text_at(tree, "revocation_list");

	out->listen = mem_copy_text(text_at(tree, "listen"));
	out->name_count = (uint32_t)json_count(names);
	for (uint32_t i = 0; i < out->name_count; i++)
		out->names[i] = mem_copy_text(json_as_string(json_at(names, i)));
	out->authority = below(folder, text_at(credentials, "authority"));
	out->certificate = below(folder, text_at(credentials, "certificate"));
	out->key = below(folder, text_at(credentials, "key"));
	out->revocations = revocations != NULL ? below(folder, revocations) : NULL;
	out->roster = below(folder, text_at(tree, "roster"));
	read_state(out, tree, folder);
	out->join_ms = milliseconds(rounds, "join");
	out->deadline_ms = milliseconds(rounds, "deadline");
	out->phase_ms = milliseconds(rounds, "phase");
	out->pause_ms = milliseconds(rounds, "pause");
	out->uploads = (uint32_t)json_as_integer(json_get(limits, "uploads"));
	out->threads = (uint32_t)json_as_integer(json_get(limits, "threads"));
}

/* A join time beyond the deadline would never end: somebody mixed the two up. */
static enum err check_meaning(const struct yaml_document *d, const struct settings *s, struct diag *why)
{
	if (s->join_ms > s->deadline_ms)
		return yaml_complain(d, why, ERR_CONFIG, "rounds.join", "is longer than rounds.deadline (%.17g s)",
		                     (double)s->deadline_ms / 1000.0);
	return OK;
}

enum err settings_load(struct settings *out, const char *path, struct diag *why)
{
	struct yaml_document *d = NULL;
	struct buf text = {0};
	char *folder = folder_of(path);
	enum err e;

	memset(out, 0, sizeof *out);
	e = file_read(&text, path, SETTINGS_TEXT_MAX, why);
	if (e != OK)
		goto out;
	if (yaml_parse(&d, buf_bytes(&text), path, rules, sizeof rules / sizeof *rules, why) != OK) {
		e = ERR_CONFIG;
		goto out;
	}
	out->file = mem_copy_text(path);
	read_tree(out, yaml_tree(d), folder);
	e = check_meaning(d, out, why);
	if (e != OK)
		settings_free(out);
out:
	yaml_close(d);
	buf_free(&text);
	free(folder);
	return e;
}

void settings_free(struct settings *s)
{
	char *owned[] = {s->file,  s->listen,   s->authority, s->certificate, s->key,     s->revocations, s->roster,
	                 s->state, s->database, s->models,    s->lock,        s->staging, s->control};

	for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
		free(owned[i]);
	for (uint32_t i = 0; i < s->name_count; i++)
		free(s->names[i]);
	memset(s, 0, sizeof *s);
}

static enum err make_folder(const char *path, struct diag *why)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return OK;
	return diag_set(why, ERR_CREATE, "%s: cannot be made: %s", path, strerror(errno));
}

enum err settings_make_folders(const struct settings *s, struct diag *why)
{
	enum err e = make_folder(s->state, why);

	if (e == OK)
		e = make_folder(s->models, why);
	if (e == OK)
		e = make_folder(s->staging, why);
	return e;
}
