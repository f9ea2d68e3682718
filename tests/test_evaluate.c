/*
 * model/evaluate with shares: what privacy rests on. A unit moves the sums by its own part, to the last bit, whoever else is
 * there, also when its values are no numbers; and no part is longer than the layout of a noised evaluation says. With shares of 1
 * the sums are those of an evaluation of rows.
 */
#include "base/share.h"
#include "base/vec.h"
#include "model/evaluate.h"
#include "tests/support/kernels.h"
#include "tests/support/models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 300, INPUTS = 11, UNIT_ROWS = 3, UNITS = ROWS / UNIT_ROWS, BLOCK = 64, COUNTS_MAX = 200 };

struct fixture {
	struct network network;
	struct row_products products;
	float *parameters, *x, *moved;
	union label_value labels[ROWS], moved_labels[ROWS];
	double shares[ROWS], moved_shares[ROWS];
	struct metrics_shape shape;
	size_t length;
};

static void fixture_make(struct fixture *f, struct metrics_shape shape, uint64_t seed)
{
	uint32_t outputs = metrics_outputs(shape);
	struct model_spec spec =
		models_spec(outputs == 1 ? "dense 17, relu, dense 1" : "dense 17, relu, dense 4", INPUTS, outputs);
	struct rng r;

	rng_seeded(&r, seed, "test: evaluate");
	memset(f, 0, sizeof *f);
	f->shape = shape;
	f->length = metrics_counts_length(shape);
	assert_true(f->length <= COUNTS_MAX);
	network_init(&f->network, &spec, BLOCK);
	row_products_init(&f->products, &spec);
	f->parameters = vec_f32(spec.parameters);
	f->x = vec_f32(ROWS * INPUTS);
	f->moved = vec_f32(ROWS * INPUTS);
	models_normal(f->parameters, spec.parameters, 0.7, &r);
	models_normal(f->x, ROWS * INPUTS, 1, &r);
	for (int i = 0; i < ROWS; i++) {
		f->shares[i] = share_of(UNIT_ROWS);
		if (shape.classes == 0)
			f->labels[i].value = (float)rng_normal(&r);
		else
			f->labels[i].class = (uint32_t)rng_below(&r, shape.classes);
	}
}

static void fixture_free(struct fixture *f)
{
	network_free(&f->network);
	row_products_free(&f->products);
	free(f->parameters);
	free(f->x);
	free(f->moved);
}

/* The loss and the counts, one after the other. */
static void sums_of(double *out, struct fixture *f, const float *x, const union label_value *labels,
                    const double *shares, uint32_t rows)
{
	struct shared_rows all = {x, labels, shares, rows};

	memset(out, 0, (1 + f->length) * sizeof *out);
	assert_int_equal(
		evaluate_shares(&out[0], out + 1, f->shape, &f->network, &f->products, f->parameters, all, NULL, NULL),
		OK);
}

/* All units but this one, so that every row behind it stands at another place of another block. */
static void sums_without(double *out, struct fixture *f, int unit)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < ROWS; i++) {
		if ((int)(i / UNIT_ROWS) == unit)
			continue;
		memcpy(f->moved + (size_t)kept * INPUTS, f->x + (size_t)i * INPUTS, INPUTS * sizeof *f->x);
		f->moved_labels[kept] = f->labels[i];
		f->moved_shares[kept++] = f->shares[i];
	}
	sums_of(out, f, f->moved, f->moved_labels, f->moved_shares, kept);
}

static void check_unit(struct fixture *f, int unit, uint32_t terms)
{
	double all[1 + COUNTS_MAX], without[1 + COUNTS_MAX], own[1 + COUNTS_MAX], squared = 0;
	size_t first = (size_t)unit * UNIT_ROWS;

	sums_of(all, f, f->x, f->labels, f->shares, ROWS);
	sums_without(without, f, unit);
	sums_of(own, f, f->x + first * INPUTS, f->labels + first, f->shares + first, UNIT_ROWS);
	for (size_t i = 0; i <= f->length; i++) {
		assert_true(all[i] - without[i] == own[i]);
		squared += (own[i] * SHARE_STEPS) * (own[i] * SHARE_STEPS);
	}
	assert_true(squared <= terms * SHARE_STEPS * SHARE_STEPS);
	assert_true(squared > 0);
}

static const struct metrics_shape of_two = {.classes = 2, .bins = 16};
static const struct metrics_shape of_four = {.classes = 4};
static const struct metrics_shape in_bins = {.classes = 4, .class_bins = 8};
static const struct metrics_shape of_number = {.classes = 0, .middle = 10, .half = 3, .mean = 9, .deviation = 2};

static void check_units(struct metrics_shape shape, uint32_t terms)
{
	struct fixture f;

	fixture_make(&f, shape, terms);
	for (int unit = 0; unit < UNITS; unit += 7)
		check_unit(&f, unit, terms);
	for (int i = 0; i < UNIT_ROWS * INPUTS; i++) /* a unit that is no number, and one that is infinite */
		f.x[21 * UNIT_ROWS * INPUTS + i] = NAN, f.x[28 * UNIT_ROWS * INPUTS + i] = INFINITY;
	for (int unit = 14; unit < 42; unit += 7)
		check_unit(&f, unit, terms);
	fixture_free(&f);
}

static void test_a_unit_moves_the_sums_by_its_part_alone(void **state)
{
	(void)state;
	check_units(of_two, 2);
	check_units(of_four, 2);
	check_units(in_bins, 2 + 4);
	check_units(of_number, 1 + 5);
}

/* ---- what the sums are */

static void check_rows(struct metrics_shape shape)
{
	double shared[1 + COUNTS_MAX], plain[1 + COUNTS_MAX] = {0};
	struct fixture f;

	fixture_make(&f, shape, 5);
	for (int i = 0; i < ROWS; i++)
		f.shares[i] = 1;
	sums_of(shared, &f, f.x, f.labels, f.shares, ROWS);
	metrics_unscale(&shared[0], shared + 1, shape);
	assert_int_equal(
		evaluate_rows(&plain[0], plain + 1, shape, &f.network, f.parameters, f.x, f.labels, ROWS, NULL, NULL),
		OK);
	assert_true(fabs(shared[0] - plain[0]) < ROWS * METRICS_LOSS_MAX * 0x1p-23);
	for (size_t i = 1; i <= f.length; i++)
		assert_true(fabs(shared[i] - plain[i]) <= (shape.classes == 0 ? ROWS * 0x1p-21 : 0));
	fixture_free(&f);
}

static void test_shares_of_one_are_rows(void **state)
{
	(void)state;
	check_rows(of_two);
	check_rows(of_four);
	check_rows(in_bins);
	check_rows(of_number);
}

static void test_cancelling(void **state)
{
	atomic_bool cancel = true;
	double loss = 0, counts[COUNTS_MAX] = {0};
	struct fixture f;
	struct diag why = {{0}};

	(void)state;
	fixture_make(&f, of_two, 1);
	struct shared_rows rows = {f.x, f.labels, f.shares, ROWS};
	assert_int_equal(
		evaluate_shares(&loss, counts, of_two, &f.network, &f.products, f.parameters, rows, &cancel, &why),
		ERR_CANCELLED);
	assert_string_equal(why.text, "evaluation was cancelled");
	rows.rows = 0;
	assert_int_equal(
		evaluate_shares(&loss, counts, of_two, &f.network, &f.products, f.parameters, rows, &cancel, &why), OK);
	assert_true(loss == 0);
	fixture_free(&f);
}

int main(int argc, char **argv)
{
	(void)argc;
	kernels_that_mix_rows(argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_unit_moves_the_sums_by_its_part_alone),
		cmocka_unit_test(test_shares_of_one_are_rows),
		cmocka_unit_test(test_cancelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
