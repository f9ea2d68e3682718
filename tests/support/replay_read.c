#include "tests/support/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

_Noreturn void replay_bad(const char *what)
{
	fprintf(stderr, "secagg_replay: the transcript has no proper %s\n", what);
	exit(EX_DATAERR);
}

const struct json *replay_member(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);

	if (value == NULL)
		replay_bad(key);
	return value;
}

uint64_t replay_number(const struct json *object, const char *key)
{
	const struct json *value = replay_member(object, key);

	if (json_kind(value) != JSON_IS_INTEGER || json_as_integer(value) < 0)
		replay_bad(key);
	return (uint64_t)json_as_integer(value);
}

void replay_append_hex(struct buf *out, const struct json *value, const char *key)
{
	if (json_kind(value) != JSON_IS_STRING)
		replay_bad(key);
	const char *text = json_as_string(value);
	size_t n = strlen(text) / 2;
	uint8_t *room = buf_extend(out, n);
	if (room == NULL || !hex_decode(room, n, text))
		replay_bad(key);
}

void replay_append(struct buf *out, const struct json *object, const char *key)
{
	replay_append_hex(out, replay_member(object, key), key);
}

bool replay_lists(const struct replay *r, const char *set, uint32_t site)
{
	const struct json *list = replay_member(r->root, set);

	for (size_t i = 0; i < json_count(list); i++)
		if (json_as_integer(json_at(list, i)) == site)
			return true;
	return false;
}

/* ---- comparing */

void replay_differs(struct replay *r, const char *where, const char *key)
{
	fprintf(stderr, "secagg_replay: %s: %s differs\n", where, key);
	r->differ++;
}

void replay_compare(struct replay *r, const char *where, const char *key, const struct json *expected,
                    struct bytes made)
{
	char *text;

	if (expected == NULL || json_kind(expected) != JSON_IS_STRING)
		replay_bad(key);
	text = mem_array(2 * made.len + 1, 1);
	hex_encode(text, made);
	r->compared++;
	if (strcmp(text, json_as_string(expected)) != 0)
		replay_differs(r, where, key);
	free(text);
}

/* ---- reading */

static void read_identity(struct player *p, struct secagg_site *invited)
{
	struct buf octets;

	buf_init(&octets, 2 * KEYS_SIZE);
	replay_append(&octets, p->site, "identity_seed");
	replay_append(&octets, p->site, "identity_pk");
	if (octets.len != KEYS_IDENTITY_SECRET_SIZE)
		replay_bad("identity");
	memcpy(p->identity, octets.ptr, sizeof p->identity); /* libsodium's form of the secret key is seed || public */
	memcpy(invited->identity, octets.ptr + KEYS_SIZE, KEYS_IDENTITY_PUBLIC_SIZE);
	buf_free(&octets);
}

static void read_sites(struct replay *r)
{
	const struct json *sites = replay_member(r->root, "sites");

	r->plan.n = (uint32_t)json_count(sites);
	r->invited = mem_array(r->plan.n + (size_t)1, sizeof *r->invited);
	r->players = mem_array(r->plan.n + (size_t)1, sizeof *r->players);
	r->plan.sites = r->invited;
	for (uint32_t i = 0; i < r->plan.n; i++) {
		struct player *p = &r->players[i];
		p->replay = r;
		p->site = json_at(sites, i);
		p->number = r->invited[i].number = (uint32_t)replay_number(p->site, "site");
		read_identity(p, &r->invited[i]);
	}
}

/* Its octets, or, of a run of the real programs, their SHA-256 alone. */
static void read_model(struct hash *out, struct replay *r)
{
	struct buf model;
	bool hashed = json_get(r->root, "model_hash") != NULL;

	buf_init(&model, TRANSCRIPT_MAX);
	replay_append(&model, r->root, hashed ? "model_hash" : "model");
	if (hashed && model.len != HASH_SIZE)
		replay_bad("model_hash: it is no SHA-256");
	if (hashed)
		memcpy(out->b, model.ptr, HASH_SIZE);
	else
		sha256_of(out, buf_bytes(&model));
	buf_free(&model);
}

void replay_read(struct replay *r)
{
	buf_init(&r->federation, TRANSCRIPT_MAX);
	buf_init(&r->study, TRANSCRIPT_MAX);
	buf_init(&r->plan_octets, TRANSCRIPT_MAX);
	replay_append(&r->federation, r->root, "federation");
	replay_append(&r->study, r->root, "study_hash");
	replay_append(&r->plan_octets, r->root, "plan");
	r->attempt = (struct secagg_attempt){.federation = buf_bytes(&r->federation),
	                                     .study = buf_bytes(&r->study),
	                                     .round = replay_number(r->root, "round"),
	                                     .attempt = (uint32_t)replay_number(r->root, "attempt")};
	read_model(&r->attempt.model, r);
	r->plan.octets = buf_bytes(&r->plan_octets);
	r->plan.max_colluders = (uint32_t)replay_number(r->root, "n_C");
	r->plan.quorum = (uint32_t)replay_number(r->root, "quorum");
	r->plan.words = (uint32_t)replay_number(r->root, "d");
	r->plan.bits = (uint32_t)replay_number(r->root, "k");
	if (json_get(r->root, "degree") != NULL) {
		r->plan.degree = (uint32_t)replay_number(r->root, "degree");
		r->plan.share_threshold = (uint32_t)replay_number(r->root, "share_t");
	}
	read_sites(r);
	if (replay_number(r->root, "t") != secagg_threshold(&r->plan))
		replay_bad("t: it is not floor((n + n_C) / 2) + 1");
	r->sum = mem_array(r->plan.words + (size_t)1, sizeof *r->sum);
}
