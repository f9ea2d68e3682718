/* The two whole attempts in tests/vectors, by an independent implementation: every octet again from the secrets. */
#include "crypto/bitmap.h"
#include "crypto/keys.h"
#include "crypto/mask.h"
#include "crypto/seal.h"
#include "crypto/shamir.h"
#include "tests/support/transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define FILES 2

static const char *const paths[FILES] = {"tests/vectors/secagg_n4_one_drop.json",
                                         "tests/vectors/secagg_n5_no_drop.json"};
static struct transcript *transcripts[FILES];
static struct buf message;

static int read_all(void **state)
{
	(void)state;
	if (sodium_init() < 0)
		return -1;
	buf_init(&message, KEYS_MESSAGE_MAX);
	for (int i = 0; i < FILES; i++)
		transcripts[i] = transcript_read(paths[i]);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	for (int i = 0; i < FILES; i++)
		transcript_free(transcripts[i]);
	buf_free(&message);
	return 0;
}

static void on_each(void (*check)(const struct transcript *t))
{
	for (int i = 0; i < FILES; i++)
		check(transcripts[i]);
}

static void on_each_site(void (*check)(const struct transcript *t, const struct transcript_site *s))
{
	for (int i = 0; i < FILES; i++)
		for (uint32_t u = 0; u < transcripts[i]->count; u++)
			check(transcripts[i], &transcripts[i]->sites[u]);
}

static struct bytes u2_of(const struct transcript *t)
{
	return bytes_of(t->u2, bitmap_size(t->count));
}

/* Signs the built message as `s` and requires the transcript's signature, which must verify. */
static void expect_signed(const struct transcript_site *s, const uint8_t signature[KEYS_SIGNATURE_SIZE])
{
	uint8_t made[KEYS_SIGNATURE_SIZE];
	keys_sign(made, s->identity, buf_bytes(&message));
	assert_memory_equal(made, signature, sizeof made);
	assert_true(keys_verify(s->identity_pk, buf_bytes(&message), signature));
}

static void check_context(const struct transcript *t)
{
	struct keys_context c = {.federation = buf_bytes(&t->federation),
	                         .study_hash = buf_bytes(&t->study_hash),
	                         .round = t->round,
	                         .attempt = t->attempt};
	struct signed_adv u1[TRANSCRIPT_SITES_MAX];
	struct hash made;
	sha256_of(&c.model, buf_bytes(&t->model));
	keys_plan_hash(&c.plan, buf_bytes(&t->plan));
	keys_ctx(&made, &c);
	assert_memory_equal(&made, &t->ctx, sizeof made);
	for (uint32_t u = 0; u < t->count; u++)
		u1[u] = t->sites[u].adv;
	keys_sid(&made, &t->ctx, u1, t->count);
	assert_memory_equal(&made, &t->sid, sizeof made);
	keys_u2h(&made, &t->sid, u2_of(t));
	assert_memory_equal(&made, &t->u2h, sizeof made);
}

static void contexts(void **state)
{
	(void)state;
	on_each(check_context);
}

static void check_adv(const struct transcript *t, const struct transcript_site *s)
{
	struct keys_secrets secrets = s->secrets;
	uint8_t pk[KEYS_IDENTITY_PUBLIC_SIZE], sk[KEYS_IDENTITY_SECRET_SIZE];
	struct adv adv;
	memset(secrets.s_sk, 0, sizeof secrets.s_sk);
	keys_advertise(&secrets, &adv, &t->ctx, s->site, adv_r(&s->adv.adv));
	assert_memory_equal(&secrets, &s->secrets, sizeof secrets);
	assert_memory_equal(&adv, &s->adv.adv, sizeof adv);
	assert_int_equal(adv_site(&adv), s->site);
	assert_true(keys_point_valid(adv_c_pk(&adv)) && keys_point_valid(adv_s_pk(&adv)));
	crypto_sign_seed_keypair(pk, sk, s->identity);
	assert_memory_equal(pk, s->identity_pk, sizeof pk);
	assert_memory_equal(sk, s->identity, sizeof sk);
	keys_message_adv(&message, &t->ctx, &adv);
	expect_signed(s, s->adv.signature);
}

static void advertised_keys(void **state)
{
	(void)state;
	on_each_site(check_adv);
}

/* Shares and ciphertext from `s` to rank v, and what v reads from it. */
static void check_ciphertext(const struct transcript *t, const struct transcript_site *s, uint32_t v)
{
	const struct transcript_site *peer = &t->sites[v];
	uint8_t sending[KEYS_SIZE], receiving[KEYS_SIZE], there[KEYS_SIZE], back[KEYS_SIZE], ct[SEAL_SIZE];
	struct seal_label label = {.sid = &t->sid, .from = s->site, .to = peer->site, .x = v + 1, .t = t->t};
	struct seal_shares shares, opened;
	shamir_share(&shares.sigma, &s->secrets.sigma, s->a_sigma, t->t, v + 1);
	shamir_share(&shares.beta, &s->secrets.beta, s->a_beta, t->t, v + 1);
	assert_int_equal(keys_share_keys(sending, receiving, &s->secrets, &s->adv.adv, &peer->adv.adv, &t->sid), OK);
	assert_int_equal(keys_share_keys(back, there, &peer->secrets, &peer->adv.adv, &s->adv.adv, &t->sid), OK);
	assert_memory_equal(sending, there, KEYS_SIZE);
	assert_memory_equal(receiving, back, KEYS_SIZE);
	seal_close(ct, sending, s->ct[v], &label, &shares);
	assert_memory_equal(ct, s->ct[v], SEAL_SIZE);
	assert_int_equal(seal_open(&opened, there, &label, bytes_of(s->ct[v], SEAL_SIZE)), OK);
	assert_memory_equal(&opened, &shares, sizeof shares);
}

static void check_shares(const struct transcript *t, const struct transcript_site *s)
{
	struct hash cmt, list_hash;
	struct buf list;
	buf_init(&list, KEYS_MESSAGE_MAX);
	for (uint32_t v = 0; v < t->count; v++) {
		if (t->sites[v].site == s->site)
			continue;
		check_ciphertext(t, s, v);
		buf_put_u32(&list, t->sites[v].site);
		buf_put(&list, bytes_of(s->ct[v], SEAL_SIZE));
	}
	keys_commitment(&cmt, &t->sid, &s->secrets.beta);
	assert_memory_equal(&cmt, &s->cmt, sizeof cmt);
	sha256_of(&list_hash, buf_bytes(&list));
	keys_message_shares(&message, &t->sid, s->site, &cmt, &list_hash);
	expect_signed(s, s->phase1);
	buf_free(&list);
}

static void sealed_shares(void **state)
{
	(void)state;
	on_each_site(check_shares);
}

/* The mask of u's pair with v, or its own, as u adds it. */
static void mask_between(struct mask *m, const struct transcript *t, uint32_t u, uint32_t v)
{
	const struct transcript_site *s = &t->sites[u], *peer = &t->sites[v];
	uint8_t other[KEYS_SIZE];
	m->subtract = v > u;
	if (u == v) {
		keys_self_mask(m->key, &s->secrets.beta, s->site, &t->sid, &t->u2h);
		return;
	}
	assert_int_equal(keys_pair_mask(m->key, s->secrets.s_sk, &s->adv.adv, &peer->adv.adv, &t->sid, &t->u2h), OK);
	assert_int_equal(keys_pair_mask(other, peer->secrets.s_sk, &peer->adv.adv, &s->adv.adv, &t->sid, &t->u2h), OK);
	assert_memory_equal(m->key, other, KEYS_SIZE);
}

/* U2 is everybody in both files. */
static void check_masked(const struct transcript *t, const struct transcript_site *s)
{
	struct mask masks[TRANSCRIPT_SITES_MAX];
	uint8_t y[sizeof s->y];
	if (!s->in_u3)
		return;
	assert_int_equal(bitmap_count(t->u2, t->count), t->count);
	for (uint32_t v = 0; v < t->count; v++)
		mask_between(&masks[v], t, (uint32_t)(s - t->sites), v);
	assert_int_equal(pack_size(t->words, t->bits), s->y_size);
	mask_input(y, s->x, 0, t->words, t->bits, masks, t->count);
	assert_memory_equal(y, s->y, s->y_size);
}

static void masked_vectors(void **state)
{
	(void)state;
	on_each_site(check_masked);
}

/* The coordinator's side: own masks of the survivors off, and what the lost ones left in their vectors. */
static void check_sum(const struct transcript *t)
{
	uint32_t sum[TRANSCRIPT_WORDS_MAX] = {0};
	struct mask m;
	for (uint32_t u = 0; u < t->count; u++) {
		if (!bitmap_has(t->u3, u))
			continue;
		assert_true(pack_valid(bytes_of(t->sites[u].y, t->sites[u].y_size), t->words, t->bits));
		pack_add(sum, t->sites[u].y, t->words, t->bits);
		for (uint32_t v = 0; v < t->count; v++) {
			if (v != u && bitmap_has(t->u3, v))
				continue;
			mask_between(&m, t, u, v);
			m.subtract = !m.subtract;
			mask_add(sum, 0, t->words, &m, 1);
		}
	}
	for (uint32_t i = 0; i < t->words; i++)
		assert_int_equal(pack_signed(sum[i], t->bits), t->sum[i]);
}

static void sums(void **state)
{
	(void)state;
	on_each(check_sum);
}

static void check_input(const struct transcript *t, const struct transcript_site *s)
{
	struct hash y;
	if (!s->in_u3)
		return;
	sha256_of(&y, bytes_of(s->y, s->y_size));
	assert_memory_equal(&y, &s->y_hash, sizeof y);
	keys_message_input(&message, &t->sid, &t->u2h, s->site, &y);
	expect_signed(s, s->phase2);
	keys_message_survivors(&message, &t->sid, &t->u2h, bytes_of(t->u3, bitmap_size(t->count)));
	assert_int_equal(message.len, t->u3_message.len);
	assert_memory_equal(message.ptr, t->u3_message.ptr, message.len);
	expect_signed(s, s->phase3);
}

static void input_signatures(void **state)
{
	(void)state;
	on_each_site(check_input);
}

/* What member u of U3 answers about rank v: a share of beta where v is in U3, otherwise of sigma. */
static void check_answers(const struct transcript *t, const struct transcript_site *s)
{
	if (!s->in_u3)
		return;
	uint32_t x = 1 + (uint32_t)(s - t->sites);
	for (uint32_t v = 0; v < t->count; v++) {
		const struct transcript_site *dealer = &t->sites[v];
		struct scalar share;
		assert_true(s->answers[v].given);
		assert_true(s->answers[v].is_beta == bitmap_has(t->u3, v));
		if (s->answers[v].is_beta)
			shamir_share(&share, &dealer->secrets.beta, dealer->a_beta, t->t, x);
		else
			shamir_share(&share, &dealer->secrets.sigma, dealer->a_sigma, t->t, x);
		assert_memory_equal(&share, &s->answers[v].share, sizeof share);
	}
}

static void answers(void **state)
{
	(void)state;
	on_each_site(check_answers);
}

/* The coordinator's side: secrets from the first t members of U3, and their checks. */
static void check_reconstruction(const struct transcript *t)
{
	struct scalar weights[TRANSCRIPT_SITES_MAX], shares[TRANSCRIPT_SITES_MAX], secret;
	uint32_t x[TRANSCRIPT_SITES_MAX], from[TRANSCRIPT_SITES_MAX], count = 0;
	uint8_t s_sk[KEYS_SIZE];
	for (uint32_t u = t->count; u-- > 0 && count < t->t;) {
		if (!bitmap_has(t->u3, u))
			continue;
		from[count] = u;
		x[count++] = u + 1;
	}
	assert_int_equal(shamir_weights(weights, x, count), OK);
	for (uint32_t v = 0; v < t->count; v++) {
		const struct transcript_site *s = &t->sites[v];
		for (uint32_t i = 0; i < count; i++)
			shares[i] = t->sites[from[i]].answers[v].share;
		shamir_combine(&secret, weights, shares, count);
		if (bitmap_has(t->u3, v)) {
			assert_memory_equal(&secret, &s->secrets.beta, sizeof secret);
			assert_true(keys_beta_matches(&secret, &t->sid, &s->cmt));
			assert_int_equal(keys_recover(s_sk, &secret, &t->ctx, &s->adv.adv), ERR_PEER_MESSAGE);
		} else {
			assert_int_equal(keys_recover(s_sk, &secret, &t->ctx, &s->adv.adv), OK);
			assert_memory_equal(s_sk, s->secrets.s_sk, sizeof s_sk);
			assert_false(keys_beta_matches(&secret, &t->sid, &s->cmt));
		}
	}
}

static void reconstruction(void **state)
{
	(void)state;
	on_each(check_reconstruction);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contexts),      cmocka_unit_test(advertised_keys),
		cmocka_unit_test(sealed_shares), cmocka_unit_test(masked_vectors),
		cmocka_unit_test(sums),          cmocka_unit_test(input_signatures),
		cmocka_unit_test(answers),       cmocka_unit_test(reconstruction),
	};
	return cmocka_run_group_tests(tests, read_all, free_all);
}
