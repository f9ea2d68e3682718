/*
 * kill -9 of the coordinator, or of any hospital, at any moment: started again, the study goes on with the same round and ends with
 * the same contributions counted once and the same model, byte for byte, as without a kill. The server's strategy keeps moments,
 * which have to come through as well.
 *
 *   a run without kills                       the truth: model, and each site's contribution in each round
 *   10 runs, each with 5 + 5 kills            moments drawn uniformly over the run (seeded), the killed one started again at once
 *
 * A moment is a number of rounds, 7.25: when round 8 is open, after a quarter of the time that a round takes. So the
 * kills spread over the run however long recoveries make it.
 */
#include "base/random.h"
#include "tests/support/federation_inside.h"
#include "tests/support/logistic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 3
#define ROWS 6000 /* of a site; with EPOCHS, so that a round takes 50 to 100 ms */
#define EPOCHS 120
#define TRAINING 12
#define ROUNDS (TRAINING + 2) /* statistics before, the last evaluation after */
#define RUNS 10
#define KILLS_PER_SIDE 5 /* in each run: 50 in all */
#define KILLS ((size_t)2 * KILLS_PER_SIDE)
#define LIMIT_MS 120000 /* of one wait, on a machine under load */
#define TOTAL_LIMIT_S 120

static const char *const names[SITES] = {"north", "south", "west"};

struct moment {
	double at; /* rounds */
	int who;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_s(double s)
{
	struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

	nanosleep(&t, NULL);
}

/* The server keeps moments, so that a model is more than the sum of its round. */
static char *adam_study(void)
{
	static const char line[] = "training:\n";
	char *yaml = logistic_study(TRAINING, EPOCHS), *text, *at = strstr(yaml, line);

	assert_non_null(at);
	at += strlen(line);
	if (asprintf(&text, "%.*s  strategy: fedadam\n  server: {learning_rate: 0.03}\n%s", (int)(at - yaml), yaml,
	             at) < 0)
		mem_exhausted(1, 1);
	free(yaml);
	return text;
}

/* ---- one federation, its folders set back before each run */

static void prepare(struct federation *f)
{
	char *yaml = adam_study(), path[64];

	federation_make(f, yaml, names, SITES);
	free(yaml);
	for (int i = 0; i < SITES; i++) {
		snprintf(path, sizeof path, "%s/data.csv", names[i]);
		logistic_rows(&f->dir, path, (unsigned)i, ROWS + 500 * (unsigned)i);
	}
	federation_start(f, FEDERATION_COORDINATOR);
	federation_ready(f);
	federation_add_study(f);
	for (int i = 0; i < SITES; i++)
		federation_approve(f, i);
	federation_stop(f, FEDERATION_COORDINATOR);
	federation_command(f, "for d in coordinator north south west; do mv $d/state $d/prepared; done");
}

static void begin(struct federation *f)
{
	federation_command(f, "for d in coordinator north south west; do rm -rf $d/state $d/log && cp -a $d/prepared "
	                      "$d/state; done");
	federation_start(f, FEDERATION_COORDINATOR);
	for (int i = 0; i < SITES; i++)
		federation_start(f, i);
	federation_wait_approved(f, SITES);
	federation_start_study(f);
}

static void end(struct federation *f)
{
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_kill(f, who); /* not SIGTERM: one may have been started a millisecond ago */
}

/* ---- what must be the same */

struct truth {
	char model[HASH_HEX_SIZE];
	char rounds[ROUNDS][HASH_HEX_SIZE]; /* the model that each made, "" for none */
	char contributions[ROUNDS][SITES][HASH_HEX_SIZE];
	double round_s;
};

/* Every round once, in its first attempt, with every site's contribution once. */
static void read_truth(struct federation *f, struct truth *t)
{
	struct json *rounds = federation_rounds(f);

	assert_int_equal(json_count(rounds), ROUNDS);
	for (size_t i = 0; i < ROUNDS; i++) {
		const struct json *round = json_at(rounds, i), *sites = json_get(round, "sites");

		assert_int_equal(json_as_integer(json_get(round, "round")), i + 1);
		assert_int_equal(json_as_integer(json_get(round, "attempt")), 1);
		assert_string_equal(federation_text(round, "outcome"), "done");
		assert_int_equal(json_count(sites), SITES);
		snprintf(t->rounds[i], HASH_HEX_SIZE, "%s", federation_text(round, "model_sha256"));
		for (size_t s = 0; s < SITES; s++) {
			assert_int_equal(json_as_integer(json_get(json_at(sites, s), "number")), s + 1);
			if (strcmp(federation_text(json_at(sites, s), "state"), "contributed") != 0)
				federation_fail(f, federation_text(json_at(sites, s), "reason"));
			snprintf(t->contributions[i][s], HASH_HEX_SIZE, "%s",
			         federation_text(json_at(sites, s), "sha256"));
		}
	}
	json_free(rounds);
	federation_model(f, t->model);
}

static void expect_truth(struct federation *f, const struct truth *expected)
{
	static struct truth found;

	read_truth(f, &found);
	assert_string_equal(found.model, expected->model);
	for (size_t i = 0; i < ROUNDS; i++) {
		assert_string_equal(found.rounds[i], expected->rounds[i]);
		for (size_t s = 0; s < SITES; s++)
			assert_string_equal(found.contributions[i][s], expected->contributions[i][s]);
	}
	/* the exported file has these bytes, not only the database this name */
	federation_command(
		f,
		"rm -f final && \"$BIN/cohort-coordinator\" export logistic --which final --out final --config "
		"coordinator/coordinator.yaml && echo '%s  final' | sha256sum -c",
		expected->model);
}

/* ---- killing */

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static void draw(struct moment moments[KILLS], unsigned run)
{
	struct rng r;

	rng_seeded(&r, run, "kill");
	for (size_t i = 0; i < KILLS; i++) {
		moments[i].at = ROUNDS * rng_unit(&r);
		moments[i].who = i < KILLS_PER_SIDE ? FEDERATION_COORDINATOR : (int)rng_below(&r, SITES);
	}
	qsort(moments, KILLS, sizeof *moments, by_time);
}

/* How many of the kills hit while the study was not over yet. */
static unsigned run_with_kills(struct federation *f, const struct truth *truth, unsigned run)
{
	struct moment moments[KILLS];
	unsigned hits = 0;

	draw(moments, run);
	begin(f);
	for (size_t i = 0; i < KILLS; i++) {
		int64_t whole = (int64_t)moments[i].at;
		bool running = federation_wait_round(f, whole + 1, LIMIT_MS);

		sleep_s((moments[i].at - (double)whole) * truth->round_s);
		federation_kill(f, moments[i].who);
		federation_start(f, moments[i].who);
		hits += running;
	}
	federation_wait(f, "finished", LIMIT_MS);
	expect_truth(f, truth);
	end(f);
	return hits;
}

static void test_killed_at_any_moment_it_ends_the_same(void **state)
{
	static struct truth truth;
	struct federation f;
	double start = seconds(), begun;
	unsigned hits = 0;

	(void)state;
	prepare(&f);
	begin(&f);
	begun = seconds();
	federation_wait(&f, "finished", LIMIT_MS);
	truth.round_s = (seconds() - begun) / ROUNDS;
	read_truth(&f, &truth);
	end(&f);
	for (unsigned run = 0; run < RUNS; run++)
		hits += run_with_kills(&f, &truth, run);
	print_message("%u of %zu kills hit the running study; a round takes %.0f ms; %.0f s in all\n", hits,
	              RUNS * KILLS, 1000 * truth.round_s, seconds() - start);
	assert_true(hits >= RUNS * KILLS * 3 / 4); /* some fall behind a last round that is short */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(seconds() - start < TOTAL_LIMIT_S);
#endif
	federation_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_at_any_moment_it_ends_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
