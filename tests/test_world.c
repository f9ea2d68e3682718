/*
 * The federation in one process: campaign and sessions in the loopback world, with loss, and with a crash of either side at every
 * action boundary. Whatever happens, the run ends with the same participants, each counted once, and the same model bytes.
 */
#include "tests/support/tempdir.h"
#include "tests/support/world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 4
#define LOSSY_SEEDS 200

static const char study_text[] = "cohort: 1\n"
				 "study: world\n"
				 "revision: 1\n"
				 "purpose: A made-up question on made-up rows\n"
				 "expires: 2199-12-31\n"
				 "data:\n"
				 "  features:\n"
				 "    - {name: x, min: -4, max: 4}\n"
				 "    - {name: y, min: -4, max: 4}\n"
				 "    - {name: kind, levels: [a, b, c]}\n"
				 "  label: {name: label, type: binary, positive: \"1\"}\n"
				 "  split: {test_fraction: 0.2, validation_fraction: 0.2, seed: 7}\n"
				 "model: {layers: [dense 3, relu, dense 1]}\n"
				 "training:\n"
				 "  rounds: 3\n"
				 "  local: {epochs: 1, batch: 8, optimizer: sgd, learning_rate: 0.1}\n"
				 "evaluation: {release: masked, bins: 16, select: loss}\n"
				 "sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"
				 "masking: off\n"
				 "privacy: {mechanism: none}\n";

static const char policy_text[] = "masking: off\n"
				  "mechanisms: [none]\n"
				  "evaluation: [masked]\n"
				  "min_sites: 2\n";

struct fixture {
	struct tempdir dir;
	struct study study;
	struct policy policy;
	struct table tables[SITES];
	struct world_setting setting;
	struct world_result calm; /* no loss, no crash: what every other run must end with */
};

static void write_rows(const char *path, uint32_t site)
{
	FILE *f = fopen(path, "w");
	struct rng r;

	assert_non_null(f);
	rng_seeded(&r, site, "rows");
	fprintf(f, "x,y,kind,label\n");
	for (uint32_t i = 0; i < 30 + 9 * site; i++) {
		double x = rng_normal(&r) / 2 + site * 0.1, y = rng_normal(&r) / 2;

		fprintf(f, "%.6f,%.6f,%c,%d\n", x, y, "abc"[rng_below(&r, 3)], x + y + rng_normal(&r) / 4 > 0);
	}
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct diag why = {{0}};

	tempdir_make(&f->dir);
	if (study_parse(&f->study, bytes_text(study_text), "study.yaml", false, &why) != OK ||
	    policy_parse(&f->policy, bytes_text(policy_text), "policy.yaml", &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t i = 0; i < SITES; i++) {
		char path[PATH_SIZE];
		struct source source;

		snprintf(path, sizeof path, "%s/site-%u.csv", f->dir.path, i);
		write_rows(path, i);
		source = source_default("world", path);
		if (table_load(&f->tables[i], &f->study.schema, &source, &why) != OK)
			fail_msg("%s", why.text);
	}
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
			struct world_plan plan = {.seed = seed, .loss = seed == 3 ? 0.2 : 0, .crash = CRASH_COORDINATOR, .crash_when = when};

			assert_true(crash_everywhere(f, plan) >= f->calm.coordinator_actions);
		}
}

static void test_each_site_crashes_at_every_boundary(void **state)
{
	const struct fixture *f = *state;

	for (enum crash_when when = CRASH_BEFORE; when <= CRASH_AFTER; when++)
		for (uint32_t site = 0; site < SITES; site++) {
			struct world_plan plan = {.seed = 10 + site, .crash = CRASH_SITE, .crash_when = when, .crash_site = site};

			assert_true(crash_everywhere(f, plan) >= 20); /* five rounds of poll, fetch, compute, persist, send */
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
