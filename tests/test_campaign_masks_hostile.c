/*
 * A masked study among sites that send anything at any time, to any attempt, in any phase: noise, their own messages out of turn or with
 * a bit turned, those of others; among revocations, changes of mind, passing time and restarts. The coordinator goes on,
 * no sum holds another's vector, and when it is quiet again the study comes to an end.
 */
#include "tests/support/masked_campaign.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

#define SITES 8
#define STEPS 400
#define SEEDS 24

struct storm {
	struct masked_campaign k;
	struct rng r;
	struct buf octets;
	uint32_t verdicts[UPLOAD_AGAIN + 1], said[SAY_OVER + 1];
};

static uint32_t below(struct storm *s, uint32_t bound)
{
	return (uint32_t)rng_below(&s->r, bound);
}

/* The number of one of them; now and then of nobody. */
static uint32_t some_site(struct storm *s)
{
	uint32_t number = masked_round_number(&s->k.m, below(s, SITES));

	return below(s, 10) == 0 ? number + 1 : number;
}

/* Mostly the attempt in hand. */
static void some_attempt(struct storm *s, uint64_t *round, uint32_t *attempt)
{
	const struct round_plan *p = campaign_plan(s->k.campaign);

	*round = p->round + (below(s, 8) == 0) - (below(s, 8) == 0 && p->round > 0);
	*attempt = p->attempt + (below(s, 8) == 0) - (below(s, 8) == 0 && p->attempt > 0);
}

static void some_octets(struct storm *s, enum secagg_phase phase)
{
	const struct buf *sent = &s->k.m.w.sites[below(s, SITES)].outbox[phase];

	buf_clear(&s->octets);
	buf_put(&s->octets, buf_bytes(sent));
	if (sent->len > 0 && below(s, 2) == 0)
		s->octets.ptr[below(s, (uint32_t)sent->len)] ^= (uint8_t)(1u << below(s, 8));
	for (uint32_t more = below(s, 3) == 0 ? below(s, 300) : 0; more > 0; more--)
		buf_put_u8(&s->octets, (uint8_t)rng_u32(&s->r));
}

static void send_something(struct storm *s)
{
	static const enum secagg_phase phases[] = {SECAGG_KEYS, SECAGG_SHARES, SECAGG_SURVIVORS, SECAGG_OPENING};
	enum secagg_phase phase = phases[below(s, 4)];
	struct diag why = {{0}};
	uint64_t round;
	uint32_t attempt;

	some_attempt(s, &round, &attempt);
	some_octets(s, phase);
	s->verdicts[campaign_message(s->k.campaign, some_site(s), round, attempt, phase, buf_bytes(&s->octets),
	                             s->k.m.now_ms, &why)]++;
}

static void send_vector(struct storm *s)
{
	struct masked_site *site = &s->k.m.w.sites[below(s, SITES)];
	uint8_t signature[KEYS_SIGNATURE_SIZE] = {0};
	struct diag why = {{0}};
	uint64_t round, octets = 4 * (uint64_t)s->k.m.words;
	uint32_t attempt;

	some_attempt(s, &round, &attempt);
	if (site->outbox[SECAGG_INPUT].len == SECAGG_INPUT_SIZE)
		memcpy(signature, site->outbox[SECAGG_INPUT].ptr + HASH_SIZE, sizeof signature);
	s->verdicts[campaign_wants(s->k.campaign, some_site(s), round, attempt, octets, &site->y_hash)]++;
	s->verdicts[campaign_upload(s->k.campaign, some_site(s), round, attempt, octets, &site->y_hash,
	                            s->k.m.now_ms)]++;
	s->verdicts[campaign_input(s->k.campaign, some_site(s), round, attempt, octets - below(s, 2), &site->y_hash,
	                           signature, s->k.m.now_ms, &why)]++;
}

static void ask_something(struct storm *s)
{
	struct buf said = {0};
	uint64_t round;
	uint32_t attempt;

	some_attempt(s, &round, &attempt);
	s->said[campaign_say(s->k.campaign, some_site(s), round, attempt, SECAGG_SHARES + below(s, 4), &said)]++;
	s->verdicts[campaign_heard(s->k.campaign, some_site(s), round, attempt, below(s, SECAGG_PHASE_COUNT))]++;
	buf_free(&said);
}

/* Only those who are of the study speak to it about itself. */
static void change_something(struct storm *s)
{
	uint32_t site = masked_round_number(&s->k.m, below(s, SITES));
	const struct round_plan *p = campaign_plan(s->k.campaign);

	switch (below(s, 5)) {
	case 0:
		campaign_answer(s->k.campaign, site, ANSWER_WITHDRAWN, s->k.m.now_ms);
		break;
	case 1:
		(void)!campaign_refused(s->k.campaign, site, p->round, p->attempt, REFUSAL_POLICY_MASKING,
		                        s->k.m.now_ms);
		break;
	case 2:
		masked_campaign_restart(&s->k);
		break;
	case 3:
		s->k.m.now_ms += below(s, 2000);
		campaign_tick(s->k.campaign, s->k.m.now_ms);
		break;
	default:
		break;
	}
	campaign_answer(s->k.campaign, site, ANSWER_APPROVED, s->k.m.now_ms);
}

static void step(struct storm *s)
{
	uint32_t what = below(s, 20);

	if (what < 6)
		send_something(s);
	else if (what < 9)
		send_vector(s);
	else if (what < 12)
		ask_something(s);
	else if (what == 12)
		change_something(s);
	else if (what < 17 && campaign_round_open(s->k.campaign))
		(void)masked_round_site(&s->k.m, below(s, SITES));
	else
		(void)masked_campaign_shell(&s->k);
}

static void test_storms(void **state)
{
	(void)state;
	struct storm s;
	uint32_t verdicts[UPLOAD_AGAIN + 1] = {0}, said[SAY_OVER + 1] = {0}, failed = 0, computed = 0;

	for (uint32_t seed = 0; seed < SEEDS; seed++) {
		memset(&s, 0, sizeof s);
		rng_seeded(&s.r, seed, "storm");
		buf_init(&s.octets, 1u << 20);
		masked_campaign_init(&s.k, seed % 2 ? "masking: groups of 4" : "masking: required", SITES);
		masked_campaign_start(&s.k);
		masked_campaign_shell(&s.k); /* that it was started is durable */
		for (uint32_t i = 0; i < STEPS && !campaign_over(s.k.campaign); i++)
			step(&s);
		for (uint32_t i = 0; i < SITES; i++)
			campaign_answer(s.k.campaign, masked_round_number(&s.k.m, i), ANSWER_APPROVED, s.k.m.now_ms);
		masked_campaign_run(&s.k, 0);
		assert_true(campaign_over(s.k.campaign));
		assert_int_equal(s.k.inexact, 0);
		for (uint32_t i = 0; i < SITES; i++)
			assert_false(s.k.m.w.sites[i].contradicted);
		computed += s.k.computed;
		failed += campaign_state(s.k.campaign) == CAMPAIGN_FAILED;
		for (int v = 0; v <= UPLOAD_AGAIN; v++)
			verdicts[v] += s.verdicts[v];
		for (int v = 0; v <= SAY_OVER; v++)
			said[v] += s.said[v];
		masked_campaign_free(&s.k);
		buf_free(&s.octets);
	}
	for (int v = 0; v <= UPLOAD_AGAIN; v++) /* everything that can be answered was */
		assert_true(verdicts[v] > 0);
	for (int v = 0; v <= SAY_OVER; v++)
		assert_true(said[v] > 0);
	assert_true(failed < SEEDS);
	assert_true(computed > SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_storms)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
