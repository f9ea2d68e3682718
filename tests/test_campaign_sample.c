/* Rounds that invite a sample of the sites: that every sample is as likely as another, and that a round keeps its own. */
#include "coordinator/campaign_state.h"
#include "tests/support/chi_square.h"
#include "tests/support/conduct.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SITES 40
#define PER_ROUND 5 /* sites.min 2 and max_dropouts 1 make a quorum of 4 */

static const struct hash seed = {{1, 2, 3}};

/* ---- the draw */

static void assert_sample_of(const uint32_t *sample, uint32_t size, const uint32_t *sites, uint32_t count)
{
	for (uint32_t i = 0, at = 0; i < size; i++, at++) {
		while (at < count && sites[at] != sample[i])
			at++;
		assert_true(at < count); /* one of them, behind the one before */
	}
}

static void test_every_sample_is_as_likely(void **state)
{
	static const uint32_t sites[] = {3, 4, 8, 100, 4000000000u, UINT32_MAX};
	enum { ROUNDS = 40000, SUBSETS = 1 << 6 };
	uint32_t counts[SUBSETS] = {0}, seen[20], kinds = 0;

	(void)state;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint32_t *sample = campaign_sample(sites, 6, 3, &seed, round), subset = 0;

		assert_sample_of(sample, 3, sites, 6);
		for (uint32_t i = 0; i < 6; i++)
			for (uint32_t j = 0; j < 3; j++)
				subset |= sample[j] == sites[i] ? 1u << i : 0;
		counts[subset]++;
		free(sample);
	}
	for (uint32_t s = 0; s < SUBSETS; s++)
		if (counts[s] != 0) {
			assert_true(kinds < 20); /* three of six */
			seen[kinds++] = counts[s];
		}
	assert_int_equal(kinds, 20);
	assert_true(chi_square(seen, 20, ROUNDS / 20.0) < chi_square_limit(19));
}

static void test_every_site_is_as_likely_among_many(void **state)
{
	enum { MANY = 10000, ROUNDS = 2000 };
	static uint32_t sites[MANY], counts[MANY / 100], absent[MANY / 100];
	const uint32_t sizes[] = {1, 100, MANY - 1};

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		sites[i] = 7 * i + 1;
	for (size_t k = 0; k < 3; k++) {
		uint32_t *tally = sizes[k] == MANY - 1 ? absent : counts, rounds = k == 2 ? 500 : ROUNDS;

		memset(tally, 0, sizeof counts);
		for (uint64_t round = 1; round <= rounds; round++) {
			uint32_t *sample = campaign_sample(sites, MANY, sizes[k], &seed, round), at = 0;

			assert_sample_of(sample, sizes[k], sites, MANY);
			for (uint32_t i = 0; i < sizes[k] && k < 2; i++)
				tally[sample[i] / 700]++;
			while (k == 2 && at < sizes[k] && sample[at] == sites[at])
				at++;
			tally[at / 100] += k == 2;
			free(sample);
		}
		assert_true(chi_square(tally, MANY / 100, rounds * (k == 1 ? 1.0 : 0.01)) <
		            chi_square_limit(MANY / 100 - 1));
	}
}

static void test_what_rules_the_draw(void **state)
{
	enum { COUNT = 50, SIZE = 10 };
	uint32_t sites[COUNT], *again[4];
	struct hash other = seed;

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++)
		sites[i] = i + 1;
	other.b[HASH_SIZE - 1] = 1;
	again[0] = campaign_sample(sites, COUNT, SIZE, &seed, 1);
	again[1] = campaign_sample(sites, COUNT, SIZE, &seed, 1);
	again[2] = campaign_sample(sites, COUNT, SIZE, &seed, 1ull << 40);
	again[3] = campaign_sample(sites, COUNT, SIZE, &other, 1);
	assert_memory_equal(again[0], again[1], SIZE * sizeof *sites);
	assert_memory_not_equal(again[0], again[2], SIZE * sizeof *sites);
	assert_memory_not_equal(again[0], again[3], SIZE * sizeof *sites);
	for (int i = 0; i < 4; i++)
		free(again[i]);
	again[0] = campaign_sample(sites, COUNT, COUNT, &seed, 1);
	assert_memory_equal(again[0], sites, sizeof sites);
	free(again[0]);
}

/* ---- in a campaign */

static void begin(struct conductor *c, const char *study_line, uint32_t per_round, uint32_t sites)
{
	conduct_begin(c, study_line);
	c->config.sites_per_round = per_round;
	c->config.sample_seed = seed;
	conduct_restart(c);
	conduct_approve(c, sites);
	conduct_start(c);
}

static void assert_invites(const struct conductor *c, const struct round_plan *expected)
{
	const struct round_plan *p = campaign_plan(c->campaign);

	assert_int_equal(p->site_count, expected->site_count);
	assert_memory_equal(p->sites, expected->sites, p->site_count * sizeof *p->sites);
}

static void contribute_all(struct conductor *c)
{
	struct round_plan p = {0};

	round_plan_copy(&p, campaign_plan(c->campaign));
	for (uint32_t i = 0; i < p.site_count; i++)
		conduct_contribute(c, p.sites[i]);
	round_plan_free(&p);
}

static void fail_attempt(struct conductor *c)
{
	unsigned before = c->reports;

	conduct_to(c, c->now_ms + CONDUCT_DEADLINE_MS);
	assert_int_equal(c->reports, before + 1);
	assert_int_equal(c->outcome, OUTCOME_FAILED);
	conduct_to(c, c->now_ms + CONDUCT_PAUSE_MS);
}

static void test_each_round_draws_anew_and_needs_its_own_quorum(void **state)
{
	struct conductor c;
	struct round_plan before = {0};

	(void)state;
	begin(&c, NULL, PER_ROUND, SITES);
	for (int round = 1; round <= 5; round++) {
		const struct round_plan *p = campaign_plan(c.campaign);
		uint32_t invited = p->asks & ASK_TRAIN ? PER_ROUND : SITES; /* statistics and the last evaluation */

		assert_int_equal(p->site_count, invited);
		assert_int_equal(round_quorum(campaign_round(c.campaign)), invited - 1);
		if (p->asks & ASK_TRAIN && before.site_count == PER_ROUND)
			assert_memory_not_equal(p->sites, before.sites, PER_ROUND * sizeof *p->sites);
		for (uint32_t site = 1; site <= SITES; site++)
			if (!round_plan_invites(p, site))
				assert_int_equal(conduct_upload(&c, site), UPLOAD_UNINVITED);
		round_plan_copy(&before, p);
		contribute_all(&c);
		assert_int_equal(c.outcome, OUTCOME_DONE);
	}
	round_plan_free(&before);
	conduct_end(&c);
}

/* Attempts fail, restarts come between, and sites outside the sample come and go. */
static void test_all_attempts_keep_the_sample(void **state)
{
	struct conductor c;
	struct round_plan first = {0};
	uint32_t outside = 1;

	(void)state;
	begin(&c, NULL, PER_ROUND, SITES);
	contribute_all(&c);
	round_plan_copy(&first, campaign_plan(c.campaign));
	while (round_plan_invites(&first, outside))
		outside++;
	for (uint32_t attempt = 1; attempt <= 4; attempt++) {
		assert_int_equal(campaign_plan(c.campaign)->round, 2);
		assert_int_equal(campaign_plan(c.campaign)->attempt, attempt);
		assert_invites(&c, &first);
		if (attempt == 2)
			conduct_restart(&c);
		if (attempt == 3)
			campaign_answer(c.campaign, outside, ANSWER_WITHDRAWN, c.now_ms);
		fail_attempt(&c);
	}
	campaign_answer(c.campaign, first.sites[PER_ROUND - 1], ANSWER_WITHDRAWN, c.now_ms);
	fail_attempt(&c);
	assert_int_equal(campaign_plan(c.campaign)->round, 3);
	assert_int_equal(campaign_plan(c.campaign)->step, 1);
	assert_int_equal(campaign_plan(c.campaign)->site_count, PER_ROUND);
	assert_false(round_plan_invites(campaign_plan(c.campaign), first.sites[PER_ROUND - 1]));
	round_plan_free(&first);
	conduct_end(&c);
}

static void test_a_restart_draws_the_same(void **state)
{
	struct conductor c, restarted;

	(void)state;
	begin(&c, NULL, PER_ROUND, SITES);
	begin(&restarted, NULL, PER_ROUND, SITES);
	for (int round = 1; round <= 4; round++) {
		conduct_restart(&restarted);
		conduct(&restarted);
		assert_invites(&restarted, campaign_plan(c.campaign));
		contribute_all(&c);
		contribute_all(&restarted);
	}
	conduct_end(&c);
	conduct_end(&restarted);
}

static void test_fewer_than_asked_for(void **state)
{
	struct conductor c;
	char words[200];

	(void)state;
	begin(&c, NULL, PER_ROUND, 3); /* all of them */
	assert_int_equal(campaign_plan(c.campaign)->site_count, 3);
	conduct_end(&c);
	begin(&c, "sites: {min: 4, max_dropouts: 0, cell_min: 1}", 3, SITES); /* the study's rule is for the sample */
	contribute_all(&c); /* statistics: all of them */
	assert_int_equal(campaign_state(c.campaign), CAMPAIGN_EXPECT_SITES);
	campaign_waiting_for(c.campaign, words, sizeof words);
	assert_non_null(strstr(words, "3 sites are invited and sites.min is 4"));
	conduct_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_sample_is_as_likely),
		cmocka_unit_test(test_every_site_is_as_likely_among_many),
		cmocka_unit_test(test_what_rules_the_draw),
		cmocka_unit_test(test_each_round_draws_anew_and_needs_its_own_quorum),
		cmocka_unit_test(test_all_attempts_keep_the_sample),
		cmocka_unit_test(test_a_restart_draws_the_same),
		cmocka_unit_test(test_fewer_than_asked_for),
	};

	return cmocka_run_group_tests_name("campaign_sample", tests, NULL, NULL);
}
