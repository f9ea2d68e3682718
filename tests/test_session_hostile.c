/*
 * A coordinator that says anything, to a hospital that is killed at any moment. The shell is honest: it computes,
 * stores and sends what the session asks. Whatever comes, nothing aborts, and for no round do two different vectors
 * leave.
 */
#include "client/session.h"
#include "tests/support/small_study.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define NOW_S 1800000000
#define SELF 9
#define ROUNDS 40
#define RUNS 200
#define STEPS 1500

struct hospital {
	struct study study;
	struct policy policy;
	struct session *session;
	struct rng rng;
	struct round_plan last; /* that the coordinator told; borrows its sites */
	/* work in hand */
	bool works;
	struct session_action work;
	uint64_t computed; /* vectors so far: each is another one */
	struct hash staged; /* the newest */
	/* the ledger */
	bool has_newest;
	struct release_record newest;
	struct hash final[ROUNDS + 1]; /* by round; zero: none */
	uint64_t sent_round, again; /* newest round that was sent; how often one was sent once more */
};

static uint32_t good_sites[] = {4, 9, 17}, other_sites[] = {4, 9}, without_us[] = {4, 17}, twice[] = {4, 9, 9},
		descending[] = {17, 9, 4}, zero_first[] = {0, 9, 17};

static uint32_t pick(struct hospital *h, uint32_t n)
{
	return (uint32_t)rng_below(&h->rng, n);
}

static void random_plan(struct hospital *h, struct round_plan *p)
{
	static const struct {
		uint32_t *sites, count;
	} lists[] = {{good_sites, 3}, {other_sites, 2}, {without_us, 2}, {twice, 3},
	             {descending, 3}, {zero_first, 3},  {NULL, 0}};
	static const uint32_t steps[] = {99, UINT32_MAX}, attempts[] = {0, 17, UINT32_MAX};
	size_t list = pick(h, 10) > 0 ? 0 : pick(h, sizeof lists / sizeof *lists);

	p->study_hash = h->study.hash;
	if (pick(h, 40) == 0)
		p->study_hash.b[3] ^= 1;
	p->round = (h->has_newest ? h->newest.round : 1) + pick(h, 4) - 1; /* the last, the newest, the next two */
	p->round = p->round < ROUNDS ? p->round : ROUNDS;
	p->attempt = pick(h, 40) == 0 ? attempts[pick(h, 3)] : 1 + pick(h, 3);
	p->step = pick(h, 40) == 0 ? steps[pick(h, 2)] : pick(h, 3);
	p->asks = pick(h, 40) == 0 ? pick(h, 16) : round_plan_asks(&h->study, p->step);
	if (p->step > 0 || pick(h, 40) == 0)
		p->model.b[0] = (uint8_t)(1 + pick(h, 2));
	if (p->model.b[0] != 0)
		p->model_octets = pick(h, 40) == 0 ? UINT64_MAX : 1000;
	p->sites = lists[list].sites;
	p->site_count = lists[list].count;
}

static void random_message(struct hospital *h, struct message *m, uint64_t seq)
{
	static const enum message_type types[] = {MESSAGE_ROUND, MESSAGE_CLOSED};

	memset(m, 0, sizeof *m);
	m->type = types[pick(h, 8) == 0];
	if (pick(h, 200) == 0)
		m->type = (enum message_type)pick(h, MESSAGE_TYPE_COUNT);
	m->seq = pick(h, 30) == 0 ? pick(h, 50) : seq;
	snprintf(m->study, sizeof m->study, "%s", pick(h, 200) == 0 ? "other" : h->study.name);
	if (pick(h, 2) == 0) { /* the same again, as another attempt */
		m->plan = h->last;
		m->plan.attempt = 1 + pick(h, ATTEMPTS_MAX);
	} else {
		random_plan(h, &m->plan);
		h->last = m->plan;
	}
	m->outcome = pick(h, 4) > 0 ? OUTCOME_FAILED : (enum round_outcome)pick(h, OUTCOME_COUNT);
}

static void tell(struct hospital *h)
{
	struct message messages[3];
	uint32_t count = pick(h, 4);
	struct diag why;

	for (uint32_t i = 0; i < count; i++)
		random_message(h, &messages[i], session_seq(h->session) + 1 + i);
	(void)!session_polled(h->session, messages, count, pick(h, 10) == 0, NOW_S, &why);
}

/* ---- the honest shell */

static void restart(struct hospital *h)
{
	session_free(h->session);
	h->session = session_new(&(struct session_config){.study = &h->study, .policy = &h->policy, .self = SELF});
	if (h->has_newest)
		session_restore(h->session, &h->newest);
	h->works = false;
}

/* The ledger refuses a round that it has, and one that is older than its newest: that it is never asked to is what we
 * are after. */
static void persist(struct hospital *h, uint64_t work)
{
	const struct release_record *r = session_to_persist(h->session);

	assert_non_null(r);
	assert_in_range(r->round, 1, ROUNDS);
	if (pick(h, 10) == 0) { /* the disk is full */
		session_persisted(h->session, work, REFUSAL_INTERNAL);
		return;
	}
	assert_true(
		hash_equal(&r->content, &h->staged)); /* what was computed for this round, and not for one given up */
	assert_true(hash_is_zero(&h->final[r->round]));
	assert_true(!h->has_newest || r->round > h->newest.round);
	h->final[r->round] = r->content;
	h->newest = *r;
	h->has_newest = true;
	if (pick(h, 10) == 0) /* killed before the session hears of it */
		restart(h);
	else
		session_persisted(h->session, work, REFUSAL_NONE);
}

static void drain(struct hospital *h)
{
	struct session_action a;

	while (session_next(h->session, &a)) {
		if (a.kind == SESSION_FETCH || a.kind == SESSION_COMPUTE || a.kind == SESSION_SEND) {
			h->works = true;
			h->work = a;
		} else if (a.kind == SESSION_PERSIST) {
			persist(h, a.work);
		} else if (a.kind == SESSION_CANCEL) {
			h->works = false;
		} else if (a.kind == SESSION_REFUSE) {
			assert_true(a.refusal > REFUSAL_NONE && a.refusal < REFUSAL_COUNT);
		}
	}
}

static void send(struct hospital *h)
{
	const struct release_record *r = session_content(h->session);

	assert_non_null(r);
	assert_int_equal(r->round, session_plan(h->session)->round);
	assert_true(hash_equal(&r->content, &h->final[r->round])); /* what is final, and nothing else */
	h->again += h->sent_round == r->round;
	h->sent_round = r->round;
	session_sent(h->session, h->work.work, (enum sent)pick(h, 3));
}

static void work(struct hospital *h)
{
	enum refusal no = pick(h, 10) == 0 ? REFUSAL_MODEL : REFUSAL_NONE;
	if (!h->works)
		return;
	h->works = false;
	if (h->work.kind == SESSION_FETCH) {
		session_model(h->session, h->work.work, no);
	} else if (h->work.kind == SESSION_COMPUTE) {
		store_u64(h->staged.b, ++h->computed);
		session_computed(h->session, h->work.work, &h->staged, 64, no);
	} else {
		send(h);
	}
}

/* An answer to work that was given up long ago, or was never asked. */
static void stale_answer(struct hospital *h)
{
	uint64_t stale = h->work.work - pick(h, 3) - (h->works ? 1 : 0);

	session_model(h->session, stale, REFUSAL_NONE);
	session_computed(h->session, stale, &(struct hash){{0xff}}, 64, REFUSAL_NONE);
	session_persisted(h->session, stale, REFUSAL_NONE);
	session_sent(h->session, stale, SENT_ACCEPTED);
}

static void test_no_two_vectors_for_one_round(void **state)
{
	static struct hospital h;
	uint64_t final = 0;

	(void)state;
	small_study(&h.study, NULL);
	small_policy(&h.policy);
	for (uint64_t run = 0; run < RUNS; run++) {
		h.has_newest = h.works = false;
		h.computed = h.sent_round = 0;
		memset(h.final, 0, sizeof h.final);
		memset(&h.last, 0, sizeof h.last);
		rng_seeded(&h.rng, run, "hostile");
		restart(&h);
		for (int step = 0; step < STEPS; step++) {
			uint32_t what = pick(&h, 20);

			if (session_state(h.session) == SESSION_OVER || what == 0)
				restart(&h);
			else if (what == 1)
				stale_answer(&h);
			else if (what < 6)
				tell(&h);
			else
				work(&h);
			drain(&h);
		}
		for (int i = 1; i <= ROUNDS; i++)
			final += !hash_is_zero(&h.final[i]);
		session_free(h.session);
		h.session = NULL;
	}
	study_free(&h.study);
	assert_true(final > 10 * RUNS && h.again > 5 * RUNS); /* it did take part, and was asked again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_two_vectors_for_one_round),
	};

	return cmocka_run_group_tests_name("session_hostile", tests, NULL, NULL);
}
