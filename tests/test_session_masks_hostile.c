/*
 * A coordinator that says anything under masks, to hospitals that are killed at any write: rounds and attempts in any order, octets
 * that were cut, changed or said before, ends that never were. Whatever comes, nothing aborts, and masked_sessions.h's honest shells
 * see that a hospital says one thing per phase and attempt, speaks in no older attempt, answers once per round and once about
 * statistics, makes one vector
 * per round final and lets it go under masks only. Sums in which nobody was lied to are exact.
 */
#include "tests/support/masked_sessions.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define RUNS 150
#define STEPS 200
#define ROUNDS 6

struct hostile {
	struct masked_sessions w;
	struct rng rng;
	struct buf earlier; /* something that was said once */
	bool lied; /* in the attempt that is open */
	uint64_t round, newest;
	uint32_t attempt;
	uint32_t exact, opened, left; /* what came of it, so that a run in which nothing happened is noticed */
};

static struct hostile *liar; /* whose turn it is: a lie has no context of its own */

static uint32_t pick(uint32_t n)
{
	return (uint32_t)rng_below(&liar->rng, n);
}

static void replace(struct buf *octets, struct bytes by)
{
	buf_clear(octets);
	buf_put(octets, by);
}

static void lie(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase, struct buf *octets)
{
	(void)w;
	(void)h;
	(void)phase;
	if (pick(12) > 0)
		return;
	liar->lied = true;
	switch (pick(4)) {
	case 0:
		octets->ptr[pick((uint32_t)octets->len)] ^= (uint8_t)(1u << pick(8));
		break;
	case 1:
		octets->len = pick((uint32_t)octets->len);
		break;
	case 2:
		octets->ptr[0] ^= (uint8_t)(1 + pick(15)); /* of a set: others than there are */
		break;
	default:
		if (liar->earlier.len > 0 && liar->earlier.len <= octets->max)
			replace(octets, buf_bytes(&liar->earlier));
		break;
	}
	if (pick(3) == 0)
		replace(&liar->earlier, buf_bytes(octets));
}

/* It lies by what it opens, and when. */
static void say_as_it_is(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase,
                         struct buf *octets)
{
	(void)w;
	(void)h;
	(void)phase;
	(void)octets;
}

/* The next attempt, the next round, the same again, or one of before; sometimes with another model or roster. */
static void open_some(struct hostile *f)
{
	uint32_t what = pick(10);

	if (what < 5) {
		f->attempt++;
	} else if (what < 8 && f->newest < ROUNDS) {
		f->round = ++f->newest;
		f->attempt = 1;
	} else if (what == 8 && f->newest > 1) {
		f->round = 1 + pick((uint32_t)f->newest);
		f->attempt = 1 + pick(4);
	}
	if (pick(12) == 0)
		masked_sessions_renew_roster(&f->w);
	if (f->attempt > ATTEMPTS_MAX)
		f->attempt = ATTEMPTS_MAX;
	uint32_t step = f->round > 3 ? 3 : (uint32_t)f->round - 1;
	f->lied = false;
	masked_sessions_open(&f->w, f->round, f->attempt, pick(15) == 0 ? 0 : step);
}

static void message_to(struct hostile *f, struct masked_hospital *h, enum message_type type)
{
	struct message m = {.type = type, .seq = ++h->seq, .plan = f->w.plan};

	snprintf(m.study, sizeof m.study, "%s", f->w.study.name);
	m.outcome = (enum round_outcome)pick(OUTCOME_COUNT);
	m.plan.round = 1 + pick((uint32_t)f->newest);
	m.plan.attempt = pick(4);
	if (type == MESSAGE_ROUND) {
		m.plan = f->w.plan;
		m.plan.model.b[0] ^= (uint8_t)(pick(20) == 0);
	}
	masked_sessions_polled(h, &m, false);
}

static void revive(struct hostile *f)
{
	if (f->w.server == NULL)
		masked_sessions_restart_server(&f->w);
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++)
		if (f->w.hospitals[i].session == NULL)
			masked_sessions_restart(&f->w, &f->w.hospitals[i]);
}

static void happen(struct hostile *f)
{
	struct masked_sessions *w = &f->w;
	struct masked_hospital *h = &w->hospitals[pick(MASKED_HOSPITALS)];

	switch (pick(22)) {
	case 0:
		masked_sessions_restart(w, h);
		break;
	case 1:
		masked_sessions_restart_server(w);
		break;
	case 2:
		secagg_server_close(w->server);
		break;
	case 3:
		open_some(f);
		break;
	case 4:
		message_to(f, h, pick(3) == 0 ? MESSAGE_CLOSED : MESSAGE_ROUND);
		break;
	case 5:
		masked_sessions_polled(h, NULL, true);
		break;
	case 6:
		w->kill_at = w->writes + 1 + pick(5);
		w->kill_before = pick(2);
		break;
	case 7:
	case 8:
		masked_sessions_tick(w);
		break;
	case 9:
	case 10:
		h->lasts = pick(SECAGG_PHASE_COUNT + 1);
		break;
	case 11:
		masked_sessions_lasts(w, SECAGG_PHASE_COUNT);
		break;
	default:
		masked_sessions_step(w);
		break;
	}
}

static void judge(struct hostile *f)
{
	if (f->w.server == NULL || secagg_server_state(f->w.server) != SECAGG_SERVER_DONE || f->w.sum == NULL)
		return;
	if (!f->lied)
		assert_true(masked_sessions_exact(&f->w));
	f->exact += !f->lied;
	open_some(f);
}

static void run(struct hostile *f, uint64_t seed)
{
	masked_sessions_init(&f->w, 5000 + seed);
	rng_seeded(&f->rng, seed, "hostile");
	buf_init(&f->earlier, 1u << 20);
	f->w.lie = seed % 2 == 0 ? lie : say_as_it_is;
	f->round = f->newest = f->attempt = 1;
	masked_sessions_open(&f->w, 1, 1, 0);
	for (int i = 0; i < STEPS; i++) {
		happen(f);
		revive(f);
		judge(f);
	}
	for (uint32_t i = 0; i < MASKED_HOSPITALS; i++) {
		f->opened += f->w.hospitals[i].opened_round > 0;
		f->left += f->w.hospitals[i].leaves;
	}
	buf_free(&f->earlier);
	masked_sessions_free(&f->w);
}

static void test_whatever_is_said(void **state)
{
	static struct hostile f;
	uint32_t exact = 0, opened = 0, left = 0;

	(void)state;
	liar = &f;
	for (uint64_t seed = 0; seed < RUNS; seed++) {
		memset(&f, 0, sizeof f);
		run(&f, seed);
		exact += f.exact;
		opened += f.opened;
		left += f.left;
	}
	print_message("%u exact sums, %u hospitals answered, %u left\n", exact, opened, left);
	assert_true(exact > RUNS && opened > 2 * RUNS && left > 5 * RUNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_is_said),
	};

	return cmocka_run_group_tests_name("session_masks_hostile", tests, NULL, NULL);
}
