/*
 * Robust strategies in the real programs, where the coordinator reads staged contributions again when a round ends, or compares
 * the sums of masked groups. A coordinator that is killed on the way; the model is, byte for byte, the one that the simulator makes
 * of the same rows.
 */
#include "base/random.h"
#include "tests/support/federation.h"
#include "tests/support/logistic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SITES 5 /* in clear rounds */
#define GROUPED 8 /* in groups */
#define ROWS 1500
#define TRAINING 8
#define KILLS 5
#define KILLED_WITHIN_MS 60 /* of a round's beginning: about what it takes */
#define LIMIT_MS 60000

static const char *const names[GROUPED] = {"east", "middle", "north", "south", "west", "x-ray", "yonder", "zenith"};

/* logistic_study with a strategy that needs all sites. */
static char *study_with(const char *strategy, const char *sites, const char *masking)
{
	static const char before[] = "training:\n",
			  after[] = "sites: {min: 2, max_dropouts: 1, cell_min: 0}\nmasking: off\n";
	char *yaml = logistic_study(TRAINING, 60), *training = strstr(yaml, before), *end = strstr(yaml, after), *text;

	assert_non_null(training);
	assert_non_null(end);
	training += strlen(before);
	if (asprintf(&text, "%.*s  strategy: %s\n%.*ssites: {%s, cell_min: 0}\nmasking: %s\n%s", (int)(training - yaml),
	             yaml, strategy, (int)(end - training), training, sites, masking, end + strlen(after)) < 0)
		mem_exhausted(1, 1);
	free(yaml);
	return text;
}

static void begin(struct federation *f, char *yaml, uint32_t sites)
{
	char path[64];

	federation_make(f, yaml, names, sites);
	free(yaml);
	federation_command(f, "mkdir rows");
	for (uint32_t i = 0; i < sites; i++) {
		snprintf(path, sizeof path, "%s/data.csv", names[i]);
		logistic_rows(&f->dir, path, i, ROWS + 200 * i);
		federation_command(f, "cp %s rows/%s.csv", path, names[i]);
	}
	federation_begin(f);
}

/* In each of some rounds once, at any moment. */
static void kill_some(struct federation *f)
{
	struct rng r;

	rng_seeded(&r, 8, "kill");
	for (int64_t k = 0; k < KILLS; k++) {
		struct timespec wait = {0, (long)rng_below(&r, KILLED_WITHIN_MS) * 1000000};

		federation_wait_round(f, 2 + k * TRAINING / KILLS, LIMIT_MS);
		nanosleep(&wait, NULL);
		federation_kill(f, FEDERATION_COORDINATOR);
		federation_start(f, FEDERATION_COORDINATOR);
	}
}

static void expect_the_simulators_model(char *yaml, uint32_t sites)
{
	struct federation f;

	begin(&f, yaml, sites);
	kill_some(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	federation_command(
		&f, "\"$BIN/cohort-coordinator\" export logistic --which best --out best --config "
		    "coordinator/coordinator.yaml && \"$BIN/cohort-sim\" run study.yaml --data rows --out run && "
		    "cmp best run/model.safetensors");
	federation_remove(&f);
}

#define ALL_FIVE "min: 5, max_dropouts: 0"

static void test_the_median(void **state)
{
	(void)state;
	expect_the_simulators_model(study_with("median", ALL_FIVE, "off"), SITES);
}

static void test_krum(void **state)
{
	(void)state;
	expect_the_simulators_model(study_with("krum", ALL_FIVE, "off"), SITES);
}

/* Four groups of two. */
static void test_groups(void **state)
{
	(void)state;
	expect_the_simulators_model(study_with("trimmed_mean\n  server: {trim: 0.34}",
	                                       "min: 2, max_dropouts: 0, max_colluders: 0", "groups of 2"),
	                            GROUPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_median),
		cmocka_unit_test(test_krum),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests_name("robust federation", tests, NULL, NULL);
}
