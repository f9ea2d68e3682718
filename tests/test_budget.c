/* The budget: what adds and what does not, when a release is refused, and with which words. */
#include "client/budget.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#define DELTA 1e-6

static const struct hash heart = {{1}}, lung = {{2}};

/* A release of training patients that costs this. */
static struct budget_debit debit_of(enum privacy_debit what, double q, double z, uint64_t count)
{
	return (struct budget_debit){.mechanism = PRIVACY_DISTRIBUTED,
	                             .unit = UNIT_PATIENT,
	                             .what = what,
	                             .part_count = 1,
	                             .parts = {{q, z, count}},
	                             .paid = 1000};
}

/* The small study under privacy; its plan is filled in by hand, so no accountant has a say. */
static void private_study(struct study *s)
{
	small_study(s, NULL);
	s->privacy = (struct privacy_plan){
		.mechanism = PRIVACY_DISTRIBUTED,
		.unit = UNIT_PATIENT,
		.epsilon = 3,
		.delta = 1e-4,
		.clip = 1,
		.sampling_rate = 0.25,
		.patients = 644,
		.hospitals_per_patient = 1,
		.statistics_share = 0.05,
		.evaluation_epsilon = 3,
		.spare_rounds = 2,
		.steps = s->rounds + 2,
		.others = 1,
		.evaluates = true,
		.noise_multiplier = 2,
		.statistics_multiplier = 8,
		.evaluation_multiplier = 1.5,
		.batch_cap = 644,
	};
	s->evaluation = EVALUATION_NOISED;
}

/* ---- sums */

/* Two studies: 7.2885 by Renyi sums (worked out in Python from Mironov, Talwar, Zhang 2019, and Canonne et al. 2020); their
 * epsilons alone, 6.6969 and 2.7821, would add to 9.48. */
static void test_sums_add_and_epsilons_do_not(void **state)
{
	struct budget_debit a = debit_of(DEBIT_TRAINING, 0.1, 2, 1), b = debit_of(DEBIT_TRAINING, 0.05, 1.3, 100);
	struct budget budget = {0}, alone = {0};

	(void)state;
	for (int i = 0; i < 500; i++) /* round by round, as it happens */
		budget_spend(&budget, &heart, &a);
	assert_true(fabs(budget_epsilon(&budget, DELTA) - 6.696858854966358) < 1e-8);
	budget_spend(&budget, &lung, &b);
	budget_spend(&alone, &lung, &b);
	assert_true(fabs(budget_epsilon(&alone, DELTA) - 2.782073121296934) < 1e-8);
	assert_true(fabs(budget_epsilon(&budget, DELTA) - 7.28851191998813) < 1e-8);
	assert_true(budget_epsilon(&budget, DELTA) >= 7.28851191998813); /* rounded up */
	assert_int_equal(budget_find(&budget, &heart)->releases[DEBIT_TRAINING], 500);
	assert_int_equal(budget.count, 2);
	budget_free(&budget);
	budget_free(&alone);
}

static void test_nothing_spent_is_nothing(void **state)
{
	struct budget_debit exact = {.mechanism = PRIVACY_DISTRIBUTED, .what = DEBIT_EVALUATION};
	struct budget budget = {0};

	(void)state;
	assert_true(budget_epsilon(&budget, 1e-4) == 0);
	budget_spend(&budget, &heart, &exact);
	assert_int_equal(budget.count, 0);
	assert_true(budget_epsilon(&budget, 1e-4) == 0);
}

/* Patients of the test part are other people than those of the training part, in one study; in another they may be the same. */
static void test_test_patients_are_other_people(void **state)
{
	struct budget_debit training = debit_of(DEBIT_TRAINING, 1, 2, 4), test = debit_of(DEBIT_EVALUATION, 1, 3, 1);
	struct budget one = {0}, two = {0}, only = {0};
	struct rdp sums;

	(void)state;
	budget_spend(&only, &heart, &training);
	budget_spend(&one, &heart, &training);
	budget_spend(&one, &heart, &test);
	assert_true(budget_epsilon(&one, DELTA) == budget_epsilon(&only, DELTA));
	budget_study_sums(&sums, budget_find(&one, &heart));
	assert_true(sums.sums[0] == budget_find(&one, &heart)->training.sums[0]);
	budget_spend(&two, &heart, &training);
	budget_spend(&two, &lung, &test);
	assert_true(budget_epsilon(&two, DELTA) > 1.01 * budget_epsilon(&only, DELTA));
	budget_free(&one);
	budget_free(&two);
	budget_free(&only);
}

/* Where neither is larger at all orders, the larger of each counts: a patient is one or the other, and nobody says which. */
static void test_the_larger_of_each_order(void **state)
{
	struct budget_debit training = debit_of(DEBIT_TRAINING, 0.01, 1, 100),
			    test = debit_of(DEBIT_EVALUATION, 1, 3, 1);
	struct budget budget = {0};
	const struct budget_study *s;
	int larger[2] = {0};
	struct rdp sums;

	(void)state;
	budget_spend(&budget, &heart, &training);
	budget_spend(&budget, &heart, &test);
	s = budget_find(&budget, &heart);
	budget_study_sums(&sums, s);
	for (size_t i = 0; i < RDP_ORDERS; i++) {
		larger[s->training.sums[i] < s->evaluation.sums[i]]++;
		assert_true(sums.sums[i] == fmax(s->training.sums[i], s->evaluation.sums[i]));
	}
	assert_true(larger[0] > 5 && larger[1] > 5); /* the example is one */
	budget_free(&budget);
}

static void test_a_number_that_is_none_is_more_than_any(void **state)
{
	struct budget_debit d = debit_of(DEBIT_TRAINING, 1, 10, 1);
	const struct budget_limit wide = {1e6, 1e-4}, none = {NAN, 1e-4}, no_delta = {8, NAN};
	struct budget budget = {0};
	struct diag why;

	(void)state;
	assert_int_equal(budget_judge(&budget, "heart", &heart, 1, &d, &wide, &why), REFUSAL_NONE);
	assert_int_equal(budget_judge(&budget, "heart", &heart, 1, &d, &none, &why), REFUSAL_BUDGET);
	assert_int_equal(budget_judge(&budget, "heart", &heart, 1, &d, &no_delta, &why), REFUSAL_BUDGET);
	budget_spend(&budget, &lung, &d);
	for (size_t i = 0; i < RDP_ORDERS; i++)
		budget.studies[0].evaluation.sums[i] = NAN;
	assert_int_equal(budget_judge(&budget, "heart", &heart, 1, &d, &wide, &why), REFUSAL_BUDGET);
	budget_free(&budget);
}

/* ---- what a release costs */

static void test_debits_of_a_study(void **state)
{
	struct budget_debit d;
	struct study s;

	(void)state;
	private_study(&s);
	budget_debit_of(&d, &s, ASK_STATISTICS);
	assert_int_equal(d.what, DEBIT_STATISTICS);
	assert_int_equal(d.part_count, 1);
	assert_true(d.parts[0].sampling_rate == 1 && d.parts[0].noise_multiplier == 8 && d.parts[0].count == 1);
	assert_int_equal(d.paid, 1);
	budget_debit_of(&d, &s, ASK_TRAIN);
	assert_int_equal(d.what, DEBIT_TRAINING);
	assert_true(d.parts[0].sampling_rate == 0.25 && d.parts[0].noise_multiplier == 2 && d.parts[0].count == 1);
	assert_int_equal(d.paid, s.rounds + 2);
	budget_debit_of(&d, &s, ASK_EVALUATE);
	assert_int_equal(d.what, DEBIT_EVALUATION);
	assert_true(d.parts[0].sampling_rate == 1 && d.parts[0].noise_multiplier == 1.5);
	assert_int_equal(d.paid, 1);
	s.evaluation = EVALUATION_MASKED; /* exact figures: nothing is spent, and nothing is covered */
	budget_debit_of(&d, &s, ASK_EVALUATE);
	assert_int_equal(d.part_count, 0);
	budget_debit_of(&d, &s, ASK_TRAIN | ASK_EVALUATE);
	assert_int_equal(d.what, DEBIT_TRAINING);
	assert_int_equal(d.part_count, 1);
	s.privacy.mechanism = PRIVACY_LOCAL; /* every local step has its noise */
	s.local.steps = 20;
	s.privacy.hospitals_per_patient = 2;
	budget_debit_of(&d, &s, ASK_TRAIN);
	assert_int_equal(d.parts[0].count, 40);
	budget_debit_of(&d, &s, ASK_STATISTICS);
	assert_int_equal(d.parts[0].count, 2);
	s.privacy.mechanism = PRIVACY_NONE;
	for (unsigned asks = 1; asks < 8; asks++) {
		budget_debit_of(&d, &s, asks);
		assert_int_equal(d.part_count, 0);
	}
	study_free(&s);
}

/* A hospital as the unit is in training and in the evaluation. */
static void test_a_site_is_in_all_of_it(void **state)
{
	struct budget_debit d = debit_of(DEBIT_EVALUATION, 1, 2, 1);
	struct budget budget = {0};

	(void)state;
	d.unit = UNIT_SITE;
	budget_spend(&budget, &heart, &d);
	assert_true(budget.studies[0].training.sums[0] > 0);
	assert_true(budget.studies[0].evaluation.sums[0] == 0);
	assert_int_equal(budget.studies[0].unit, UNIT_SITE);
	budget_free(&budget);
}

static void test_names(void **state)
{
	enum privacy_debit d = DEBIT_TRAINING;

	(void)state;
	for (int i = 0; i < BUDGET_WHATS; i++) {
		assert_true(budget_what_from(&d, budget_what_name((enum privacy_debit)i)));
		assert_int_equal(d, i);
	}
	assert_false(budget_what_from(&d, "bits"));
	assert_int_equal(d, DEBIT_EVALUATION);
}

/* ---- judging */

static void test_the_limit(void **state)
{
	struct budget_debit d = debit_of(DEBIT_TRAINING, 0.1, 2, 100);
	struct budget budget = {0}, after = {0};
	struct budget_limit limit = {0, DELTA};
	struct diag why = {{0}};

	(void)state;
	budget_spend(&budget, &lung, &d);
	budget_spend(&after, &lung, &d);
	budget_spend(&after, &heart, &d);
	limit.epsilon = budget_epsilon(&after, DELTA);
	assert_int_equal(budget_judge(&budget, "heart", &heart, 7, &d, &limit, &why), REFUSAL_NONE);
	assert_string_equal(why.text, "");
	limit.epsilon = nextafter(limit.epsilon, 0);
	assert_int_equal(budget_judge(&budget, "heart", &heart, 7, &d, &limit, &why), REFUSAL_BUDGET);
	assert_int_equal(budget.count, 1); /* judging spends nothing */
	limit.epsilon = 3.5;
	assert_int_equal(budget_judge(&budget, "heart", &heart, 7, &d, &limit, &why), REFUSAL_BUDGET);
	assert_string_equal(
		why.text, "study heart round 7: this hospital's privacy budget: all its studies have spent epsilon "
			  "2.9156, this release (training) would make it 4.1397, and the limit is 3.5 at delta 1e-06; "
			  "raise budget.epsilon in policy.yaml, or end the study: cohort-client reject heart");
	d.part_count = 0;
	limit.epsilon = 0;
	assert_int_equal(budget_judge(&budget, "heart", &heart, 7, &d, &limit, &why), REFUSAL_NONE);
	budget_free(&budget);
	budget_free(&after);
}

static void test_more_than_was_paid_for(void **state)
{
	const struct budget_limit limit = {1e6, DELTA};
	struct budget_debit training = debit_of(DEBIT_TRAINING, 0.1, 20, 1);
	struct budget_debit statistics = debit_of(DEBIT_STATISTICS, 1, 20, 1);
	struct budget budget = {0};
	struct diag why = {{0}};

	(void)state;
	training.paid = 3;
	statistics.paid = 1;
	budget_spend(&budget, &heart, &statistics);
	for (uint64_t round = 2; round <= 4; round++) {
		assert_int_equal(budget_judge(&budget, "heart", &heart, round, &training, &limit, &why), REFUSAL_NONE);
		budget_spend(&budget, &heart, &training);
	}
	assert_int_equal(budget_judge(&budget, "heart", &heart, 5, &training, &limit, &why), REFUSAL_BUDGET);
	assert_string_equal(why.text,
	                    "study heart round 5: more releases than were paid for: this hospital has made all 3 of "
	                    "training that the contract's noise was calibrated for (training.rounds and "
	                    "privacy.spare_rounds); a new revision with more of them can go on");
	assert_int_equal(budget_judge(&budget, "heart", &heart, 5, &statistics, &limit, &why), REFUSAL_BUDGET);
	assert_non_null(
		strstr(why.text, "more releases than were paid for: this hospital has made all 1 of statistics"));
	assert_int_equal(budget_judge(&budget, "lung", &lung, 5, &statistics, &limit, &why), REFUSAL_NONE);
	budget_free(&budget);
}

/* What a study will have cost when all that it has paid for was released, however far it is. */
static void test_a_forecast_is_what_it_comes_to(void **state)
{
	static const unsigned asks[] = {ASK_STATISTICS, ASK_TRAIN, ASK_TRAIN,   ASK_TRAIN,
	                                ASK_TRAIN,      ASK_TRAIN, ASK_EVALUATE};
	struct budget_debit other = debit_of(DEBIT_TRAINING, 1, 4, 1), d;
	struct budget budget = {0};
	double forecast, last;
	struct study s;

	(void)state;
	private_study(&s);
	s.privacy.evaluation_multiplier = 20; /* so that training is what counts */
	budget_spend(&budget, &lung, &other);
	last = budget_forecast(&budget, &s, 1e-4);
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		assert_true(asks[i] == ASK_EVALUATE || budget_epsilon(&budget, 1e-4) < last);
		budget_debit_of(&d, &s, asks[i]);
		budget_spend(&budget, &s.hash, &d);
		forecast = budget_forecast(&budget, &s, 1e-4);
		assert_true(fabs(forecast - last) < 1e-9);
	}
	assert_true(fabs(budget_epsilon(&budget, 1e-4) - last) < 1e-9);
	budget_free(&budget);
	study_free(&s);
}

/* At approval: a study that could not be finished is not begun. */
static void test_a_study_that_would_not_fit(void **state)
{
	struct budget budget = {0};
	struct budget_limit limit = {0, 1e-4};
	struct diag why = {{0}};
	struct study s;

	(void)state;
	private_study(&s);
	limit.epsilon = budget_forecast(&budget, &s, 1e-4);
	assert_int_equal(budget_judge_study(&budget, &s, &limit, &why), REFUSAL_NONE);
	limit.epsilon = nextafter(limit.epsilon, 0);
	assert_int_equal(budget_judge_study(&budget, &s, &limit, &why), REFUSAL_BUDGET);
	assert_non_null(
		strstr(why.text, "all its studies have spent epsilon 0.0000; with all that this one has paid for"));
	limit.epsilon = NAN;
	assert_int_equal(budget_judge_study(&budget, &s, &limit, &why), REFUSAL_BUDGET);
	s.privacy.mechanism = PRIVACY_NONE;
	assert_int_equal(budget_judge_study(&budget, &s, &limit, &why), REFUSAL_NONE);
	study_free(&s);
}

static void test_copies(void **state)
{
	struct budget_debit d = debit_of(DEBIT_TRAINING, 0.1, 2, 100);
	struct budget budget = {0}, copy = {0};

	(void)state;
	budget_spend(&budget, &heart, &d);
	budget_copy(&copy, &budget);
	budget_spend(&budget, &lung, &d);
	assert_int_equal(copy.count, 1);
	assert_true(budget_epsilon(&copy, DELTA) < budget_epsilon(&budget, DELTA));
	budget_copy(&copy, &budget);
	assert_true(budget_epsilon(&copy, DELTA) == budget_epsilon(&budget, DELTA));
	budget_free(&budget);
	budget_copy(&copy, &budget);
	assert_int_equal(copy.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_add_and_epsilons_do_not),
		cmocka_unit_test(test_nothing_spent_is_nothing),
		cmocka_unit_test(test_test_patients_are_other_people),
		cmocka_unit_test(test_the_larger_of_each_order),
		cmocka_unit_test(test_a_number_that_is_none_is_more_than_any),
		cmocka_unit_test(test_debits_of_a_study),
		cmocka_unit_test(test_a_site_is_in_all_of_it),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_the_limit),
		cmocka_unit_test(test_more_than_was_paid_for),
		cmocka_unit_test(test_a_forecast_is_what_it_comes_to),
		cmocka_unit_test(test_a_study_that_would_not_fit),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
