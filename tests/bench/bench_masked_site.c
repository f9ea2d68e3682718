/*
 * What one masked attempt costs a site: the whole core (crypto/secagg_client.h), from opening the attempt to the answer,
 * against what everyone else told it in an attempt that ran to its end. The site draws the same secrets in each run, so
 * that what it was told stays right. The best of many runs, thread CPU time.
 *
 *   site_attempt_20_peers             1,000,000 words of 32 bits: keys, the others' signatures on both sides, shares sealed
 *                                     and opened, 21 masks, signatures, records in locked memory             goal 22 ms
 *   site_attempt_20_peers_flower      the same against the primitives of Flower's SecAgg+ for such a site: 262 ms, measured
 *                                     once on a core like this one
 *   site_attempt_20_peers_masks       of it mask_input, and _rest everything else
 *   site_attempt_20_peers_hash        not in it: SHA-256 of the masked vector, which goes with every upload, masked or not
 *   site_octets_per_word              all that the site sends in that attempt, per word            goal 1.01 * 4 octets
 *   site_keys_and_shares_100_peers    few words: from opening to the masks' keys, less the check of the 101 signatures,
 *                                     which is measured alone in the same run                                goal 10 ms
 *   site_keys_and_shares_x25519       the same against 200 agreements of X25519 and the two own keys alone
 *   site_keys_and_shares_signed       the same with the check of the signatures
 *   site_answers_100_peers            the rest of that attempt: C(y), U3, the signatures on it, the answer
 *   site_verify_signature             one of those checks
 */
#include "crypto/keys.h"
#include "tests/bench/figure.h"
#include "tests/support/masked.h"

#include <sodium.h>
#include <stdlib.h>

#define RUNS 25 /* with a large vector; four times as many without */
#define SELF 9 /* index of the measured site: peers on both sides of it */
#define SMALL_WORDS 64
#define LARGE_WORDS 1000000
#define BITS 32
#define GOAL_ATTEMPT_MS 22
#define GOAL_KEYS_MS 10
#define GOAL_OCTETS (1.01 * BITS / 8)
#define FLOWER_ATTEMPT_MS 262

enum part { KEYS_AND_SHARES, MASKS, HASH, ANSWERS, X25519, VERIFY, PARTS };

struct bench {
	struct masked world;
	struct buf said[SECAGG_PHASE_COUNT]; /* to the measured site, by the coordinator */
	uint32_t words;
	uint32_t *x;
	uint8_t *y;
	double run[PARTS], best[PARTS], best_attempt; /* seconds */
	uint64_t sent; /* octets of one attempt */
};

/* The world plays the attempt with few words: the plan's octets are opaque here, so other words do not change what is said. */
static void bench_init(struct bench *b, uint32_t sites, uint32_t words)
{
	*b = (struct bench){.words = words, .best_attempt = INFINITY};
	masked_init(&b->world, sites, sites, sites / 5, 0, SMALL_WORDS, BITS);
	masked_begin(&b->world, 1);
	masked_run(&b->world);
	CHECK(masked_exact(&b->world));
	for (int p = SECAGG_SHARES; p < SECAGG_PHASE_COUNT; p++)
		secagg_server_say(b->world.server, (enum secagg_phase)p, b->world.sites[SELF].number, &b->said[p]);
	b->x = mem_array(words, sizeof *b->x);
	b->y = mem_array(words, sizeof *b->x);
	for (int i = 0; i < PARTS; i++)
		b->best[i] = INFINITY;
}

static void bench_free(struct bench *b)
{
	masked_free(&b->world);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_free(&b->said[p]);
	free(b->x);
	free(b->y);
}

static double lap(double *since)
{
	double now = thread_seconds(), passed = now - *since;
	*since = now;
	return passed;
}

/* Persists and sends as a shell does, into nothing. */
static void pump(struct bench *b, struct secagg_client *c)
{
	struct secagg_client_action a;
	while (secagg_client_next(c, &a)) {
		if (a.kind == SECAGG_CLIENT_PERSIST)
			secagg_client_persisted(c);
		else if (a.kind == SECAGG_CLIENT_SEND)
			b->sent += secagg_client_sent(c, a.phase).len;
	}
}

static void told(struct bench *b, struct secagg_client *c, enum secagg_phase phase)
{
	struct diag why = {0};
	enum err e = secagg_client_message(c, phase, buf_bytes(&b->said[phase]), &why);
	if (e)
		fprintf(stderr, "%s\n", why.text);
	CHECK(!e);
	pump(b, c);
}

static void attempt(struct bench *b)
{
	struct secagg_client_config config = masked_config(&b->world, SELF);
	struct secagg_client *c;
	struct hash y;
	uint32_t count;
	double since = thread_seconds();

	config.plan.words = b->words;
	rng_seeded(&b->world.sites[SELF].draws, masked_draws_seed(&b->world, SELF), "draws");
	b->sent = secagg_input_octets(&config.plan);
	CHECK(secagg_client_open(&c, &config, bytes_of(NULL, 0), NULL) == OK);
	pump(b, c);
	told(b, c, SECAGG_SHARES);
	told(b, c, SECAGG_INPUT);
	b->run[KEYS_AND_SHARES] = lap(&since);
	const struct mask *masks = secagg_client_masks(c, &count);
	CHECK(count == b->world.n);
	mask_input(b->y, b->x, 0, b->words, BITS, masks, count);
	b->run[MASKS] = lap(&since);
	sha256_of(&y, bytes_of(b->y, secagg_input_octets(&config.plan)));
	b->run[HASH] = lap(&since);
	CHECK(secagg_client_masked(c, &y, NULL) == OK);
	pump(b, c);
	told(b, c, SECAGG_SURVIVORS);
	told(b, c, SECAGG_OPENING);
	CHECK(secagg_client_state(c) == SECAGG_CLIENT_ANSWERED);
	secagg_client_free(c);
	b->run[ANSWERS] = lap(&since);
}

static void agreements(const struct bench *b)
{
	const struct signed_adv *advs = (const void *)b->said[SECAGG_SHARES].ptr;
	const uint8_t secret[KEYS_SIZE] = {77};
	uint8_t out[KEYS_SIZE];
	for (uint32_t i = 0; i < 2; i++)
		CHECK(crypto_scalarmult_base(out, secret) == 0);
	for (uint32_t i = 0; i < b->world.n; i++) {
		if (i == SELF)
			continue;
		CHECK(crypto_scalarmult(out, secret, adv_c_pk(&advs[i].adv)) == 0);
		CHECK(crypto_scalarmult(out, secret, adv_s_pk(&advs[i].adv)) == 0);
	}
}

static void signatures(const struct bench *b)
{
	const struct signed_adv *advs = (const void *)b->said[SECAGG_SHARES].ptr;
	struct buf message;
	struct hash ctx, plan;
	keys_plan_hash(&plan, b->world.plan.octets);
	keys_ctx(&ctx, &(struct keys_context){.federation = b->world.attempt.federation,
	                                      .study_hash = b->world.attempt.study,
	                                      .round = b->world.attempt.round,
	                                      .attempt = b->world.attempt.attempt,
	                                      .model = b->world.attempt.model,
	                                      .plan = plan});
	buf_init(&message, KEYS_MESSAGE_MAX);
	for (uint32_t i = 0; i < b->world.n; i++) {
		keys_message_adv(&message, &ctx, &advs[i].adv);
		CHECK(keys_verify(b->world.invited[i].identity, buf_bytes(&message), advs[i].signature));
	}
	buf_free(&message);
}

static void run(struct bench *b)
{
	double since;
	attempt(b);
	double whole = b->run[KEYS_AND_SHARES] + b->run[MASKS] + b->run[ANSWERS];
	since = thread_seconds();
	agreements(b);
	b->run[X25519] = lap(&since);
	signatures(b);
	b->run[VERIFY] = lap(&since);
	b->best_attempt = fmin(b->best_attempt, whole);
	for (int i = 0; i < PARTS; i++)
		b->best[i] = fmin(b->best[i], b->run[i]);
}

static void large_vector(void)
{
	struct bench b;
	bench_init(&b, 21, LARGE_WORDS);
	for (int i = 0; i < RUNS; i++)
		run(&b);
	figure("site_attempt_20_peers", 1e3 * b.best_attempt, "ms", GOAL_ATTEMPT_MS);
	figure("site_attempt_20_peers_flower", 1e3 * b.best_attempt, "ms", FLOWER_ATTEMPT_MS);
	figure("site_attempt_20_peers_masks", 1e3 * b.best[MASKS], "ms", NAN);
	figure("site_attempt_20_peers_rest", 1e3 * (b.best[KEYS_AND_SHARES] + b.best[ANSWERS]), "ms", NAN);
	figure("site_attempt_20_peers_hash", 1e3 * b.best[HASH], "ms", NAN);
	figure("site_octets_per_word", (double)b.sent / LARGE_WORDS, "octets", GOAL_OCTETS);
	bench_free(&b);
}

static void many_peers(void)
{
	struct bench b;
	bench_init(&b, 101, SMALL_WORDS);
	for (int i = 0; i < 4 * RUNS; i++)
		run(&b);
	double with = 1e3 * b.best[KEYS_AND_SHARES], without = 1e3 * (b.best[KEYS_AND_SHARES] - b.best[VERIFY]);
	figure("site_keys_and_shares_100_peers", without, "ms", GOAL_KEYS_MS);
	figure("site_keys_and_shares_x25519", without, "ms", 1e3 * b.best[X25519]);
	figure("site_keys_and_shares_signed", with, "ms", GOAL_KEYS_MS);
	figure("site_answers_100_peers", 1e3 * b.best[ANSWERS], "ms", NAN);
	figure("site_verify_signature", 1e6 * b.best[VERIFY] / b.world.n, "us", NAN);
	bench_free(&b);
}

int main(void)
{
	secret_init();
	large_vector();
	many_peers();
	return 0;
}
