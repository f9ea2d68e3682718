/* privacy/plan: the closed lists, terms that exclude each other, and the integers of a release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "privacy/plan.h"

static void names_go_both_ways(void **state)
{
	(void)state;
	static const char *const names[] = {"none", "distributed", "local", "site"};
	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		enum privacy_mechanism back = PRIVACY_MECHANISM_COUNT;
		assert_string_equal(privacy_mechanism_name((enum privacy_mechanism)i), names[i]);
		assert_true(privacy_mechanism_from(&back, names[i]));
		assert_int_equal(back, i);
	}
	enum privacy_mechanism untouched = PRIVACY_LOCAL;
	assert_false(privacy_mechanism_from(&untouched, "None"));
	assert_false(privacy_mechanism_from(&untouched, ""));
	assert_false(privacy_mechanism_from(&untouched, "nonee"));
	assert_int_equal(untouched, PRIVACY_LOCAL);
	assert_string_equal(privacy_unit_name(UNIT_RECORD), "record");
	assert_string_equal(privacy_unit_name(UNIT_PATIENT), "patient");
	assert_string_equal(privacy_unit_name(UNIT_SITE), "site");
}

/* ---- terms */

static const struct privacy_plan good = {
	.mechanism = PRIVACY_DISTRIBUTED,
	.unit = UNIT_PATIENT,
	.epsilon = 3,
	.delta = 1e-4,
	.clip = 1,
	.sampling_rate = 0.1,
	.patients = 644,
	.hospitals_per_patient = 1,
	.statistics_share = 0.05,
	.spare_rounds = 3,
	.steps = 103,
	.others = 1,
};

static struct privacy_plan of_sites(void)
{
	struct privacy_plan p = good;

	p.mechanism = PRIVACY_SITE;
	p.unit = UNIT_SITE;
	p.sampling_rate = 1;
	p.patients = 0;
	return p;
}

static void refused(const struct privacy_plan *p, const char *key)
{
	struct diag why = {{0}};

	assert_int_equal(privacy_plan_check(p, &why), ERR_DATA);
	if (strstr(why.text, key) == NULL)
		fail_msg("\"%s\" does not name %s", why.text, key);
	assert_int_equal(privacy_plan_check(p, NULL), ERR_DATA);
}

#define REFUSED(base, field, value, key)                                                                               \
	do {                                                                                                           \
		struct privacy_plan changed = base;                                                                    \
		changed.field = value;                                                                                 \
		refused(&changed, key);                                                                                \
	} while (0)

static void terms_in_range_are_taken(void **state)
{
	(void)state;
	struct privacy_plan none = {.mechanism = PRIVACY_NONE, .unit = UNIT_PATIENT}, sites = of_sites(), local = good;

	local.mechanism = PRIVACY_LOCAL;
	assert_int_equal(privacy_plan_check(&none, NULL), OK);
	assert_int_equal(privacy_plan_check(&good, NULL), OK);
	assert_int_equal(privacy_plan_check(&local, NULL), OK);
	sites.clip_quantile = 0.5;
	sites.clip_rate = 0.2;
	assert_int_equal(privacy_plan_check(&sites, NULL), OK);
}

static void terms_out_of_range_name_their_key(void **state)
{
	(void)state;
	static const double never[] = {0, -1, NAN};
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		REFUSED(good, epsilon, never[i], "privacy.epsilon");
		REFUSED(good, delta, never[i], "privacy.delta");
		REFUSED(good, clip, never[i], "privacy.clip");
		REFUSED(good, sampling_rate, never[i], "privacy.sampling_rate");
		REFUSED(good, statistics_share, never[i], "privacy.statistics_share");
	}
	REFUSED(good, epsilon, INFINITY, "privacy.epsilon");
	REFUSED(good, clip, INFINITY, "privacy.clip");
	REFUSED(good, clip, 0.99e-9, "privacy.clip"); /* a far smaller one has no grid that a double could hold */
	REFUSED(good, sampling_rate, 1.01, "privacy.sampling_rate");
	REFUSED(good, statistics_share, 1, "privacy.statistics_share");
	REFUSED(good, delta, 1, "privacy.delta");
	REFUSED(good, delta, 1.0 / 644, "privacy.delta");
	REFUSED(good, patients, 0, "privacy.patients");
	REFUSED(good, hospitals_per_patient, 0, "privacy.hospitals_per_patient");
	REFUSED(good, evaluates, true, "privacy.evaluation_epsilon");
}

static void terms_that_exclude_each_other_name_their_key(void **state)
{
	(void)state;
	REFUSED(good, unit, UNIT_SITE, "privacy.unit");
	REFUSED(of_sites(), unit, UNIT_PATIENT, "privacy.unit");
	REFUSED(of_sites(), sampling_rate, 0.5, "privacy.sampling_rate");
	REFUSED(of_sites(), hospitals_per_patient, 2, "privacy.hospitals_per_patient");
	REFUSED(good, clip_quantile, 0.5, "privacy.clip_quantile");
	REFUSED(good, clip_rate, 0.2, "privacy.clip_quantile");
}

/* ---- integers */

static const struct noised_terms usual = {
	.clip = 1,
	.multiplier = 1.43,
	.summation = 0,
	.most = 100,
	.least = 100,
	.dimensions = 50,
	.sites = 5,
	.sharers = 3,
};

/* The bound as the specification writes it. */
static double tail(const struct noised_terms *t)
{
	return sqrt(2 * log(2.0 * t->dimensions) + 80 * log(2));
}

static bool fits(const struct noised *n, const struct noised_terms *t)
{
	return (double)t->sites * n->clamp + tail(t) * sqrt((double)t->sites * (double)n->variance) < 2147483648.0;
}

/* Shares of `sharers` sites add up to at least (z C')^2, and to no more than the rounding up. */
static void shares_suffice(const struct noised *n, const struct noised_terms *t)
{
	long double whole = (long double)t->multiplier * n->sensitivity / n->grid;

	assert_true((long double)n->variance * t->sharers >= whole * whole * (1 - 1e-15L));
	assert_true((long double)n->variance * t->sharers < whole * whole * (1 + 1e-15L) + t->sharers);
}

static void the_finest_grid_that_fits_is_taken(void **state)
{
	(void)state;
	static const uint32_t sites[] = {1, 3, 5, 50, 1000}, dimensions[] = {1, 31, 12025, 1000000};
	for (size_t i = 0; i < 5; i++) {
		for (size_t k = 0; k < 4; k++) {
			struct noised_terms t = usual;
			struct noised n;

			t.sites = sites[i];
			t.sharers = sites[i] > 2 ? sites[i] - 2 : 1;
			t.dimensions = dimensions[k];
			assert_int_equal(noised_make(&n, &t, NULL), OK);
			assert_true(fits(&n, &t));
			shares_suffice(&n, &t);
			assert_true(fabs(n.sensitivity - (1 + n.grid * sqrt(dimensions[k]))) < 1e-12);
			assert_true(n.clamp * n.grid >= t.most && (n.clamp - 1) * n.grid < t.most);
			/* half of it does not: twice the words would pass 31 bits, but for how the tail's logarithm is rounded */
			assert_true(2.2 * (t.sites * (double)n.clamp + tail(&t) * sqrt(t.sites * (double)n.variance)) >
			            2147483648.0);
			assert_true(n.word_max >= n.clamp + floor(tail(&t) * sqrt((double)n.variance)));
		}
	}
}

static void summation_errors_are_charged_twice(void **state)
{
	(void)state;
	struct noised_terms t = usual;
	struct noised n;

	t.summation = 0.25;
	assert_int_equal(noised_make(&n, &t, NULL), OK);
	assert_true(fabs(n.sensitivity - (1.5 + n.grid * sqrt(50))) < 1e-12);
	/* 2,048 patients with 20 million rows: less than a thousandth of the clip, where one float sum would be a quarter of it */
	assert_true(noised_gradient_error(2048, 1) < 3e-4 &&
	            noised_gradient_error(2048, 1) > 64 * 2048 * 2e7 * 0x1p-53);
	assert_true(noised_gradient_error(256, 2) == 2 * noised_gradient_error(256, 1));
	assert_true(noised_sum_error(1000000, 1) < 2e-4);
}

static void a_sum_too_wide_is_clamped_down_to_the_least(void **state)
{
	(void)state;
	struct noised_terms t = usual;
	struct noised n;

	t.sites = 10000;
	t.sharers = 9000;
	t.dimensions = 10209;
	t.most = 100000; /* n * most = 10^9: at this clamp a grid step would be half the clip */
	t.least = 256;
	assert_int_equal(noised_make(&n, &t, NULL), OK);
	assert_true(n.clamp * n.grid >= 256 && n.clamp * n.grid < 1024);
	assert_true(fits(&n, &t));
	t.least = t.most;
	assert_int_equal(noised_make(&n, &t, NULL), ERR_LIMIT);
}

static void shares_that_are_too_small_are_refused(void **state)
{
	(void)state;
	struct noised_terms t = usual;
	struct noised n;
	struct diag why = {{0}};

	t.sites = 1000000;
	t.sharers = 1000000;
	t.most = t.least = 3;
	t.multiplier = 0.3;
	assert_int_equal(noised_make(&n, &t, &why), ERR_LIMIT);
	assert_non_null(strstr(why.text, "epsilon"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(terms_in_range_are_taken),
		cmocka_unit_test(terms_out_of_range_name_their_key),
		cmocka_unit_test(terms_that_exclude_each_other_name_their_key),
		cmocka_unit_test(the_finest_grid_that_fits_is_taken),
		cmocka_unit_test(summation_errors_are_charged_twice),
		cmocka_unit_test(a_sum_too_wide_is_clamped_down_to_the_least),
		cmocka_unit_test(shares_that_are_too_small_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
