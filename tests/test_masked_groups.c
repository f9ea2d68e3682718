/*
 * Masked rounds in groups: twelve hospitals in three groups of four, each with a sum of its own. More than half of the groups make a
 * round; a strategy that looks at single updates looks at the groups' means.
 */
#include "coordinator/outcome.h"
#include "tests/support/masked_daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SITES 12
#define ALL ((1u << SITES) - 1)
#define GROUPS 3
#define WAIT_S MASKED_DAEMON_WAIT_S

static struct masked_daemon *setup(const char *settings, const char *strategy)
{
	struct masked_daemon *d = mem_alloc(sizeof *d);
	struct masked_daemon_config config = {.sites = SITES,
	                                      .masking = "masking: groups of 4",
	                                      .settings = settings,
	                                      .edits = {{"{min: 11,", "{min: 3,"}}};

	config.edits[1][0] = strategy != NULL ? "training: {" : NULL;
	config.edits[1][1] = strategy;
	masked_daemon_make(d, &config);
	return d;
}

static void teardown(struct masked_daemon *d)
{
	masked_daemon_remove(d);
	free(d);
}

static uint64_t group_sites(const struct masked_daemon *d, uint32_t group)
{
	uint64_t sites = 0;

	for (uint32_t i = 0; i < SITES; i++)
		if (d->m[i].plan.group == group)
			sites |= 1u << i;
	return sites;
}

static void test_all_groups_come_through(void **state)
{
	struct masked_daemon *d = setup(NULL, NULL);

	(void)state;
	for (int round = 1; round <= 5; round++) {
		masked_daemon_begin(d);
		for (uint32_t g = 0; g < GROUPS; g++)
			assert_int_equal(__builtin_popcountll(group_sites(d, g)), 4);
		masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
		masked_daemon_finish(d, ALL);
	}
	assert_true(d->h[0].over);
	teardown(d);
}

/* Two of the group are silent in phase SHARES, so that its quorum is missed; the others go on to the end. */
static uint64_t play_without_group(struct masked_daemon *d, uint32_t group)
{
	uint64_t failing = group_sites(d, group);
	int silent = 0;

	masked_daemon_play(d, SECAGG_KEYS, SECAGG_KEYS);
	for (uint32_t i = 0; i < SITES && silent < 2; i++)
		if (failing >> i & 1) {
			d->all[i] = NULL;
			silent++;
		}
	masked_daemon_play(d, SECAGG_SHARES, SECAGG_SHARES);
	for (uint32_t i = 0; i < SITES; i++)
		if (failing >> i & 1)
			d->all[i] = NULL;
	masked_daemon_play(d, SECAGG_INPUT, SECAGG_OPENING);
	return failing;
}

/* The others' sums make the round, and who is in the group that fails has no part in it. */
static void test_a_group_that_fails_is_left_out(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT, NULL);
	uint64_t failing;

	(void)state;
	masked_daemon_begin(d);
	failing = play_without_group(d, 1);
	masked_daemon_finish(d, ALL & ~failing);
	struct json *round = masked_daemon_round(d, 1, 1);
	assert_int_equal(json_as_integer(json_get(round, "quorum")), 2 * 3); /* two groups of three */
	for (uint32_t i = 0; i < SITES; i++) {
		const struct json *site = json_at(json_get(round, "sites"), i);
		const char *state_name = json_as_string(json_get(site, "state"));

		assert_string_equal(state_name, failing >> i & 1 ? "dropped" : "contributed");
	}
	json_free(round);
	teardown(d);
}

/* A site of the group masks another check word than it should. */
static void lie(struct masked_daemon *d, uint32_t group)
{
	uint32_t liar = (uint32_t)__builtin_ctzll(group_sites(d, group));

	d->m[liar].x[d->m[liar].layout.words] = 2;
}

/* Its group's sum is garbage, which costs the group and nobody else. */
static void test_a_lie_costs_its_group_alone(void **state)
{
	struct masked_daemon *d = setup(NULL, NULL);
	uint64_t lying;

	(void)state;
	masked_daemon_begin(d);
	lying = group_sites(d, 0);
	lie(d, 0);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL & ~lying);
	assert_true(coordinating_logged(&d->c, "the sum's check words do not hold", 0));
	struct json *round = masked_daemon_round(d, 1, 1);
	assert_int_equal(json_as_integer(json_get(round, "quorum")), 2 * 3); /* two groups of three */
	for (uint32_t i = 0; i < SITES; i++)
		assert_string_equal(json_as_string(json_get(json_at(json_get(round, "sites"), i), "state")),
		                    lying >> i & 1 ? "dropped" : "contributed");
	json_free(round);
	teardown(d);
}

static void test_lies_in_most_groups_cost_the_round(void **state)
{
	struct masked_daemon *d = setup(NULL, NULL);

	(void)state;
	masked_daemon_begin(d); /* statistics */
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	masked_daemon_begin(d);
	lie(d, 0);
	lie(d, 1);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_SURVIVORS);
	for (uint32_t i = 0; i < SITES; i++) /* the round may be over before the third group has answered */
		if (masker_listen(&d->m[i], SECAGG_OPENING, WAIT_S) == 200)
			masker_say(&d->m[i], SECAGG_OPENING);
	masked_daemon_hear_the_end(d, OUTCOME_ABANDONED);
	teardown(d);
}

/* ---- the groups' sums, one by one */

struct group_sums {
	struct aggregate sums[GROUPS];
};

static enum err read_group(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                           struct diag *why)
{
	const struct group_sums *g = context;

	(void)why;
	memcpy(out, g->sums[summand].sums + first, words * sizeof *out);
	return OK;
}

/* What the median of the means of groups `first` and behind gives, computed from the contributions themselves. */
static void expect_median(struct masked_daemon *d, uint32_t first)
{
	const struct message *closed = &d->h[0].closed;
	struct group_sums groups = {0};
	struct aggregate sum = {0};
	struct outcome outcome = {0};
	struct round_plan plan = {0};
	struct diag why = {{0}};
	const struct summands summands = {.count = GROUPS - first, .read = read_group, .context = &groups};

	round_plan_copy(&plan, &d->h[0].round.plan);
	masked_daemon_hear_the_end(d, OUTCOME_DONE);
	aggregate_begin(&sum, &d->m[0].layout);
	for (uint32_t g = 0; g < GROUPS; g++)
		aggregate_begin(&groups.sums[g], &d->m[0].layout);
	for (uint32_t i = 0; i < SITES; i++) {
		if (d->m[i].plan.group < first)
			continue;
		aggregate_add(&sum, buf_bytes(&d->h[i].contribution));
		aggregate_add(&groups.sums[d->m[i].plan.group - first], buf_bytes(&d->h[i].contribution));
	}
	sum.summands = &summands;
	if (outcome_compute(&outcome, &d->h[0].study, &plan, &sum, buf_bytes(&d->model), NULL, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(outcome.has_model && hash_equal(&closed->model, &outcome.model_sha256));
	outcome_free(&outcome);
	aggregate_free(&sum);
	for (uint32_t g = 0; g < GROUPS; g++)
		aggregate_free(&groups.sums[g]);
	round_plan_free(&plan);
}

static void test_the_median_of_the_groups(void **state)
{
	struct masked_daemon *d = setup(MASKED_DAEMON_IMPATIENT, "training: {strategy: median, ");

	(void)state;
	masked_daemon_begin(d); /* statistics */
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	masked_daemon_begin(d);
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	expect_median(d, 0);
	masked_daemon_begin(d);
	play_without_group(d, 0);
	expect_median(d, 1);
	teardown(d);
}

/* A weight far below zero makes the total one, too: its group has no update, and the others have theirs. */
static void test_a_lie_about_the_weight(void **state)
{
	struct masked_daemon *d = setup(NULL, "training: {strategy: median, ");
	uint32_t liar;

	(void)state;
	masked_daemon_begin(d); /* statistics */
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	masked_daemon_finish(d, ALL);
	masked_daemon_begin(d);
	liar = (uint32_t)__builtin_ctzll(group_sites(d, 0));
	d->m[liar].x[layout_find(&d->m[liar].layout, SEGMENT_WEIGHT)->first] = (uint32_t)-1000000;
	masked_daemon_play(d, SECAGG_KEYS, SECAGG_OPENING);
	expect_median(d, 1);
	teardown(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_groups_come_through),
		cmocka_unit_test(test_a_group_that_fails_is_left_out),
		cmocka_unit_test(test_a_lie_costs_its_group_alone),
		cmocka_unit_test(test_lies_in_most_groups_cost_the_round),
		cmocka_unit_test(test_the_median_of_the_groups),
		cmocka_unit_test(test_a_lie_about_the_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
