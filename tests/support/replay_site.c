#include "tests/support/replay.h"

#include "crypto/mask.h"
#include "crypto/pack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void compare(struct player *p, const char *key, struct bytes made)
{
	char where[32];

	snprintf(where, sizeof where, "site %u", p->number);
	replay_compare(p->replay, where, key, json_get(p->site, key), made);
}

static struct bytes part(struct reader *r, size_t n)
{
	struct bytes b = read_bytes(r, n);

	if (r->failed)
		replay_bad("message of that length");
	return b;
}

static void draw(void *context, uint8_t *out, size_t len)
{
	struct player *p = context;

	if (p->script.len - p->drawn < len) {
		fprintf(stderr, "secagg_replay: site %u draws more than the transcript has\n", p->number);
		exit(EX_DATAERR);
	}
	memcpy(out, p->script.ptr + p->drawn, len);
	p->drawn += len;
}

static void sign(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message)
{
	const struct player *p = context;

	keys_sign(signature, p->identity, message);
}

/* A scalar is drawn as 64 octets modulo l: itself, and zeros. */
static void append_scalar(struct buf *out, const struct json *value, const char *key)
{
	static const uint8_t zeros[SHAMIR_SCALAR_SIZE];
	size_t before = out->len;

	replay_append_hex(out, value, key);
	if (out->len - before != SHAMIR_SCALAR_SIZE)
		replay_bad(key);
	buf_put(out, bytes_of(zeros, sizeof zeros));
}

static void append_r(struct buf *out, const struct json *site)
{
	struct buf adv;

	buf_init(&adv, KEYS_ADV_SIZE);
	replay_append(&adv, site, "adv");
	if (adv.len != KEYS_ADV_SIZE)
		replay_bad("adv");
	buf_put(out, bytes_of(adv.ptr + KEYS_ADV_SIZE - KEYS_SIZE, KEYS_SIZE));
	buf_free(&adv);
}

static void append_nonces(struct replay *r, struct buf *out, const struct json *site)
{
	const struct json *cts = json_get(site, "ct");

	for (uint32_t i = 0; i < r->plan.n && cts != NULL; i++) {
		char key[16];
		struct buf ct;
		snprintf(key, sizeof key, "%u", r->invited[i].number);
		if (json_get(cts, key) == NULL)
			continue;
		buf_init(&ct, SEAL_SIZE);
		replay_append(&ct, cts, key);
		if (ct.len != SEAL_SIZE)
			replay_bad("ct");
		buf_put(out, bytes_of(ct.ptr, SEAL_NONCE_SIZE));
		buf_free(&ct);
	}
}

static void write_script(struct player *p)
{
	const struct json *coefficients = json_get(p->site, "coefficients");

	buf_init(&p->script, TRANSCRIPT_MAX);
	replay_append(&p->script, p->site, "c_sk");
	append_scalar(&p->script, replay_member(p->site, "sigma"), "sigma");
	append_scalar(&p->script, replay_member(p->site, "beta"), "beta");
	append_r(&p->script, p->site);
	for (size_t i = 0; coefficients != NULL && i < json_count(coefficients); i++)
		append_scalar(&p->script, json_at(coefficients, i), "coefficients");
	append_nonces(p->replay, &p->script, p->site);
}

static void mask(struct player *p)
{
	const struct replay *r = p->replay;
	const struct json *x = replay_member(p->site, "x");
	uint32_t *words = mem_array(r->plan.words, sizeof *words), count;
	size_t size = pack_size(r->plan.words, r->plan.bits);

	if (json_count(x) != r->plan.words)
		replay_bad("x");
	for (uint32_t j = 0; j < r->plan.words; j++)
		words[j] = (uint32_t)json_as_integer(json_at(x, j));
	const struct mask *masks = secagg_client_masks(p->client, &count);
	p->y = mem_alloc(size);
	mask_input(p->y, words, 0, r->plan.words, r->plan.bits, masks, count);
	free(words);
	sha256_of(&p->y_hash, bytes_of(p->y, size));
	if (secagg_client_masked(p->client, &p->y_hash, NULL) != OK)
		replay_bad("vector");
}

void replay_pump(struct player *p)
{
	struct secagg_client_action a;

	while (secagg_client_next(p->client, &a))
		if (a.kind == SECAGG_CLIENT_PERSIST)
			secagg_client_persisted(p->client);
		else if (a.kind == SECAGG_CLIENT_MASK)
			mask(p);
}

/* ---- what a site sent, field by field */

static void compare_keys(struct player *p)
{
	struct reader r = reader_of(secagg_client_sent(p->client, SECAGG_KEYS));

	compare(p, "adv", part(&r, KEYS_ADV_SIZE));
	compare(p, "adv_sig", part(&r, KEYS_SIGNATURE_SIZE));
}

void replay_compare_shares(struct player *p)
{
	struct reader r = reader_of(secagg_client_sent(p->client, SECAGG_SHARES));
	const struct json *cts = replay_member(p->site, "ct");
	char where[32];
	size_t count = 0;

	snprintf(where, sizeof where, "site %u", p->number);
	compare(p, "cmt", part(&r, HASH_SIZE));
	compare(p, "phase1_sig", part(&r, KEYS_SIGNATURE_SIZE));
	for (; r.rest.len > 0; count++) {
		char key[16];
		snprintf(key, sizeof key, "%u", read_u32(&r));
		replay_compare(p->replay, where, key, json_get(cts, key), part(&r, SEAL_SIZE));
	}
	if (count != json_count(cts))
		replay_differs(p->replay, where, "the number of ciphertexts");
}

void replay_compare_input(struct player *p)
{
	const struct replay *r = p->replay;
	struct reader sent = reader_of(secagg_client_sent(p->client, SECAGG_INPUT));

	if (json_get(p->site, "y") == NULL)
		return;
	compare(p, "y", bytes_of(p->y, pack_size(r->plan.words, r->plan.bits)));
	compare(p, "y_hash", part(&sent, HASH_SIZE));
	compare(p, "phase2_sig", part(&sent, KEYS_SIGNATURE_SIZE));
}

void replay_compare_answer(struct player *p)
{
	struct reader r = reader_of(secagg_client_sent(p->client, SECAGG_OPENING));
	const struct json *answers = replay_member(p->site, "answer");
	char where[32];
	size_t count = 0;

	snprintf(where, sizeof where, "site %u", p->number);
	for (; r.rest.len > 0; count++) {
		char key[16];
		uint32_t v = read_u32(&r);
		snprintf(key, sizeof key, "%u", v);
		const struct json *answer = json_get(answers, key);
		if (answer == NULL)
			replay_bad("answer for each site");
		const char *kind = json_as_string(replay_member(answer, "kind"));
		if (strcmp(kind, replay_lists(p->replay, "U3", v) ? "beta" : "sigma") != 0)
			replay_differs(p->replay, where, "the kind of an answer");
		replay_compare(p->replay, where, "answer", replay_member(answer, "share"),
		               part(&r, SHAMIR_SCALAR_SIZE));
	}
	if (count != json_count(answers))
		replay_differs(p->replay, where, "the number of answers");
}

void replay_compare_signature(struct player *p)
{
	struct reader r = reader_of(secagg_client_sent(p->client, SECAGG_SURVIVORS));

	compare(p, "phase3_sig", part(&r, KEYS_SIGNATURE_SIZE));
}

void replay_compare_secrets(struct replay *r, struct player *p)
{
	uint8_t s_sk[KEYS_SIZE];
	struct scalar sigma;
	struct adv adv;
	struct buf octets;
	struct hash ctx;

	buf_init(&octets, 4096);
	replay_append(&octets, p->site, "sigma");
	replay_append(&octets, p->site, "adv");
	replay_append(&octets, r->root, "ctx");
	memcpy(sigma.b, octets.ptr, SHAMIR_SCALAR_SIZE);
	memcpy(adv.b, octets.ptr + SHAMIR_SCALAR_SIZE, KEYS_ADV_SIZE);
	memcpy(ctx.b, octets.ptr + SHAMIR_SCALAR_SIZE + KEYS_ADV_SIZE, HASH_SIZE);
	if (octets.len != SHAMIR_SCALAR_SIZE + KEYS_ADV_SIZE + HASH_SIZE ||
	    keys_recover(s_sk, &sigma, &ctx, &adv) != OK)
		memset(s_sk, 0, sizeof s_sk);
	compare(p, "s_sk", bytes_of(s_sk, KEYS_SIZE));
	buf_free(&octets);
}

void replay_open(struct replay *r, uint32_t i)
{
	struct player *p = &r->players[i];
	struct diag why = {{0}};
	struct secagg_client_config config = {.attempt = r->attempt,
	                                      .plan = r->plan,
	                                      .offered = r->plan.octets,
	                                      .self = p->number,
	                                      .signer = {sign, p},
	                                      .entropy = {draw, p}};

	write_script(p);
	if (secagg_client_open(&p->client, &config, bytes_of(NULL, 0), &why) != OK) {
		fprintf(stderr, "secagg_replay: site %u does not begin: %s\n", p->number, why.text);
		exit(EX_DATAERR);
	}
	replay_pump(p);
	compare_keys(p);
}
