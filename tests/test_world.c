/*
 * The federation in one process: campaign and sessions in the loopback world, with loss, full disks, absent and
 * refusing sites, an operator, and crashes of either side at every action boundary. Whatever happens, a run ends with
 * the same participants, each counted once, and the same model bytes as the calm one; and what world.h lists holds
 * all the time.
 */
#include "simulator/world.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>

#define SITES 4
#define LOSSY_SEEDS 200
#define TWO_CRASHES 300

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

static struct world_odds losing(double p)
{
	struct world_odds odds = {{{0}}};

	odds.of[FAULT_LOSS][SIDE_COORDINATOR] = odds.of[FAULT_LOSS][SIDE_SITE] = p;
	return odds;
}

static void assert_same_end(const struct world_result *a, const struct world_result *calm)
{
	assert_string_equal(a->violation, "");
	assert_int_equal(a->state, CAMPAIGN_FINISHED);
	assert_int_equal(a->end_count, calm->end_count);
	for (uint32_t i = 0; i < a->end_count; i++) {
		assert_int_equal(a->ends[i].round, calm->ends[i].round);
		assert_int_equal(a->ends[i].outcome, OUTCOME_DONE);
		assert_int_equal(a->ends[i].participant_count, calm->ends[i].participant_count);
		assert_memory_equal(a->ends[i].participants, calm->ends[i].participants,
		                    a->ends[i].participant_count * sizeof(uint32_t));
	}
	assert_memory_equal(a->model.b, calm->model.b, HASH_SIZE);
}

static void test_calm(void **state)
{
	const struct fixture *f = *state;

	assert_string_equal(f->calm.violation, "");
	assert_int_equal(f->calm.state, CAMPAIGN_FINISHED);
	assert_int_equal(f->calm.end_count, 5); /* statistics, three of training, the last evaluation */
	for (uint32_t i = 0; i < f->calm.end_count; i++)
		assert_int_equal(f->calm.ends[i].participant_count, SITES);
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

		world_run(&r, &f->setting, &(struct world_plan){.seed = seed, .odds = losing(0.3)});
		assert_same_end(&r, &f->calm);
	}
}

static struct world_crash crash(enum side side, enum crash_when when, uint32_t site, uint32_t at)
{
	return (struct world_crash){.planned = true, .side = side, .when = when, .site = site, .at = at};
}

/* Crashes once more at step 0, 1, 2, ... until the run ends before that crash is reached, which must not be before the
 * last step of the run without it. Every run must end as `end`. How many there were. */
static uint32_t crash_everywhere(const struct fixture *f, struct world_plan plan, enum side side, enum crash_when when,
                                 uint32_t site, const struct world_result *end)
{
	struct world_result r;
	uint32_t steps;

	world_run(&r, &f->setting, &plan);
	assert_same_end(&r, end);
	steps = side == SIDE_COORDINATOR ? r.coordinator_steps : r.site_steps[site];
	for (uint32_t at = 0;; at++) {
		plan.crashes[0] = crash(side, when, site, at);
		world_run(&r, &f->setting, &plan);
		assert_same_end(&r, end);
		if (r.crashes == 1)
			continue;
		assert_true(at >= steps);
		return at;
	}
}

static void test_coordinator_crashes_at_every_boundary(void **state)
{
	const struct fixture *f = *state;

	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++)
		for (uint64_t seed = 1; seed <= 3; seed++) {
			struct world_plan plan = {.seed = seed, .odds = losing(seed == 3 ? 0.2 : 0)};

			/* five rounds of: begin, persist four sites, add, compute, the record; jobs and commits */
			assert_true(crash_everywhere(f, plan, SIDE_COORDINATOR, when, 0, &f->calm) >= 5 * 12);
		}
}

static void test_each_site_crashes_at_every_boundary(void **state)
{
	const struct fixture *f = *state;

	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++)
		for (uint32_t site = 0; site < SITES; site++) {
			struct world_plan plan = {.seed = 10 + site};

			/* five rounds of poll, fetch, compute, persist, send */
			assert_true(crash_everywhere(f, plan, SIDE_SITE, when, site, &f->calm) >= 20);
		}
}

/* Any two crashes of anybody, with loss; the second often hits what the first made anew. */
static void test_two_crashes(void **state)
{
	const struct fixture *f = *state;
	uint32_t both = 0;
	struct rng r;

	rng_seeded(&r, 1, "crashes");
	for (uint64_t seed = 1000; seed < 1000 + TWO_CRASHES; seed++) {
		struct world_plan plan = {.seed = seed, .odds = losing(seed % 4 == 0 ? 0.2 : 0)};
		struct world_result result;
		uint32_t first = (uint32_t)rng_below(&r, f->calm.coordinator_steps);

		for (int i = 0; i < 2; i++) {
			enum side side = rng_below(&r, 3) > 0 ? SIDE_COORDINATOR : SIDE_SITE;
			enum crash_when when = rng_below(&r, 2) > 0 ? CRASH_AFTER : CRASH_BEFORE;
			uint32_t site = (uint32_t)rng_below(&r, SITES);

			plan.crashes[i] =
				crash(side, when, site, side == SIDE_SITE ? (uint32_t)rng_below(&r, 25) : first);
			first += 1 + (uint32_t)rng_below(&r, 4);
		}
		world_run(&result, &f->setting, &plan);
		assert_same_end(&result, &f->calm);
		both += result.crashes == 2;
	}
	assert_true(both > TWO_CRASHES / 2);
}

/* ---- disks, and sites that take no part */

static void test_each_upload_once_finds_the_disk_full(void **state)
{
	const struct fixture *f = *state;
	struct world_result r;

	assert_int_equal(f->calm.uploads, 5 * SITES);
	for (uint32_t at = 1; at <= 5 * SITES; at++) {
		world_run(&r, &f->setting, &(struct world_plan){.seed = at, .disk_full_at = at});
		assert_same_end(&r, &f->calm);
		assert_int_equal(r.uploads, 5 * SITES + 1);
	}
}

static void assert_without(const struct world_result *r, uint32_t site)
{
	assert_string_equal(r->violation, "");
	assert_int_equal(r->state, CAMPAIGN_FINISHED);
	assert_int_equal(r->end_count, 5);
	for (uint32_t i = 0; i < r->end_count; i++) {
		assert_int_equal(r->ends[i].outcome, OUTCOME_DONE);
		assert_int_equal(r->ends[i].participant_count, SITES - 1);
		for (uint32_t k = 0; k < SITES - 1; k++)
			assert_int_not_equal(r->ends[i].participants[k], world_number(site));
	}
}

static void test_an_absent_site_is_named_and_not_waited_for(void **state)
{
	const struct fixture *f = *state;
	struct world_plan plan = {.seed = 5, .absent = {[2] = true}};
	struct world_result r;

	world_run(&r, &f->setting, &plan);
	assert_without(&r, 2);
	assert_true(r.ended_ms < 10 * 60 * 1000); /* five join deadlines, no round deadline */
	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++) {
		crash_everywhere(f, plan, SIDE_COORDINATOR, when, 0, &r);
	}
}

static void test_a_site_that_refuses_is_not_waited_for(void **state)
{
	const struct fixture *f = *state;
	struct world_plan plan = {.seed = 6, .refuses = {[1] = true}};
	struct world_result r;

	world_run(&r, &f->setting, &plan);
	assert_without(&r, 1);
	assert_true(r.ended_ms < 30000); /* not even until the first join deadline */
	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++) {
		crash_everywhere(f, plan, SIDE_COORDINATOR, when, 0, &r);
	}
}

/* ---- the operator */

static void test_pausing_anywhere_changes_nothing(void **state)
{
	const struct fixture *f = *state;

	for (uint32_t at = 0; at < f->calm.coordinator_steps; at++)
		for (int dies = 0; dies <= 1; dies++) {
			struct world_plan plan = {.seed = 7, .orders = {{WORLD_PAUSE, at}, {WORLD_RESUME, at + 9}}};
			struct world_result r;

			if (dies == 1) /* while the command is on its way to the disk */
				plan.crashes[0] = crash(SIDE_COORDINATOR, CRASH_BEFORE, 0, at + 1);
			world_run(&r, &f->setting, &plan);
			assert_same_end(&r, &f->calm);
			/* In the last of five rounds there is none left to hold back. */
			assert_true(r.orders == 2 || at > f->calm.coordinator_steps * 3 / 4);
		}
}

static void test_stopping_anywhere_ends_it_for_all(void **state)
{
	const struct fixture *f = *state;
	uint32_t stopped = 0;

	for (uint32_t at = 0; at < f->calm.coordinator_steps; at++)
		for (int dies = 0; dies <= 2; dies++) {
			struct world_plan plan = {.seed = 8, .orders = {{WORLD_STOP, at}}};
			struct world_result r;

			if (dies > 0)
				plan.crashes[0] =
					crash(SIDE_COORDINATOR, dies == 1 ? CRASH_BEFORE : CRASH_AFTER, 0, at + 1);
			world_run(&r, &f->setting, &plan);
			assert_string_equal(r.violation, "");
			for (uint32_t i = 0; i + 1 < r.end_count; i++) /* only the last can have been cut short */
				assert_int_equal(r.ends[i].outcome, OUTCOME_DONE);
			assert_true(r.state == CAMPAIGN_STOPPED || r.end_count == f->calm.end_count);
			stopped += r.state == CAMPAIGN_STOPPED;
		}
	assert_true(stopped > 2 * f->calm.coordinator_steps);
}

/* ---- sites that come and go */

static bool has(const struct world_end *r, uint32_t site)
{
	for (uint32_t i = 0; i < r->participant_count; i++)
		if (r->participants[i] == world_number(site))
			return true;
	return false;
}

/* Site 3 comes and site 0 goes in the middle: each round has those who were there when it was planned. */
static void test_membership_changes_in_the_middle(void **state)
{
	const struct fixture *f = *state;

	for (uint64_t seed = 0; seed < 60; seed++) {
		struct world_plan plan = {.seed = 300 + seed,
		                          .odds = losing(seed % 3 == 0 ? 0.2 : 0),
		                          .joins_after = {[3] = 1 + seed % 2},
		                          .leaves_after = {[0] = 2 + seed % 2}};
		struct world_result r;

		if (seed % 5 > 0)
			plan.crashes[0] = crash(SIDE_COORDINATOR, seed % 2 > 0 ? CRASH_AFTER : CRASH_BEFORE, 0,
			                        (uint32_t)(seed * 2));
		world_run(&r, &f->setting, &plan);
		assert_string_equal(r.violation, "");
		assert_int_equal(r.state, CAMPAIGN_FINISHED);
		assert_true(r.ended_ms < 5 * 60 * 1000); /* nobody waits for the deadline of a round */
		assert_true(has(&r.ends[0], 0) && !has(&r.ends[0], 3));
		assert_true(has(&r.ends[r.end_count - 1], 3) && !has(&r.ends[r.end_count - 1], 0));
		for (uint32_t i = 1; i < r.end_count; i++) {
			assert_true(!has(&r.ends[i - 1], 3) || has(&r.ends[i], 3)); /* who has come stays */
			assert_true(has(&r.ends[i - 1], 0) || !has(&r.ends[i], 0)); /* who has gone stays away */
			assert_true(has(&r.ends[i], 1) && has(&r.ends[i], 2));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calm),
		cmocka_unit_test(test_interleaving_changes_nothing),
		cmocka_unit_test(test_loss_changes_nothing),
		cmocka_unit_test(test_coordinator_crashes_at_every_boundary),
		cmocka_unit_test(test_each_site_crashes_at_every_boundary),
		cmocka_unit_test(test_two_crashes),
		cmocka_unit_test(test_each_upload_once_finds_the_disk_full),
		cmocka_unit_test(test_an_absent_site_is_named_and_not_waited_for),
		cmocka_unit_test(test_a_site_that_refuses_is_not_waited_for),
		cmocka_unit_test(test_pausing_anywhere_changes_nothing),
		cmocka_unit_test(test_stopping_anywhere_ends_it_for_all),
		cmocka_unit_test(test_membership_changes_in_the_middle),
	};

	return cmocka_run_group_tests_name("world", tests, setup, teardown);
}
