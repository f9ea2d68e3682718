/* Messages of sites in masked rounds: the repeated, the wrong, the late; what sites are told, and when; what a round waits for. */
#include "tests/support/masked_round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

/* Keys sent again are not those of another: with two of five and join_ms over, KEYS goes on. */
static void test_repeats_are_not_counted(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 5, 5, 1, 0); /* m = 3 */
	m.w.sites[0].lasts = m.w.sites[1].lasts = m.w.sites[2].lasts = 0;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	for (uint32_t k = 0; k < 3; k++) {
		m.w.sites[3].sends[SECAGG_KEYS] = 1;
		masked_round_step(&m);
	}
	m.now_ms = MASKED_JOIN_MS;
	round_tick(m.round, m.now_ms);
	masked_round_step(&m);
	assert_false(m.closed);
	masked_round_free(&m);
}

static enum upload_verdict send(struct masked_round *m, uint32_t i, enum secagg_phase phase)
{
	return round_message(m->round, masked_round_number(m, i), phase, buf_bytes(&m->w.sites[i].outbox[phase]),
	                     m->now_ms, &m->w.sites[i].why);
}

static void test_keys_repeated_and_wrong(void **state)
{
	(void)state;
	struct masked_round m;
	struct round_action a;

	masked_round_init(&m, 9, 5, 1, 0);
	masked_round_begin(&m, 1);
	assert_int_equal(round_message(m.round, 12, SECAGG_KEYS, buf_bytes(&m.w.sites[0].outbox[SECAGG_KEYS]), 0,
	                               &m.w.sites[0].why),
	                 UPLOAD_UNINVITED); /* nobody has this number */
	m.w.sites[0].outbox[SECAGG_KEYS].ptr[120] ^= 1;
	assert_int_equal(send(&m, 0, SECAGG_KEYS), UPLOAD_MALFORMED);
	assert_non_null(strstr(m.w.sites[0].why.text, "site 11"));
	m.w.sites[0].outbox[SECAGG_KEYS].ptr[120] ^= 1;
	assert_int_equal(send(&m, 0, SECAGG_KEYS), UPLOAD_PENDING);
	assert_int_equal(send(&m, 0, SECAGG_KEYS), UPLOAD_PENDING);
	assert_int_equal(round_heard(m.round, 11, SECAGG_KEYS), UPLOAD_PENDING);
	assert_int_equal(round_site(m.round, 11)->reached, 0);
	assert_true(round_next(m.round, &a));
	assert_int_equal(a.kind, ROUND_PERSIST_ROW);
	assert_false(round_next(m.round, &a)); /* once */
	assert_int_equal(round_row(m.round, 0, 1)->site, 11);
	round_row_persisted(m.round, 0, 1, 0);
	assert_int_equal(round_heard(m.round, 11, SECAGG_KEYS), UPLOAD_ACCEPTED);
	assert_int_equal(send(&m, 0, SECAGG_KEYS), UPLOAD_ACCEPTED);
	assert_int_equal(round_site(m.round, 11)->reached, 1);
	m.w.sites[0].outbox[SECAGG_KEYS].ptr[120] ^= 1;
	assert_int_equal(send(&m, 0, SECAGG_KEYS), UPLOAD_CONFLICT);
	assert_int_equal(send(&m, 1, SECAGG_OPENING), UPLOAD_AGAIN); /* far too early */
	masked_round_free(&m);
}

/* U1 is being written: keys that come now are neither late nor taken; once it is durable they are late. */
static void test_late_is_told_when_it_is_durable(void **state)
{
	(void)state;
	struct masked_round m;
	struct round_action a;
	struct buf said = {0};

	masked_round_init(&m, 9, 5, 1, 0);
	masked_round_begin(&m, 1);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(send(&m, i, SECAGG_KEYS), UPLOAD_PENDING);
	m.now_ms = MASKED_DEADLINE_MS;
	round_tick(m.round, m.now_ms);
	assert_int_equal(send(&m, 4, SECAGG_KEYS), UPLOAD_PENDING);
	assert_int_equal(round_heard(m.round, 39, SECAGG_KEYS), UPLOAD_PENDING);
	round_row_persisted(m.round, 0, 4, m.now_ms);
	for (uint32_t i = 0; i < 5; i++) /* nobody hears U1 */
		assert_int_equal(round_say(m.round, masked_round_number(&m, i), SECAGG_SHARES, &said), SAY_WAIT);
	round_row_persisted(m.round, 0, 5, m.now_ms);
	assert_int_equal(send(&m, 4, SECAGG_KEYS), UPLOAD_LATE);
	assert_int_equal(round_heard(m.round, 39, SECAGG_KEYS), UPLOAD_LATE);
	assert_int_equal(round_say(m.round, 39, SECAGG_SHARES, &said), SAY_DROPPED);
	assert_int_equal(round_say(m.round, 39, SECAGG_OPENING, &said), SAY_DROPPED);
	assert_int_equal(said.len, 0);
	assert_int_equal(round_say(m.round, 11, SECAGG_SHARES, &said), SAY_READY);
	assert_int_equal(said.len, 4 * SECAGG_KEYS_SIZE);
	assert_int_equal(round_say(m.round, 11, SECAGG_INPUT, &said), SAY_AGAIN); /* it has sent no shares */
	assert_int_equal(round_say(m.round, 12, SECAGG_SHARES, &said), SAY_DROPPED);
	bool told = false;
	while (round_next(m.round, &a))
		told |= a.kind == ROUND_TELL && a.phase == SECAGG_SHARES && a.group == 0;
	assert_true(told);
	buf_free(&said);
	masked_round_free(&m);
}

/* Brings all but site 4 to the phase INPUT, and has everybody's vector ready. */
static void bring_to_input(struct masked_round *m)
{
	masked_round_begin(m, 1);
	for (uint32_t i = 0; i < m->w.n; i++)
		m->w.sites[i].lasts = SECAGG_INPUT;
	masked_round_step(m);
}

static enum upload_verdict upload(struct masked_round *m, uint32_t i)
{
	struct masked_site *s = &m->w.sites[i];

	return round_input(m->round, s->number, secagg_input_octets(&m->plans[0]), &s->y_hash,
	                   s->outbox[SECAGG_INPUT].ptr + HASH_SIZE, m->now_ms, &s->why);
}

static void test_vectors(void **state)
{
	(void)state;
	struct masked_round m;
	struct hash other = {{1}};
	uint64_t size;

	masked_round_init(&m, 9, 5, 1, 0);
	size = secagg_input_octets(&m.plans[0]);
	masked_round_begin(&m, 1);
	assert_int_equal(round_wants(m.round, 11, size, &other), UPLOAD_AGAIN); /* there is no U2 yet */
	masked_round_free(&m);

	masked_round_init(&m, 9, 5, 1, 0);
	bring_to_input(&m);
	struct hash *y = &m.w.sites[0].y_hash;
	assert_int_equal(round_wants(m.round, 11, size + 1, y), UPLOAD_LENGTH);
	assert_int_equal(round_wants(m.round, 12, size, y), UPLOAD_UNINVITED);
	assert_int_equal(round_wants(m.round, 11, size, y), UPLOAD_WANTED);
	m.w.sites[0].outbox[SECAGG_INPUT].ptr[HASH_SIZE] ^= 1;
	assert_int_equal(upload(&m, 0), UPLOAD_MALFORMED);
	assert_non_null(strstr(m.w.sites[0].why.text, "site 11"));
	assert_int_equal(round_wants(m.round, 11, size, y), UPLOAD_WANTED); /* it may send it rightly signed */
	m.w.sites[0].outbox[SECAGG_INPUT].ptr[HASH_SIZE] ^= 1;
	assert_int_equal(upload(&m, 0), UPLOAD_WANTED);
	assert_int_equal(upload(&m, 0), UPLOAD_PENDING);
	assert_int_equal(round_heard(m.round, 11, SECAGG_INPUT), UPLOAD_PENDING);
	assert_int_equal(round_wants(m.round, 11, size, &other), UPLOAD_CONFLICT);
	assert_int_equal(m.added[0], 0);
	masked_round_turn(&m); /* its row is committed */
	masked_round_turn(&m);
	assert_int_equal(round_heard(m.round, 11, SECAGG_INPUT), UPLOAD_ACCEPTED);
	assert_int_equal(round_wants(m.round, 11, size, y), UPLOAD_ACCEPTED);
	assert_int_equal(m.added[0], 1);
	for (uint32_t i = 1; i < 4; i++)
		assert_int_equal(upload(&m, i), UPLOAD_WANTED);
	m.now_ms = MASKED_DEADLINE_MS;
	round_tick(m.round, m.now_ms);
	assert_int_equal(round_wants(m.round, 39, size, &m.w.sites[4].y_hash), UPLOAD_PENDING);
	masked_round_turn(&m);
	assert_int_equal(round_wants(m.round, 39, size, &m.w.sites[4].y_hash), UPLOAD_LATE); /* U3 is durable */
	assert_int_equal(upload(&m, 4), UPLOAD_LATE);
	masked_round_free(&m);
}

/* Masks are asked for when the sum is whole, not when the shares are there. */
static void test_masks_wait_for_the_sum(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 9, 5, 1, 0);
	m.never_add = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_int_equal(secagg_server_state(round_server(m.round, 0)), SECAGG_SERVER_EXPECT_UNMASKED);
	assert_int_equal(m.unmasked[0], 0);
	assert_int_equal(round_deadline_ms(m.round), MASKED_JOIN_MS);
	m.never_add = false;
	for (uint32_t i = 0; i < 5; i++)
		round_added(m.round, masked_round_number(&m, i), 0);
	m.added[0] = 5;
	for (uint32_t i = 0; i < 5; i++)
		for (uint32_t j = 0; j < m.words; j++)
			m.sums[0][j] += load_u32(m.w.sites[i].y + 4 * (size_t)j);
	masked_round_step(&m);
	assert_int_equal(m.unmasked[0], 1);
	assert_true(m.closed && round_succeeded(m.round));
	assert_true(masked_round_exact(&m, 0));
	masked_round_free(&m);
}

/* Signatures and shares that come when there are enough are as good as taken; the site goes on waiting. */
static void test_late_signatures_and_shares(void **state)
{
	(void)state;
	struct masked_round m;
	struct buf said = {0};

	masked_round_init(&m, 9, 5, 1, 0);
	m.w.sites[4].lasts = SECAGG_SURVIVORS;
	m.never_add = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	m.now_ms = MASKED_PHASE_MS;
	round_tick(m.round, m.now_ms);
	assert_int_equal(send(&m, 4, SECAGG_SURVIVORS), UPLOAD_ACCEPTED);
	assert_int_equal(round_say(m.round, 39, SECAGG_OPENING, &said), SAY_READY); /* its shares are of use */
	masked_round_step(&m);
	m.now_ms += MASKED_PHASE_MS;
	round_tick(m.round, m.now_ms);
	assert_int_equal(secagg_server_state(round_server(m.round, 0)), SECAGG_SERVER_EXPECT_UNMASKED);
	assert_int_equal(round_say(m.round, 39, SECAGG_OPENING, &said), SAY_WAIT);
	assert_int_equal(round_say(m.round, 11, SECAGG_OPENING, &said), SAY_WAIT); /* it has answered */
	assert_int_equal(send(&m, 0, SECAGG_OPENING), UPLOAD_ACCEPTED);
	buf_free(&said);
	masked_round_free(&m);
}

static void test_what_it_waits_for(void **state)
{
	(void)state;
	static const char *const words[] = {
		"keys: 4 of 5 hospitals, at least 3",    "shares: 4 of 5 hospitals, at least 3",
		"input: 4 of 5 hospitals, at least 3",   "survivors: 4 of 5 hospitals, at least 3",
		"opening: 4 of 5 hospitals, at least 3", "the masks to be taken off the sum"};

	for (uint32_t p = 0; p <= SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;
		char text[128];

		masked_round_init(&m, 51, 5, 1, 0);
		m.never_add = true;
		m.w.sites[4].lasts = p;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		round_waits_for(m.round, text, sizeof text);
		assert_string_equal(text, words[p]);
		masked_round_free(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repeats_are_not_counted),
		cmocka_unit_test(test_keys_repeated_and_wrong),
		cmocka_unit_test(test_late_is_told_when_it_is_durable),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_masks_wait_for_the_sum),
		cmocka_unit_test(test_late_signatures_and_shares),
		cmocka_unit_test(test_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
