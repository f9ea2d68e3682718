/*
 * What a round's sum becomes, against direct computations over the pooled rows of all sites: the scaling of the first
 * model, the weighted mean of the updates. And what no sum may do: end the process, or move the model out of bounds.
 */
#include "coordinator/outcome.h"

#include "base/random.h"
#include "model/checkpoint.h"
#include "model/init.h"
#include "tests/support/pooled.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/close.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
	static struct pooled f;

	pooled_begin(&f, NULL);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	pooled_end(*state);
	return 0;
}

/* ---- statistics */

/* Input `input` of every training row of all sites, in raw units; missing ones are left out. */
static uint32_t pooled_input(double out[POOLED_ROWS_MAX], const struct pooled *f, uint32_t input)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < POOLED_SITES; i++)
		for (uint32_t row = 0; row < f->tables[i].rows; row++) {
			uint32_t feature = input < 2 ? input : 2;
			double value = table_value(&f->tables[i], row, feature);

			if (f->tables[i].parts[row] != PART_TRAIN)
				continue;
			assert_false(isnan(value)); /* the small tables miss nothing, so the indicators are always 0 */
			out[count++] = input < 2 ? value : input < 4 ? value == input - 1.0 : 0;
		}
	return count;
}

static void test_the_scaling_is_that_of_the_pooled_rows(void **state)
{
	struct pooled *f = *state;
	float parameters[POOLED_PARAMETERS_MAX];
	struct checkpoint c;

	assert_int_equal(f->study.model.inputs, POOLED_INPUTS);
	pooled_read(parameters, &c, f, &f->first);
	assert_int_equal(c.about.input_count, POOLED_INPUTS);
	assert_int_equal(c.about.round, 0);
	for (uint32_t k = 0; k < POOLED_INPUTS; k++) {
		double x[POOLED_ROWS_MAX], mean = 0, variance = 0;
		uint32_t n = pooled_input(x, f, k);

		for (uint32_t i = 0; i < n; i++)
			mean += x[i] / n;
		for (uint32_t i = 0; i < n; i++)
			variance += (x[i] - mean) * (x[i] - mean) / n;
		assert_close(c.about.inputs[k].mean, mean, 1e-8); /* fixed point: half a grid step per site and row */
		assert_close(c.about.inputs[k].deviation, sqrt(variance), 1e-7);
		assert_true(c.about.inputs[k].fill == c.about.inputs[k].mean);
	}
	assert_string_equal(c.about.inputs[2].name, "kind=b");
	checkpoint_free(&c);
}

static void test_the_first_model_follows_from_the_studys_hash(void **state)
{
	struct pooled *f = *state;
	struct outcome again, other;
	struct study study;
	float parameters[POOLED_PARAMETERS_MAX], made[POOLED_PARAMETERS_MAX];
	struct rng r;

	pooled_first_model(f, &again);
	assert_true(hash_equal(&again.model_sha256, &f->first.model_sha256));
	rng_init(&r, f->study.draws.b, "init");
	init_he(made, &f->study.model, &r);
	pooled_read(parameters, NULL, f, &again);
	assert_memory_equal(parameters, made, f->study.model.parameters * sizeof *made);

	study = f->study; /* another contract, another beginning */
	f->study.draws.b[0] ^= 1;
	pooled_first_model(f, &other);
	pooled_read(parameters, NULL, f, &other);
	assert_memory_not_equal(parameters, made, f->study.model.parameters * sizeof *made);
	f->study = study;
	outcome_free(&again);
	outcome_free(&other);
}

static void test_a_first_model_of_zeros(void **state)
{
	static struct pooled f;
	float parameters[POOLED_PARAMETERS_MAX], zero[POOLED_PARAMETERS_MAX] = {0};

	(void)state;
	pooled_begin(&f, "model: {layers: [dense 3, relu, dense 1], init: zero}");
	pooled_read(parameters, NULL, &f, &f.first);
	assert_memory_equal(parameters, zero, f.study.model.parameters * sizeof *zero);
	pooled_end(&f);
}

/* The other beginnings from the same stream. */
static void test_other_first_models(void **state)
{
	static const char *const lines[] = {"model: {layers: [dense 3, tanh, dropout 0.5, dense 1], init: xavier}",
	                                    "model: {layers: [dense 3, relu, dense 1], init: gaussian 0.125}"};
	static struct pooled f;
	float parameters[POOLED_PARAMETERS_MAX], made[POOLED_PARAMETERS_MAX];
	struct rng r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		pooled_begin(&f, lines[i]);
		pooled_read(parameters, NULL, &f, &f.first);
		rng_init(&r, f.study.draws.b, "init");
		if (i == 0)
			init_xavier(made, &f.study.model, &r);
		else
			init_gaussian(made, &f.study.model, 0.125, &r);
		assert_memory_equal(parameters, made, f.study.model.parameters * sizeof *made);
		pooled_end(&f);
	}
}

static enum err statistics_with_labels(struct pooled *f, double negatives, double positives, struct diag *why)
{
	struct round_plan plan = pooled_plan(f, 0, NULL);
	uint32_t length = schema_statistics_length(&f->study.schema);
	double *values = mem_array(length, sizeof *values);
	struct aggregate sum = {0};
	struct outcome out;
	struct layout l;
	uint64_t saturated = 0;
	uint8_t *octets;
	enum err e;

	assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, POOLED_SITES, why), OK);
	octets = mem_alloc(layout_octets(&l));
	values[length - 2] = negatives;
	values[length - 1] = positives;
	assert_int_equal(segment_encode(octets, layout_find(&l, SEGMENT_STATISTICS), &l, values, &saturated, why), OK);
	aggregate_begin(&sum, &l);
	aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
	e = outcome_compute(&out, &f->study, &plan, &sum, bytes_of(NULL, 0), NULL, why);
	outcome_free(&out);
	aggregate_free(&sum);
	free(octets);
	free(values);
	return e;
}

static void test_what_the_federation_cannot_learn_from(void **state)
{
	struct pooled *f = *state;
	struct diag why = {{0}};

	assert_int_equal(statistics_with_labels(f, 0, 0, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "no hospital has a training row"));
	assert_int_equal(statistics_with_labels(f, 10, 0, &why), ERR_DATA);
	assert_non_null(strstr(why.text, "the same label (label)"));
	assert_int_equal(statistics_with_labels(f, 0, 10, &why), ERR_DATA);
	assert_int_equal(statistics_with_labels(f, -3, 10, &why), ERR_DATA); /* what a hostile site may send */
	assert_int_equal(statistics_with_labels(f, 9, 10, &why), OK);
}

/* ---- updates */

struct made_up { /* what a site sends in a training round */
	double claimed; /* the weight that it says it has */
	double factor; /* the one that it multiplies by */
	float update[POOLED_PARAMETERS_MAX];
};

/* Parameters after a training round with these contributions; the error, if any, in *e. */
static void train(float *after, struct pooled *f, const struct made_up *sites, uint32_t count, double *weight,
                  enum err *e, struct diag *why)
{
	static const float zeros[POOLED_PARAMETERS_MAX];
	struct round_plan plan = pooled_plan(f, 1, &f->first);
	struct aggregate sum = {0};
	struct outcome out;
	struct layout l;
	uint64_t saturated = 0;
	uint8_t *octets;

	assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, POOLED_SITES, why), OK);
	octets = mem_alloc(layout_octets(&l));
	aggregate_begin(&sum, &l);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(segment_encode_update(octets, layout_find(&l, SEGMENT_UPDATE), &l, sites[i].update,
		                                       zeros, sites[i].factor / f->study.weight_cap, &saturated, why),
		                 OK);
		assert_int_equal(
			segment_encode(octets, layout_find(&l, SEGMENT_WEIGHT), &l, &sites[i].claimed, &saturated, why),
			OK);
		assert_int_equal(layout_check_words(&l, 0, octets, l.words, why), OK);
		aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
	}
	*e = outcome_compute(&out, &f->study, &plan, &sum, buf_bytes(&f->first.model), NULL, why);
	if (*e == OK) {
		struct checkpoint c;

		pooled_read(after, &c, f, &out);
		assert_int_equal(c.about.round, 1);
		checkpoint_free(&c);
	}
	*weight = out.weight;
	outcome_free(&out);
	aggregate_free(&sum);
	free(octets);
}

static void before(float *parameters, struct pooled *f)
{

	pooled_read(parameters, NULL, f, &f->first);
}

static void test_fedavg_is_the_weighted_mean(void **state)
{
	struct pooled *f = *state;
	uint32_t n = (uint32_t)f->study.model.parameters;
	struct made_up sites[POOLED_SITES];
	float w[POOLED_PARAMETERS_MAX], after[POOLED_PARAMETERS_MAX];
	double weight, total = 0;
	struct diag why = {{0}};
	struct rng r;
	enum err e;

	rng_seeded(&r, 6, "updates");
	for (uint32_t i = 0; i < POOLED_SITES; i++) {
		sites[i].claimed = sites[i].factor = i == 2 ? 0 : 17 + 31 * i; /* site 2 has no training row */
		total += sites[i].claimed;
		for (uint32_t k = 0; k < n; k++)
			sites[i].update[k] =
				(float)(rng_normal(&r) * (k % 5 == 0 ? 4 : 0.01)); /* some beyond the range */
	}
	before(w, f);
	train(after, f, sites, POOLED_SITES, &weight, &e, &why);
	assert_int_equal(e, OK);
	assert_true(weight == total);
	for (uint32_t k = 0; k < n; k++) {
		double mean = 0, grid = f->study.update_range * POOLED_SITES / 0x1p30; /* at most twice the grid */

		for (uint32_t i = 0; i < POOLED_SITES; i++)
			mean += sites[i].claimed / total *
			        fmin(fmax((double)sites[i].update[k], -f->study.update_range), f->study.update_range);
		assert_close((double)after[k], (double)w[k] + mean,
		             POOLED_SITES * grid * f->study.weight_cap / total +
		                     fabs(mean + (double)w[k]) * FLT_EPSILON);
	}
}

/* A site that claims no weight, or less than it multiplies by, moves the mean by more than an honest site of any
 * weight could; the range of the study holds it. */
static void test_a_lie_about_the_weight_moves_no_further_than_the_range(void **state)
{
	struct pooled *f = *state;
	uint32_t n = (uint32_t)f->study.model.parameters;
	struct made_up sites[2] = {{.claimed = 10, .factor = 10}, {.claimed = 0, .factor = f->study.weight_cap}};
	float w[POOLED_PARAMETERS_MAX], after[POOLED_PARAMETERS_MAX];
	double weight;
	struct diag why = {{0}};
	enum err e;

	for (uint32_t k = 0; k < n; k++)
		sites[1].update[k] = k % 2 == 0 ? FLT_MAX : -FLT_MAX;
	before(w, f);
	train(after, f, sites, 2, &weight, &e, &why);
	assert_int_equal(e, OK);
	for (uint32_t k = 0; k < n; k++)
		assert_true(after[k] == (float)((double)w[k] + (k % 2 == 0 ? 1 : -1) * f->study.update_range));
}

static void test_nobody_has_a_training_row(void **state)
{
	struct pooled *f = *state;
	struct made_up sites[2] = {{.claimed = 0}, {.claimed = 0}};
	float after[POOLED_PARAMETERS_MAX];
	double weight;
	struct diag why = {{0}};
	enum err e;

	train(after, f, sites, 2, &weight, &e, &why);
	assert_int_equal(e, ERR_DATA);
	assert_non_null(strstr(why.text, "no hospital of this round has a training row"));
}

static void test_a_model_that_leaves_the_numbers(void **state)
{
	struct pooled *f = *state;
	struct made_up sites[2] = {{.claimed = 1, .factor = 1}, {.claimed = 1, .factor = 1}};
	double weight, kept = f->study.server.learning_rate;
	float after[POOLED_PARAMETERS_MAX];
	struct diag why = {{0}};
	enum err e;

	sites[0].update[3] = sites[1].update[3] = 8;
	f->study.server.learning_rate = 1e38;
	train(after, f, sites, 2, &weight, &e, &why);
	f->study.server.learning_rate = kept;
	assert_int_equal(e, ERR_DATA);
	assert_non_null(strstr(why.text, "no longer finite"));
}

static void test_a_damaged_model(void **state)
{
	struct pooled *f = *state;
	struct round_plan plan = pooled_plan(f, 1, &f->first);
	struct aggregate sum = {0};
	struct outcome out;
	struct diag why = {{0}};

	pooled_collect(f, &sum, &plan, buf_bytes(&f->first.model), POOLED_SITES);
	assert_int_equal(outcome_compute(&out, &f->study, &plan, &sum,
	                                 bytes_of(f->first.model.ptr, f->first.model.len - 1), NULL, &why),
	                 ERR_DATA);
	assert_non_null(strstr(why.text, "the round's model"));
	outcome_free(&out);
	aggregate_free(&sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_scaling_is_that_of_the_pooled_rows),
		cmocka_unit_test(test_the_first_model_follows_from_the_studys_hash),
		cmocka_unit_test(test_a_first_model_of_zeros),
		cmocka_unit_test(test_other_first_models),
		cmocka_unit_test(test_what_the_federation_cannot_learn_from),
		cmocka_unit_test(test_fedavg_is_the_weighted_mean),
		cmocka_unit_test(test_a_lie_about_the_weight_moves_no_further_than_the_range),
		cmocka_unit_test(test_nobody_has_a_training_row),
		cmocka_unit_test(test_a_model_that_leaves_the_numbers),
		cmocka_unit_test(test_a_damaged_model),
	};

	return cmocka_run_group_tests_name("outcome", tests, setup, teardown);
}
