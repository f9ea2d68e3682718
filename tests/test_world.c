/*
 * The federation in one process: campaign and sessions in the loopback world, with loss, and with a crash of either side at every
 * action boundary. Whatever happens, the run ends with the same participants, each counted once, and the same model bytes.
 */
#include "tests/support/small_study.h"
#include "tests/support/world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

#define SITES 4
#define LOSSY_SEEDS 200

struct fixture {
	struct tempdir dir;
	struct study study;
	struct policy policy;
	struct table tables[SITES];
	struct world_setting setting;
	struct world_result calm; /* no loss, no crash: what every other run must end with */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	tempdir_make(&f->dir);
	small_study(&f->study, NULL);
	small_policy(&f->policy);
	for (uint32_t i = 0; i < SITES; i++)
		small_table(&f->tables[i], &f->dir, &f->study, i);
	f->setting = (struct world_setting){&f->study, &f->policy, f->tables, SITES};
	world_run(&f->calm, &f->setting, &(struct world_plan){.seed = 1});
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < SITES; i++)
		table_free(&f->tables[i]);
	study_free(&f->study);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

static void assert_same_end(const struct world_result *a, const struct world_result *calm)
{
	assert_string_equal(a->violation, "");
	assert_int_equal(a->state, CAMPAIGN_FINISHED);
	assert_int_equal(a->round_count, calm->round_count);
	for (uint32_t i = 0; i < a->round_count; i++) {
		assert_int_equal(a->rounds[i].round, calm->rounds[i].round);
		assert_int_equal(a->rounds[i].outcome, OUTCOME_DONE);
		assert_int_equal(a->rounds[i].participant_count, calm->rounds[i].participant_count);
		assert_memory_equal(a->rounds[i].participants, calm->rounds[i].participants,
		                    a->rounds[i].participant_count * sizeof(uint32_t));
	}
	assert_memory_equal(a->model.b, calm->model.b, HASH_SIZE);
}

static void test_calm(void **state)
{
	const struct fixture *f = *state;

	assert_string_equal(f->calm.violation, "");
	assert_int_equal(f->calm.state, CAMPAIGN_FINISHED);
	assert_int_equal(f->calm.round_count, 5); /* statistics, three of training, the last evaluation */
	for (uint32_t i = 0; i < f->calm.round_count; i++)
		assert_int_equal(f->calm.rounds[i].participant_count, SITES);
	assert_false(hash_is_zero(&f->calm.model));
}

static void test_interleaving_changes_nothing(void **state)
{
	const struct fixture *f = *state;

	for (uint64_t seed = 2; seed < 50; seed++) {
		struct world_result r;

		world_run(&r, &f->setting, &(struct world_plan){.seed = seed});
		assert_same_end(&r, &f->calm);
	}
}

static void test_loss_changes_nothing(void **state)
{
	const struct fixture *f = *state;

	for (uint64_t seed = 100; seed < 100 + LOSSY_SEEDS; seed++) {
		struct world_result r;

		world_run(&r, &f->setting, &(struct world_plan){.seed = seed, .loss = 0.3});
		assert_same_end(&r, &f->calm);
	}
}

/* Crashes at action 0, 1, 2, ... until the run ends before the crash is reached. */
static uint32_t crash_everywhere(const struct fixture *f, struct world_plan plan)
{
	uint32_t at = 0;

	for (;; at++) {
		struct world_result r;

		plan.crash_at = at;
		world_run(&r, &f->setting, &plan);
		assert_same_end(&r, &f->calm);
		if (!r.crashed)
			return at;
	}
}

static void test_coordinator_crashes_at_every_boundary(void **state)
{
	const struct fixture *f = *state;

	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct world_plan plan = {.seed = seed,
			                          .loss = seed == 3 ? 0.2 : 0,
			                          .crash = CRASH_COORDINATOR,
			                          .crash_when = when};

			assert_true(crash_everywhere(f, plan) >= f->calm.coordinator_actions);
		}
}

static void test_each_site_crashes_at_every_boundary(void **state)
{
	const struct fixture *f = *state;

	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++)
		for (uint32_t site = 0; site < SITES; site++) {
			struct world_plan plan = {
				.seed = 10 + site, .crash = CRASH_SITE, .crash_when = when, .crash_site = site};

			assert_true(crash_everywhere(f, plan) >=
			            20); /* five rounds of poll, fetch, compute, persist, send */
		}
}

static void test_an_absent_site_is_named_and_not_waited_for(void **state)
{
	const struct fixture *f = *state;
	struct world_plan plan = {.seed = 5, .absent = {false, false, true, false}};
	struct world_result r;

	world_run(&r, &f->setting, &plan);
	assert_string_equal(r.violation, "");
	assert_int_equal(r.state, CAMPAIGN_FINISHED);
	for (uint32_t i = 0; i < r.round_count; i++) {
		assert_int_equal(r.rounds[i].participant_count, SITES - 1);
		for (uint32_t k = 0; k < SITES - 1; k++)
			assert_int_not_equal(r.rounds[i].participants[k], 11 + 7 * 2);
	}
	assert_true(r.ended_ms < 10 * 60 * 1000); /* five join deadlines, no round deadline */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_interleaving_changes_nothing),
		cmocka_unit_test(test_loss_changes_nothing),
		cmocka_unit_test(test_coordinator_crashes_at_every_boundary),
		cmocka_unit_test(test_each_site_crashes_at_every_boundary),
		cmocka_unit_test(test_an_absent_site_is_named_and_not_waited_for),
	};

	return cmocka_run_group_tests_name("world", tests, setup, teardown);
}
