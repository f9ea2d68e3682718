/*
 * export: a study's model as safetensors, for any program that reads that format. After the study's end its final model, fetched again
 * when it is not here; before, the newest that a round brought.
 */
#include "base/file.h"
#include "client/commands.h"
#include "client/desk.h"
#include "client/models.h"
#include "client/records.h"
#include "client/screen.h"
#include "client/wire.h"
#include "model/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FETCH_MS 60000 /* a person waits */

struct exported {
	struct hash model;
	uint64_t octets;
	bool final;
	struct buf file;
	uint32_t round; /* training rounds behind it */
};

static enum err fetch(const struct client_config *c, const struct exported *x, const char *path, struct diag *why)
{
	struct requester *r = NULL;
	enum err e = desk_connect(&r, c, why);

	if (e == OK)
		e = wire_model(r, &x->model, x->octets, path, FETCH_MS, why);
	request_close(r);
	return e;
}

/* Which model it is. */
static enum err choose(struct exported *x, const struct client_config *c, const struct study *s, struct diag *why)
{
	struct json *records;
	const struct json *ending;
	enum err e = desk_records(&records, c, s->name, why);

	if (e != OK)
		return e;
	ending = desk_entry(records, "endings", &s->hash);
	x->final = ending != NULL;
	if (x->final && hash_from_hex(&x->model, records_text(ending, "model")))
		x->octets = (uint64_t)records_integer(ending, "model_octets");
	else if (x->final)
		e = diag_set(why, ERR_NOT_FOUND, "study %s ended without a model", s->name);
	else if (!models_newest(&x->model, c->state, &s->hash))
		e = diag_set(why, ERR_NOT_FOUND, "no model of study %s has come to this hospital yet", s->name);
	json_free(records);
	return e;
}

/* The file, checked as a round would: nothing is exported that is not the study's model. */
static enum err load(struct exported *x, const struct client_config *c, const struct study *s, struct diag *why)
{
	float *parameters = mem_array(s->model.parameters, sizeof *parameters);
	struct checkpoint checkpoint = {0};
	char path[PATH_SIZE];
	struct hash content;
	enum err e = models_path(path, c->state, &s->hash, &x->model, why);

	if (e == OK && x->final && access(path, R_OK) != 0)
		e = fetch(c, x, path, why);
	if (e == OK)
		e = file_read(&x->file, path, MODEL_FILE_MAX, why);
	if (e == OK)
		e = checkpoint_read(parameters, &checkpoint, &s->model, buf_bytes(&x->file), path, why);
	if (e == OK) {
		x->round = checkpoint.about.round;
		sha256_of(&content, buf_bytes(&x->file));
		if (!hash_equal(&content, &x->model))
			e = diag_set(why, ERR_DATA, "%s: is not the model that its name says; remove it", path);
	}
	checkpoint_free(&checkpoint);
	free(parameters);
	return e;
}

static void tell(const struct exported *x, const struct study *s, const char *out, bool as_json)
{
	struct json *root = json_new_object();
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &x->model);
	if (!as_json) {
		printf("%s\n%s: %s model of study %s, %u training rounds behind it\n", hex, out,
		       x->final ? "final" : "newest", s->name, x->round);
		json_free(root);
		return;
	}
	json_set_string(root, "study", s->name);
	json_set_hash(root, "study_hash", &s->hash);
	json_set_string(root, "out", out);
	json_set_hash(root, "model_sha256", &x->model);
	json_set_integer(root, "octets", (int64_t)x->file.len);
	json_set_integer(root, "round", x->round);
	json_set_bool(root, "final", x->final);
	screen_json(root);
}

int commands_export(const struct command_line *line, struct diag *why)
{
	const char *name, *out = command_value(line, "out", 0);
	char own_name[NAME_SIZE + sizeof ".safetensors"];
	struct client_config config = {0};
	struct exported x = {0};
	struct study s = {0};
	enum err e = desk_study(&name, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_contract(&s, &config, name, command_value(line, "hash", 0), why);
	if (e == OK)
		e = choose(&x, &config, &s, why);
	if (e == OK)
		e = load(&x, &config, &s, why);
	if (e == OK && out == NULL) {
		snprintf(own_name, sizeof own_name, "%s.safetensors", name);
		out = own_name;
	}
	if (e == OK)
		e = file_create(out, buf_bytes(&x.file), 0600, why);
	if (e == OK)
		tell(&x, &s, out, command_flag(line, "json"));
	buf_free(&x.file);
	study_free(&s);
	client_config_free(&config);
	return err_exit(e);
}
