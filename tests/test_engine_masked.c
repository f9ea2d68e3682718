/*
 * simulator/engine under masks: every key, share and mask of every site, and the very model of the same rounds without; whoever stays
 * away, for any number of workers; and groups.
 */
#include "simulator/engine.h"
#include "tests/support/small_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MASKED                                                                                                         \
	{                                                                                                              \
		"masking: off", "masking: required"                                                                    \
	}

/* The model, and how the run went. */
struct outcome_of_run {
	struct hash model;
	uint32_t done, contributed, late, dropped;
	bool masked;
	double unmasking;
};

static struct outcome_of_run play(const char *const (*changes)[2], size_t count, uint64_t seed,
                                  const struct engine_options *options)
{
	struct small_run run;
	struct outcome_of_run out;

	small_run_play(&run, changes, count, seed, options);
	out = (struct outcome_of_run){
		.model = small_run_model(&run),
		.done = run.done,
		.contributed = run.contributed,
		.late = run.late,
		.dropped = run.dropped,
		.masked = engine_masked(run.engine),
		.unmasking = engine_seconds(run.engine, ENGINE_UNMASKING),
	};
	small_run_end(&run);
	return out;
}

/* Attempts that fail may fail earlier under masks; the sums that were made are of the same sites. */
static void assert_same(const struct outcome_of_run *a, const struct outcome_of_run *b)
{
	assert_memory_equal(a->model.b, b->model.b, HASH_SIZE);
	assert_int_equal(a->done, b->done);
}

static void test_the_model_is_that_without_masks(void **state)
{
	const struct engine_options with = {.threads = 2, .masks = true}, without = {.threads = 2};
	struct outcome_of_run masked = play(CHANGES(MASKED), 3, &with), sums = play(CHANGES(MASKED), 3, &without);
	struct outcome_of_run clear = play(CHANGES({"rounds: 3", "rounds: 3"}), 3, &without);

	(void)state;
	assert_true(masked.masked && masked.unmasking > 0);
	assert_false(sums.masked || sums.unmasking > 0);
	assert_same(&masked, &sums);
	assert_int_equal(masked.done, clear.done);
	assert_int_equal(masked.contributed, 5 * masked.done);
}

/* Sites that are slow share their secrets and fall silent: their masks are taken off by the others' shares. */
static void test_sites_that_stay_away_or_fall_silent(void **state)
{
	const char *const changes[][2] = {
		MASKED, {"rounds: 3", "rounds: 12"}, {"max_dropouts: 1", "max_dropouts: 2, max_colluders: 0"}};
	struct engine_options with = {.threads = 2, .masks = true, .dropout = 0.15, .slow = 0.15}, without = with;

	(void)state;
	without.masks = false;
	struct outcome_of_run masked = play(changes, 3, 7, &with), sums = play(changes, 3, 7, &without);
	assert_true(masked.late > 0 && masked.dropped > 0);
	assert_same(&masked, &sums);
}

static void test_workers_change_no_bit(void **state)
{
	const struct engine_options one = {.threads = 1, .masks = true}, four = {.threads = 4, .masks = true};
	struct outcome_of_run a = play(CHANGES(MASKED), 1, &one), b = play(CHANGES(MASKED), 1, &four);

	(void)state;
	assert_same(&a, &b);
}

/* Two groups, of two and three sites: a strategy sees their means, and the mean of two is their median. */
static void test_groups_show_a_strategy_their_sums(void **state)
{
#define GROUPS                                                                                                         \
	{"masking: off", "masking: groups of 2"},                                                                      \
	{                                                                                                              \
		"max_dropouts: 1", "max_dropouts: 0, max_colluders: 0"                                                 \
	}
	const struct engine_options options = {.threads = 2};
	struct outcome_of_run median = play(CHANGES(GROUPS, {"rounds: 3", "rounds: 3, strategy: median"}), 3, &options);
	struct outcome_of_run mean = play(CHANGES(GROUPS), 3, &options);
	struct outcome_of_run single = play(CHANGES({"rounds: 3", "rounds: 3, strategy: median"}), 3, &options);

	(void)state;
	assert_true(median.masked && mean.masked && !single.masked);
	assert_int_equal(median.done, 5);
	assert_memory_not_equal(median.model.b, mean.model.b, HASH_SIZE);
	assert_memory_not_equal(median.model.b, single.model.b, HASH_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_model_is_that_without_masks),
		cmocka_unit_test(test_sites_that_stay_away_or_fall_silent),
		cmocka_unit_test(test_workers_change_no_bit),
		cmocka_unit_test(test_groups_show_a_strategy_their_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
