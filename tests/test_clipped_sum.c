/*
 * client/clipped_sum: against the slow second implementation, a unit at a time; the norm of what one unit adds, in long double;
 * sums with and without one unit; units that cancel, that are not numbers, that are larger than a block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"
#include "client/clipped_sum.h"
#include "privacy/plan.h"
#include "tests/support/close.h"
#include "tests/support/kernels.h"
#include "tests/support/models.h"
#include "tests/support/sanitized.h"

#define ROWS 300 /* of the examples at most */

static const struct {
	const char *layers;
	uint32_t inputs, outputs;
	bool number; /* squared error */
	double smoothing;
} models[] = {
	{"dense 1", 30, 1, false, 0},
	{"dense 1", 3, 1, true, 0},
	{"dense 10", 33, 10, false, 0},
	{"dense 24, relu, dense 9, relu, dense 1", 30, 1, false, 0},
	{"dense 24, relu, dense 9, relu, dense 1", 30, 1, false, 0.2},
	{"dense 7, tanh, dense 5, sigmoid, dense 10", 13, 10, false, 0.1},
	{"dense 17, tanh, dense 5, dense 1", 13, 1, true, 0},
	{"relu, dense 12, sigmoid, relu, dense 6, dense 3", 7, 3, false, 0},
};
#define MODELS (sizeof models / sizeof models[0])

struct setup {
	struct model_spec spec;
	struct clipped_sum clipped;
	struct rng r;
	float *parameters;
	struct examples examples;
	struct units units;
	double smoothing;
	double *sum, *other; /* [parameters] */
};

static void random_row(struct setup *t, uint32_t row, double size)
{
	struct examples *e = &t->examples;
	models_normal(e->inputs + (size_t)row * e->width, e->width, size, &t->r);
	if (t->spec.loss == LOSS_SQUARED_ERROR)
		e->labels[row].value = (float)rng_normal(&t->r);
	else
		models_labels(&e->labels[row], 1, t->spec.outputs == 1 ? 2 : t->spec.outputs, &t->r);
}

static void setup(struct setup *t, size_t m)
{
	*t = (struct setup){.spec = models_spec(models[m].layers, models[m].inputs, models[m].outputs),
	                    .smoothing = models[m].smoothing};
	if (models[m].number)
		t->spec.loss = LOSS_SQUARED_ERROR;
	rng_seeded(&t->r, m, "clipped sum");
	clipped_sum_init(&t->clipped, &t->spec, t->smoothing);
	t->parameters = vec_f32(t->spec.parameters);
	models_normal(t->parameters, t->spec.parameters, 0.4, &t->r);
	t->sum = mem_array(t->spec.parameters, sizeof *t->sum);
	t->other = mem_array(t->spec.parameters, sizeof *t->other);
	t->examples = (struct examples){.rows = ROWS, .width = t->spec.inputs};
	t->examples.inputs = vec_f32((size_t)ROWS * t->spec.inputs);
	t->examples.labels = mem_array(ROWS, sizeof *t->examples.labels);
	t->units.first = mem_array(ROWS + 1, sizeof *t->units.first);
	t->units.rows = mem_array(ROWS, sizeof *t->units.rows);
	for (uint32_t row = 0; row < ROWS; row++)
		random_row(t, row, 1);
}

static void teardown(struct setup *t)
{
	clipped_sum_free(&t->clipped);
	clipped_sum_free(&t->clipped);
	examples_free(&t->examples);
	units_free(&t->units);
	free(t->parameters);
	free(t->sum);
	free(t->other);
}

/* Units of the given sizes, until a size is 0, of rows in a shuffled order. */
static void make_units(struct setup *t, const uint32_t *sizes)
{
	struct units *u = &t->units;
	u->count = 0;
	for (uint32_t i = 0; i < ROWS; i++)
		u->rows[i] = i;
	rng_shuffle(&t->r, u->rows, ROWS);
	for (; *sizes > 0; sizes++, u->count++)
		u->first[u->count + 1] = u->first[u->count] + *sizes;
	assert_true(u->first[u->count] <= ROWS);
}

/* `count` units of one row each. */
static void make_single_units(struct setup *t, uint32_t count)
{
	t->units.count = count;
	for (uint32_t i = 0; i <= count; i++)
		t->units.first[i] = i;
	for (uint32_t i = 0; i < count; i++)
		t->units.rows[i] = i;
}

static float *row_of(struct setup *t, uint32_t unit, uint32_t i)
{
	return t->examples.inputs + (size_t)t->units.rows[t->units.first[unit] + i] * t->examples.width;
}

static union label_value *label_of(struct setup *t, uint32_t unit, uint32_t i)
{
	return &t->examples.labels[t->units.rows[t->units.first[unit] + i]];
}

/* The sum of these units alone. */
static struct clipped_report sum_of(double *sum, struct setup *t, const uint32_t *which, uint32_t count, double clip)
{
	struct clipped_report report = {0};
	struct diag why;
	memset(sum, 0, t->spec.parameters * sizeof *sum);
	assert_int_equal(clipped_sum_add(&t->clipped, sum, &report, t->parameters, &t->examples, &t->units, which,
	                                 count, clip, NULL, &why),
	                 OK);
	return report;
}

static struct clipped_report sum_of_all(struct setup *t, double clip)
{
	return sum_of(t->sum, t, NULL, t->units.count, clip);
}

static long double norm_of(const double *x, size_t n)
{
	long double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (long double)x[i] * x[i];
	return sqrtl(sum);
}

static long double distance(const struct setup *t)
{
	long double sum = 0;
	for (size_t i = 0; i < t->spec.parameters; i++)
		sum += ((long double)t->sum[i] - t->other[i]) * ((long double)t->sum[i] - t->other[i]);
	return sqrtl(sum);
}

/* As client/clipped_sum.h has it. */
static double sum_error(uint32_t rows, uint32_t units, double clip)
{
	return (rows + 3) * 0x1p-53 * 64 * units * clip;
}

/* ---- against the second implementation */

/* The gradient of one row's loss; the loss. Smoothing is linear in the label: a part of each class. */
static double reference_row(double *gradient, const struct setup *t, uint32_t row)
{
	const float *x = t->examples.inputs + (size_t)row * t->examples.width;
	uint32_t classes = t->spec.outputs == 1 ? 2 : t->spec.outputs;
	size_t n = t->spec.parameters;
	double logits[16], loss, sum = 0, *work = mem_array(n, sizeof *work);
	memset(gradient, 0, n * sizeof *gradient);
	for (uint32_t k = 0; k <= classes; k++) { /* class `classes` stands for the row's own */
		union label_value of = k < classes ? (union label_value){.class = k} : t->examples.labels[row];
		double share = k < classes ? t->smoothing / classes : 1 - t->smoothing;
		if (share == 0)
			continue;
		models_reference(logits, &loss, work, &t->spec, t->parameters, x, &of, 1);
		for (size_t i = 0; i < n; i++)
			gradient[i] += share * work[i];
		sum += share * loss;
	}
	free(work);
	return sum;
}

/* A unit's mean gradient, and the norm that it is clipped by (model/row_gradients.h). */
static double reference_unit(double *gradient, double *loss, const struct setup *t, uint32_t unit)
{
	uint32_t rows = units_length(&t->units, unit);
	size_t n = t->spec.parameters;
	double reach = 0, length, *row = mem_array(n, sizeof *row);
	memset(gradient, 0, n * sizeof *gradient);
	for (uint32_t k = 0; k < rows; k++) {
		*loss += reference_row(row, t, t->units.rows[t->units.first[unit] + k]) / rows;
		reach += (double)norm_of(row, n) / rows;
		for (size_t i = 0; i < n; i++)
			gradient[i] += row[i] / rows;
	}
	free(row);
	length = (double)norm_of(gradient, n);
	return sqrt((1 - 0x1p-12) * length * length + 0x1p-12 * reach * reach);
}

static struct clipped_report reference(double *sum, const struct setup *t, double clip)
{
	size_t n = t->spec.parameters;
	double *gradient = mem_array(n, sizeof *gradient);
	struct clipped_report report = {.units = t->units.count};
	memset(sum, 0, n * sizeof *sum);
	for (uint32_t unit = 0; unit < t->units.count; unit++) {
		double norm = reference_unit(gradient, &report.loss, t, unit);
		for (size_t i = 0; i < n; i++)
			sum[i] += gradient[i] * (norm > clip ? clip / norm : 1);
		report.rows += units_length(&t->units, unit);
		report.clipped += norm > clip;
		report.norms += norm;
	}
	free(gradient);
	return report;
}

static void assert_as_reference(struct setup *t, double clip)
{
	struct clipped_report report = sum_of_all(t, clip), expected = reference(t->other, t, clip);
	assert_true(report.units == expected.units && report.rows == expected.rows);
	assert_true(report.clipped == expected.clipped && report.unusable == 0);
	assert_close(report.norms, expected.norms, 1e-5 * expected.norms);
	assert_close(report.loss, expected.loss, 1e-5 * expected.loss);
	assert_true(distance(t) <= 1e-5L * expected.norms && norm_of(t->other, t->spec.parameters) > 0);
}

static void sums_are_those_of_the_reference(void **state)
{
	(void)state;
	static const uint32_t sizes[][40] = {
		{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
		{3, 1, 2, 7, 1, 1, 40, 30, 5, 1, 64, 63, 2, 64, 1},
		{1, 65, 1, 129, 2}, /* larger than a block */
	};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			make_units(&t, sizes[k]);
			for (double clip = 1e-3; clip < 1e4; clip *= 30)
				assert_as_reference(&t, clip);
		}
		teardown(&t);
	}
}

static void a_sum_is_added_to_what_is_there(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {3, 1, 2, 70, 1, 0}, which[] = {4, 0, 3};
	struct clipped_report report = {0};
	struct diag why;
	struct setup t;
	setup(&t, 3);
	make_units(&t, sizes);
	sum_of(t.other, &t, which, 3, 0.5);
	for (size_t i = 0; i < t.spec.parameters; i++) {
		t.other[i] += 1;
		t.sum[i] = 1;
	}
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(clipped_sum_add(&t.clipped, t.sum, &report, t.parameters, &t.examples, &t.units,
		                                 which + i, 1, 0.5, NULL, &why),
		                 OK);
	assert_true(distance(&t) <= 1e-12);
	assert_int_equal(report.units, 3);
	assert_int_equal(report.rows, 74);
	for (int empty = 0; empty < 2; empty++) { /* nothing sampled */
		memcpy(t.other, t.sum, t.spec.parameters * sizeof *t.sum);
		assert_int_equal(clipped_sum_add(&t.clipped, t.sum, &report, t.parameters, &t.examples, &t.units,
		                                 empty ? NULL : which, 0, 0.5, NULL, &why),
		                 OK);
		assert_memory_equal(t.other, t.sum, t.spec.parameters * sizeof *t.sum);
	}
	teardown(&t);
}

static void the_same_bits_whatever_was_before(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {3, 1, 2, 70, 1, 1, 1, 9, 0}, which[] = {7, 3};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		make_units(&t, sizes);
		struct clipped_report first = sum_of_all(&t, 0.7);
		memcpy(t.other, t.sum, t.spec.parameters * sizeof *t.sum);
		for (int round = 0; round < 3; round++) {
			sum_of(t.sum, &t, which, (uint32_t)round, 1e5);
			struct clipped_report again = sum_of_all(&t, 0.7);
			assert_memory_equal(&again, &first, sizeof first);
			assert_memory_equal(t.other, t.sum, t.spec.parameters * sizeof *t.sum);
		}
		clipped_sum_free(&t.clipped);
		clipped_sum_init(&t.clipped, &t.spec, t.smoothing);
		sum_of_all(&t, 0.7);
		assert_memory_equal(t.other, t.sum, t.spec.parameters * sizeof *t.sum);
		teardown(&t);
	}
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

static void nothing_is_allocated_after_the_largest(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {3, 1, 2, 70, 1, 100, 0};
	struct setup t;
	setup(&t, 3);
	make_units(&t, sizes);
	size_t before = heap();
	sum_of_all(&t, 1);
	size_t after = heap();
	for (int round = 0; round < 3; round++) {
		sum_of_all(&t, 1);
		assert_true(heap() == after);
	}
	assert_true(SANITIZED || after > before); /* the first made the vector for large units */
	teardown(&t);
}

static void cancelling_is_an_error(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 1, 0};
	atomic_bool cancel = true;
	struct clipped_report report = {0};
	struct diag why;
	struct setup t;
	setup(&t, 0);
	make_units(&t, sizes);
	assert_int_equal(clipped_sum_add(&t.clipped, t.sum, &report, t.parameters, &t.examples, &t.units, NULL, 2, 1,
	                                 &cancel, &why),
	                 ERR_CANCELLED);
	cancel = false;
	assert_int_equal(clipped_sum_add(&t.clipped, t.sum, &report, t.parameters, &t.examples, &t.units, NULL, 2, 1,
	                                 &cancel, &why),
	                 OK);
	assert_int_equal(report.units, 2);
	teardown(&t);
}

/* ---- one unit's part is never longer than C */

static void assert_unit_within(struct setup *t, uint32_t unit, double clip)
{
	struct clipped_report report = sum_of(t->sum, t, &unit, 1, clip);
	long double norm = norm_of(t->sum, t->spec.parameters);
	assert_true(norm <= clip);
	if (report.unusable > 0)
		assert_true(norm == 0);
	else if (report.clipped > 0 && units_length(&t->units, unit) == 1)
		assert_true(norm >= clip * (1 - 0x1p-18L)); /* and nothing is thrown away */
}

static void no_unit_adds_more_than_the_clip(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 2, 3, 5, 17, 64, 65, 100, 0};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		make_units(&t, sizes);
		for (double size = 1e-4; size < 1e37; size *= 1e5) {
			for (uint32_t row = 0; row < ROWS; row++)
				random_row(&t, row, size);
			for (uint32_t unit = 0; unit < t.units.count; unit++)
				for (double clip = 1e-6; clip < 1e6; clip *= 1e3)
					assert_unit_within(&t, unit, clip);
		}
		teardown(&t);
	}
}

/* A clip right at the norm, where rounding decides. */
static void no_unit_adds_more_than_a_clip_of_its_norm(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 1, 1, 1, 2, 2, 3, 70, 0};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		for (int round = 0; round < 10; round++) {
			make_units(&t, sizes);
			for (uint32_t unit = 0; unit < t.units.count; unit++) {
				double norm = sum_of(t.sum, &t, &unit, 1, 1).norms;
				for (int ulps = -40; ulps <= 40; ulps += 8)
					assert_unit_within(&t, unit, norm * (1 + ulps * 0x1p-24));
			}
		}
		teardown(&t);
	}
}

/* Rows of one patient with the same input and labels that pull in opposite directions, and only just not alike: most of the Gram
 * sum cancels, and what float would lose is more than what is left. */
static void rows_that_cancel_stay_within_the_clip(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {2, 2, 4, 6, 66, 0};
	struct setup t;
	long double smallest = INFINITY;
	setup(&t, 1); /* squared error: the derivative is 2 (z - t) */
	for (int round = 0; round < 60; round++) {
		make_units(&t, sizes);
		for (uint32_t unit = 0; unit < t.units.count; unit++) {
			for (uint32_t i = 0; i < units_length(&t.units, unit); i++) {
				double apart = round % 3 == 0 ? 0 : ldexp(1, -(round % 30));
				memcpy(row_of(&t, unit, i), row_of(&t, unit, 0), t.spec.inputs * sizeof(float));
				label_of(&t, unit, i)->value =
					(float)((i % 2 == 0 ? 1e6 : -1e6) * (1 + apart * rng_unit(&t.r)));
			}
			for (double clip = 1e-6; clip < 1e9; clip *= 1e3)
				assert_unit_within(&t, unit, clip);
			sum_of(t.sum, &t, &unit, 1, 1e-3);
			smallest = fminl(smallest, norm_of(t.sum, t.spec.parameters) / 1e-3L);
		}
	}
	assert_true(smallest < 1e-3L); /* units that cancelled were there */
	teardown(&t);
}

/* ---- with and without one unit */

static void assert_one_unit_moves_by_at_most(struct setup *t, uint32_t left_out, double clip, double most)
{
	uint32_t which[ROWS], count = 0;
	for (uint32_t unit = 0; unit < t->units.count; unit++)
		if (unit != left_out)
			which[count++] = unit;
	sum_of_all(t, clip);
	sum_of(t->other, t, which, count, clip);
	uint32_t rows = t->units.first[t->units.count];
	assert_true(distance(t) <= most + 2 * sum_error(rows, t->units.count, clip));
}

static void one_unit_moves_a_sum_by_at_most_the_clip(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 3, 1, 1, 70, 1, 20, 2, 50, 1, 1, 14, 1, 0};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		for (int round = 0; round < 2; round++) {
			if (round == 0)
				make_units(&t, sizes);
			else
				make_single_units(&t, ROWS);
			for (double clip = 1e-2; clip < 1e3; clip *= 1e2)
				for (uint32_t unit = 0; unit < t.units.count; unit += round == 0 ? 1 : 13)
					assert_one_unit_moves_by_at_most(&t, unit, clip, clip);
		}
		teardown(&t);
	}
}

/* A unit that contributes nothing shifts all others to other places. If their bits depended on that, the sums would differ by more
 * than what adding them up in double loses, which is far below what a float can hold. */
static void a_unit_that_adds_nothing_moves_nothing(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 3, 1, 1, 70, 1, 20, 2, 50, 1, 1, 14, 1, 0};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		for (uint32_t unit = 0; unit < 5; unit++) {
			make_units(&t, sizes);
			row_of(&t, unit, units_length(&t.units, unit) - 1)[0] = NAN;
			for (double clip = 1e-2; clip < 1e3; clip *= 1e2)
				assert_one_unit_moves_by_at_most(&t, unit, clip, 0);
			random_row(&t, t.units.rows[t.units.first[unit + 1] - 1], 1);
		}
		teardown(&t);
	}
}

/* What the noise is computed for (privacy/plan.h) has room for it: also with units that all pull in one direction, and in a batch
 * as large as the longest sums are. */
static void a_large_batch_keeps_the_error_that_the_noise_is_made_for(void **state)
{
	(void)state;
	enum { TURNS = 40 };
	struct clipped_report report = {0};
	struct diag why;
	struct setup t;
	setup(&t, 3);
	make_single_units(&t, ROWS);
	for (uint32_t row = 1; row < ROWS; row++) {
		memcpy(row_of(&t, row, 0), row_of(&t, 0, 0), t.spec.inputs * sizeof(float));
		*label_of(&t, row, 0) = *label_of(&t, 0, 0);
	}
	uint32_t one = 0;
	sum_of(t.other, &t, &one, 1, 1e-3);
	for (int turn = 0; turn < TURNS; turn++)
		assert_int_equal(clipped_sum_add(&t.clipped, t.sum, &report, t.parameters, &t.examples, &t.units, NULL,
		                                 ROWS, 1e-3, NULL, &why),
		                 OK);
	for (size_t i = 0; i < t.spec.parameters; i++)
		t.other[i] *= (double)ROWS * TURNS; /* the exact sum, but for one rounding of each */
	assert_int_equal(report.clipped, ROWS * TURNS);
	assert_true(distance(&t) <= sum_error(ROWS * TURNS, ROWS * TURNS, 1e-3));
	assert_true(distance(&t) <= noised_gradient_error(ROWS * TURNS, 1e-3));
	assert_true(distance(&t) > 0);
	teardown(&t);
}

/* ---- what is not a number */

static void spoil_and_compare(struct setup *t, uint32_t unit, uint32_t row, uint32_t column, float bad)
{
	float *at = row_of(t, unit, row) + column, was = *at;
	*at = bad;
	struct clipped_report report = sum_of(t->sum, t, &unit, 1, 1);
	for (size_t i = 0; i < t->spec.parameters; i++)
		assert_true(t->sum[i] == 0);
	assert_int_equal(report.unusable, 1);
	assert_true(report.norms == 0 && report.loss == 0 && report.units == 1);
	assert_int_equal(sum_of_all(t, 1).unusable, 1);
	for (size_t i = 0; i < t->spec.parameters; i++)
		assert_true(isfinite(t->sum[i]));
	*at = was;
}

static void a_unit_with_a_value_that_is_not_a_number_adds_nothing(void **state)
{
	(void)state;
	static const float bad[] = {NAN, INFINITY, -INFINITY};
	static const uint32_t sizes[] = {1, 3, 1, 70, 2, 0};
	for (size_t m = 0; m < MODELS; m++) {
		struct setup t;
		setup(&t, m);
		make_units(&t, sizes);
		for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
			for (uint32_t unit = 0; unit < t.units.count; unit++) {
				uint32_t rows = units_length(&t.units, unit);
				/* -infinity behind a first relu is an ordinary 0 */
				if (t.spec.layers[0].kind == LAYER_RELU && bad[k] < 0)
					continue;
				spoil_and_compare(&t, unit, 0, 0, bad[k]);
				spoil_and_compare(&t, unit, rows - 1, t.spec.inputs - 1, bad[k]);
				spoil_and_compare(&t, unit, rows / 2, t.spec.inputs / 2, bad[k]);
			}
		teardown(&t);
	}
}

static void labels_and_parameters_that_are_not_numbers_add_nothing(void **state)
{
	(void)state;
	static const uint32_t sizes[] = {1, 3, 70, 0};
	struct setup t;
	setup(&t, 6);
	make_units(&t, sizes);
	for (uint32_t unit = 0; unit < 3; unit++) {
		float was = label_of(&t, unit, 0)->value;
		label_of(&t, unit, 0)->value = unit == 1 ? INFINITY : NAN;
		assert_int_equal(sum_of(t.sum, &t, &unit, 1, 1).unusable, 1);
		assert_true(norm_of(t.sum, t.spec.parameters) == 0);
		label_of(&t, unit, 0)->value = was;
	}
	t.parameters[5] = NAN;
	assert_int_equal(sum_of_all(&t, 1).unusable, 3);
	assert_true(norm_of(t.sum, t.spec.parameters) == 0);
	teardown(&t);
}

int main(int argc, char **argv)
{
	(void)argc;
	kernels_that_mix_rows(argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_the_reference),
		cmocka_unit_test(a_sum_is_added_to_what_is_there),
		cmocka_unit_test(the_same_bits_whatever_was_before),
		cmocka_unit_test(nothing_is_allocated_after_the_largest),
		cmocka_unit_test(cancelling_is_an_error),
		cmocka_unit_test(no_unit_adds_more_than_the_clip),
		cmocka_unit_test(no_unit_adds_more_than_a_clip_of_its_norm),
		cmocka_unit_test(rows_that_cancel_stay_within_the_clip),
		cmocka_unit_test(one_unit_moves_a_sum_by_at_most_the_clip),
		cmocka_unit_test(a_unit_that_adds_nothing_moves_nothing),
		cmocka_unit_test(a_large_batch_keeps_the_error_that_the_noise_is_made_for),
		cmocka_unit_test(a_unit_with_a_value_that_is_not_a_number_adds_nothing),
		cmocka_unit_test(labels_and_parameters_that_are_not_numbers_add_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
