/* What one release costs a unit: which noise it has, and a patient of several hospitals. */
#include "privacy/plan.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>

static struct privacy_plan plan_of(enum privacy_mechanism mechanism)
{
	return (struct privacy_plan){
		.mechanism = mechanism,
		.unit = mechanism == PRIVACY_SITE ? UNIT_SITE : UNIT_PATIENT,
		.clip = 1,
		.sampling_rate = mechanism == PRIVACY_SITE ? 1 : 0.25,
		.hospitals_per_patient = 1,
		.noise_multiplier = 2,
		.statistics_multiplier = 12,
		.evaluation_multiplier = 3,
	};
}

static void expect(const struct privacy_plan *p, enum privacy_debit what, double q, double z, uint64_t count)
{
	struct account_steps out[PRIVACY_DEBIT_MAX];

	assert_int_equal(privacy_plan_debit(out, p, what), 1);
	assert_true(fabs(out[0].sampling_rate - q) <= 1e-15);
	assert_true(out[0].noise_multiplier == z);
	assert_int_equal(out[0].count, count);
}

static void test_one_hospital(void **state)
{
	const enum privacy_mechanism both[] = {PRIVACY_DISTRIBUTED, PRIVACY_LOCAL};
	struct account_steps out[PRIVACY_DEBIT_MAX];
	struct privacy_plan none = plan_of(PRIVACY_NONE);

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct privacy_plan p = plan_of(both[i]);

		expect(&p, DEBIT_STATISTICS, 1, 12, 1);
		expect(&p, DEBIT_TRAINING, 0.25, 2, 1);
		expect(&p, DEBIT_EVALUATION, 1, 3, 1);
	}
	for (int what = DEBIT_STATISTICS; what <= DEBIT_EVALUATION; what++)
		assert_int_equal(privacy_plan_debit(out, &none, (enum privacy_debit)what), 0);
}

static void test_several_hospitals(void **state)
{
	struct privacy_plan masked = plan_of(PRIVACY_DISTRIBUTED), local = plan_of(PRIVACY_LOCAL);

	(void)state;
	masked.hospitals_per_patient = local.hospitals_per_patient = 3;
	expect(&masked, DEBIT_TRAINING, 1 - 0.75 * 0.75 * 0.75, 2.0 / 3, 1);
	expect(&masked, DEBIT_STATISTICS, 1, 4, 1);
	expect(&masked, DEBIT_EVALUATION, 1, 1, 1);
	expect(&local, DEBIT_TRAINING, 0.25, 2, 3);
	expect(&local, DEBIT_STATISTICS, 1, 12, 3);
	masked.sampling_rate = 1;
	expect(&masked, DEBIT_TRAINING, 1, 2.0 / 3, 1);
	masked.sampling_rate = 1e-12; /* nothing is lost beside 1 */
	expect(&masked, DEBIT_TRAINING, 3e-12, 2.0 / 3, 1);
}

static void test_sites(void **state)
{
	struct privacy_plan p = plan_of(PRIVACY_SITE);
	struct account_steps out[PRIVACY_DEBIT_MAX];

	(void)state;
	expect(&p, DEBIT_TRAINING, 1, 2, 1);
	expect(&p, DEBIT_EVALUATION, 1, 12, 1); /* of the units that also trained: one of the E others */
	p.clip_quantile = 0.5;
	p.clip_rate = 0.2;
	assert_int_equal(privacy_plan_debit(out, &p, DEBIT_TRAINING), 2);
	assert_true(out[0].noise_multiplier == 2 && out[1].noise_multiplier == 12);
	assert_true(out[1].sampling_rate == 1 && out[1].count == 1);
	expect(&p, DEBIT_STATISTICS, 1, 12, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_hospital),
		cmocka_unit_test(test_several_hospitals),
		cmocka_unit_test(test_sites),
	};

	return cmocka_run_group_tests_name("privacy_debit", tests, NULL, NULL);
}
