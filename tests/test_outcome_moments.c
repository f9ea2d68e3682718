/* The server's moments go through a round beside the model: made anew in the first training round, then from those before. */
#include "coordinator/strategy.h"
#include "tests/support/pooled.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define TRAINING(strategy) "training: {strategy: " strategy ", rounds: 3, local: {batch: 8, learning_rate: 0.1}}"
#define MOMENTS_MAX (2 * POOLED_PARAMETERS_MAX)

/* Training round `step`, which begins with `model`. */
static void train(struct outcome *out, struct pooled *f, uint32_t step, const struct outcome *model,
                  const float *moments)
{
	struct round_plan plan = pooled_plan(f, step, model);
	struct aggregate sum = {0};
	struct diag why = {{0}};

	pooled_collect(f, &sum, &plan, buf_bytes(&model->model), POOLED_SITES);
	if (outcome_compute(out, &f->study, &plan, &sum, buf_bytes(&model->model), moments, &why) != OK)
		fail_msg("%s", why.text);
	aggregate_free(&sum);
}

/* The same by hand, with parameters[n] and moments[] in the place of files. */
static void train_by_hand(float *parameters, float *moments, struct pooled *f, uint32_t step,
                          const struct outcome *model)
{
	struct round_plan plan = pooled_plan(f, step, model);
	struct aggregate sum = {0};
	double update[POOLED_PARAMETERS_MAX], weight;
	struct diag why = {{0}};

	pooled_collect(f, &sum, &plan, buf_bytes(&model->model), POOLED_SITES);
	aggregate_values(update, &sum, SEGMENT_UPDATE);
	aggregate_values(&weight, &sum, SEGMENT_WEIGHT);
	for (size_t i = 0; i < f->study.model.parameters; i++)
		update[i] *= f->study.weight_cap / weight; /* far within the range */
	assert_int_equal(strategy_apply(&f->study, parameters, moments, update, f->study.model.parameters, &why), OK);
	aggregate_free(&sum);
}

static void assert_model(const struct outcome *out, struct pooled *f, const float *parameters, const float *moments)
{
	float found[POOLED_PARAMETERS_MAX];
	size_t n = f->study.model.parameters;

	pooled_read(found, NULL, f, out);
	assert_memory_equal(found, parameters, n * sizeof *found);
	assert_memory_equal(out->moments, moments, strategy_moments(&f->study) * n * sizeof *moments);
}

static void three_rounds(const char *training)
{
	static struct pooled f;
	struct outcome before, after;
	float parameters[POOLED_PARAMETERS_MAX], moments[MOMENTS_MAX], given[MOMENTS_MAX], copy[MOMENTS_MAX];

	pooled_begin(&f, training);
	pooled_first_model(&f, &before);
	assert_null(before.moments);
	pooled_read(parameters, NULL, &f, &before);
	strategy_begin(moments, &f.study, f.study.model.parameters);
	for (uint32_t step = 1; step <= 3; step++) {
		memcpy(given, moments, sizeof moments);
		memcpy(copy, moments, sizeof moments);
		train_by_hand(parameters, moments, &f, step, &before);
		train(&after, &f, step, &before, step == 1 ? NULL : given);
		assert_model(&after, &f, parameters, moments);
		assert_memory_equal(given, copy, sizeof given); /* a round that is given up changes nothing */
		outcome_free(&before);
		before = after;
	}
	outcome_free(&before);
	pooled_end(&f);
}

static void test_three_rounds(void **state)
{
	(void)state;
	three_rounds(TRAINING("fedavgm"));
	three_rounds(TRAINING("fedadagrad"));
	three_rounds(TRAINING("fedadam"));
	three_rounds(TRAINING("fedyogi"));
}

/* A study that is begun anew does not go on with the moments of another. */
static void test_the_first_round_begins_anew(void **state)
{
	static struct pooled f;
	struct outcome first, again;
	float others[MOMENTS_MAX];

	(void)state;
	pooled_begin(&f, TRAINING("fedyogi"));
	for (int i = 0; i < MOMENTS_MAX; i++)
		others[i] = 1;
	train(&first, &f, 1, &f.first, NULL);
	train(&again, &f, 1, &f.first, others);
	assert_true(hash_equal(&first.model_sha256, &again.model_sha256));
	outcome_free(&first);
	outcome_free(&again);
	pooled_end(&f);
}

static void test_a_strategy_without_moments_makes_none(void **state)
{
	static struct pooled f;
	struct outcome first, second;

	(void)state;
	pooled_begin(&f, TRAINING("fedavg"));
	train(&first, &f, 1, &f.first, NULL);
	assert_null(first.moments);
	train(&second, &f, 2, &first, NULL);
	assert_null(second.moments);
	outcome_free(&first);
	outcome_free(&second);
	pooled_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_rounds),
		cmocka_unit_test(test_the_first_round_begins_anew),
		cmocka_unit_test(test_a_strategy_without_moments_makes_none),
	};

	return cmocka_run_group_tests_name("outcome_moments", tests, NULL, NULL);
}
