/*
 * A site against what a coordinator may send: each message permitted and not, cut, lengthened, out of order, and wrong in each of
 * the things that the site checks before its next answer. The site names who or what was wrong, and is silent from then on.
 */
#include "crypto/bitmap.h"
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define ALL(n) ((1ull << (n)) - 1)
#define SITES 6 /* t = m = 4 */

static struct buf list;

/* Everyone at the message before `phase`; `list` is then the right one for site 1. */
static void reach(struct masked *w, enum secagg_phase phase)
{
	masked_init(w, 61, SITES, 0, 0, 5, 20);
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masked_open(w, i, NULL), OK);
	for (int p = SECAGG_SHARES; p <= (int)phase; p++)
		for (uint32_t i = 0; i < SITES; i++) {
			uint32_t to = (i + 2) % SITES; /* site 1 last */
			if (p == SECAGG_SHARES)
				masked_u1(&list, w, ALL(SITES));
			else if (p == SECAGG_INPUT)
				masked_u2(&list, w, ALL(SITES), ALL(SITES), to);
			else if (p == SECAGG_SURVIVORS) {
				buf_clear(&list);
				masked_set(&list, ALL(SITES), ALL(SITES) & ~8ull);
			} else
				masked_signatures(&list, w, ALL(SITES) & ~8ull);
			if (p < (int)phase && !(to == 3 && p == SECAGG_SURVIVORS))
				assert_int_equal(masked_tell(w, to, (enum secagg_phase)p, buf_bytes(&list)), OK);
		}
}

/* `list` as it is now is refused by site 1 with these words, and nothing leaves it any more. */
static void refuses(struct masked *w, enum secagg_phase phase, enum err error, const char *words)
{
	struct masked_site *s = &w->sites[1];
	uint32_t sends = s->sends[phase];

	assert_int_equal(masked_tell(w, 1, phase, buf_bytes(&list)), error);
	if (strstr(s->why.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", s->why.text, words);
	assert_int_equal(secagg_client_state(s->client), SECAGG_CLIENT_OUT);
	assert_int_equal(s->sends[phase], sends);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		assert_int_equal(secagg_client_sent(s->client, (enum secagg_phase)p).len, 0);
	masked_restart(w, 1); /* the disk knows that it is over */
	assert_int_equal(s->error, ERR_REFUSED);
	masked_free(w);
}

/* ---- the table: in each state, each message that is not its turn changes nothing */
static void test_messages_out_of_turn(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_OPENING; phase++)
		for (uint32_t other = SECAGG_SHARES; other <= SECAGG_OPENING; other++) {
			struct masked w;
			uint8_t octets[200] = {0};
			if (other <= phase)
				continue;
			reach(&w, (enum secagg_phase)phase);
			enum secagg_client_state before = secagg_client_state(w.sites[1].client);
			assert_int_equal(masked_tell(&w, 1, (enum secagg_phase)other, bytes_of(octets, sizeof octets)),
			                 ERR_PROTOCOL);
			assert_non_null(strstr(w.sites[1].why.text, "while this site awaits"));
			assert_int_equal(secagg_client_state(w.sites[1].client), before);
			assert_int_equal(masked_tell(&w, 1, (enum secagg_phase)phase, buf_bytes(&list)), OK);
			masked_free(&w);
		}
}

/* A repeat gives the identical octets again; another message of the phase ends the site's part. */
static void test_repeats_and_contradictions(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		reach(&w, (enum secagg_phase)phase);
		struct masked_site *s = &w.sites[1];
		assert_int_equal(masked_tell(&w, 1, (enum secagg_phase)phase, buf_bytes(&list)), OK);
		uint32_t sends = s->sends[phase];
		assert_int_equal(sends, 1);
		assert_int_equal(masked_tell(&w, 1, (enum secagg_phase)phase, buf_bytes(&list)), OK);
		assert_int_equal(s->sends[phase], 2);
		assert_false(s->contradicted);
		list.ptr[list.len - 1] ^= 1;
		refuses(&w, (enum secagg_phase)phase, ERR_PROTOCOL, "two different messages of phase");
	}
}

/* Cut at each length, and one octet longer. */
static void test_lengths(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		reach(&w, (enum secagg_phase)phase);
		size_t whole = list.len;
		masked_free(&w);
		for (size_t len = 0; len <= whole + 1; len += len < 40 || len + 40 > whole ? 1 : 37) {
			if (len == whole)
				continue;
			reach(&w, (enum secagg_phase)phase);
			buf_put_u8(&list, 0);
			list.len = len;
			assert_int_equal(masked_tell(&w, 1, (enum secagg_phase)phase, buf_bytes(&list)), ERR_PROTOCOL);
			assert_int_equal(secagg_client_state(w.sites[1].client), SECAGG_CLIENT_OUT);
			masked_free(&w);
		}
	}
}

/* Each octet changed: no message with a wrong bit is answered. */
static void test_each_octet_matters(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_SHARES; phase <= SECAGG_OPENING; phase++) {
		size_t whole = 1;
		for (size_t at = 0; at < whole; at += at < 200 ? 1 : 13) {
			struct masked w;
			reach(&w, (enum secagg_phase)phase);
			whole = list.len;
			list.ptr[at] ^= (uint8_t)(1u << at % 8);
			enum err e = masked_tell(&w, 1, (enum secagg_phase)phase, buf_bytes(&list));
			if (phase == SECAGG_SURVIVORS &&
			    !e) /* another set of survivors, properly spelled: signed, and then short of signatures */
				assert_true(bitmap_has(list.ptr, 1));
			else
				assert_true(e == ERR_PROTOCOL || e == ERR_REFUSED);
			masked_free(&w);
		}
	}
}

static void test_a_message_beyond_its_bound(void **state)
{
	(void)state;
	struct masked w;
	static uint8_t octets[SITES * 176 + 1];

	reach(&w, SECAGG_SHARES);
	assert_int_equal(masked_tell(&w, 1, SECAGG_SHARES, bytes_of(octets, sizeof octets)), ERR_PROTOCOL);
	assert_non_null(strstr(w.sites[1].why.text, "more than 6 sites can need"));
	masked_free(&w);
}

/* ---- U1 */

static void put_item(const struct masked *w, uint32_t i)
{
	buf_put(&list, buf_bytes(&w->sites[i].outbox[SECAGG_KEYS]));
}

static void test_u1_members(void **state)
{
	(void)state;
	struct masked w;

	reach(&w, SECAGG_SHARES);
	masked_u1(&list, &w, 7); /* three */
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "3 sites are left, the quorum is 4");

	reach(&w, SECAGG_SHARES);
	masked_u1(&list, &w, ALL(SITES) & ~2ull);
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "own keys are missing");

	reach(&w, SECAGG_SHARES);
	masked_u1(&list, &w, 31);
	put_item(&w, 4);
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "site 39 stands twice or out of order");

	reach(&w, SECAGG_SHARES);
	buf_clear(&list);
	put_item(&w, 1);
	put_item(&w, 0);
	put_item(&w, 2);
	put_item(&w, 3);
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "site 11 stands twice or out of order");

	reach(&w, SECAGG_SHARES);
	store_u32(list.ptr + 5 * SECAGG_KEYS_SIZE, 47);
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "site 47 is not invited");
}

/* Site i signs whatever keys it is given here. */
static void sign_keys_of(struct masked *w, uint32_t i, const uint8_t *c_pk, const uint8_t *s_pk)
{
	struct signed_adv *a = (struct signed_adv *)(void *)(list.ptr + i * (size_t)SECAGG_KEYS_SIZE);
	struct buf message;
	struct keys_context context = {.federation = w->attempt.federation,
	                               .study_hash = w->attempt.study,
	                               .round = w->attempt.round,
	                               .attempt = w->attempt.attempt,
	                               .model = w->attempt.model};
	struct hash ctx;

	keys_plan_hash(&context.plan, w->plan.octets);
	keys_ctx(&ctx, &context);
	if (c_pk != NULL)
		memmove(a->adv.b + 4, c_pk, KEYS_SIZE);
	if (s_pk != NULL)
		memmove(a->adv.b + 4 + KEYS_SIZE, s_pk, KEYS_SIZE);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_adv(&message, &ctx, &a->adv);
	keys_sign(a->signature, w->sites[i].identity_secret, buf_bytes(&message));
	buf_free(&message);
}

static void sign_keys(struct masked *w, const uint8_t *c_pk, const uint8_t *s_pk)
{
	sign_keys_of(w, 4, c_pk, s_pk);
}

static void test_u1_keys(void **state)
{
	(void)state;
	static const uint8_t zero[KEYS_SIZE], one[KEYS_SIZE] = {1};
	struct masked w;
	struct signed_adv *others;

	for (int round = 0; round < 7; round++) {
		reach(&w, SECAGG_SHARES);
		others = (struct signed_adv *)(void *)list.ptr;
		static const char *const words[] = {
			"site 39's key is no key",           "site 39's key is no key",
			"site 39 has one key for two uses",  "sites 18 and 39 have the same key",
			"sites 25 and 39 have the same key", "sites 25 and 39 have the same key",
			"site 39's keys are not signed"};
		if (round == 0)
			sign_keys(&w, zero, NULL);
		else if (round == 1)
			sign_keys(&w, NULL, one);
		else if (round == 2)
			sign_keys(&w, adv_s_pk(&others[4].adv), NULL); /* one key for both uses */
		else if (round == 3)
			sign_keys(&w, adv_c_pk(&others[1].adv), NULL); /* this site's own */
		else if (round == 4)
			sign_keys(&w, NULL, adv_s_pk(&others[2].adv));
		else if (round == 5)
			sign_keys(&w, NULL, adv_c_pk(&others[2].adv));
		else
			list.ptr[4 * SECAGG_KEYS_SIZE + 99] ^= 1; /* r, after the signature */
		refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, words[round]);
	}
	reach(&w, SECAGG_SHARES); /* this site's own, signed by itself (a copy of its identity), and not what it sent */
	list.ptr[1 * SECAGG_KEYS_SIZE + KEYS_ADV_SIZE - 1] ^= 1;
	sign_keys_of(&w, 1, NULL, NULL);
	refuses(&w, SECAGG_SHARES, ERR_PROTOCOL, "own keys are missing from the list, or not as it sent them");
	reach(&w, SECAGG_SHARES); /* the control: signed anew and unchanged is good */
	sign_keys(&w, NULL, NULL);
	assert_int_equal(masked_tell(&w, 1, SECAGG_SHARES, buf_bytes(&list)), OK);
	masked_free(&w);
}

static void test_known_sites(void **state)
{
	(void)state;
	for (uint32_t known = 0; known < 3; known++) {
		struct masked w;
		masked_init(&w, 62, SITES, 0, 0, 5, 20);
		w.min_known = 3;
		for (uint32_t i = 2; i < 2 + known; i++)
			w.known[i] = true; /* and site 1 itself */
		for (uint32_t i = 0; i < SITES; i++)
			assert_int_equal(masked_open(&w, i, NULL), OK);
		masked_u1(&list, &w, ALL(SITES));
		if (known < 2) {
			refuses(&w, SECAGG_SHARES, ERR_REFUSED, "are known to this hospital, min_known is 3");
			continue;
		}
		for (uint32_t i = 0; i < SITES; i++)
			(void)masked_tell(&w, i, SECAGG_SHARES, buf_bytes(&list));
		assert_int_equal(secagg_client_state(w.sites[0].client), SECAGG_CLIENT_EXPECT_U2); /* 3 and itself */
		masked_free(&w);
	}
}

/* Enough known sites at the beginning, and then one of them is said to have dropped out. */
static void test_known_survivors(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 62, SITES, 0, 0, 5, 20);
	w.min_known = 3;
	w.known[2] = w.known[3] = true; /* and site 1 itself */
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masked_open(&w, i, NULL), OK);
	masked_u1(&list, &w, ALL(SITES));
	for (uint32_t i = 0; i < SITES; i++)
		(void)masked_tell(&w, i, SECAGG_SHARES, buf_bytes(&list));
	/* sites 2 and 3 know but two: they have not shared */
	uint64_t u2 = ALL(SITES);
	for (uint32_t i = 0; i < SITES; i++)
		if (w.sites[i].outbox[SECAGG_SHARES].len == 0)
			u2 &= ~(1ull << i);
	assert_int_equal(u2, 1 | 2 | 16 | 32);
	masked_u2(&list, &w, ALL(SITES), u2, 1);
	assert_int_equal(masked_tell(&w, 1, SECAGG_INPUT, buf_bytes(&list)), OK);
	buf_clear(&list);
	masked_set(&list, ALL(SITES), u2);
	refuses(&w, SECAGG_SURVIVORS, ERR_REFUSED, "1 of the sites are known to this hospital, min_known is 3");
}

/* ---- U2 */

static void test_u2_members(void **state)
{
	(void)state;
	struct masked w;

	reach(&w, SECAGG_INPUT);
	masked_u2(&list, &w, ALL(SITES), 7, 1);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "3 sites shared their secrets, the quorum is 4");

	reach(&w, SECAGG_INPUT);
	masked_u2(&list, &w, ALL(SITES), ALL(SITES) & ~2ull, 1);
	refuses(&w, SECAGG_INPUT, ERR_REFUSED, "this site is not among those");

	reach(&w, SECAGG_INPUT);
	list.ptr[0] |= 1 << 6;
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "no bitmap over the 6");
}

/* Ciphertexts of other directions, recipients, attempts and sizes. */
static void test_u2_ciphertexts(void **state)
{
	(void)state;
	struct masked w, before;
	const size_t first = 1 + 4, second = first + SECAGG_CT_ITEM; /* of sites 11 and 25, to site 18 */

	reach(&w, SECAGG_INPUT); /* what site 18 sealed for site 11 comes back */
	memcpy(list.ptr + first, w.sites[1].outbox[SECAGG_SHARES].ptr + SECAGG_SHARES_HEAD + 4, SEAL_SIZE);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 11 do not open");

	reach(&w, SECAGG_INPUT); /* what site 25 sealed for site 11 */
	memcpy(list.ptr + second, w.sites[2].outbox[SECAGG_SHARES].ptr + SECAGG_SHARES_HEAD + 4, SEAL_SIZE);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 25 do not open");

	reach(&w, SECAGG_INPUT); /* two swapped, and two swapped with their numbers */
	memcpy(list.ptr + second, w.sites[0].outbox[SECAGG_SHARES].ptr + SECAGG_SHARES_HEAD + 4, SEAL_SIZE);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 25 do not open");
	reach(&w, SECAGG_INPUT);
	store_u32(list.ptr + 1, 25);
	store_u32(list.ptr + second - 4, 11);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 11 are missing, or not in their place");

	reach(&w, SECAGG_INPUT); /* of 111 octets, and of 113: what follows is not in its place */
	memmove(list.ptr + first + SEAL_SIZE - 1, list.ptr + first + SEAL_SIZE, list.len - first - SEAL_SIZE);
	list.len--;
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 11 do not open");
	reach(&w, SECAGG_INPUT);
	buf_put_u8(&list, 0);
	memmove(list.ptr + first + SEAL_SIZE + 1, list.ptr + first + SEAL_SIZE, list.len - first - SEAL_SIZE - 1);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 25 are missing, or not in their place");

	reach(&before, SECAGG_INPUT); /* of an earlier attempt, same keys, same randomness */
	masked_init(&w, 61, SITES, 0, 0, 5, 20);
	w.attempt.attempt = 2;
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masked_open(&w, i, NULL), OK);
	struct buf u1;
	buf_init(&u1, 1u << 20);
	masked_u1(&u1, &w, ALL(SITES));
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masked_tell(&w, i, SECAGG_SHARES, buf_bytes(&u1)), OK);
	buf_free(&u1);
	refuses(&w, SECAGG_INPUT, ERR_PROTOCOL, "the shares from site 11 do not open");
	masked_free(&before);
}

/* ---- U3 and signatures */

static void tell_survivors(struct masked *w, uint64_t u3)
{
	buf_clear(&list);
	masked_set(&list, ALL(SITES), u3);
	(void)w;
}

static void test_u3(void **state)
{
	(void)state;
	struct masked w;

	reach(&w, SECAGG_SURVIVORS);
	tell_survivors(&w, 7);
	refuses(&w, SECAGG_SURVIVORS, ERR_PROTOCOL, "3 sites survive, the quorum is 4");

	reach(&w, SECAGG_SURVIVORS);
	tell_survivors(&w, ALL(SITES) & ~2ull);
	refuses(&w, SECAGG_SURVIVORS, ERR_REFUSED, "did not arrive in time");

	reach(&w, SECAGG_SURVIVORS);
	list.ptr[0] |= 1 << 6;
	refuses(&w, SECAGG_SURVIVORS, ERR_PROTOCOL, "no bitmap over the 6");

	reach(&w, SECAGG_SURVIVORS);
	secagg_client_acknowledged(w.sites[1].client);
	tell_survivors(&w, ALL(SITES) & ~2ull);
	refuses(&w, SECAGG_SURVIVORS, ERR_PROTOCOL, "acknowledged this site's vector and now leaves it out");

	reach(&w, SECAGG_SURVIVORS); /* in it although the acknowledgement was lost: signs */
	assert_int_equal(masked_tell(&w, 1, SECAGG_SURVIVORS, buf_bytes(&list)), OK);
	assert_int_equal(w.sites[1].sends[SECAGG_SURVIVORS], 1);
	uint32_t masks;
	(void)secagg_client_masks(w.sites[1].client, &masks);
	assert_int_equal(masks, 0); /* their keys are gone */
	masked_free(&w);

	reach(&w, SECAGG_INPUT); /* a survivor that is not in U2 */
	masked_u2(&list, &w, ALL(SITES), 31, 1);
	assert_int_equal(masked_tell(&w, 1, SECAGG_INPUT, buf_bytes(&list)), OK);
	tell_survivors(&w, ALL(SITES));
	refuses(&w, SECAGG_SURVIVORS, ERR_PROTOCOL, "is not among those that shared");
}

static void test_signatures(void **state)
{
	(void)state;
	struct masked w;
	uint64_t u3 = ALL(SITES) & ~8ull;

	reach(&w, SECAGG_OPENING);
	masked_signatures(&list, &w, 7);
	refuses(&w, SECAGG_OPENING, ERR_PROTOCOL, "3 signatures on the survivors, 4 are needed");

	reach(&w, SECAGG_OPENING); /* one counted twice */
	masked_signatures(&list, &w, 7);
	buf_put(&list, bytes_of(list.ptr + 2 * (size_t)SECAGG_SIGNER_ITEM, 0));
	uint8_t again[SECAGG_SIGNER_ITEM];
	memcpy(again, list.ptr + 2 * (size_t)SECAGG_SIGNER_ITEM, sizeof again);
	buf_put(&list, bytes_of(again, sizeof again));
	refuses(&w, SECAGG_OPENING, ERR_PROTOCOL, "site 25's signature stands twice or out of order");

	reach(&w, SECAGG_OPENING); /* a signer outside U3, whose signature is good */
	struct buf message, set;
	struct hash u2h;
	uint8_t signature[KEYS_SIGNATURE_SIZE];
	buf_init(&message, KEYS_MESSAGE_MAX);
	buf_init(&set, 8);
	masked_set(&set, ALL(SITES), ALL(SITES));
	keys_u2h(&u2h, secagg_client_sid(w.sites[1].client), buf_bytes(&set));
	buf_clear(&set);
	masked_set(&set, ALL(SITES), u3);
	keys_message_survivors(&message, secagg_client_sid(w.sites[1].client), &u2h, buf_bytes(&set));
	keys_sign(signature, w.sites[3].identity_secret, buf_bytes(&message));
	buf_put(&w.sites[3].outbox[SECAGG_SURVIVORS], bytes_of(signature, sizeof signature));
	buf_free(&message);
	buf_free(&set);
	masked_signatures(&list, &w, ALL(SITES));
	refuses(&w, SECAGG_OPENING, ERR_PROTOCOL, "site 32 signed and is not among the survivors");

	reach(&w, SECAGG_OPENING);
	list.ptr[4 + 3 * SECAGG_SIGNER_ITEM] ^= 1;
	refuses(&w, SECAGG_OPENING, ERR_PROTOCOL, "site 39's signature is not over the survivors");

	reach(&w, SECAGG_OPENING); /* just enough */
	masked_signatures(&list, &w, 7 | 16);
	assert_int_equal(masked_tell(&w, 1, SECAGG_OPENING, buf_bytes(&list)), OK);
	/* of U2's six, itself included, one share each, of the one that is gone sigma's */
	assert_int_equal(w.sites[1].outbox[SECAGG_OPENING].len, 6 * SECAGG_ANSWER_ITEM);
	masked_free(&w);
}

/* ---- what is offered before anything is sent */
static void test_offers(void **state)
{
	(void)state;
	struct masked w;
	struct secagg_client *c;
	struct diag why;
	uint8_t lower[64];

	masked_init(&w, 63, SITES, 0, 0, 5, 20);
	memcpy(lower, w.plan_octets, sizeof lower);
	for (uint32_t bit = 0; bit < 8 * sizeof lower;
	     bit += 5) { /* t, k, m, cap or clip: wherever they stand in the plan */
		struct secagg_client_config config = masked_config(&w, 1);
		lower[bit / 8] ^= (uint8_t)(1u << bit % 8);
		config.offered = bytes_of(lower, sizeof lower);
		assert_int_equal(secagg_client_open(&c, &config, bytes_of(NULL, 0), &why), ERR_REFUSED);
		assert_non_null(strstr(why.text, "not the one that the approved study gives"));
		assert_null(c);
		lower[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	struct secagg_client_config config = masked_config(&w, 1);
	config.plan.quorum = 3;
	assert_int_equal(secagg_client_open(&c, &config, bytes_of(NULL, 0), &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "quorum 3 is below the threshold 4"));
	config = masked_config(&w, 1);
	config.self = 12;
	assert_int_equal(secagg_client_open(&c, &config, bytes_of(NULL, 0), &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "site 12, this one, is not among the plan's"));
	masked_free(&w);
}

/* Later attempts of a round are those of the first, in plan, model and sites. */
static void test_attempts_of_a_round(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct masked w;
		struct diag why = {{0}};
		masked_init(&w, 64, SITES, 0, 0, 5, 20);
		assert_int_equal(masked_open(&w, 1, &why), OK);
		w.attempt.attempt = 2;
		if (what == 0)
			w.plan_octets[5] ^= 1;
		else if (what == 1)
			w.attempt.model.b[3] ^= 1;
		else if (what == 2)
			w.invited[5].number++;
		enum err e = masked_open(&w, 1, &why);
		assert_int_equal(e, what < 3 ? ERR_REFUSED : OK);
		static const char *const words[] = {"another plan", "another model", "another list of invited", ""};
		assert_non_null(strstr(why.text, words[what]));
		masked_free(&w);
	}
}

/* The next round may differ in all of it, and a refusal forgets nothing. */
static void test_the_next_round(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;

	masked_init(&w, 65, SITES, 0, 0, 5, 20);
	masked_begin(&w, 1);
	masked_run(&w);
	w.attempt.attempt = 2;
	assert_int_equal(masked_open(&w, 1, &why), ERR_REFUSED);
	assert_non_null(strstr(why.text, "was opened in attempt 1"));
	w.attempt.round++;
	w.attempt.attempt = 1;
	w.attempt.model.b[0] ^= 1;
	w.plan_octets[0] ^= 1;
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(masked_open(&w, i, &why), OK);
	masked_free(&w);
}

/* After the end no secret is left on disk, nor in what the core lends out. */
static void test_the_end_wipes(void **state)
{
	(void)state;
	struct masked w;

	masked_init(&w, 66, SITES, 0, 0, 5, 20);
	masked_begin(&w, 1);
	masked_run(&w);
	struct masked_site *s = &w.sites[1];
	uint8_t share[SHAMIR_SCALAR_SIZE];
	memcpy(share, s->outbox[SECAGG_OPENING].ptr + 4, sizeof share);
	assert_non_null(memmem(s->disk.ptr, s->disk.len, share, sizeof share)); /* the answer may be asked for again */
	secagg_client_closed(s->client);
	masked_pump(s);
	assert_null(memmem(s->disk.ptr, s->disk.len, share, sizeof share));
	struct secagg_record_summary summary;
	assert_int_equal(secagg_record_read(&summary, buf_bytes(&s->disk), NULL), OK);
	assert_true(summary.opened && !summary.resumable && !summary.statistics_opened);
	assert_int_equal(summary.round, 3);
	assert_int_equal(summary.attempt, 1);
	assert_int_equal(masked_tell(&w, 1, SECAGG_OPENING, buf_bytes(&list)), ERR_PROTOCOL);
	masked_free(&w);
}

/* Of beta and sigma of one site, never both leave; and the record before the answer has no mask's key left. */
static void test_one_share_of_each(void **state)
{
	(void)state;
	struct masked w;

	reach(&w, SECAGG_OPENING);
	struct masked_site *s = &w.sites[1];
	size_t with_both = s->disk.len;
	assert_int_equal(masked_tell(&w, 1, SECAGG_OPENING, buf_bytes(&list)), OK);
	assert_true(with_both > s->disk.len); /* 12 shares before, 6 after */
	const uint8_t *answer = s->outbox[SECAGG_OPENING].ptr;
	for (uint32_t i = 0; i < SITES; i++)
		assert_int_equal(load_u32(answer + i * SECAGG_ANSWER_ITEM), w.sites[i].number);
	masked_free(&w);
}

static int begin(void **state)
{
	(void)state;
	buf_init(&list, 1u << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	buf_free(&list);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_out_of_turn),
		cmocka_unit_test(test_repeats_and_contradictions),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_each_octet_matters),
		cmocka_unit_test(test_a_message_beyond_its_bound),
		cmocka_unit_test(test_u1_members),
		cmocka_unit_test(test_u1_keys),
		cmocka_unit_test(test_known_sites),
		cmocka_unit_test(test_known_survivors),
		cmocka_unit_test(test_u2_members),
		cmocka_unit_test(test_u2_ciphertexts),
		cmocka_unit_test(test_u3),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_attempts_of_a_round),
		cmocka_unit_test(test_the_next_round),
		cmocka_unit_test(test_the_end_wipes),
		cmocka_unit_test(test_one_share_of_each),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
