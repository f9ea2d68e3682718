/*
 * The promised epsilon under attack, through all that the product does between a contract and the sum of the sites' words: the lower
 * bounds that attackers find (tests/support/audit.h) are never above the promise, and near enough to it that they would be if there
 * were much less noise, no clip, or no sampling. Streams are seeded, so the bounds are the same in every run; docs/PRIVACY.md has them.
 */
#include "base/secret.h"
#include "tests/support/audit.h"
#include "tests/support/audited.h"
#include "tests/support/sanitized.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CONFIDENCE 0.99
#define REACHED 0.3 /* of the promise, at least: in the worst case the attack sees that much */
#define CLIP 0.01 /* a canary's gradient has a norm of 50 and more */
#define CANARIES 16 /* at once, in four coordinates each */
#define WIDTH 4

static const double epsilons[] = {0.5, 1, 4, 8};

static const char *terms(const char *mechanism, double epsilon, double delta, double rate)
{
	static char text[256];

	snprintf(text, sizeof text,
	         "{mechanism: %s, epsilon: %g, delta: %g, clip: %g, sampling_rate: %g, patients: %d, spare_rounds: 0}",
	         mechanism, epsilon, delta, CLIP, rate, AUDITED_PATIENTS);
	return text;
}

static const char *terms_of_site(double epsilon, double delta)
{
	static char text[256];

	snprintf(text, sizeof text, "{mechanism: site, unit: site, epsilon: %g, delta: %g, clip: %g, spare_rounds: 0}",
	         epsilon, delta, CLIP);
	return text;
}

/* ---- one canary, many runs */

/* What an attacker makes of one run of the study: a score for each canary. */
typedef void score(double *scores, struct audited *a, bool present);

static double found(struct audited *a, score *of, size_t runs)
{
	size_t count = runs * a->canaries;
	double *with = mem_array(count, sizeof *with), *without = mem_array(count, sizeof *without);

	for (size_t i = 0; i < runs; i++) {
		of(with + i * a->canaries, a, true);
		of(without + i * a->canaries, a, false);
	}
	double epsilon = audit_scores_epsilon(with, without, count, a->study.privacy.delta, CONFIDENCE);
	free(with);
	free(without);
	return epsilon;
}

static void judge(const char *what, double found_epsilon, double claimed)
{
	printf("%s, epsilon %g: at least %.3f (%.0f %%)\n", what, claimed, found_epsilon,
	       100 * found_epsilon / claimed);
	assert_true(found_epsilon <= claimed);
	assert_true(SANITIZED || found_epsilon >= REACHED * claimed); /* which runs fewer times */
}

static size_t runs_of(size_t runs)
{
	return SANITIZED ? runs / 8 : runs;
}

static void one_step(double *scores, struct audited *a, bool present)
{
	audited_round(a, ASK_TRAIN, present);
	for (uint32_t k = 0; k < a->canaries; k++)
		scores[k] = audited_score(a, ASK_TRAIN, k);
}

static void test_a_canary_in_one_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct audited a;

		audited_begin(&a, CANARIES, WIDTH, terms("distributed", epsilons[i], 1e-3, 1), "{}", 1);
		judge("one step", found(&a, one_step, runs_of(4000)), epsilons[i]);
		audited_end(&a);
	}
}

/* The attack would convict a product that is not as honest as it says. */
static void test_less_noise_than_promised_is_found(void **state)
{
	(void)state;
	struct audited a;

	audited_begin(&a, CANARIES, WIDTH, terms("distributed", 1, 1e-3, 1), "{}", 1);
	a.study.privacy.noise_multiplier /= 2;
	assert_true(found(&a, one_step, runs_of(4000)) > 1);
	audited_end(&a);
}

/* ---- all rounds of a study together, and the other mechanisms */

#define ROUNDS 3

/* log Pr[score | with] - log Pr[score | without] of a release with this rate and multiplier; its noise is z times the sensitivity. */
static double likelihood(double projected, double rate, double multiplier)
{
	double loss = (2 * projected - 1) / (2 * multiplier * multiplier);

	return log1p(rate * expm1(loss));
}

static void all_rounds(double *scores, struct audited *a, bool present)
{
	const struct privacy_plan *p = &a->study.privacy;

	memset(scores, 0, a->canaries * sizeof *scores);
	for (int round = 0; round < ROUNDS; round++) {
		audited_round(a, ASK_TRAIN, present);
		for (uint32_t k = 0; k < a->canaries; k++)
			scores[k] += likelihood(audited_score(a, ASK_TRAIN, k), p->sampling_rate, p->noise_multiplier);
	}
}

/* Not at epsilon 1/2, where samples hide a canary so well that it takes many more runs to see 30 %. */
static void test_a_canary_in_several_sampled_rounds(void **state)
{
	(void)state;
	for (size_t i = 1; i < 4; i++) {
		struct audited a;

		audited_begin(&a, CANARIES, WIDTH, terms("distributed", epsilons[i], 1e-3, 0.3), "{}", ROUNDS);
		judge("three rounds", found(&a, all_rounds, runs_of(2500)), epsilons[i]);
		audited_end(&a);
	}
}

static void test_a_canary_in_local_steps(void **state)
{
	(void)state;
	struct audited a;

	audited_begin(&a, CANARIES, WIDTH, terms("local", 4, 1e-3, 1), "{steps: 3, learning_rate: 0.1}", 1);
	judge("local", found(&a, one_step, runs_of(1500)), 4);
	audited_end(&a);
}

static void test_a_site_as_canary(void **state)
{
	(void)state;
	struct audited a;

	audited_begin(&a, 1, WIDTH, terms_of_site(4, 1e-3), "{epochs: 1, learning_rate: 1}", 1);
	judge("site", found(&a, one_step, runs_of(12000)), 4);
	audited_end(&a);
}

/* Statistics are one release of several, and no more than their share of the promise can be seen in them: here nearly all. */
static void statistics(double *scores, struct audited *a, bool present)
{
	audited_round(a, ASK_STATISTICS, present);
	scores[0] = audited_score(a, ASK_STATISTICS, 0);
}

static void test_a_canary_in_statistics(void **state)
{
	(void)state;
	struct audited a;

	audited_begin(&a, 1, WIDTH,
	              "{mechanism: distributed, epsilon: 4, delta: 1.0e-3, clip: 1, sampling_rate: 1, patients: 100, "
	              "statistics_share: 0.95, spare_rounds: 0}",
	              "{}", 1);
	judge("statistics", found(&a, statistics, runs_of(12000)), 4);
	audited_end(&a);
}

/* ---- many canaries, each in one run alone */

#define TOSSED 32 /* at once: each has a coordinate of its own */
#define TRIES 2500

struct tossed {
	double *scores;
	bool *included;
	size_t count;
};

static void run_once(struct audited *a, struct tossed *out, struct rng *coins)
{
	struct site_rows rows;
	struct table t;

	for (uint32_t k = 0; k < a->canaries; k++)
		out->included[out->count + k] = rng_below(coins, 2) == 1;
	audited_table(&t, a, out->included + out->count);
	site_rows_init(&rows, &a->study, &t, "st-mary");
	audited_round_of(a, ASK_TRAIN, &rows);
	for (uint32_t k = 0; k < a->canaries; k++)
		out->scores[out->count++] = audited_score(a, ASK_TRAIN, k);
	site_rows_free(&rows);
	table_free(&t);
}

/* Canaries of different runs are rows of different studies: each is in one sum alone, so all runs together are one mechanism that
 * promises each of them the same. */
static double guessed(struct audited *a, size_t runs)
{
	struct tossed all = {mem_array(runs * TOSSED, sizeof *all.scores),
	                     mem_array(runs * TOSSED, sizeof *all.included), 0};
	struct rng coins;

	rng_seeded(&coins, 3, "test: canaries");
	for (size_t i = 0; i < runs; i++)
		run_once(a, &all, &coins);
	struct audit_guesses g = audit_guess(all.scores, all.included, all.count, all.count / 16, all.count / 16);
	double epsilon = audit_guesses_epsilon(&g, a->study.privacy.delta, CONFIDENCE);
	free(all.scores);
	free(all.included);
	return epsilon;
}

static void test_many_canaries_in_one_run(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct audited a;

		audited_begin(&a, TOSSED, 1, terms("distributed", epsilons[i], 1e-5, 1), "{}", 1);
		judge("one run", guessed(&a, runs_of(TRIES)), epsilons[i]);
		audited_end(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_canary_in_one_step),
		cmocka_unit_test(test_less_noise_than_promised_is_found),
		cmocka_unit_test(test_a_canary_in_several_sampled_rounds),
		cmocka_unit_test(test_a_canary_in_local_steps),
		cmocka_unit_test(test_a_site_as_canary),
		cmocka_unit_test(test_a_canary_in_statistics),
		cmocka_unit_test(test_many_canaries_in_one_run),
	};

	secret_init(); /* libsodium in its fastest version */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
