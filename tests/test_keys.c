/* crypto/keys: what the transcripts (test_transcript) do not reach: many sites, hostile keys, and that every field
 * counts. */
#include "base/random.h"
#include "crypto/keys.h"
#include "tests/support/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#define SITES_MAX_HERE 600

static struct rng numbers;
static size_t drawn[8], draws;

static void fill_seeded(void *context, uint8_t *out, size_t n)
{
	(void)context;
	if (draws < sizeof drawn / sizeof drawn[0])
		drawn[draws++] = n;
	rng_octets(&numbers, out, n);
}

static const struct entropy seeded = {.fill = fill_seeded};
static struct hash ctx, sid, u2h;

static int prepare(void **state)
{
	(void)state;
	rng_seeded(&numbers, 1, "keys");
	memset(ctx.b, 1, sizeof ctx.b);
	memset(sid.b, 2, sizeof sid.b);
	memset(u2h.b, 3, sizeof u2h.b);
	return sodium_init() < 0 ? -1 : 0;
}

/* ---- contexts */

static struct hash ctx_of(const struct keys_context *c)
{
	struct hash h;
	keys_ctx(&h, c);
	return h;
}

static void every_field_of_ctx_counts(void **state)
{
	(void)state;
	const struct keys_context base = {.federation = bytes_text("heart"),
	                                  .study_hash = bytes_text("01234567890123456789012345678901"),
	                                  .round = 3,
	                                  .attempt = 2};
	struct hash expected = ctx_of(&base), other;
	struct keys_context changed[7];
	for (int i = 0; i < 7; i++)
		changed[i] = base;
	changed[0].federation = bytes_text("heard");
	changed[1].study_hash = bytes_text("01234567890123456789012345678902");
	changed[2].round += (uint64_t)1 << 32;
	changed[3].attempt++;
	changed[4].model.b[31] = 1;
	changed[5].plan.b[0] = 1;
	changed[6].federation = bytes_text("heart0"); /* moved over the border of two fields */
	changed[6].study_hash = bytes_text("1234567890123456789012345678901");
	for (int i = 0; i < 7; i++) {
		other = ctx_of(&changed[i]);
		assert_false(hash_equal(&other, &expected));
	}
}

/* ---- sid */

static struct signed_adv u1[SITES_MAX_HERE];

static void fill_u1(void)
{
	rng_octets(&numbers, (uint8_t *)u1, sizeof u1);
	for (uint32_t i = 0; i < SITES_MAX_HERE; i++)
		store_u32(u1[i].adv.b, 7 * i + 4);
}

static struct bytes of(const struct hash *h)
{
	return bytes_of(h->b, sizeof h->b);
}

/* The same tree from above: the left part is the largest power of two below the count. */
static struct hash slow_root(const struct signed_adv *advs, uint32_t count)
{
	struct hash h;
	if (count == 1) {
		const struct bytes leaf = bytes_of(advs, sizeof *advs);
		hash_fields(&h, NULL, "COHRTmkl", &leaf, 1);
		return h;
	}
	uint32_t left_count = 1;
	while (2 * left_count < count)
		left_count *= 2;
	struct hash left = slow_root(advs, left_count), right = slow_root(advs + left_count, count - left_count);
	const struct bytes pair[] = {of(&left), of(&right)};
	hash_fields(&h, NULL, "COHRTmkn", pair, 2);
	return h;
}

static struct hash slow_sid(uint32_t count)
{
	struct bytes *fields = mem_array(2 + 2 * (size_t)count, sizeof *fields);
	struct hash h, root;
	uint8_t number[4];
	size_t used = 2;
	store_u32(number, count);
	fields[0] = of(&ctx);
	fields[1] = bytes_of(number, 4);
	if (count > 256) {
		root = slow_root(u1, count);
		fields[used++] = of(&root);
	}
	for (uint32_t i = 0; i < count && count <= 256; i++) {
		fields[used++] = bytes_of(u1[i].adv.b, 100);
		fields[used++] = bytes_of(u1[i].signature, 64);
	}
	hash_fields(&h, NULL, "COHRTsid", fields, used);
	free(fields);
	return h;
}

static void sid_of_many(void **state)
{
	(void)state;
	const uint32_t counts[] = {1, 2, 3, 255, 256, 257, 258, 259, 260, 383, 384, 385, 511, 512, 513, 600};
	fill_u1();
	for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
		struct hash made, slow = slow_sid(counts[i]);
		keys_sid(&made, &ctx, u1, counts[i]);
		assert_memory_equal(&made, &slow, sizeof made);
	}
}

/* Each octet of each site's keys and signature, for a flat sid and for one over a tree. */
static void every_octet_of_u1_counts(void **state)
{
	(void)state;
	const uint32_t counts[] = {5, 259};
	fill_u1();
	for (int i = 0; i < 2; i++) {
		struct hash expected, made;
		keys_sid(&expected, &ctx, u1, counts[i]);
		for (size_t at = 0; at < counts[i] * sizeof u1[0]; at += i ? 97 : 1) {
			((uint8_t *)u1)[at] ^= 0x10;
			keys_sid(&made, &ctx, u1, counts[i]);
			assert_false(hash_equal(&made, &expected));
			((uint8_t *)u1)[at] ^= 0x10;
		}
		keys_sid(&made, &sid, u1, counts[i]);
		assert_false(hash_equal(&made, &expected));
	}
}

static void sid_of_none(void *context)
{
	struct hash h;
	(void)context;
	keys_sid(&h, &ctx, u1, 0);
}

/* ---- drawing */

static void drawing(void **state)
{
	(void)state;
	static const size_t order[] = {32, 64, 64, 32};
	struct secret locked;
	struct keys_secrets *s = keys_secrets_new(&locked);
	struct adv adv, again;
	assert_true(sodium_is_zero(locked.ptr, locked.len));
	draws = 0;
	keys_draw(s, &adv, &ctx, 25, &seeded);
	assert_int_equal(draws, 4);
	assert_memory_equal(drawn, order, sizeof order);
	assert_int_equal(adv_site(&adv), 25);
	assert_true(shamir_canonical(&s->sigma) && shamir_canonical(&s->beta));
	keys_advertise(s, &again, &ctx, 25, adv_r(&adv));
	assert_memory_equal(&adv, &again, sizeof adv);
	secret_free(&locked);
}

/* ---- points */

/* Points of low order, as https://cr.yp.to/ecdh.html lists them, and other spellings of 0 and 1. */
static const char *const bad_points[] = {
	"0000000000000000000000000000000000000000000000000000000000000000", /* low order */
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p - 1 */
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", /* p */
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};
#define BAD_POINTS (sizeof bad_points / sizeof bad_points[0])

static void points(void **state)
{
	(void)state;
	uint8_t point[KEYS_SIZE];
	for (size_t i = 0; i < BAD_POINTS; i++) {
		assert_true(hex_decode(point, sizeof point, bad_points[i]));
		assert_false(keys_point_valid(point));
		point[31] |= 0x80;
		assert_false(keys_point_valid(point));
	}
	memset(point, 0xff, sizeof point);
	point[31] = 0x7f;
	for (uint32_t low = 0xed; low <= 0xff; low++) { /* p .. 2^255 - 1: other spellings of 0 .. 18 */
		point[0] = (uint8_t)low;
		assert_false(keys_point_valid(point));
	}
	point[0] = 0xeb; /* p - 2 */
	assert_true(keys_point_valid(point));
	point[0] = 0xff;
	point[30] = 0xfe;
	assert_true(keys_point_valid(point));
	memset(point, 0, sizeof point);
	point[0] = 9;
	assert_true(keys_point_valid(point));
	point[31] = 0x80; /* 9 again, spelled differently */
	assert_false(keys_point_valid(point));
	for (uint32_t i = 0; i < 50; i++) {
		uint8_t sk[KEYS_SIZE];
		rng_octets(&numbers, sk, sizeof sk);
		crypto_scalarmult_base(point, sk);
		assert_true(keys_point_valid(point));
	}
}

/* ---- keys between two sites */

static struct keys_secrets a_secrets, b_secrets;
static struct adv a, b;

static void two_sites(void)
{
	keys_draw(&a_secrets, &a, &ctx, 18, &seeded);
	keys_draw(&b_secrets, &b, &ctx, 11, &seeded);
}

static void low_order_peers(void **state)
{
	(void)state;
	uint8_t one[KEYS_SIZE], two[KEYS_SIZE];
	two_sites();
	for (size_t i = 0; i < BAD_POINTS; i++) {
		struct adv bad = b;
		assert_true(hex_decode(bad.b + 4, KEYS_SIZE, bad_points[i]));
		assert_int_equal(keys_share_keys(one, two, &a_secrets, &a, &bad, &sid), ERR_PEER_MESSAGE);
		bad = b;
		assert_true(hex_decode(bad.b + 36, KEYS_SIZE, bad_points[i]));
		assert_int_equal(keys_pair_mask(one, a_secrets.s_sk, &a, &bad, &sid, &u2h), ERR_PEER_MESSAGE);
	}
}

static void directions_differ(void **state)
{
	(void)state;
	uint8_t ab[KEYS_SIZE], ba[KEYS_SIZE], ab_there[KEYS_SIZE], ba_there[KEYS_SIZE], other[KEYS_SIZE];
	two_sites();
	assert_int_equal(keys_share_keys(ab, ba, &a_secrets, &a, &b, &sid), OK);
	assert_int_equal(keys_share_keys(ba_there, ab_there, &b_secrets, &b, &a, &sid), OK);
	assert_memory_equal(ab, ab_there, sizeof ab);
	assert_memory_equal(ba, ba_there, sizeof ba);
	assert_memory_not_equal(ab, ba, sizeof ab);
	assert_int_equal(keys_share_keys(other, ba, &a_secrets, &a, &b, &u2h), OK); /* another sid */
	assert_memory_not_equal(ab, other, sizeof ab);
}

/* m_uv: the same from both sides, another for another sid or U2h, another than the own mask. */
static void pair_masks(void **state)
{
	(void)state;
	uint8_t here[KEYS_SIZE], there[KEYS_SIZE], other[KEYS_SIZE];
	two_sites();
	assert_int_equal(keys_pair_mask(here, a_secrets.s_sk, &a, &b, &sid, &u2h), OK);
	assert_int_equal(keys_pair_mask(there, b_secrets.s_sk, &b, &a, &sid, &u2h), OK);
	assert_memory_equal(here, there, sizeof here);
	assert_int_equal(keys_pair_mask(other, a_secrets.s_sk, &a, &b, &ctx, &u2h), OK);
	assert_memory_not_equal(here, other, sizeof here);
	assert_int_equal(keys_pair_mask(other, a_secrets.s_sk, &a, &b, &sid, &sid), OK);
	assert_memory_not_equal(here, other, sizeof here);

	keys_self_mask(here, &a_secrets.beta, 18, &sid, &u2h);
	keys_self_mask(other, &a_secrets.beta, 19, &sid, &u2h);
	assert_memory_not_equal(here, other, sizeof here);
	keys_self_mask(other, &a_secrets.beta, 18, &sid, &sid);
	assert_memory_not_equal(here, other, sizeof here);
	keys_self_mask(other, &a_secrets.beta, 18, &ctx, &u2h);
	assert_memory_not_equal(here, other, sizeof here);
	keys_self_mask(other, &a_secrets.sigma, 18, &sid, &u2h);
	assert_memory_not_equal(here, other, sizeof here);
}

/* What comes out of wrong shares is not taken. */
static void recovered_secrets(void **state)
{
	(void)state;
	uint8_t s_sk[KEYS_SIZE];
	struct hash cmt;
	struct scalar wrong;
	two_sites();
	assert_int_equal(keys_recover(s_sk, &a_secrets.sigma, &ctx, &a), OK);
	assert_memory_equal(s_sk, a_secrets.s_sk, sizeof s_sk);
	assert_int_equal(keys_recover(s_sk, &a_secrets.sigma, &sid, &a), ERR_PEER_MESSAGE);
	assert_true(sodium_is_zero(s_sk, sizeof s_sk));
	assert_int_equal(keys_recover(s_sk, &a_secrets.sigma, &ctx, &b), ERR_PEER_MESSAGE);
	keys_commitment(&cmt, &sid, &a_secrets.beta);
	assert_true(keys_beta_matches(&a_secrets.beta, &sid, &cmt));
	assert_false(keys_beta_matches(&a_secrets.beta, &ctx, &cmt));
	for (uint32_t bit = 0; bit < 252; bit++) {
		wrong = a_secrets.sigma;
		wrong.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (bit % 16 == 0)
			assert_int_equal(keys_recover(s_sk, &wrong, &ctx, &a), ERR_PEER_MESSAGE);
		wrong = a_secrets.beta;
		wrong.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(keys_beta_matches(&wrong, &sid, &cmt));
	}
}

static void shares_with_itself(void *context)
{
	uint8_t one[KEYS_SIZE], two[KEYS_SIZE];
	(void)context;
	(void)!keys_share_keys(one, two, &a_secrets, &a, &a, &sid);
}

static void mask_with_itself(void *context)
{
	uint8_t one[KEYS_SIZE];
	(void)context;
	(void)!keys_pair_mask(one, a_secrets.s_sk, &a, &a, &sid, &u2h);
}

static void message_without_room(void *context)
{
	struct buf small;
	(void)context;
	buf_init(&small, 100);
	keys_message_adv(&small, &ctx, &a);
}

static void mistakes(void **state)
{
	(void)state;
	two_sites();
	child_expect_check("count > 0", sid_of_none, NULL);
	child_expect_check("adv_site(own) != adv_site(peer)", shares_with_itself, NULL);
	child_expect_check("adv_site(own) != adv_site(peer)", mask_with_itself, NULL);
	child_expect_check("!out->failed", message_without_room, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_of_ctx_counts),
		cmocka_unit_test(sid_of_many),
		cmocka_unit_test(every_octet_of_u1_counts),
		cmocka_unit_test(drawing),
		cmocka_unit_test(points),
		cmocka_unit_test(low_order_peers),
		cmocka_unit_test(directions_differ),
		cmocka_unit_test(pair_masks),
		cmocka_unit_test(recovered_secrets),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, prepare, NULL);
}
