/*
 * The session core under masks before a coordinator that lies at each phase, or has no use for it: nothing more is said, keys are wiped
 * in memory and on the disk, people are told, and the next attempt is another matter.
 */
#include "tests/support/masked_sessions.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define VICTIM 2 /* the hospital that is lied to */

static void keep(struct buf *out, const struct buf *octets)
{
	buf_init(out, octets->len);
	buf_put(out, buf_bytes(octets));
}

static void set_of(struct buf *octets, uint32_t ranks)
{
	octets->ptr[0] = (uint8_t)ranks;
}

static void without_the_victim_in_u1(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                                     struct buf *octets)
{
	(void)w;
	if (h->index != VICTIM || phase != SECAGG_SHARES)
		return;
	memmove(octets->ptr + VICTIM * SECAGG_KEYS_SIZE, octets->ptr + (VICTIM + 1) * SECAGG_KEYS_SIZE,
	        octets->len - (VICTIM + 1) * SECAGG_KEYS_SIZE);
	octets->len -= SECAGG_KEYS_SIZE;
}

static void other_keys_in_u1(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                             struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_SHARES)
		octets->ptr[10] ^= 1; /* of the first site */
}

static void without_the_victim_in_u2(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                                     struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_INPUT)
		set_of(octets, 0xf & ~(1u << VICTIM));
}

static void others_in_u2(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                         struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_INPUT)
		octets->ptr[octets->len - 1] ^= 1; /* the last ciphertext */
}

static void without_the_victim_in_u3(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                                     struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_SURVIVORS)
		set_of(octets, 0xf & ~(1u << VICTIM));
}

static void nothing_in_survivors(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                                 struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_SURVIVORS)
		octets->len = 0; /* 403 */
}

static void too_few_in_u3(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                          struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_SURVIVORS)
		set_of(octets, (1u << VICTIM) | 1);
}

static void other_signatures(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                             struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_OPENING)
		octets->ptr[octets->len - 1] ^= 1;
}

static void test_lies_end_in_silence_and_are_told(void **state)
{
	static const struct {
		void (*lie)(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
		            struct buf *octets);
		enum secagg_phase silent; /* the first phase of which nothing was said */
		const char *words;
	} rows[] = {
		{without_the_victim_in_u1, SECAGG_SHARES, "own keys are missing"},
		{other_keys_in_u1, SECAGG_SHARES, "site 11"},
		{without_the_victim_in_u2, SECAGG_INPUT, "not among those that shared"},
		{others_in_u2, SECAGG_INPUT, "the shares from site 32 do not open"},
		{without_the_victim_in_u3, SECAGG_SURVIVORS, "acknowledged this site's vector and now leaves it out"},
		{nothing_in_survivors, SECAGG_SURVIVORS, "acknowledged this site's vector and now leaves it out"},
		{too_few_in_u3, SECAGG_SURVIVORS, "the quorum is 3"},
		{other_signatures, SECAGG_OPENING, "signature is not over the survivors"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		struct masked_sessions w;
		struct masked_hospital *h = &w.hospitals[VICTIM];
		bool opened;

		masked_sessions_init(&w, 70 + k);
		w.lie = rows[k].lie;
		masked_sessions_open(&w, 1, 1, 0);
		masked_sessions_run(&w);
		assert_int_equal(h->leaves, 1);
		assert_int_equal(h->alarms, k != 2); /* whose shares were late is not in U2 */
		if (strstr(h->why.text, rows[k].words) == NULL)
			fail_msg("%s, not: %s", h->why.text, rows[k].words);
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
			assert_int_equal(h->says[p] > 0, p < (int)rows[k].silent);
		assert_int_equal(h->refusals, 0);
		assert_int_equal(session_state(h->session), SESSION_EXPECT_CLOSED);
		assert_false(masked_sessions_resumable(h, &opened)); /* wiped at once, and on the disk, too */
		assert_false(opened);
		masked_sessions_restart(&w, h); /* silent in this attempt, whatever comes */
		masked_sessions_run(&w);
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
			assert_int_equal(h->says[p] > 0, p < (int)rows[k].silent);
		w.lie = NULL;
		masked_sessions_free(&w);
	}
}

static void test_after_a_lie_the_next_attempt_is_another_matter(void **state)
{
	struct masked_sessions *w = *state;

	w->lie = others_in_u2;
	w->hospitals[0].lasts = SECAGG_INPUT; /* so the attempt fails */
	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_run(w);
	assert_int_equal(secagg_server_state(w->server), SECAGG_SERVER_FAILED);
	assert_int_equal(w->hospitals[VICTIM].alarms, 1);
	masked_sessions_close(w, OUTCOME_FAILED);
	w->lie = NULL;
	w->hospitals[0].lasts = SECAGG_PHASE_COUNT;
	masked_sessions_open(w, 1, 2, 0);
	masked_sessions_run(w);
	assert_true(masked_sessions_exact(w));
	assert_true(secagg_server_survives(w->server, w->hospitals[VICTIM].number));
}

/* Two lists of survivors: the second comes after a restart of ours, when the first was signed. */
static void second_u3(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase, struct buf *octets)
{
	(void)w;
	if (h->index == VICTIM && phase == SECAGG_SURVIVORS)
		set_of(octets, 0xf & ~2u);
}

static void test_never_two_lists_of_survivors(void **state)
{
	struct masked_sessions *w = *state;
	struct masked_hospital *h = &w->hospitals[VICTIM];
	struct buf signature;

	masked_sessions_lasts(w, SECAGG_OPENING);
	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_step(w);
	assert_int_equal(h->says[SECAGG_SURVIVORS], 1);
	keep(&signature, &h->said[SECAGG_SURVIVORS]);
	w->lie = second_u3;
	masked_sessions_restart(w, h); /* it does not even listen for them again */
	masked_sessions_run(w);
	assert_true(h->says[SECAGG_SURVIVORS] > 1);
	assert_true(bytes_equal(buf_bytes(&h->said[SECAGG_SURVIVORS]), buf_bytes(&signature)));
	buf_free(&signature);
}

/* An acknowledgement that was lost: "late" is not the end for a site that is in the sum. */
static void test_a_lost_acknowledgement(void **state)
{
	struct masked_sessions *w = *state;

	w->forgets_to_acknowledge = true;
	masked_sessions_open(w, 1, 1, 0);
	masked_sessions_run(w);
	assert_true(masked_sessions_exact(w));
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		assert_true(secagg_server_survives(w->server, w->hospitals[i].number));
	masked_sessions_expect_no_trouble(w);
}

/* Really late, or dropped in any other phase: silent, without an alarm, and there again in the next round. */
static void test_late_and_dropped(void **state)
{
	(void)state;
	for (uint32_t p = SECAGG_KEYS; p <= SECAGG_OPENING; p++) {
		struct masked_sessions w;
		struct masked_hospital *h = &w.hospitals[VICTIM];

		masked_sessions_init(&w, 90 + p);
		masked_sessions_open(&w, 1, 1, 0);
		h->lasts = p;
		masked_sessions_run(&w);
		h->lasts = SECAGG_PHASE_COUNT; /* its network is back */
		masked_sessions_step(&w);
		assert_true(masked_sessions_exact(&w));
		assert_int_equal(secagg_server_survives(w.server, h->number), p > SECAGG_INPUT);
		assert_int_equal(h->alarms, 0);
		assert_int_equal(session_state(h->session), SESSION_EXPECT_CLOSED);
		masked_sessions_close(&w, OUTCOME_DONE);
		masked_sessions_open(&w, 2, 1, 1);
		masked_sessions_run(&w);
		assert_true(masked_sessions_exact(&w));
		assert_true(secagg_server_survives(w.server, h->number));
		masked_sessions_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies_end_in_silence_and_are_told),
		cmocka_unit_test(test_late_and_dropped),
		cmocka_unit_test_setup_teardown(test_after_a_lie_the_next_attempt_is_another_matter,
	                                        masked_sessions_setup, masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_never_two_lists_of_survivors, masked_sessions_setup,
	                                        masked_sessions_teardown),
		cmocka_unit_test_setup_teardown(test_a_lost_acknowledgement, masked_sessions_setup,
	                                        masked_sessions_teardown),
	};

	return cmocka_run_group_tests_name("session_lies", tests, NULL, NULL);
}
