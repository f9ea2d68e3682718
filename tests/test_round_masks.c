/*
 * Masked rounds at the coordinator, with the real core at each site: the sum is exact and holds those that the round names, whoever
 * falls silent and when; the deadlines, the late, the repeated, who leaves; and after a restart at any commit the same end.
 */
#include "tests/support/masked_round.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

/* ---- who falls silent */

static const char *fate(const struct masked_round *m, uint32_t i)
{
	const struct round_site *s = round_site(m->round, masked_round_number(m, i));

	return s->state == SITE_DROPPED ? drop_reason_name(s->dropped) : site_state_name(s->state);
}

static void test_all_stay(void **state)
{
	(void)state;
	for (uint32_t n = 3; n <= 24; n += 7) {
		struct masked_round m;

		masked_round_init(&m, n, n, 1, n / 5);
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_true(m.closed); /* no deadline had to pass */
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), n);
		for (uint32_t i = 0; i < n; i++) {
			assert_string_equal(fate(&m, i), "contributed");
			assert_int_equal(round_site_at(m.round, i)->reached, SECAGG_PHASE_COUNT);
		}
		assert_string_equal(round_why(m.round), "");
		masked_round_free(&m);
	}
}

/* Site 2 falls silent before each phase's message: the others make the sum, and the round names where it fell out. */
static void test_one_falls_silent_in_each_phase(void **state)
{
	(void)state;
	static const char *const fates[] = {"absent", "in phase shares", "in phase input", "contributed",
	                                    "contributed"};

	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;

		masked_round_init(&m, 7, 5, 1, 0);
		m.w.sites[2].lasts = p;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), p <= SECAGG_INPUT ? 4 : 5);
		assert_string_equal(fate(&m, 2), fates[p]);
		assert_int_equal(round_site_at(m.round, 2)->reached, p);
		assert_int_equal(round_site_at(m.round, 2)->absent, p == 0);
		masked_round_free(&m);
	}
}

/* One that has joined and sends no keys is told apart from one that never came. */
static void test_joined_without_keys(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 7, 5, 1, 0);
	m.w.sites[2].lasts = 0;
	masked_round_begin(&m, 1);
	round_joined(m.round, masked_round_number(&m, 2), 0);
	masked_round_step(&m);
	m.now_ms = MASKED_JOIN_MS;
	round_tick(m.round, m.now_ms);
	masked_round_step(&m);
	assert_int_equal(round_deadline_ms(m.round),
	                 MASKED_DEADLINE_MS); /* it is waited for: KEYS has the long deadline */
	masked_round_run(&m);
	assert_true(round_succeeded(m.round));
	assert_string_equal(fate(&m, 2), "in phase keys");
	masked_round_free(&m);
}

/* Exactly n - m drop and it succeeds; one more and it fails: opened only when signatures had been told. */
static void test_the_quorum_is_the_border(void **state)
{
	(void)state;
	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++)
		for (uint32_t more = 0; more <= 1; more++) {
			struct masked_round m;

			masked_round_init(&m, 31 + p, 7, 1, 1); /* m = t = 5 */
			assert_int_equal(m.plans[0].quorum, 5);
			for (uint32_t k = 0; k < 2 + more; k++)
				m.w.sites[2 * k + 1].lasts = p;
			masked_round_begin(&m, 1);
			masked_round_run(&m);
			assert_int_equal(round_succeeded(m.round), more == 0);
			assert_int_equal(round_opened(m.round), more == 0 || p == SECAGG_OPENING);
			assert_int_equal(round_why(m.round)[0] == '\0', more == 0);
			if (more == 0)
				assert_true(masked_round_exact(&m, 0));
			else
				assert_int_equal(m.unmasked[0], 0);
			masked_round_free(&m);
		}
}

/* ---- time */

/* Each phase has its deadline, from its own beginning. */
static void test_deadlines(void **state)
{
	(void)state;
	static const int64_t takes[] = {MASKED_DEADLINE_MS, MASKED_PHASE_MS, MASKED_DEADLINE_MS, MASKED_PHASE_MS,
	                                MASKED_PHASE_MS};

	for (uint32_t p = 0; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;
		int64_t begins;

		masked_round_init(&m, 3, 5, 1, 0);
		m.now_ms = 77;
		m.w.sites[4].lasts = p;
		masked_round_begin(&m, 1);
		if (p == SECAGG_KEYS)
			round_joined(m.round, masked_round_number(&m, 4), m.now_ms);
		begins = m.now_ms;
		masked_round_step(&m);
		m.now_ms = begins + takes[p] - 1;
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_false(m.closed);
		assert_int_equal(round_deadline_ms(m.round), begins + takes[p]);
		m.now_ms = begins + takes[p];
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_int_equal(m.closed, p != SECAGG_SURVIVORS); /* its shares are waited for too */
		masked_round_run(&m);
		assert_int_equal(m.now_ms, begins + takes[p] + (p == SECAGG_SURVIVORS ? MASKED_PHASE_MS : 0));
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		masked_round_free(&m);
	}
}

/* Who never came is waited for until join_ms, no longer; but with too few it is waited for until deadline_ms, and then it fails. */
static void test_who_has_not_joined(void **state)
{
	(void)state;
	for (uint32_t absent = 1; absent <= 3; absent++) {
		struct masked_round m;

		masked_round_init(&m, 5, 5, 1, 0); /* m = 3 */
		for (uint32_t i = 0; i < absent; i++)
			m.w.sites[i].lasts = 0;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_int_equal(round_deadline_ms(m.round), MASKED_JOIN_MS);
		m.now_ms = MASKED_JOIN_MS;
		round_tick(m.round, m.now_ms);
		masked_round_step(&m);
		assert_int_equal(m.closed, absent <= 2);
		if (absent <= 2)
			assert_true(round_succeeded(m.round));
		else
			assert_int_equal(round_deadline_ms(m.round), MASKED_DEADLINE_MS);
		masked_round_run(&m);
		assert_int_equal(round_succeeded(m.round), absent <= 2);
		assert_false(absent == 3 && round_opened(m.round));
		assert_string_equal(fate(&m, 0), "absent");
		masked_round_free(&m);
	}
}

/* Too few have come by join_ms: one that comes late makes the quorum, and is waited for from then on. */
static void test_a_late_joiner_takes_part(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 5, 5, 1, 0);
	m.w.sites[0].lasts = m.w.sites[1].lasts = m.w.sites[2].lasts = 0;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	m.now_ms = MASKED_JOIN_MS + 500;
	round_tick(m.round, m.now_ms);
	assert_true(round_site_at(m.round, 2)->absent);
	m.w.sites[2].lasts = SECAGG_PHASE_COUNT;
	m.w.sites[2].silent = false;
	m.w.sites[2].sends[SECAGG_KEYS] = 1; /* it never polled: its keys make it one that has joined */
	masked_round_step(&m);
	assert_true(m.closed);
	assert_true(round_succeeded(m.round));
	assert_true(masked_round_exact(&m, 0));
	assert_int_equal(round_contributions(m.round), 3);
	assert_false(round_site_at(m.round, 2)->absent);
	masked_round_free(&m);
}

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

/* ---- late, repeated, wrong */

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

/* ---- who refuses, leaves, is revoked */

static void test_refusals_that_leave_too_few(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 9, 5, 1, 0); /* m = 3 */
	for (uint32_t i = 0; i < 5; i++)
		m.w.sites[i].lasts = i == 4; /* its keys come */
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	for (uint32_t i = 0; i < 3; i++) {
		assert_false(m.closed);
		round_refused(m.round, masked_round_number(&m, i), REFUSAL_POLICY_MASKING, 0);
		masked_round_turn(&m);
	}
	assert_true(m.closed); /* at once */
	assert_false(round_succeeded(m.round));
	assert_string_equal(fate(&m, 0), "refused");
	assert_string_equal(fate(&m, 3), "absent");
	assert_string_equal(fate(&m, 4), "joined"); /* nothing of it is missing */
	assert_int_equal(m.site_count, 3); /* rows of those who refused */
	masked_round_free(&m);
}

/* One has not come, one has joined and is revoked before its keys: from join_ms on nobody is waited for. */
static void test_a_joined_leaver(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 9, 5, 1, 0);
	m.w.sites[3].lasts = m.w.sites[4].lasts = 0;
	masked_round_begin(&m, 1);
	round_joined(m.round, masked_round_number(&m, 3), 0);
	masked_round_step(&m);
	round_dropped(m.round, masked_round_number(&m, 3), DROP_REVOKED, 0);
	m.now_ms = MASKED_JOIN_MS;
	round_tick(m.round, m.now_ms);
	masked_round_step(&m);
	assert_true(m.closed);
	assert_true(round_succeeded(m.round));
	masked_round_free(&m);
}

/* Revoked or withdrawn in each phase, once its message is there: it is not waited for. */
static void test_leavers(void **state)
{
	(void)state;
	for (uint32_t p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;
		struct buf said = {0};

		masked_round_init(&m, 11 + p, 5, 1, 0);
		m.w.sites[1].lasts = p + 1;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		round_dropped(m.round, 18, DROP_REVOKED, m.now_ms);
		masked_round_step(&m);
		assert_true(m.closed); /* without a deadline */
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		assert_int_equal(round_contributions(m.round), p < SECAGG_INPUT ? 4 : 5);
		assert_string_equal(fate(&m, 1), p < SECAGG_INPUT ? "revoked" : "contributed");
		assert_int_equal(m.site_count, p < SECAGG_INPUT);
		assert_int_equal(round_say(m.round, 18, SECAGG_INPUT, &said),
		                 p < SECAGG_INPUT ? SAY_DROPPED : SAY_WAIT);
		buf_free(&said);
		masked_round_free(&m);
	}
}

/* Those who are left are fewer than the phase needs: it fails at once, also when others are still awaited. */
static void test_leavers_that_leave_too_few(void **state)
{
	(void)state;
	for (uint32_t p = SECAGG_KEYS; p < SECAGG_PHASE_COUNT; p++) {
		struct masked_round m;

		masked_round_init(&m, 21, 5, 1, 0);
		for (uint32_t i = 0; i < 4; i++)
			m.w.sites[i].lasts = p;
		masked_round_begin(&m, 1);
		for (uint32_t i = 0; i < 4; i++)
			round_joined(m.round, masked_round_number(&m, i), 0);
		masked_round_step(&m);
		for (uint32_t i = 0; i < 3; i++) {
			assert_false(m.closed);
			round_dropped(m.round, masked_round_number(&m, i), DROP_WITHDRAWN, m.now_ms);
			masked_round_step(&m);
		}
		assert_true(m.closed);
		assert_false(round_succeeded(m.round));
		assert_int_equal(round_opened(m.round), p == SECAGG_OPENING);
		if (p < SECAGG_SURVIVORS) /* it was still awaited: not its fault */
			assert_string_equal(fate(&m, 3), p == 0   ? "in phase keys"
			                                 : p == 1 ? "in phase shares"
			                                          : "in phase input");
		masked_round_free(&m);
	}
}

/* ---- the coordinator restarts */

/* Killed before or after each commit: the same sum over the same sites. */
static void test_restart_at_each_commit(void **state)
{
	(void)state;
	for (uint32_t silent = 0; silent <= 1; silent++)
		for (uint32_t at = 1;; at++) {
			bool killed = false;
			for (uint32_t before = 0; before <= 1; before++) {
				struct masked_round m;

				masked_round_init(&m, 41, 5, 1, 0);
				m.w.sites[3].lasts = silent ? SECAGG_INPUT : SECAGG_PHASE_COUNT;
				m.kill_at = at;
				m.kill_before = before;
				masked_round_begin(&m, 1);
				masked_round_run(&m);
				assert_true(round_succeeded(m.round));
				assert_true(masked_round_exact(&m, 0));
				assert_int_equal(round_contributions(m.round), 5 - silent);
				assert_true(silent || m.now_ms == 0); /* without a deadline */
				for (uint32_t i = 0; i < 5; i++) {
					assert_false(m.w.sites[i].contradicted);
					assert_string_equal(fate(&m, i),
					                    silent && i == 3 ? "in phase input" : "contributed");
				}
				killed = m.commits >= at;
				masked_round_free(&m);
			}
			if (!killed)
				break;
		}
}

/* The coordinator dies when signatures, or shares, are in its memory alone: sites send them again. */
static void test_restart_while_it_is_opened(void **state)
{
	(void)state;
	for (uint32_t answers = 0; answers <= 5; answers++) {
		struct masked_round m;
		uint32_t repeats = 0;

		masked_round_init(&m, 43, 5, 1, 0);
		m.never_add = true; /* it stands before the unmasking */
		for (uint32_t i = answers; i < 5; i++)
			m.w.sites[i].lasts = SECAGG_OPENING;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		assert_int_equal(secagg_server_state(round_server(m.round, 0)),
		                 answers == 5 ? SECAGG_SERVER_EXPECT_UNMASKED : SECAGG_SERVER_EXPECT_ANSWERS);
		m.never_add = false;
		for (uint32_t i = answers; i < 5; i++) { /* they were about to send */
			m.w.sites[i].lasts = SECAGG_PHASE_COUNT;
			m.w.sites[i].silent = false;
			m.w.sites[i].sends[SECAGG_OPENING] = 1;
		}
		masked_round_restart(&m);
		assert_true(round_opened(m.round)); /* it cannot know */
		masked_round_step(&m);
		assert_true(m.closed);
		assert_true(round_succeeded(m.round));
		assert_true(masked_round_exact(&m, 0));
		for (uint32_t i = 0; i < 5; i++) {
			assert_false(m.w.sites[i].contradicted);
			repeats += m.lines[i].repeats;
		}
		assert_int_equal(repeats, 5);
		masked_round_free(&m);
	}
}

/* Deadlines start anew, that of joining too. */
static void test_time_after_a_restart(void **state)
{
	(void)state;
	static const int64_t takes[] = {MASKED_DEADLINE_MS, MASKED_PHASE_MS, MASKED_DEADLINE_MS, MASKED_PHASE_MS};

	for (uint32_t p = SECAGG_KEYS; p <= SECAGG_SURVIVORS; p++) {
		struct masked_round m;

		masked_round_init(&m, 43, 5, 1, 0);
		m.w.sites[4].lasts = p;
		masked_round_begin(&m, 1);
		round_joined(m.round, masked_round_number(&m, 4), 0);
		masked_round_step(&m);
		m.now_ms = 777;
		masked_round_restart(&m);
		round_joined(m.round, masked_round_number(&m, 4), m.now_ms);
		assert_int_equal(round_deadline_ms(m.round), 777 + MASKED_JOIN_MS);
		round_tick(m.round, 777 + MASKED_JOIN_MS);
		assert_int_equal(round_deadline_ms(m.round), 777 + takes[p]);
		masked_round_free(&m);
	}
}

static void test_refusals_last(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 43, 5, 1, 0);
	m.w.sites[0].lasts = 0;
	m.w.sites[1].lasts = SECAGG_SHARES;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	round_refused(m.round, 11, REFUSAL_POLICY_MASKING, 0);
	masked_round_step(&m);
	m.kill_at = m.commits + 2; /* its row is stored, the set that it makes is not */
	m.kill_before = true;
	round_dropped(m.round, 18, DROP_WITHDRAWN, 0);
	masked_round_step(&m);
	assert_int_equal(m.site_count, 2);
	assert_true(m.closed); /* neither is waited for */
	assert_true(round_succeeded(m.round));
	assert_string_equal(fate(&m, 0), "refused");
	assert_string_equal(fate(&m, 1), "withdrawn");
	assert_int_equal(round_contributions(m.round), 3);
	masked_round_free(&m);
}

static void test_rows_that_do_not_fit(void **state)
{
	(void)state;
	struct masked_round m;
	struct diag why = {{0}};

	masked_round_init(&m, 43, 5, 1, 0);
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	masked_round_open(&m);
	assert_int_equal(round_restore_row(m.round, 1, &m.rows[0].head, &why), ERR_DATA);
	assert_string_equal(why.text, "a row of group 1: the round has 1");
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[1].head, &why), ERR_DATA);
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[0].head, &why), OK);
	assert_int_equal(round_restore_row(m.round, 0, &m.rows[0].head, &why), ERR_DATA);
	masked_round_free(&m);
}

/* A staged vector is gone after a restart: the round fails, and is not taken for one that was not opened. */
static void test_an_unreadable_vector(void **state)
{
	(void)state;
	for (uint32_t opened = 0; opened <= 1; opened++) {
		struct masked_round m;

		masked_round_init(&m, 43, 5, 1, 0);
		for (uint32_t i = 0; i < 5; i++)
			m.w.sites[i].lasts = i == 4 && !opened ? SECAGG_INPUT : SECAGG_OPENING;
		masked_round_begin(&m, 1);
		masked_round_step(&m);
		masked_round_restart(&m);
		round_fail(m.round, "staged/3: site 11's vector cannot be read");
		masked_round_turn(&m);
		assert_true(m.closed);
		assert_false(round_succeeded(m.round));
		assert_int_equal(round_opened(m.round), opened);
		assert_string_equal(round_why(m.round), "staged/3: site 11's vector cannot be read");
		round_fail(m.round, "again");
		assert_string_equal(round_why(m.round), "staged/3: site 11's vector cannot be read");
		masked_round_free(&m);
	}
}

/* ---- unmasking */

static void test_masks_that_cannot_be_had(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 43, 5, 1, 0);
	m.lose_slices[0] = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	assert_true(round_opened(m.round));
	assert_string_equal(round_why(m.round), "the shares of site 11 do not fit");
	masked_round_free(&m);
}

/* The round is freed while a slice is worked on. */
static void test_a_slice_outlives_its_round(void **state)
{
	(void)state;
	struct masked_round m;
	struct secret masks = {0};
	struct diag why = {{0}};
	uint32_t count;

	masked_round_init(&m, 43, 5, 1, 0);
	m.never_add = true;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	struct secagg_server *server = secagg_server_retain(round_server(m.round, 0));
	round_free(m.round);
	m.round = NULL;
	assert_int_equal(secagg_server_masks(server, 0, &masks, &count, &why), OK);
	assert_int_equal(count, 5);
	secret_free(&masks);
	secagg_server_free(server);
	masked_round_free(&m);
}

/* ---- groups */

static void test_groups(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(m.closed && round_succeeded(m.round));
	assert_int_equal(round_groups(m.round), 3);
	for (uint32_t g = 0; g < 3; g++) {
		assert_true(round_group_done(m.round, g));
		assert_int_equal(round_survivors(m.round, g), 5);
		assert_true(masked_round_exact(&m, g));
	}
	for (uint32_t i = 0; i < 15; i++)
		assert_int_equal(round_group_of(m.round, masked_round_number(&m, i)), i % 3);
	assert_int_equal(round_group_of(m.round, 12), UINT32_MAX);
	masked_round_free(&m);
}

/* Of three groups one may fail: its sites are dropped with it. With two the round fails, at once. */
static void test_groups_that_fail(void **state)
{
	(void)state;
	for (uint32_t failing = 1; failing <= 2; failing++) {
		struct masked_round m;

		masked_round_init(&m, 51, 15, 3, 0); /* m = 3 in each */
		for (uint32_t g = 0; g < failing; g++)
			for (uint32_t k = 0; k < 3; k++)
				m.w.sites[3 * k + g].lasts = SECAGG_INPUT;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_int_equal(round_succeeded(m.round), failing == 1);
		assert_non_null(
			strstr(round_why(m.round), "group 1 of 3: 2 of 5 sites sent their message of phase input"));
		assert_string_equal(fate(&m, 0), "with its group");
		assert_string_equal(fate(&m, 9), "with its group"); /* its vector was there */
		assert_false(round_group_done(m.round, 0));
		assert_true(round_group_done(m.round, 2));
		assert_true(masked_round_exact(&m, 2));
		assert_true(round_opened(m.round));
		assert_int_equal(round_contributions(m.round), failing == 1 ? 10 : 5);
		masked_round_free(&m);
	}
}

/* Two of three have failed: nobody waits for the third. */
static void test_groups_that_cannot_succeed(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	for (uint32_t i = 0; i < 15; i++)
		m.w.sites[i].lasts = SECAGG_SHARES;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	for (uint32_t k = 0; k < 6; k++) {
		assert_false(m.closed);
		round_dropped(m.round, masked_round_number(&m, 3 * (k / 2) + k % 2), DROP_WITHDRAWN, 0);
		masked_round_step(&m);
	}
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	assert_false(round_opened(m.round));
	masked_round_free(&m);
}

/* Two groups are done when a vector of the third cannot be read: the round fails all the same. */
static void test_unreadable_after_others_are_done(void **state)
{
	(void)state;
	struct masked_round m;

	masked_round_init(&m, 51, 15, 3, 0);
	m.w.sites[2].lasts = SECAGG_INPUT;
	masked_round_begin(&m, 1);
	masked_round_step(&m);
	assert_true(round_group_done(m.round, 0) && round_group_done(m.round, 1));
	assert_false(m.closed);
	round_fail(m.round, "lost");
	masked_round_step(&m);
	assert_true(m.closed);
	assert_false(round_succeeded(m.round));
	masked_round_free(&m);
}

static void test_groups_restart_at_each_commit(void **state)
{
	(void)state;
	for (uint32_t at = 1;; at += 3) {
		struct masked_round m;
		bool killed;

		masked_round_init(&m, 51, 12, 3, 0);
		m.w.sites[4].lasts = SECAGG_SHARES;
		m.kill_at = at;
		m.kill_before = at % 2;
		masked_round_begin(&m, 1);
		masked_round_run(&m);
		assert_true(round_succeeded(m.round));
		assert_int_equal(round_contributions(m.round), 11);
		for (uint32_t g = 0; g < 3; g++)
			assert_true(masked_round_exact(&m, g));
		killed = m.commits >= at;
		masked_round_free(&m);
		if (!killed)
			break;
	}
}

/* ---- words */

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
		cmocka_unit_test(test_all_stay),
		cmocka_unit_test(test_one_falls_silent_in_each_phase),
		cmocka_unit_test(test_joined_without_keys),
		cmocka_unit_test(test_the_quorum_is_the_border),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_who_has_not_joined),
		cmocka_unit_test(test_a_late_joiner_takes_part),
		cmocka_unit_test(test_repeats_are_not_counted),
		cmocka_unit_test(test_keys_repeated_and_wrong),
		cmocka_unit_test(test_late_is_told_when_it_is_durable),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_masks_wait_for_the_sum),
		cmocka_unit_test(test_late_signatures_and_shares),
		cmocka_unit_test(test_refusals_that_leave_too_few),
		cmocka_unit_test(test_a_joined_leaver),
		cmocka_unit_test(test_leavers),
		cmocka_unit_test(test_leavers_that_leave_too_few),
		cmocka_unit_test(test_restart_at_each_commit),
		cmocka_unit_test(test_restart_while_it_is_opened),
		cmocka_unit_test(test_time_after_a_restart),
		cmocka_unit_test(test_refusals_last),
		cmocka_unit_test(test_rows_that_do_not_fit),
		cmocka_unit_test(test_an_unreadable_vector),
		cmocka_unit_test(test_masks_that_cannot_be_had),
		cmocka_unit_test(test_a_slice_outlives_its_round),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_that_fail),
		cmocka_unit_test(test_groups_that_cannot_succeed),
		cmocka_unit_test(test_unreadable_after_others_are_done),
		cmocka_unit_test(test_groups_restart_at_each_commit),
		cmocka_unit_test(test_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
