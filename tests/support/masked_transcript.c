#include "tests/support/masked_transcript.h"

#include "base/json.h"
#include "crypto/pack.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether a site's message of the phase counted. */
static bool came(const struct masked *w, uint32_t i, enum secagg_phase phase)
{
	return secagg_server_reached(w->server, w->sites[i].number) > (uint32_t)phase;
}

static void set_hex(struct json *object, const char *key, struct bytes octets)
{
	char *text = mem_array(2 * octets.len + 1, 1);

	hex_encode(text, octets);
	json_set_string(object, key, text);
	free(text);
}

static void set_members(struct json *root, const char *key, const struct masked *w, enum secagg_phase phase)
{
	struct json *list = json_new_array();

	for (uint32_t i = 0; i < w->n; i++)
		if (came(w, i, phase))
			json_add(list, json_new_integer(w->sites[i].number));
	json_set(root, key, list);
}

static void fill_from_rng(void *context, uint8_t *out, size_t len)
{
	rng_octets(context, out, len);
}

/* The secrets once more, from the same draws. */
static void set_secrets(struct json *site, const struct masked *w, uint32_t i, const struct hash *ctx)
{
	struct rng r;
	struct entropy entropy = {fill_from_rng, &r};
	struct keys_secrets s;
	struct adv adv;
	struct json *coefficients = json_new_array();

	rng_seeded(&r, (w->seed * 4096 + i) * 65536 + w->attempt.attempt + 1000 * w->attempt.round, "draws");
	keys_draw(&s, &adv, ctx, w->sites[i].number, &entropy);
	set_hex(site, "c_sk", bytes_of(s.c_sk, sizeof s.c_sk));
	set_hex(site, "sigma", bytes_of(s.sigma.b, sizeof s.sigma.b));
	set_hex(site, "beta", bytes_of(s.beta.b, sizeof s.beta.b));
	set_hex(site, "s_sk", bytes_of(s.s_sk, sizeof s.s_sk));
	for (uint32_t c = 0; c < 2 * (secagg_share_threshold(&w->plan) - 1); c++) {
		struct scalar a;
		char text[2 * SHAMIR_SCALAR_SIZE + 1];
		shamir_random(&a, &entropy);
		hex_encode(text, bytes_of(a.b, sizeof a.b));
		json_add(coefficients, json_new_string(text));
	}
	json_set(site, "coefficients", coefficients);
}

static void set_shares(struct json *site, const struct masked_site *s)
{
	struct reader r = reader_of(buf_bytes(&s->outbox[SECAGG_SHARES]));
	struct json *cts = json_new_object();

	set_hex(site, "cmt", read_bytes(&r, HASH_SIZE));
	set_hex(site, "phase1_sig", read_bytes(&r, KEYS_SIGNATURE_SIZE));
	while (r.rest.len > 0) {
		char key[16];
		snprintf(key, sizeof key, "%u", read_u32(&r));
		set_hex(cts, key, read_bytes(&r, SEAL_SIZE));
	}
	json_set(site, "ct", cts);
}

static void set_answer(struct json *site, const struct masked *w, const struct masked_site *s)
{
	struct reader r = reader_of(buf_bytes(&s->outbox[SECAGG_OPENING]));
	struct json *answers = json_new_object();

	while (r.rest.len > 0) {
		struct json *answer = json_new_object();
		uint32_t v = read_u32(&r);
		char key[16];
		snprintf(key, sizeof key, "%u", v);
		json_set_string(answer, "kind", secagg_server_survives(w->server, v) ? "beta" : "sigma");
		set_hex(answer, "share", read_bytes(&r, SHAMIR_SCALAR_SIZE));
		json_set(answers, key, answer);
	}
	json_set(site, "answer", answers);
}

static struct json *site_of(const struct masked *w, uint32_t i, const struct hash *ctx)
{
	const struct masked_site *s = &w->sites[i];
	struct json *site = json_new_object(), *x = json_new_array();
	struct reader keys = reader_of(buf_bytes(&s->outbox[SECAGG_KEYS]));
	struct reader input = reader_of(buf_bytes(&s->outbox[SECAGG_INPUT]));

	json_set_integer(site, "site", s->number);
	set_hex(site, "identity_seed", bytes_of(s->identity_secret, 32));
	set_hex(site, "identity_pk", bytes_of(s->identity_secret + 32, 32));
	set_secrets(site, w, i, ctx);
	set_hex(site, "adv", read_bytes(&keys, KEYS_ADV_SIZE));
	set_hex(site, "adv_sig", read_bytes(&keys, KEYS_SIGNATURE_SIZE));
	for (uint32_t j = 0; j < w->words; j++)
		json_add(x, json_new_integer((int32_t)s->x[j]));
	json_set(site, "x", x);
	if (came(w, i, SECAGG_SHARES))
		set_shares(site, s);
	if (came(w, i, SECAGG_INPUT)) {
		set_hex(site, "y", bytes_of(s->y, pack_size(w->words, w->plan.bits)));
		set_hex(site, "y_hash", read_bytes(&input, HASH_SIZE));
		set_hex(site, "phase2_sig", read_bytes(&input, KEYS_SIGNATURE_SIZE));
	}
	if (came(w, i, SECAGG_SURVIVORS))
		set_hex(site, "phase3_sig", buf_bytes(&s->outbox[SECAGG_SURVIVORS]));
	if (came(w, i, SECAGG_OPENING))
		set_answer(site, w, s);
	return site;
}

static uint64_t indices(const struct masked *w, enum secagg_phase phase)
{
	uint64_t set = 0;

	for (uint32_t i = 0; i < w->n; i++)
		set |= (uint64_t)came(w, i, phase) << i;
	return set;
}

static void set_contexts(struct json *root, const struct masked *w, const struct hash *ctx)
{
	const struct hash *sid = secagg_server_sid(w->server);
	uint64_t u1 = indices(w, SECAGG_KEYS);
	struct buf u2, u3, message;
	struct hash u2h;

	buf_init(&u2, 64);
	buf_init(&u3, 64);
	buf_init(&message, KEYS_MESSAGE_MAX);
	masked_set(&u2, u1, indices(w, SECAGG_SHARES));
	masked_set(&u3, u1, indices(w, SECAGG_INPUT));
	keys_u2h(&u2h, sid, buf_bytes(&u2));
	keys_message_survivors(&message, sid, &u2h, buf_bytes(&u3));
	set_hex(root, "ctx", bytes_of(ctx->b, HASH_SIZE));
	set_hex(root, "sid", bytes_of(sid->b, HASH_SIZE));
	set_hex(root, "u2h", bytes_of(u2h.b, HASH_SIZE));
	set_hex(root, "u3_message", buf_bytes(&message));
	buf_free(&u2);
	buf_free(&u3);
	buf_free(&message);
}

static void set_head(struct json *root, const struct masked *w, const char *model)
{
	set_hex(root, "federation", w->attempt.federation);
	set_hex(root, "study_hash", w->attempt.study);
	json_set_integer(root, "round", (int64_t)w->attempt.round);
	json_set_integer(root, "attempt", w->attempt.attempt);
	set_hex(root, "model", bytes_text(model));
	set_hex(root, "plan", w->plan.octets);
	json_set_integer(root, "d", w->words);
	json_set_integer(root, "k", w->plan.bits);
	json_set_integer(root, "n_C", w->plan.max_colluders);
	json_set_integer(root, "t", secagg_threshold(&w->plan));
	json_set_integer(root, "quorum", w->plan.quorum);
	if (w->plan.degree > 0) {
		json_set_integer(root, "degree", w->plan.degree);
		json_set_integer(root, "share_t", w->plan.share_threshold);
	}
	set_members(root, "U1", w, SECAGG_KEYS);
	set_members(root, "U2", w, SECAGG_SHARES);
	set_members(root, "U3", w, SECAGG_INPUT);
}

void masked_transcript(struct buf *out, const struct masked *w, const char *model)
{
	struct json *root = json_new_object(), *sites = json_new_array(), *sum = json_new_array();
	struct keys_context context = {.federation = w->attempt.federation,
	                               .study_hash = w->attempt.study,
	                               .round = w->attempt.round,
	                               .attempt = w->attempt.attempt,
	                               .model = w->attempt.model};
	struct hash ctx;

	keys_plan_hash(&context.plan, w->plan.octets);
	keys_ctx(&ctx, &context);
	set_head(root, w, model);
	set_contexts(root, w, &ctx);
	for (uint32_t i = 0; i < w->n; i++)
		json_add(sites, site_of(w, i, &ctx));
	json_set(root, "sites", sites);
	for (uint32_t j = 0; j < w->words; j++)
		json_add(sum, json_new_integer(pack_signed(w->sum[j], w->plan.bits)));
	json_set(root, "sum", sum);
	json_write(out, root, true);
	json_free(root);
}
