/*
 * What one attempt costs beside masks: keys and shares of a site with 100 neighbours, and reconstruction at the
 * coordinator. The best of many runs, thread CPU time.
 *
 *   site          own keys; for each neighbour both directions' key, two shares sealed and two opened, the pair's mask
 *                 (reference: the X25519 multiplications alone, one for each agreement and two for the own keys)
 *   shares        two secrets shared among 101 points with t = 51, alone
 *   verify        100 signatures over the neighbours' keys, alone
 *   weights       of 251 survivors; combine: one secret from their shares
 */
#include "base/bytes.h"
#include "crypto/keys.h"
#include "crypto/seal.h"
#include "crypto/shamir.h"
#include "tests/bench/figure.h"

#include <sodium.h>
#include <stdlib.h>

#define RUNS 20
#define PEERS 100
#define SITES (PEERS + 1)
#define T 51
#define SURVIVORS 251

struct bench {
	struct entropy entropy;
	struct hash ctx, sid, u2h;
	struct keys_secrets secrets[SITES]; /* fixed: here there is nothing to hide */
	struct signed_adv advs[SITES];
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE], identity_pk[KEYS_IDENTITY_PUBLIC_SIZE];
	struct scalar a_sigma[T - 1], a_beta[T - 1];
	struct seal_shares shares[SITES];
	uint8_t received[SITES][SEAL_SIZE]; /* from each site to site 0 */
	uint8_t sent[SITES][SEAL_SIZE], masks[SITES][KEYS_SIZE];
	struct buf message;
	uint32_t x[SURVIVORS];
	struct scalar weights[SURVIVORS], survivors[SURVIVORS];
};

static void reference(struct bench *b)
{
	uint8_t out[KEYS_SIZE];
	for (uint32_t i = 0; i < 2; i++)
		CHECK(crypto_scalarmult_base(out, b->secrets[0].c_sk) == 0);
	for (uint32_t i = 0; i < 2 * PEERS; i++)
		CHECK(crypto_scalarmult(out, b->secrets[0].c_sk, adv_c_pk(&b->advs[1 + i % PEERS].adv)) == 0);
}

static void shares(struct bench *b)
{
	for (uint32_t i = 0; i < T - 1; i++) {
		shamir_random(&b->a_sigma[i], &b->entropy);
		shamir_random(&b->a_beta[i], &b->entropy);
	}
	for (uint32_t v = 0; v < SITES; v++) {
		shamir_share(&b->shares[v].sigma, &b->secrets[0].sigma, b->a_sigma, T, v + 1);
		shamir_share(&b->shares[v].beta, &b->secrets[0].beta, b->a_beta, T, v + 1);
	}
}

/* Seals `u`'s shares for `v`, and gives the key of the other direction. */
static void seal(struct bench *b, uint8_t ct[SEAL_SIZE], uint8_t receiving[KEYS_SIZE], uint32_t u, uint32_t v)
{
	const struct seal_label label = {.sid = &b->sid, .from = u + 1, .to = v + 1, .x = v + 1, .t = T};
	uint8_t sending[KEYS_SIZE], nonce[SEAL_NONCE_SIZE];
	CHECK(keys_share_keys(sending, receiving, &b->secrets[u], &b->advs[u].adv, &b->advs[v].adv, &b->sid) == OK);
	entropy_fill(&b->entropy, nonce, sizeof nonce);
	seal_close(ct, sending, nonce, &label, &b->shares[v]);
}

static void site(struct bench *b)
{
	uint8_t receiving[KEYS_SIZE];
	struct keys_secrets fresh;
	struct seal_shares opened;
	struct adv adv;
	keys_draw(&fresh, &adv, &b->ctx, 1, &b->entropy);
	shares(b);
	for (uint32_t v = 1; v < SITES; v++) {
		const struct seal_label label = {.sid = &b->sid, .from = v + 1, .to = 1, .x = 1, .t = T};
		seal(b, b->sent[v], receiving, 0, v);
		CHECK(seal_open(&opened, receiving, &label, bytes_of(b->received[v], SEAL_SIZE)) == OK);
		CHECK(keys_pair_mask(b->masks[v], b->secrets[0].s_sk, &b->advs[0].adv, &b->advs[v].adv, &b->sid,
		                     &b->u2h) == OK);
	}
}

static void verify(struct bench *b)
{
	for (uint32_t v = 1; v < SITES; v++) {
		keys_message_adv(&b->message, &b->ctx, &b->advs[v].adv);
		CHECK(keys_verify(b->identity_pk, buf_bytes(&b->message), b->advs[v].signature));
	}
}

static void weights(struct bench *b)
{
	CHECK(shamir_weights(b->weights, b->x, SURVIVORS) == OK);
}

static void combine(struct bench *b)
{
	struct scalar secret;
	shamir_combine(&secret, b->weights, b->survivors, SURVIVORS);
}

static void bench_init(struct bench *b)
{
	uint8_t seed[32] = {1}, receiving[KEYS_SIZE];
	b->entropy = entropy_system();
	buf_init(&b->message, KEYS_MESSAGE_MAX);
	crypto_sign_seed_keypair(b->identity_pk, b->identity, seed);
	for (uint32_t u = 0; u < SITES; u++) {
		keys_draw(&b->secrets[u], &b->advs[u].adv, &b->ctx, u + 1, &b->entropy);
		keys_message_adv(&b->message, &b->ctx, &b->advs[u].adv);
		keys_sign(b->advs[u].signature, b->identity, buf_bytes(&b->message));
	}
	shares(b);
	for (uint32_t u = 1; u < SITES; u++)
		seal(b, b->received[u], receiving, u, 0);
	for (uint32_t i = 0; i < SURVIVORS; i++) {
		b->x[i] = 1 + 500 * i / SURVIVORS; /* some of 500 sites are lost */
		shamir_random(&b->survivors[i], &b->entropy);
	}
}

static double seconds_of(struct bench *b, void (*part)(struct bench *b))
{
	double start = thread_seconds();
	part(b);
	return thread_seconds() - start;
}

int main(void)
{
	static struct bench b;
	static void (*const parts[])(struct bench * b) = {reference, site, shares, verify, weights, combine};
	enum { PARTS = sizeof parts / sizeof parts[0] };
	double best[PARTS];

	secret_init();
	bench_init(&b);
	for (int i = 0; i < PARTS; i++)
		best[i] = INFINITY;
	for (int run = 0; run < RUNS; run++)
		for (int i = 0; i < PARTS; i++)
			best[i] = fmin(best[i], seconds_of(&b, parts[i]));
	figure("attempt_keys_and_shares_100_peers", 1e3 * best[1], "ms", 1e3 * best[0]);
	figure("attempt_shares_101_points", 1e3 * best[2], "ms", NAN);
	figure("attempt_verify_100_signatures", 1e3 * best[3], "ms", NAN);
	figure("shamir_weights_251", 1e3 * best[4], "ms", NAN);
	figure("shamir_combine_251", 1e3 * best[5], "ms", NAN);
	buf_free(&b.message);
	return 0;
}
