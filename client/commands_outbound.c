/* show-outbound: each release with its parts, as the round laid them out, and the rules of the policy that permitted it. */
#include "base/parse.h"
#include "client/commands.h"
#include "client/contract.h"
#include "client/desk.h"
#include "client/records.h"
#include "client/screen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define WORD_OCTETS 4 /* of the vector, docs/PROTOCOL.md */

/* ---- noise */

/* What the hospital adds to each value, `times` in all (under `local` in each local step): see privacy/plan.h. */
static struct json *noise_of(const struct noised *n, uint32_t times)
{
	struct json *node = json_new_object();

	json_set_real(node, "grid", n->grid);
	json_set_real(node, "sensitivity", n->sensitivity);
	json_set_integer(node, "variance", (int64_t)n->variance);
	json_set_real(node, "deviation", n->grid * sqrt((double)n->variance));
	json_set_integer(node, "times", times);
	return node;
}

/* Under `local` the noise is in the steps that made the update; its weight is 1 at every hospital. */
static bool rests_on_noised_steps(const struct study *s, const struct segment *g)
{
	return s->privacy.mechanism == PRIVACY_LOCAL && (g->kind == SEGMENT_UPDATE || g->kind == SEGMENT_WEIGHT);
}

static struct json *segment_of(const struct study *s, const struct segment *g)
{
	struct json *node = json_new_object();
	struct noised step;

	json_set_string(node, "segment", segment_name(g->kind));
	json_set_integer(node, "values", g->items);
	json_set_integer(node, "octets", (int64_t)WORD_OCTETS * g->words);
	json_set_real(node, "bound", g->bound);
	json_set_bool(node, "covered", g->coding == CODING_NOISED || rests_on_noised_steps(s, g));
	if (g->coding == CODING_NOISED)
		json_set(node, "noise", noise_of(&g->noised, 1));
	else if (rests_on_noised_steps(s, g) && g->kind == SEGMENT_UPDATE &&
	         round_plan_step_noise(&step, s, NULL) == OK)
		json_set(node, "noise", noise_of(&step, s->local.steps));
	else
		json_set(node, "noise", json_new_null());
	return node;
}

/* ---- masks */

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
	    round_plan_layout_clipped(&layout, &s, records_asks(release), (uint32_t)records_integer(release, "sites"),
	                              records_real(release, "clip"), NULL) == OK)
		for (uint32_t i = 0; i < layout.count; i++)
			json_add(list, segment_of(&s, &layout.segments[i]));
	json_set(node, "masked", s.tree != NULL ? json_new_bool(s.sites.masking != MASKING_OFF) : json_new_null());
	if (json_kind(json_get(release, "masked_sha256")) == JSON_IS_STRING)
		json_set_integer(node, "masked_octets",
		                 records_integer(release, "octets") + (int64_t)WORD_OCTETS * MASKED_CHECK_WORDS);
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

static void noise_cells(struct screen_table *t, const struct json *noise)
{
	long long times;

	if (json_kind(noise) != JSON_IS_OBJECT) {
		screen_table_cell(t, "%s", "none");
		screen_table_cell(t, "%s", "-");
		return;
	}
	times = records_integer(noise, "times");
	screen_table_cell(t, "%.4g%s", records_real(noise, "deviation"), times > 1 ? " in each step" : "");
	screen_table_cell(t, "%lld x %g^2", (long long)records_integer(noise, "variance"), records_real(noise, "grid"));
}

static void print_segments(const struct json *segments)
{
	static const char *const titles[] = {"  SEGMENT", ">VALUES",        ">OCTETS",  ">BOUND",
	                                     "EPSILON",   ">NOISE (SIGMA)", ">VARIANCE"};
	struct screen_table t;

	screen_table_begin(&t, titles, sizeof titles / sizeof *titles);
	for (size_t i = 0; i < json_count(segments); i++) {
		const struct json *s = json_at(segments, i);

		screen_table_cell(&t, "  %s", records_text(s, "segment"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "values"));
		screen_table_cell(&t, "%lld", (long long)records_integer(s, "octets"));
		screen_table_cell(&t, "%.9g", records_real(s, "bound"));
		screen_table_cell(&t, "%s", json_as_bool(json_get(s, "covered")) ? "covers it" : "does not cover it");
		noise_cells(&t, json_get(s, "noise"));
	}
	screen_table_end(&t);
}

static void print_cost(const struct json *r)
{
	const struct json *cost = json_get(r, "cost");

	printf("  privacy mechanism: %s", records_text(r, "mechanism"));
	if (json_count(cost) == 0) {
		printf("; no epsilon covers these numbers\n");
		return;
	}
	printf(", of each %s; this release (%s) is paid for as", records_text(r, "unit"), records_text(r, "kind"));
	for (size_t i = 0; i < json_count(cost); i++) {
		const struct json *part = json_at(cost, i);

		printf("%s q %g, z %g, %lld %s", i > 0 ? ", and" : "", records_real(part, "q"), records_real(part, "z"),
		       (long long)records_integer(part, "count"),
		       records_integer(part, "count") == 1 ? "time" : "times");
	}
	if (records_real(r, "clip") > 0)
		printf("; clip C %g", records_real(r, "clip"));
	printf("\n");
}

static void print_masked(const struct json *r)
{
	const struct json *messages = json_get(r, "masked_messages");

	printf("  These octets never leave. What leaves is masked: the coordinator reads only the sum.\n");
	for (size_t i = 0; i < json_count(messages); i++)
		printf("    %-9s  %s\n", records_text(json_at(messages, i), "phase"),
		       records_text(json_at(messages, i), "what"));
	if (json_kind(json_get(r, "masked_sha256")) == JSON_IS_STRING)
		printf("  under masks, to attempt %lld: %lld octets, SHA-256 %s\n",
		       (long long)records_integer(r, "attempt"), (long long)records_integer(r, "masked_octets"),
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
	print_cost(r);
	if (json_count(json_get(r, "masked_messages")) > 0)
		print_masked(r);
	else if (json_kind(json_get(r, "masked")) == JSON_IS_BOOL)
		printf("  Not masked: the coordinator can read these octets as they are.\n");
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

/* The study as an operand, or by --study. */
static enum err study_of(const char **out, const struct command_line *line, struct diag *why)
{
	const char *named = command_value(line, "study", 0);

	*out = line->operand_count > 0 ? line->operands[0] : named;
	if (line->operand_count > 0 && named != NULL && strcmp(named, *out) != 0)
		return diag_set(why, ERR_USAGE, "show-outbound: %s, or --study %s?", *out, named);
	return OK;
}

int commands_outbound(const struct command_line *line, struct diag *why)
{
	const char *study, *written = command_value(line, "round", 0);
	struct client_config config = {0};
	struct json *records = NULL;
	uint64_t round = 0;
	enum err e = study_of(&study, line, why);

	if (e == OK && written != NULL && (!parse_u64(&round, bytes_text(written)) || round == 0))
		e = diag_set(why, ERR_USAGE, "--round: \"%s\" is no round; they count from 1", written);
	if (e == OK)
		e = desk_config(&config, line, why);
	if (e == OK)
		e = desk_records(&records, &config, study, why);
	if (e == OK)
		print_all(select_releases(&config, json_get(records, "releases"), round), command_flag(line, "json"));
	json_free(records);
	client_config_free(&config);
	return err_exit(e);
}
