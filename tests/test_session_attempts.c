/*
 * Attempts and rounds under masks, one after the other: the same v under other keys, one opening per round and one of statistics per
 * study, one roster and one model per round, known hospitals, and keys that go when the attempt has ended.
 */
#include "tests/support/masked_sessions.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void expect_other_octets(const struct masked_hospital *h, enum secagg_phase phase, const struct buf *before)
{
	assert_true(h->said[phase].len > 0 && before->len == h->said[phase].len);
	assert_false(bytes_equal(buf_bytes(&h->said[phase]), buf_bytes(before)));
}

static void keep(struct buf *out, const struct buf *octets)
{
	buf_init(out, octets->len);
	buf_put(out, buf_bytes(octets));
}

/* The first attempt fails in phase `last`; the second has other keys, the same v and another y. */
static void another_attempt_after(uint32_t last)
{
	struct masked_sessions w;
	struct buf keys, y;
	struct hash v;
	uint32_t computed;

	masked_sessions_init(&w, 50 + last);
	masked_sessions_lasts(&w, last);
	masked_sessions_open(&w, 1, 1, 0);
	masked_sessions_step(&w);
	keep(&keys, &w.hospitals[1].said[SECAGG_KEYS]);
	keep(&y, &w.hospitals[1].y);
	v = w.hospitals[1].newest.content;
	computed = w.hospitals[1].computed;
	masked_sessions_lasts(&w, SECAGG_PHASE_COUNT);
	masked_sessions_open(&w, 1, 2, 0); /* without a word on the end of the first */
	assert_null(session_content(w.hospitals[1].session)); /* y of the first attempt is not sent in the second */
	masked_sessions_run(&w);
	assert_true(masked_sessions_exact(&w));
	assert_true(hash_equal(&w.hospitals[1].newest.content, &v));
	assert_int_equal(w.hospitals[1].computed, computed);
	if (last > SECAGG_KEYS)
		expect_other_octets(&w.hospitals[1], SECAGG_KEYS, &keys);
	if (last > SECAGG_SHARES) {
		assert_int_equal(w.hospitals[1].y.len, y.len);
		assert_false(bytes_equal(buf_bytes(&w.hospitals[1].y), buf_bytes(&y)));
	}
	masked_sessions_expect_no_trouble(&w);
	buf_free(&keys);
	buf_free(&y);
	masked_sessions_free(&w);
}

static void test_another_attempt_masks_the_same_vector_anew(void **state)
{
	(void)state;
	for (uint32_t last = SECAGG_KEYS; last < SECAGG_OPENING; last++)
		another_attempt_after(last);
}

/* A second sum of the same vectors over other survivors would tell the sites apart. */
static void test_an_opened_round_is_not_opened_again(void **state)
{
	struct masked_sessions *w = *state;

	masked_sessions_open(w, 2, 1, 1);
	masked_sessions_run(w);
	masked_sessions_open(w, 2, 2, 1);
	masked_sessions_step(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		assert_int_equal(w->hospitals[i].refusals, 1);
		assert_int_equal(w->hospitals[i].refusal, REFUSAL_PLAN);
		assert_int_equal(w->hospitals[i].said[SECAGG_KEYS].len, 0);
		assert_non_null(strstr(w->hospitals[i].why.text, "was opened in attempt 1"));
	}
}

static void test_statistics_are_opened_once_per_study(void **state)
{
	struct masked_sessions *w = *state;
	uint32_t computed;

	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_run(w);
	masked_sessions_close(w, OUTCOME_DONE);
	masked_sessions_open(w, 2, 1, 1); /* a training round in between forgets nothing */
	masked_sessions_run(w);
	masked_sessions_close(w, OUTCOME_DONE);
	computed = w->hospitals[0].computed;
	masked_sessions_open(w, 3, 1, 0);
	masked_sessions_step(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		assert_int_equal(w->hospitals[i].refusals, 1);
		assert_int_equal(w->hospitals[i].refusal, REFUSAL_PLAN);
		assert_non_null(strstr(w->hospitals[i].why.text, "a new one needs a new revision"));
	}
	assert_int_equal(w->hospitals[0].computed, computed); /* refused before anything was computed */
	masked_sessions_restart(w, &w->hospitals[0]);
	masked_sessions_step(w);
	assert_int_equal(w->hospitals[0].refusals, 2); /* nor after a restart */
}

static void test_one_round_has_one_roster(void **state)
{
	struct masked_sessions *w = *state;

	masked_sessions_lasts(w, SECAGG_INPUT);
	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_step(w);
	masked_sessions_lasts(w, SECAGG_PHASE_COUNT);
	masked_sessions_renew_roster(w);
	masked_sessions_open(w, 1, 2, 0);
	masked_sessions_step(w);
	assert_int_equal(w->hospitals[0].rosters, 2);
	assert_int_equal(w->hospitals[0].refusal, REFUSAL_PLAN);
	assert_non_null(strstr(w->hospitals[0].why.text, "another plan"));
	masked_sessions_open(w, 2, 1, 0); /* another round with it is another matter */
	masked_sessions_run(w);
	assert_true(masked_sessions_exact(w));
}

/* The roster of the message cannot be had: the newest is another one. */
static void test_a_roster_that_is_gone(void **state)
{
	struct masked_sessions *w = *state;

	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_renew_roster(w);
	masked_sessions_step(w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		assert_int_equal(w->hospitals[i].refusal, REFUSAL_PLAN);
		assert_int_equal(w->hospitals[i].computed, 0);
		assert_non_null(strstr(w->hospitals[i].why.text, "is for another roster than roster 2"));
	}
}

/* v was made of one model; its hash goes into every key, so another one in the next attempt is refused, also by a site that
 * had no record of the first. */
static void test_one_round_has_one_model(void **state)
{
	struct masked_sessions *w = *state;
	struct masked_hospital *h = &w->hospitals[0];

	w->kill_at = 2; /* the first hospital to write: after v, before the record of its keys */
	w->kill_before = w->kill_only_hospitals = true;
	masked_sessions_open(w, 2, 1, 1);
	masked_sessions_step(w);
	assert_true(h->session == NULL && h->has_newest && h->record.len == 0);
	w->plan.attempt = 2;
	w->plan.model.b[0] ^= 1;
	masked_sessions_restart(w, h);
	masked_sessions_step(w);
	assert_int_equal(h->refusal, REFUSAL_PLAN);
	assert_int_equal(h->said[SECAGG_KEYS].len, 0);
}

/* Down when the attempt ended, with the keys of its masks on record: they go as soon as that is heard, whatever follows. */
static void test_keys_of_an_attempt_that_ended_without_us(void **state)
{
	static const struct {
		enum message_type type;
		uint64_t round;
		uint32_t attempt;
		bool goes;
	} rows[] = {
		{MESSAGE_FINISHED, 0, 0, true}, {MESSAGE_CLOSED, 2, 2, true},  {MESSAGE_CLOSED, 2, 3, true},
		{MESSAGE_CLOSED, 3, 1, true},   {MESSAGE_ROUND, 2, 3, true},   {MESSAGE_ROUND, 3, 1, true},
		{MESSAGE_CLOSED, 2, 1, false},  {MESSAGE_CLOSED, 1, 9, false}, {MESSAGE_ROUND, 2, 1, false},
		{MESSAGE_ROUND, 2, 2, false},   {MESSAGE_ROUND, 1, 4, false},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct masked_sessions w;
		struct masked_hospital *h = &w.hospitals[1];
		bool opened;

		masked_sessions_init(&w, 40 + k);
		masked_sessions_lasts(&w, SECAGG_SURVIVORS);
		masked_sessions_open(&w, 2, 2, 1);
		masked_sessions_step(&w);
		session_free(h->session);
		masked_sessions_start(&w, h);
		assert_true(masked_sessions_resumable(h, &opened));
		struct message m = {.type = rows[k].type, .seq = 1, .plan = w.plan, .outcome = OUTCOME_FAILED};
		snprintf(m.study, sizeof m.study, "%s", w.study.name);
		m.plan.round = rows[k].round;
		m.plan.attempt = rows[k].attempt;
		masked_sessions_polled(h, &m, false);
		assert_int_equal(masked_sessions_resumable(h, &opened), !rows[k].goes);
		masked_sessions_free(&w);
	}
}

/* The policy's min_known holds of who is in the keys and in the sum, too, not only of who is invited. */
static void test_known_hospitals_in_the_sum(void **state)
{
	struct masked_sessions *w = *state;
	struct masked_hospital *h = &w->hospitals[2];
	struct known_site told[2];
	struct known_sites known = {told, 2};

	for (uint32_t i = 0; i < 2; i++) {
		struct hash key;

		memcpy(told[i].name, w->roster.sites[i].name, sizeof told[i].name);
		sha256_of(&key, bytes_of(w->roster.sites[i].key, ROSTER_KEY_SIZE));
		memcpy(told[i].fingerprint, key.b, KNOWN_FINGERPRINT_SIZE);
	}
	h->policy.known = &known;
	h->policy.min_known = 3; /* the first two, and itself */
	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_run(w);
	assert_true(masked_sessions_exact(w));
	masked_sessions_close(w, OUTCOME_DONE);
	w->hospitals[0].lasts = SECAGG_KEYS;
	masked_sessions_open(w, 2, 1, 1);
	masked_sessions_run(w);
	assert_int_equal(h->leaves, 1);
	assert_int_equal(h->says[SECAGG_SHARES], 0);
	assert_non_null(strstr(h->why.text, "min_known is 3"));
	masked_sessions_close(w, OUTCOME_FAILED);
	w->hospitals[0].lasts = SECAGG_INPUT;
	masked_sessions_open(w, 2, 2, 1);
	masked_sessions_run(w);
	assert_int_equal(h->leaves, 2);
	assert_int_equal(h->says[SECAGG_INPUT], 1);
	assert_int_equal(h->says[SECAGG_SURVIVORS], 0);
	masked_sessions_close(w, OUTCOME_FAILED);
	known.count = 1; /* too few can be: refused before anything is computed */
	masked_sessions_open(w, 3, 1, 2);
	masked_sessions_run(w);
	assert_int_equal(h->refusal, REFUSAL_POLICY_SITES);
	assert_int_equal(h->computed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_attempt_masks_the_same_vector_anew),
		cmocka_unit_test_setup_teardown(test_an_opened_round_is_not_opened_again, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_statistics_are_opened_once_per_study, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_one_round_has_one_roster, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_a_roster_that_is_gone, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_one_round_has_one_model, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test(test_keys_of_an_attempt_that_ended_without_us),
		cmocka_unit_test_setup_teardown(test_known_hospitals_in_the_sum, masked_sessions_setup,
	                                        masked_sessions_teardown),
	};

	return cmocka_run_group_tests_name("session_attempts", tests, NULL, NULL);
}
