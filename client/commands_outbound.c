/* show-outbound: each release with its parts, as the round laid them out, and the rules of the policy that permitted it. */
#include "base/parse.h"
#include "client/commands.h"
#include "client/contract.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

#include <stdio.h>
#include <string.h>

#define WORD_OCTETS 4 /* of the vector, docs/PROTOCOL.md */

static struct json *segment_of(const struct segment *s)
{
	struct json *node = json_new_object();

	json_set_string(node, "segment", segment_name(s->kind));
	json_set_integer(node, "values", s->items);
	json_set_integer(node, "octets", (int64_t)WORD_OCTETS * s->words);
	json_set_real(node, "bound", s->bound);
	return node;
}

/* What leaves of a masked round, in the order of its phases; octets where every attempt has the same. */
static const struct {
	const char *phase, *what;
} masked_messages[] = {
	{"keys", "public keys of this attempt, signed"},
	{"shares", "shares of this hospital's secrets of this attempt, sealed for the others"},
	{"input", "the numbers below under masks, and a signature on them"},
	{"survivors", "a signature on who is in the sum"},
	{"opening", "shares of the others' secrets that take the masks off this one sum"},
};

static struct json *messages_of(const struct study *s)
{
	struct json *list = json_new_array();

	for (size_t i = 0; s->sites.masking != MASKING_OFF && i < sizeof masked_messages / sizeof *masked_messages;
	     i++) {
		struct json *node = json_new_object();

		json_set_string(node, "phase", masked_messages[i].phase);
		json_set_string(node, "what", masked_messages[i].what);
		json_add(list, node);
	}
	return list;
}

/* The layout of what left, computed from the contract as the round did, and of a masked round its messages; empty when the contract is
 * gone. */
static void add_layout(struct json *node, const struct client_config *c, const struct json *release)
{
	struct json *list = json_new_array();
	struct study s = {0};
	struct hash study_hash;
	struct layout layout;

	if (hash_from_hex(&study_hash, records_text(release, "study_hash")) &&
	    contract_load(&s, c->state, &study_hash, NULL) == OK &&
	    round_plan_layout(&layout, &s, records_asks(release), (uint32_t)records_integer(release, "sites"), NULL) ==
	            OK)
		for (uint32_t i = 0; i < layout.count; i++)
			json_add(list, segment_of(&layout.segments[i]));
	json_set(node, "masked_messages", messages_of(&s));
	json_set(node, "segments", list);
	study_free(&s);
}

/* A release without "own", which never left. */
static struct json *outbound_of(const struct client_config *c, const struct json *release)
{
	struct json *node = json_new_object();
	const struct json *value;

	for (const char *key = json_key_after(release, NULL, &value); key; key = json_key_after(release, key, &value))
		if (strcmp(key, "own") != 0)
			json_set(node, key, json_clone(value));
	add_layout(node, c, release);
	return node;
}

static void print_segments(const struct json *segments)
{
	static const char *const titles[] = {"  SEGMENT", ">VALUES", ">OCTETS", ">BOUND"};
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(segments); i++) {
		const struct json *s = json_at(segments, i);

		screen_table_cell(&t, "  %s", records_text(s, "segment"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "values"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "octets"));
		screen_table_cell(&t, "%.9g", json_as_real(json_get(s, "bound")));
	}
	screen_table_end(&t);
}

static void print_masked(const struct json *r)
{
	const struct json *messages = json_get(r, "masked_messages");

	printf("  These octets never leave. What leaves is masked: the coordinator reads only the sum.\n");
	for (size_t i = 0; i < json_count(messages); i++)
		printf("    %-9s  %s\n", records_text(json_at(messages, i), "phase"),
		       records_text(json_at(messages, i), "what"));
	if (json_kind(json_get(r, "masked_sha256")) == JSON_IS_STRING)
		printf("  under masks, to attempt %lld: SHA-256 %s\n", (long long)records_integer(r, "attempt"),
		       records_text(r, "masked_sha256"));
}

static void print_outbound(const struct json *r)
{
	char asks[RECORDS_ASKS_SIZE];

	printf("%s round %lld (step %lld): %s\n", records_text(r, "study"), (long long)records_integer(r, "round"),
	       (long long)records_integer(r, "step"), records_asks_text(asks, records_asks(r)));
	printf("  released %s, sent: %s, outcome: %s\n", records_text(r, "released"), records_text(r, "sent"),
	       records_text(r, "outcome"));
	printf("  %lld octets, SHA-256 %s%s\n", (long long)records_integer(r, "octets"), records_text(r, "sha256"),
	       json_as_bool(json_get(r, "kept")) ? ", kept in outbound/ until the round is over" : "");
	if (json_count(json_get(r, "masked_messages")) > 0)
		print_masked(r);
	printf("  permitted by %s\n", records_text(r, "allowed"));
	print_segments(json_get(r, "segments"));
	printf("\n");
}

static struct json *select_releases(const struct client_config *c, const struct json *releases, uint64_t round)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_count(releases); i++) {
		const struct json *r = json_at(releases, i);

		if (round == 0 || (uint64_t)records_integer(r, "round") == round)
			json_add(list, outbound_of(c, r));
	}
	return list;
}

static void print_all(struct json *list, bool as_json)
{
	struct json *root;

	if (as_json) {
		root = json_new_object();
		json_set(root, "outbound", list);
		screen_json(root);
		return;
	}
	for (size_t i = 0; i < json_count(list); i++)
		print_outbound(json_at(list, i));
	if (json_count(list) == 0)
		screen_next("Nothing of the kind left this hospital.");
	json_free(list);
}

int commands_outbound(const struct command_line *line, struct diag *why)
{
	const char *written = command_value(line, "round", 0);
	struct client_config config = {0};
	struct json *records = NULL;
	uint64_t round = 0;
	enum err e = OK;

	if (written != NULL && (!parse_u64(&round, bytes_text(written)) || round == 0))
		e = diag_set(why, ERR_USAGE, "--round: \"%s\" is no round; they count from 1", written);
	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_records(&records, &config, command_value(line, "study", 0), why);
	if (e == OK)
		print_all(select_releases(&config, json_get(records, "releases"), round), command_flag(line, "json"));
	json_free(records);
	client_config_free(&config);
	return err_exit(e);
}
