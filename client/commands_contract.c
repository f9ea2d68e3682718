/* studies, fetch, show: from the coordinator's list to a contract that a person has read. */
#include "client/commands.h"
#include "client/contract.h"
#include "client/desk.h"
#include "client/roster_file.h"
#include "client/screen.h"
#include "client/state.h"
#include "client/wire.h"
#include "client/words.h"

#include <stdio.h>
#include <time.h>

/* ---- studies */

/* What the coordinator sent, as far as it is of the kinds that it should be; texts of a peer are cleaned where they are printed. */
static const char *text_of(const struct json *node, const char *key)
{
	const struct json *value = json_get(node, key);

	return value != NULL && json_kind(value) == JSON_IS_STRING ? json_as_string(value) : "";
}

static struct json *study_of(const struct client_config *c, const struct json *records, const struct json *daemon,
                             const struct json *offered)
{
	const struct json *revision = json_get(offered, "revision");
	struct json *node = json_new_object();
	struct hash study_hash;
	bool named = hash_from_hex(&study_hash, text_of(offered, "study_hash"));

	json_set_string(node, "study", text_of(offered, "study"));
	json_set(node, "revision", revision != NULL ? json_clone(revision) : json_new_null());
	json_set_string(node, "study_hash", text_of(offered, "study_hash"));
	json_set_string(node, "state", text_of(offered, "state"));
	json_set_string(node, "here", named ? desk_standing(c, records, daemon, &study_hash) : "new");
	json_set_string(node, "expires", text_of(offered, "expires"));
	json_set_string(node, "purpose", text_of(offered, "purpose"));
	return node;
}

static void print_studies(const struct json *studies)
{
	static const char *const titles[] = {"STUDY", ">REVISION", "STATE", "HERE", "EXPIRES", "PURPOSE"};
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(studies); i++) {
		const struct json *s = json_at(studies, i), *revision = json_get(s, "revision");
		bool number = json_kind(revision) == JSON_IS_INTEGER;

		screen_table_cell(&t, "%s", text_of(s, "study"));
		screen_table_cell(&t, "%lld", number ? (long long)json_as_integer(revision) : 0);
		screen_table_cell(&t, "%s", text_of(s, "state"));
		screen_table_cell(&t, "%s", text_of(s, "here"));
		screen_table_cell(&t, "%s", text_of(s, "expires"));
		screen_table_cell(&t, "%s", text_of(s, "purpose"));
	}
	screen_table_end(&t);
	if (json_count(studies) == 0)
		screen_next("The coordinator has no study for this hospital.");
}

static enum err list_studies(const struct client_config *c, struct json **out, struct diag *why)
{
	struct json *offered = NULL, *records = NULL, *daemon = NULL, *list = json_new_array();
	struct requester *r = NULL;
	enum err e = desk_connect(&r, c, why);

	if (e == OK)
		e = wire_studies(r, &offered, why);
	if (e == OK)
		e = desk_records(&records, c, NULL, why);
	if (e == OK)
		e = desk_daemon(&daemon, c, why);
	for (size_t i = 0; e == OK && i < json_count(json_get(offered, "studies")); i++)
		json_add(list, study_of(c, records, daemon, json_at(json_get(offered, "studies"), i)));
	*out = list;
	json_free(offered);
	json_free(records);
	json_free(daemon);
	request_close(r);
	return e;
}

int commands_studies(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct json *list = NULL, *root;
	enum err e = desk_config(&config, line, why);

	if (e == OK)
		e = list_studies(&config, &list, why);
	if (e == OK && command_flag(line, "json")) {
		root = json_new_object();
		json_set(root, "studies", list);
		screen_json(root);
		list = NULL;
	} else if (e == OK) {
		print_studies(list);
	}
	json_free(list);
	client_config_free(&config);
	return err_exit(e);
}

/* ---- fetch */

static void tell_fetched(const struct study *s, bool as_json)
{
	char hex[HASH_HEX_SIZE];
	struct json *root;

	hash_hex(hex, &s->hash);
	if (as_json) {
		root = json_new_object();
		json_set_string(root, "study", s->name);
		json_set_integer(root, "revision", s->revision);
		json_set_hash(root, "study_hash", &s->hash);
		screen_json(root);
	} else {
		printf("%s revision %u\n%s\n", s->name, s->revision, hex);
	}
	screen_next("Read it:        cohort-client show %s", s->name);
	screen_next("Try it on your data: cohort-client check %s", s->name);
	screen_next("Then decide:    cohort-client approve %s --hash %s", s->name, hex);
}

/* Who the federation's hospitals are, for what `show` and `approve` say of their number. */
static enum err fetch_roster(struct requester *r, const struct client_config *c, struct diag *why)
{
	struct roster roster = {0};
	struct buf file = {0};
	enum err e = wire_roster(r, c->tls.authority, &roster, &file, why);

	if (e == OK)
		e = roster_file_store(c->state, buf_bytes(&file), why);
	roster_free(&roster);
	buf_free(&file);
	return e;
}

int commands_fetch(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct requester *r = NULL;
	struct study s = {0};
	const char *name;
	enum err e = desk_study(&name, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_connect(&r, &config, why);
	if (e == OK)
		e = wire_contract(r, name, &s, why);
	if (e == OK)
		e = state_make(config.state, why);
	if (e == OK)
		e = contract_store(config.state, &s, why);
	if (e == OK)
		e = fetch_roster(r, &config, why);
	if (e == OK)
		tell_fetched(&s, command_flag(line, "json"));
	study_free(&s);
	request_close(r);
	client_config_free(&config);
	return err_exit(e);
}

/* ---- show */

/* The very bytes that are hashed, and nothing else: `cohort-client show S --json | b2sum -l 256` prints the contract's hash. */
static void show_bytes(const struct study *s)
{
	fwrite(s->canonical.ptr, 1, s->canonical.len, stdout);
}

static void show_words(const struct study *s, const struct client_config *c)
{
	struct buf text;

	buf_init(&text, WORDS_MAX);
	desk_words(&text, s, c);
	fputs(buf_text(&text), stdout);
	buf_free(&text);
}

int commands_show(const struct command_line *line, struct diag *why)
{
	struct client_config config = {0};
	struct study s = {0};
	const char *name;
	enum err e = desk_study(&name, line, why);

	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_contract(&s, &config, name, command_value(line, "hash", 0), why);
	if (e == OK && command_flag(line, "json"))
		show_bytes(&s);
	else if (e == OK)
		show_words(&s, &config);
	study_free(&s);
	client_config_free(&config);
	return err_exit(e);
}
