/* privacy/calibrate: noise that is solved for keeps the promise, a little less does not, and whoever judges sees both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "privacy/plan.h"
#include "tests/support/close.h"

static struct privacy_plan of_patients(void)
{
	return (struct privacy_plan){.mechanism = PRIVACY_DISTRIBUTED,
	                             .unit = UNIT_PATIENT,
	                             .epsilon = 3,
	                             .delta = 1e-4,
	                             .clip = 1,
	                             .sampling_rate = 0.1,
	                             .patients = 644,
	                             .hospitals_per_patient = 1,
	                             .statistics_share = 0.05,
	                             .evaluation_epsilon = 2,
	                             .spare_rounds = 3,
	                             .steps = 103,
	                             .others = 1,
	                             .evaluates = true};
}

static void solve(struct privacy_plan *p)
{
	struct diag why = {{0}};
	struct privacy_spent spent;
	if (privacy_plan_solve(p, &why) != OK || privacy_plan_judge(&spent, p, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(spent.epsilon <= p->epsilon && spent.epsilon > 0.99 * p->epsilon);
	assert_true(spent.epsilon <= spent.epsilon_rdp && spent.epsilon <= spent.epsilon_pld);
	assert_true(spent.evaluation_epsilon <= p->evaluation_epsilon);
}

/* Four digits, as the next smaller ones would have been too few. */
static void expect_refused(struct privacy_plan p, const char *key)
{
	struct diag why = {{0}};
	struct privacy_spent spent;
	assert_int_equal(privacy_plan_judge(&spent, &p, &why), ERR_REFUSED);
	if (strncmp(why.text, key, strlen(key)) != 0)
		fail_msg("%s: %s", key, why.text);
}

static void solved_multipliers_are_just_enough(void **state)
{
	(void)state;
	struct privacy_plan p = of_patients(), less;
	solve(&p);
	less = p;
	less.noise_multiplier *= 0.998;
	expect_refused(less, "privacy.noise_multiplier: ");
	less = p;
	less.statistics_multiplier *= 0.5;
	expect_refused(less, "privacy.noise_multiplier: ");
	less = p;
	less.evaluation_multiplier *= 0.998;
	expect_refused(less, "privacy.evaluation_multiplier: ");
	less = p;
	less.batch_cap = 64;
	expect_refused(less, "privacy.batch_cap: ");
	less = p;
	less.noise_multiplier = NAN;
	expect_refused(less, "privacy.noise_multiplier: ");
	assert_close(p.noise_multiplier * 1000, round(p.noise_multiplier * 1000), 1e-9);
}

static void every_argument_counts(void **state)
{
	(void)state;
	struct privacy_plan base = of_patients(), p;
	solve(&base);
	p = base;
	p.steps = 400;
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier);
	p = base;
	p.sampling_rate = 0.2;
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier && p.batch_cap > base.batch_cap);
	p = base;
	p.delta = 1e-6;
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier && p.evaluation_multiplier > base.evaluation_multiplier);
	p = base;
	p.epsilon = 1;
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier &&
	            p.evaluation_multiplier == base.evaluation_multiplier);
	p = base;
	p.statistics_share = 0.2;
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier && p.statistics_multiplier < base.statistics_multiplier);
	p = base;
	p.hospitals_per_patient = 2;
	solve(&p);
	assert_true(p.noise_multiplier > 2 * base.noise_multiplier);
	assert_close(p.evaluation_multiplier, 2 * base.evaluation_multiplier, 2e-3);
	p.mechanism = PRIVACY_LOCAL; /* two hospitals' releases, and not one of twice the norm */
	solve(&p);
	assert_true(p.noise_multiplier > base.noise_multiplier && p.noise_multiplier < 2 * base.noise_multiplier);
	assert_close(p.evaluation_multiplier, sqrt(2) * base.evaluation_multiplier, 2e-3);
}

/* One release with q = 1 is the Gaussian mechanism: z = 1 / mu. From Balle and Wang's formula, epsilon 1, delta 1e-5:
 * sigma = 3.7306 (their analytic mechanism). */
static void whole_sites(void **state)
{
	(void)state;
	struct privacy_plan p = {.mechanism = PRIVACY_SITE,
	                         .unit = UNIT_SITE,
	                         .epsilon = 1,
	                         .delta = 1e-5,
	                         .clip = 1,
	                         .sampling_rate = 1,
	                         .hospitals_per_patient = 1,
	                         .statistics_share = 0.5,
	                         .steps = 1,
	                         .others = 1};
	solve(&p);
	assert_close(p.noise_multiplier, 3.7306 * sqrt(2), 0.02); /* half of mu^2 each */
	assert_close(p.statistics_multiplier, 3.7306 * sqrt(2), 0.02);
	assert_int_equal(p.batch_cap, 1);
	assert_true(p.evaluation_multiplier == 0);
}

static void what_cannot_be_met(void **state)
{
	(void)state;
	struct privacy_plan p = of_patients();
	struct diag why = {{0}};
	p.delta = 1e-300;
	assert_int_equal(privacy_plan_solve(&p, &why), ERR_DATA);
	assert_memory_equal(why.text, "privacy.delta: ", 15);
	p = of_patients();
	p.sampling_rate = 1;
	solve(&p);
	assert_int_equal(p.batch_cap, 644);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(solved_multipliers_are_just_enough),
		cmocka_unit_test(every_argument_counts),
		cmocka_unit_test(whole_sites),
		cmocka_unit_test(what_cannot_be_met),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
