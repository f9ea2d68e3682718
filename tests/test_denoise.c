/*
 * Statistics with noise: whatever comes in, what comes out is possible and can be learnt from; without noise nothing changes;
 * the floors keep what they promise, measured over many draws; and the number of rows is known as well as theory says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "data/denoise.h"
#include "data/standardize.h"
#include "tests/support/close.h"

#include <math.h>
#include <string.h>

enum { AGE, SEX, CP, FEATURES };
enum { STATISTICS = 3 + 3 + 4, CLASSES = STATISTICS + 2, NUMBER = STATISTICS + 3, INPUTS = 1 + 1 + 2 + 3 };

static const char *levels[] = {"1", "2", "3"};
static struct feature features[FEATURES] = {
	{.name = "age", .type = COLUMN_NUMERIC, .min = 20, .max = 100},
	{.name = "sex", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	{.name = "cp", .type = COLUMN_CATEGORICAL, .levels = {levels, 3}},
};
static const struct schema classes = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "ill", .type = COLUMN_BINARY, .positive = "1", .negative = "0"},
	.fill = FILL_MEAN_AND_FLAG,
};
static const struct schema number = {
	.features = features,
	.feature_count = FEATURES,
	.label = {.name = "bp", .type = COLUMN_NUMERIC, .min = 60, .max = 240},
	.fill = FILL_MEAN_AND_FLAG,
};

/* Of 600 rows: age present, sum, squares; sex negative, positive, missing; cp by level, missing; then the label. */
static const double of_classes[CLASSES] = {570, -114, 57, 280, 300, 20, 100, 180, 290, 30, 420, 180};
static const double of_number[NUMBER] = {570, -114, 57, 280, 300, 20, 100, 180, 290, 30, 600, 60, 66};
#define ROWS 600

static void add_noise(double *sums, size_t n, double deviation, struct rng *r)
{
	for (size_t i = 0; i < n; i++)
		sums[i] += deviation * rng_normal(r);
}

static void assert_same_scaling(const struct schema *s, const double *before, const double *after)
{
	struct scaling a, b;

	scaling_from_statistics(&a, s, before);
	scaling_from_statistics(&b, s, after);
	for (int i = 0; i < INPUTS; i++) {
		assert_close(b.mean[i], a.mean[i], 1e-12);
		assert_close(b.deviation[i], a.deviation[i], 1e-12);
		assert_close(b.fill[i], a.fill[i], 1e-12);
	}
	assert_close(b.label_mean, a.label_mean, 1e-12);
	assert_close(b.label_deviation, a.label_deviation, 1e-12);
	scaling_free(&a);
	scaling_free(&b);
}

static void without_noise_nothing_changes(void **state)
{
	double sums[NUMBER];

	(void)state;
	memcpy(sums, of_classes, sizeof of_classes);
	denoise_statistics(sums, &classes, 0);
	assert_same_scaling(&classes, of_classes, sums);
	memcpy(sums, of_number, sizeof of_number);
	denoise_statistics(sums, &number, 0);
	assert_same_scaling(&number, of_number, sums);
}

/* Sums that noise, or a hospital that lies, may make: small, large, negative, and everything at once. */
static void any_sums_become_possible_ones(void **state)
{
	static const double deviations[] = {1e-6, 0.5, 7, 120, 5e4};
	double sums[NUMBER];
	struct rng r;

	(void)state;
	rng_seeded(&r, 1, "any");
	for (int run = 0; run < 30000; run++) {
		const struct schema *s = run % 2 == 0 ? &classes : &number;
		double deviation = deviations[rng_below(&r, 5)], size = exp(20 * rng_unit(&r) - 6);
		struct scaling scaling, checked = {0};
		struct diag why = {{0}};

		for (int i = 0; i < NUMBER; i++)
			sums[i] = rng_below(&r, 4) == 0 ? 0 : size * rng_normal(&r);
		denoise_statistics(sums, s, deviation);
		assert_int_equal(statistics_possible(s, sums, &why), OK);
		assert_true(statistics_rows(s, sums) >= 2 * (1 - 1e-12));
		scaling_from_statistics(&scaling, s, sums);
		for (int i = 0; i < INPUTS; i++) {
			assert_true(isfinite(scaling.mean[i]) && isfinite(scaling.fill[i]));
			assert_true(deviation < 0.5 || scaling.deviation[i] > 0);
		}
		assert_true(scaling.mean[AGE] >= 20 && scaling.mean[AGE] <= 100);
		for (int i = 1; i < INPUTS; i++)
			assert_true(scaling.mean[i] >= 0 && scaling.mean[i] <= 1);
		if (deviation >= 0.5) {
			assert_int_equal(statistics_check(s, sums, &why), OK);
			if (s == &number)
				assert_int_equal(scaling_set_label(&checked, s, scaling.label_mean,
				                                   scaling.label_deviation, &why),
				                 OK);
		}
		scaling_free(&scaling);
	}
}

/* An input that varies by `variance` in truth, of n rows, seen through noise: how often its variance, as the model sees it, is above 4. */
static double too_wide(double mean, double variance, double n, double deviation, uint64_t seed)
{
	const int runs = 4000;
	int wide = 0;
	struct rng r;

	rng_seeded(&r, seed, "wide");
	for (int run = 0; run < runs; run++) {
		double sums[CLASSES] = {n, n * mean, n * (mean * mean + variance), n / 2, n / 2, 0, n, 0, 0, 0, n, 0};
		struct scaling s;

		add_noise(sums, CLASSES, deviation, &r);
		denoise_statistics(sums, &classes, deviation);
		scaling_from_statistics(&s, &classes, sums);
		double spread = s.deviation[AGE] / 40;
		wide += variance > 4 * spread * spread;
		scaling_free(&s);
	}
	return (double)wide / runs;
}

static void no_input_explodes(void **state)
{
	static const double variances[] = {1e-6, 1e-3, 0.02, 0.1, 0.3};
	static const double deviations[] = {0.3, 5, 33, 90, 400};

	(void)state;
	for (size_t v = 0; v < 5; v++)
		for (size_t d = 0; d < 5; d++)
			for (int m = -1; m <= 1; m++) /* beyond 3 deviations on one side: .00135 */
				assert_true(too_wide(0.6 * m, variances[v], ROWS, deviations[d], v * 5 + d) < 0.006);
}

/* A level that nobody has, and an indicator of what nobody misses: the input is never more than a few for who has it after all. */
static void rare_levels_stay_bounded(void **state)
{
	struct rng r;

	(void)state;
	rng_seeded(&r, 3, "rare");
	for (int run = 0; run < 2000; run++) {
		double sums[CLASSES] = {ROWS, 0, 60, ROWS, 0, 0, ROWS, 0, 0, 0, ROWS, 0}, deviation = 6;
		struct scaling s;

		add_noise(sums, CLASSES, deviation, &r);
		denoise_statistics(sums, &classes, deviation);
		scaling_from_statistics(&s, &classes, sums);
		for (int i = 1; i < INPUTS; i++) {
			double most = sqrt(ROWS / deviation);
			assert_true((1 - s.mean[i]) / s.deviation[i] < 1.2 * most);
			assert_true(s.mean[i] / s.deviation[i] < 1.2 * most);
		}
		scaling_free(&s);
	}
}

/* The variance of the weighted mean is s^2 / (1/3 + 1/4 + 1/2); from the label alone it would be 2 s^2. */
static void rows_are_known_from_all_features(void **state)
{
	const int runs = 20000;
	double sum = 0, squares = 0;
	struct rng r;

	(void)state;
	rng_seeded(&r, 4, "rows");
	for (int run = 0; run < runs; run++) {
		double sums[CLASSES];

		memcpy(sums, of_classes, sizeof sums);
		add_noise(sums, CLASSES, 10, &r);
		denoise_statistics(sums, &classes, 10);
		double rows = statistics_rows(&classes, sums);
		sum += rows;
		squares += (rows - ROWS) * (rows - ROWS);
	}
	assert_true(fabs(sum / runs - ROWS) < 0.35); /* 5 deviations of the mean */
	assert_true(fabs(squares / runs / (100.0 * 12 / 13) - 1) < 0.05); /* 5 deviations of a variance */
}

static void the_error_of_a_variance_is_what_it_says(void **state)
{
	static const double u[][2] = {{0, 0.1}, {0.7, 0.6}, {-0.4, 0.3}, {0.95, 0.91}, {0, 1}};
	const int runs = 20000;
	struct rng r;

	(void)state;
	rng_seeded(&r, 5, "error");
	for (size_t k = 0; k < 5; k++) {
		double n = 5000, exact[3] = {n, n * u[k][0], n * u[k][1]}, squares = 0;

		for (int run = 0; run < runs; run++) {
			double s[3] = {exact[0], exact[1], exact[2]};
			add_noise(s, 3, 20, &r);
			double off = s[2] / s[0] - s[1] / s[0] * (s[1] / s[0]) - u[k][1] + u[k][0] * u[k][0];
			squares += off * off;
		}
		assert_true(fabs(sqrt(squares / runs) / denoise_variance_error(exact, 20) - 1) < 0.03);
	}
}

/* With many rows the scaling is that of the exact sums, but for a few deviations of its own error. */
static void many_rows_need_no_care(void **state)
{
	double many[NUMBER], sums[NUMBER];
	struct scaling exact, noised;
	struct rng r;

	(void)state;
	rng_seeded(&r, 6, "many");
	for (int i = 0; i < NUMBER; i++)
		many[i] = 1000 * of_number[i];
	scaling_from_statistics(&exact, &number, many);
	for (int run = 0; run < 200; run++) {
		memcpy(sums, many, sizeof sums);
		add_noise(sums, NUMBER, 50, &r);
		denoise_statistics(sums, &number, 50);
		scaling_from_statistics(&noised, &number, sums);
		assert_true(fabs(noised.mean[AGE] - exact.mean[AGE]) < 40 * 1e-3);
		assert_true(fabs(noised.deviation[AGE] - exact.deviation[AGE]) < 40 * 2e-3);
		assert_true(fabs(noised.label_mean - exact.label_mean) < 90 * 1e-3);
		assert_true(fabs(noised.label_deviation - exact.label_deviation) < 90 * 2e-3);
		for (int i = 1; i < INPUTS; i++)
			assert_true(fabs(noised.mean[i] - exact.mean[i]) < 1e-3);
		scaling_free(&noised);
	}
	scaling_free(&exact);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_noise_nothing_changes),
		cmocka_unit_test(any_sums_become_possible_ones),
		cmocka_unit_test(no_input_explodes),
		cmocka_unit_test(rare_levels_stay_bounded),
		cmocka_unit_test(rows_are_known_from_all_features),
		cmocka_unit_test(the_error_of_a_variance_is_what_it_says),
		cmocka_unit_test(many_rows_need_no_care),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
