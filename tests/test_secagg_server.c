/*
 * The coordinator wst what a site may send: out of turn, of another size, in another's name, wrongly signed, twice. It costs
 * the sender its request; the attempt goes on to the exact sum with what is right.
 */
#include "crypto/pack.h"
#include "tests/support/masked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define SITES 5

/* Everyone but site 25 (index 2) has sent its message of `phase`; site 25's own waits in its outbox. */
static void reach(struct masked *w, enum secagg_phase phase)
{
	masked_init(w, 71, SITES, 0, 0, 6, 20);
	w->sites[2].lasts = phase;
	masked_begin(w, 1);
	masked_step(w);
	assert_int_equal(secagg_server_awaited(w->server), 1);
	assert_int_equal(secagg_server_reached(w->server, w->sites[2].number), phase);
	w->sites[2].lasts = SECAGG_PHASE_COUNT;
	w->sites[2].silent = false;
}

static enum err send_as(struct masked *w, uint32_t number, enum secagg_phase phase, struct bytes octets,
                        struct diag *why)
{
	if (phase == SECAGG_INPUT)
		return secagg_server_input(w->server, number, octets, pack_size(w->words, 20), &w->sites[2].y_hash,
		                           why);
	return secagg_server_message(w->server, number, phase, octets, why);
}

/* After a bad message the right one is taken, and the sum is exact. */
static void goes_on(struct masked *w, enum secagg_phase phase)
{
	struct diag why;
	struct bytes good = buf_bytes(&w->sites[2].outbox[phase]);

	assert_int_equal(send_as(w, 25, phase, good, &why), OK);
	masked_run(w);
	assert_true(masked_exact(w));
	assert_true(secagg_server_survives(w->server, 25));
	masked_free(w);
}

static void test_each_octet_matters(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_SURVIVORS; phase++) {
		struct masked w;
		reach(&w, (enum secagg_phase)phase);
		struct buf *sent = &w.sites[2].outbox[phase];
		for (size_t at = 0; at < sent->len; at++) {
			struct diag why = {{0}};
			sent->ptr[at] ^= (uint8_t)(1u << at % 8);
			enum err e = send_as(&w, 25, (enum secagg_phase)phase, buf_bytes(sent), &why);
			assert_true(err_is_peer(e));
			assert_non_null(strstr(why.text, "site 25"));
			sent->ptr[at] ^= (uint8_t)(1u << at % 8);
		}
		goes_on(&w, (enum secagg_phase)phase);
	}
}

static void test_each_length_matters(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		uint8_t longer[2000] = {0};
		reach(&w, (enum secagg_phase)phase);
		struct bytes sent = buf_bytes(&w.sites[2].outbox[phase]);
		memcpy(longer, sent.ptr, sent.len);
		for (size_t len = 0; len <= sizeof longer; len++)
			if (len != sent.len)
				assert_true(err_is_peer(
					send_as(&w, 25, (enum secagg_phase)phase, bytes_of(longer, len), NULL)));
		goes_on(&w, (enum secagg_phase)phase);
	}
}

/* What one site sent does not pass for another's. */
static void test_identities(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_SURVIVORS; phase++) {
		struct masked w;
		struct diag why;
		reach(&w, (enum secagg_phase)phase);
		struct bytes other = buf_bytes(&w.sites[3].outbox[phase]);
		assert_true(err_is_peer(send_as(&w, 25, (enum secagg_phase)phase, other, &why)));
		if (phase != SECAGG_INPUT) /* there another's vector is noticed first */
			assert_int_equal(send_as(&w, 12, (enum secagg_phase)phase, other, &why), ERR_PEER_IDENTITY);
		goes_on(&w, (enum secagg_phase)phase);
	}
}

static void test_repeats_and_contradictions(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_OPENING; phase++) {
		struct masked w;
		struct diag why;
		reach(&w, (enum secagg_phase)phase);
		struct buf *first = &w.sites[1].outbox[phase]; /* has arrived */
		struct hash y = w.sites[1].y_hash;
		for (int changed = 0; changed < 2; changed++) {
			enum err e;
			first->ptr[first->len - 1] ^= (uint8_t)changed;
			if (phase == SECAGG_INPUT)
				e = secagg_server_input(w.server, 18, buf_bytes(first), pack_size(w.words, 20), &y,
				                        &why);
			else
				e = secagg_server_message(w.server, 18, (enum secagg_phase)phase, buf_bytes(first),
				                          &why);
			assert_int_equal(e, changed ? ERR_CONFLICT : OK);
		}
		goes_on(&w, (enum secagg_phase)phase);
	}
}

static void test_out_of_turn(void **state)
{
	(void)state;
	for (uint32_t phase = SECAGG_KEYS; phase <= SECAGG_OPENING; phase++)
		for (uint32_t other = SECAGG_KEYS; other <= SECAGG_OPENING; other++) {
			struct masked w;
			uint8_t octets[SECAGG_INPUT_SIZE] = {0};
			reach(&w, (enum secagg_phase)phase);
			memcpy(octets, w.sites[2].y_hash.b, HASH_SIZE);
			enum err e = send_as(&w, 25, (enum secagg_phase)other, bytes_of(octets, sizeof octets), NULL);
			if (other > phase)
				assert_int_equal(e, ERR_PEER_STATE);
			else
				assert_int_not_equal(e, OK);
			goes_on(&w, (enum secagg_phase)phase);
		}
}

static void test_keys_that_another_has(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;
	struct signed_adv a;
	struct buf message;
	struct hash ctx;
	struct keys_context context;

	reach(&w, SECAGG_KEYS);
	context = (struct keys_context){.federation = w.attempt.federation,
	                                .study_hash = w.attempt.study,
	                                .round = w.attempt.round,
	                                .attempt = w.attempt.attempt,
	                                .model = w.attempt.model};
	keys_plan_hash(&context.plan, w.plan.octets);
	keys_ctx(&ctx, &context);
	memcpy(&a, w.sites[2].outbox[SECAGG_KEYS].ptr, sizeof a);
	memcpy(a.adv.b + 4, w.sites[4].outbox[SECAGG_KEYS].ptr + 4 + KEYS_SIZE, KEYS_SIZE);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_adv(&message, &ctx, &a.adv);
	keys_sign(a.signature, w.sites[2].identity_secret, buf_bytes(&message));
	buf_free(&message);
	assert_int_equal(send_as(&w, 25, SECAGG_KEYS, bytes_of(&a, sizeof a), &why), ERR_PEER_MESSAGE);
	assert_string_equal(why.text, "site 25: has a key that site 39 has");
	goes_on(&w, SECAGG_KEYS);
}

static void test_the_staged_vector(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;

	reach(&w, SECAGG_INPUT);
	struct bytes sent = buf_bytes(&w.sites[2].outbox[SECAGG_INPUT]);
	struct hash other = w.sites[2].y_hash;
	other.b[31] ^= 128;
	assert_int_equal(secagg_server_input(w.server, 25, sent, 15, &other, &why), ERR_PEER_MESSAGE);
	assert_string_equal(why.text, "site 25: the vector that arrived is not the one it signed");
	for (uint64_t length = 13; length <= 17; length++)
		if (length != 15)
			assert_int_equal(secagg_server_input(w.server, 25, sent, length, &w.sites[2].y_hash, &why),
			                 ERR_PEER_MESSAGE);
	goes_on(&w, SECAGG_INPUT);
}

/* Site 25 signs a list of ciphertexts that is not one for each peer, in order. */
static void test_lists_of_ciphertexts(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;
	struct buf message;

	reach(&w, SECAGG_SHARES);
	struct bytes good = buf_bytes(&w.sites[2].outbox[SECAGG_SHARES]);
	const struct hash *sid = secagg_server_sid(w.server);
	buf_init(&message, KEYS_MESSAGE_MAX);
	for (int how = 0; how < 5; how++) {
		uint8_t octets[SECAGG_SHARES_HEAD + 5 * SECAGG_CT_ITEM];
		uint8_t *items = octets + SECAGG_SHARES_HEAD;
		size_t len = good.len;
		struct hash cmt, listed;
		memcpy(octets, good.ptr, good.len);
		if (how == 0)
			store_u32(items, 18); /* twice */
		else if (how == 1)
			store_u32(items + SECAGG_CT_ITEM, 25); /* to itself */
		else if (how == 2)
			len -= SECAGG_CT_ITEM;
		else if (how == 3) {
			store_u32(items, 18);
			store_u32(items + SECAGG_CT_ITEM, 11);
		}
		memcpy(cmt.b, octets, HASH_SIZE);
		sha256_of(&listed, bytes_of(items, len - SECAGG_SHARES_HEAD));
		keys_message_shares(&message, sid, 25, &cmt, &listed);
		keys_sign(octets + HASH_SIZE, w.sites[2].identity_secret, buf_bytes(&message));
		assert_int_equal(send_as(&w, 25, SECAGG_SHARES, bytes_of(octets, len), &why),
		                 how < 4 ? ERR_PEER_MESSAGE : OK);
	}
	buf_free(&message);
	masked_run(&w);
	assert_true(masked_exact(&w));
	masked_free(&w);
}

/* Shares in another order than their sites'. */
static void test_answers_in_order(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;

	reach(&w, SECAGG_OPENING);
	struct buf *answer = &w.sites[2].outbox[SECAGG_OPENING];
	for (uint32_t v = 0; v < SITES; v++) {
		uint32_t number = load_u32(answer->ptr + v * SECAGG_ANSWER_ITEM);
		store_u32(answer->ptr + v * SECAGG_ANSWER_ITEM, number + 7);
		assert_int_equal(send_as(&w, 25, SECAGG_OPENING, buf_bytes(answer), &why), ERR_PEER_MESSAGE);
		assert_non_null(strstr(why.text, "is missing, or not in its place"));
		store_u32(answer->ptr + v * SECAGG_ANSWER_ITEM, number);
	}
	goes_on(&w, SECAGG_OPENING);
}

/* A site that shared nothing in time comes with a vector, signed for this very U2. */
static void test_a_site_outside_u2(void **state)
{
	(void)state;
	struct masked w;
	struct diag why;
	struct buf set, message;
	struct hash u2h, y = {{7}};
	uint8_t octets[SECAGG_INPUT_SIZE];

	masked_init(&w, 75, SITES, 0, 0, 6, 20);
	w.sites[1].lasts = SECAGG_SHARES;
	w.sites[2].lasts = SECAGG_INPUT;
	masked_begin(&w, 1);
	masked_step(&w);
	secagg_server_close(w.server);
	masked_step(&w);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_EXPECT_INPUTS);
	buf_init(&set, 8);
	buf_init(&message, KEYS_MESSAGE_MAX);
	masked_set(&set, 31, 31 & ~2u);
	keys_u2h(&u2h, secagg_server_sid(w.server), buf_bytes(&set));
	keys_message_input(&message, secagg_server_sid(w.server), &u2h, 18, &y);
	memcpy(octets, y.b, HASH_SIZE);
	keys_sign(octets + HASH_SIZE, w.sites[1].identity_secret, buf_bytes(&message));
	assert_int_equal(secagg_server_input(w.server, 18, bytes_of(octets, sizeof octets), 15, &y, &why),
	                 ERR_PEER_STATE);
	assert_string_equal(why.text, "site 18: dropped out before phase input");
	buf_free(&set);
	buf_free(&message);
	masked_run(&w);
	assert_true(masked_exact(&w));
	masked_free(&w);
}

/* A share above the order of the field has a second spelling, and is refused by it. */
static void test_scalars_have_one_spelling(void **state)
{
	(void)state;
	static const uint8_t order[SHAMIR_SCALAR_SIZE] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
	                                                  0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
	struct masked w;
	struct diag why;

	reach(&w, SECAGG_OPENING);
	struct buf *answer = &w.sites[2].outbox[SECAGG_OPENING];
	uint8_t whole[SITES * SECAGG_ANSWER_ITEM];
	memcpy(whole, answer->ptr, sizeof whole);
	for (uint32_t v = 0; v < SITES; v++) {
		memcpy(answer->ptr + v * SECAGG_ANSWER_ITEM + 4, order, sizeof order);
		assert_int_equal(send_as(&w, 25, SECAGG_OPENING, buf_bytes(answer), &why), ERR_PEER_MESSAGE);
		assert_non_null(strstr(why.text, "one is no scalar"));
		memcpy(answer->ptr, whole, sizeof whole);
	}
	goes_on(&w, SECAGG_OPENING);
}

/* What remains of a dealer that sealed points of no polynomial, for each site: the shares of it fit nothing, whoever is left out. It is
 * named when its secret is opened, and the attempt is lost. */
static void test_a_dealer_that_lied(void **state)
{
	(void)state;
	for (uint32_t liar = 0; liar < SITES; liar++) {
		struct masked w;
		masked_init(&w, 72, SITES, 0, 0, 6, 20);
		for (uint32_t i = 0; i < SITES; i++)
			w.sites[i].lasts = SECAGG_OPENING;
		masked_begin(&w, 1);
		masked_step(&w);
		for (uint32_t i = 0; i < SITES; i++) {
			struct buf *answer = &w.sites[i].outbox[SECAGG_OPENING];
			answer->ptr[liar * SECAGG_ANSWER_ITEM + 4 + i] ^= 1;
			assert_int_equal(secagg_server_message(w.server, w.sites[i].number, SECAGG_OPENING,
			                                       buf_bytes(answer), NULL),
			                 OK);
		}
		masked_run(&w);
		char words[64];
		snprintf(words, sizeof words, "the shares of site %u do not give the secret", w.sites[liar].number);
		assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_FAILED);
		assert_non_null(strstr(secagg_server_why(w.server), words));
		masked_free(&w);
	}
}

/* Nothing is said before the disk has it, and nothing to who has no part in it. */
static void test_nothing_is_said_too_early(void **state)
{
	(void)state;
	struct masked w;
	struct buf said = {0};
	struct secagg_server_action a;

	masked_init(&w, 73, SITES, 0, 0, 6, 20);
	w.sites[2].lasts = SECAGG_SHARES;
	masked_begin(&w, 1);
	masked_step(&w);
	secagg_server_close(w.server);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_EXPECT_U2_PERSISTED);
	secagg_server_say(w.server, SECAGG_INPUT, 11, &said);
	assert_int_equal(said.len, 0);
	assert_true(secagg_server_next(w.server, &a));
	assert_int_equal(a.kind, SECAGG_SERVER_PERSIST);
	assert_false(secagg_server_next(w.server, &a));
	secagg_server_persisted(w.server, a.row);
	secagg_server_say(w.server, SECAGG_INPUT, 11, &said);
	assert_int_equal(said.len, 1 + 3 * SECAGG_CT_ITEM); /* four shared, one of them it is */
	secagg_server_say(w.server, SECAGG_INPUT, 25, &said);
	assert_int_equal(said.len, 0); /* dropped */
	secagg_server_say(w.server, SECAGG_INPUT, 12, &said);
	assert_int_equal(said.len, 0); /* a stranger */
	secagg_server_say(w.server, SECAGG_SURVIVORS, 11, &said);
	assert_int_equal(said.len, 0);
	buf_free(&said);
	masked_free(&w);
}

/* Sites that are gone are not waited for, and too few of them left end the attempt. */
/* All signed; each is told the first t signatures, which is what it checks for, and no more. */
static void test_no_more_signatures_than_needed(void **state)
{
	(void)state;
	struct masked w;
	struct buf said = {0};
	uint32_t t;

	reach(&w, SECAGG_OPENING);
	t = secagg_threshold(&w.plan);
	assert_true(t < SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		secagg_server_say(w.server, SECAGG_OPENING, w.sites[i].number, &said);
		assert_int_equal(said.len, t * SECAGG_SIGNER_ITEM);
		for (uint32_t j = 0; j < t; j++)
			assert_int_equal(load_u32(said.ptr + j * SECAGG_SIGNER_ITEM), w.sites[j].number);
	}
	buf_free(&said);
	goes_on(&w, SECAGG_OPENING);
}

static void test_gone(void **state)
{
	(void)state;
	struct masked w;

	reach(&w, SECAGG_SHARES);
	secagg_server_gone(w.server, 25);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_EXPECT_U2_PERSISTED);
	masked_run(&w);
	assert_true(masked_exact(&w));
	assert_false(secagg_server_survives(w.server, 25));
	masked_free(&w);

	reach(&w, SECAGG_KEYS);
	masked_server(&w);
	for (uint32_t i = 0; i < SITES; i++)
		secagg_server_gone(w.server, w.sites[i].number);
	assert_int_equal(secagg_server_state(w.server), SECAGG_SERVER_FAILED);
	assert_string_equal(secagg_server_why(w.server), "0 of 5 sites sent their message of phase keys, 3 are needed");
	masked_free(&w);
}

/* Rows of another attempt, in another order, cut or changed make no core. */
static void test_damaged_rows(void **state)
{
	(void)state;
	struct masked w;
	struct secagg_row row;
	struct diag why;

	masked_init(&w, 74, SITES, 0, 0, 6, 20);
	masked_begin(&w, 1);
	masked_run(&w);
	for (uint32_t bad = 0; bad < w.row_count; bad++)
		for (int how = 0; how < 4; how++) {
			masked_server(&w);
			for (uint32_t i = 0; i < bad; i++)
				assert_int_equal(secagg_server_restore(w.server, &w.row_heads[i], &why), OK);
			row = w.row_heads[bad];
			uint8_t octets[4096];
			memcpy(octets, row.octets.ptr, row.octets.len);
			octets[row.octets.len / 2] ^= how == 0;
			row.octets = bytes_of(octets, row.octets.len - (how == 1));
			row.number += how == 2;
			row.phase = how == 3 ? SECAGG_OPENING : row.phase;
			assert_int_equal(secagg_server_restore(w.server, &row, &why), ERR_DATA);
		}
	masked_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_octet_matters),
		cmocka_unit_test(test_each_length_matters),
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_repeats_and_contradictions),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_keys_that_another_has),
		cmocka_unit_test(test_the_staged_vector),
		cmocka_unit_test(test_lists_of_ciphertexts),
		cmocka_unit_test(test_answers_in_order),
		cmocka_unit_test(test_a_site_outside_u2),
		cmocka_unit_test(test_scalars_have_one_spelling),
		cmocka_unit_test(test_a_dealer_that_lied),
		cmocka_unit_test(test_nothing_is_said_too_early),
		cmocka_unit_test(test_no_more_signatures_than_needed),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_damaged_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
