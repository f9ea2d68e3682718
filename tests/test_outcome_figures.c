/*
 * The figures of a model against direct computations over the pooled rows of all sites, by a network that is written
 * out; and any words that pass the check at upload give figures or an error, and nothing else.
 */
#include "coordinator/outcome.h"

#include "base/random.h"
#include "model/checkpoint.h"
#include "tests/support/pooled.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/close.h"

#include <math.h>
#include <stdlib.h>

#define HIDDEN 3
#define BINS 16

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

struct scored { /* every row of one part of all sites */
	double logit[POOLED_ROWS_MAX];
	bool positive[POOLED_ROWS_MAX];
	uint32_t count;
};

/* The small network, written out: 7 inputs, 3 hidden units with relu, 1 logit. */
static double slow_logit(const float *w, const double *x)
{
	double z = w[HIDDEN * POOLED_INPUTS + HIDDEN + HIDDEN];

	for (uint32_t h = 0; h < HIDDEN; h++) {
		double a = w[HIDDEN * POOLED_INPUTS + h];

		for (uint32_t k = 0; k < POOLED_INPUTS; k++)
			a += w[h * POOLED_INPUTS + k] * x[k];
		z += w[HIDDEN * POOLED_INPUTS + HIDDEN + h] * (a > 0 ? a : 0);
	}
	return z;
}

static void score(struct scored *out, const struct pooled *f, enum split_part part, const float *w,
                  const struct checkpoint *c)
{
	out->count = 0;
	for (uint32_t i = 0; i < POOLED_SITES; i++)
		for (uint32_t row = 0; row < f->tables[i].rows; row++) {
			double raw[POOLED_INPUTS] = {0}, x[POOLED_INPUTS];

			if (f->tables[i].parts[row] != part)
				continue;
			raw[0] = table_value(&f->tables[i], row, 0);
			raw[1] = table_value(&f->tables[i], row, 1);
			raw[2] = table_value(&f->tables[i], row, 2) == 1;
			raw[3] = table_value(&f->tables[i], row, 2) == 2;
			for (uint32_t k = 0; k < POOLED_INPUTS; k++) {
				double deviation = c->about.inputs[k].deviation;

				x[k] = deviation > 0 ? (raw[k] - c->about.inputs[k].mean) / deviation : 0;
			}
			out->logit[out->count] = slow_logit(w, x);
			out->positive[out->count++] = f->tables[i].classes[row] == 1;
		}
}

/* The probability in the middle of the logit's bin. */
static double binned(double logit)
{
	double bin = floor(BINS / (1 + exp(-logit / 2))), z = 2 * log((bin + 0.5) / (BINS - bin - 0.5));

	return 1 / (1 + exp(-z));
}

static void assert_calibration(const struct calibration *c, const struct scored *s, uint32_t cell_min)
{
	struct calibration_point wanted[CALIBRATION_POINTS] = {{0}};

	for (uint32_t i = 0; i < s->count; i++) {
		double p = binned(s->logit[i]);
		struct calibration_point *point = &wanted[(int)floor(10 * p)];

		point->rows++;
		point->predicted += p;
		point->observed += s->positive[i];
	}
	assert_true(c->known);
	for (int i = 0; i < CALIBRATION_POINTS; i++) {
		const struct calibration_point *point = &c->points[i];

		assert_true(point->rows == wanted[i].rows);
		assert_int_equal(isnan(point->predicted), wanted[i].rows < cell_min || wanted[i].rows == 0);
		assert_int_equal(isnan(point->observed), isnan(point->predicted));
		if (isnan(point->predicted))
			continue;
		assert_close(point->predicted, wanted[i].predicted / point->rows, 1e-12);
		assert_close(point->observed, wanted[i].observed / point->rows, 1e-12);
	}
}

static void assert_figures(const struct metrics *m, const struct scored *s)
{
	double loss = 0, brier = 0, hits[2][2] = {{0}}, ordered = 0, pairs = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		loss += log1p(exp(s->positive[i] ? -s->logit[i] : s->logit[i])) / s->count;
		hits[s->positive[i]][s->logit[i] >= 0]++;
		brier += pow(binned(s->logit[i]) - s->positive[i], 2) / s->count;
		for (uint32_t k = 0; k < s->count; k++) { /* every pair of a positive and a negative, by bin */
			double high = floor(BINS / (1 + exp(-s->logit[i] / 2)));
			double low = floor(BINS / (1 + exp(-s->logit[k] / 2)));

			if (!s->positive[i] || s->positive[k])
				continue;
			pairs++;
			ordered += high > low ? 1 : high == low ? 0.5 : 0;
		}
	}
	assert_true(m->rows == s->count);
	assert_close(m->loss, loss, 1e-5);
	assert_close(m->accuracy, (hits[0][0] + hits[1][1]) / s->count, 1e-12);
	assert_close(m->precision, hits[1][1] / (hits[1][1] + hits[0][1]), 1e-12);
	assert_close(m->recall, hits[1][1] / (hits[1][1] + hits[1][0]), 1e-12);
	assert_close(m->f1, 2 * hits[1][1] / (2 * hits[1][1] + hits[0][1] + hits[1][0]), 1e-12);
	assert_close(m->auc, ordered / pairs, 1e-12);
	assert_close(m->brier, brier, 1e-12);
	assert_true(isnan(m->r2) && isnan(m->rmse) && isnan(m->mae));
}

static void test_figures_are_those_of_the_pooled_rows(void **state)
{
	struct pooled *f = *state;
	struct round_plan plan = pooled_plan(f, 2, &f->first); /* evaluates the model that it trains on */
	struct aggregate sum = {0};
	struct outcome out;
	struct scored rows;
	struct checkpoint c;
	float w[POOLED_PARAMETERS_MAX];
	struct diag why = {{0}};

	pooled_collect(f, &sum, &plan, buf_bytes(&f->first.model), POOLED_SITES);
	assert_int_equal(outcome_compute(&out, &f->study, &plan, &sum, buf_bytes(&f->first.model), NULL, &why), OK);
	assert_true(out.evaluated && out.has_model);
	pooled_read(w, &c, f, &f->first);
	score(&rows, f, PART_VALIDATION, w, &c);
	assert_figures(&out.validation, &rows);
	assert_calibration(&out.validation_calibration, &rows, f->study.sites.cell_min);
	score(&rows, f, PART_TEST, w, &c);
	assert_figures(&out.test, &rows);
	assert_calibration(&out.test_calibration, &rows, f->study.sites.cell_min);
	checkpoint_free(&c);
	outcome_free(&out);
	aggregate_free(&sum);
}

static void test_figures_of_few_rows_are_withheld(void **state)
{
	static struct pooled f;
	struct round_plan plan;
	struct aggregate sum = {0};
	struct outcome out;
	struct diag why = {{0}};
	uint32_t rows = 0;

	(void)state;
	pooled_begin(&f, "sites: {min: 2, max_dropouts: 1, cell_min: 30}");
	plan = pooled_plan(&f, 2, &f.first);
	for (uint32_t count = 3; count <= POOLED_SITES;
	     count++) { /* three sites have too few test rows, four have enough */
		rows = 0;
		for (uint32_t i = 0; i < count; i++)
			rows += f.tables[i].part_rows[PART_TEST];
		pooled_collect(&f, &sum, &plan, buf_bytes(&f.first.model), count);
		assert_int_equal(outcome_compute(&out, &f.study, &plan, &sum, buf_bytes(&f.first.model), NULL, &why),
		                 OK);
		assert_true(out.test.rows == rows);
		assert_int_equal(isnan(out.test.loss), rows < 30);
		assert_int_equal(isnan(out.test.accuracy), rows < 30);
		assert_int_equal(isnan(out.test.precision), rows < 30);
		assert_int_equal(isnan(out.test.recall), rows < 30);
		assert_int_equal(isnan(out.test.f1), rows < 30);
		assert_int_equal(isnan(out.test.auc), rows < 30);
		assert_int_equal(isnan(out.test.brier), rows < 30);
		assert_int_equal(out.test_calibration.known, rows >= 30);
		for (int i = 0; i < CALIBRATION_POINTS; i++)
			assert_true(rows < 30 || isnan(out.test_calibration.points[i].observed) ||
			            out.test_calibration.points[i].rows >= 30);
		assert_int_equal(rows < 30, count == 3);
		outcome_free(&out);
	}
	aggregate_free(&sum);
	pooled_end(&f);
}

/* Any words that pass the check at upload give figures or an error, and nothing else. */
static void test_hostile_words_give_figures_or_an_error(void **state)
{
	struct pooled *f = *state;
	struct rng r;

	rng_seeded(&r, 12, "hostile");
	for (uint32_t run = 0; run < 300; run++) {
		uint32_t step = run % 5;
		struct round_plan plan = pooled_plan(f, step, step > 0 ? &f->first : NULL);
		struct bytes model = step > 0 ? buf_bytes(&f->first.model) : bytes_of(NULL, 0);
		struct aggregate sum = {0};
		struct outcome out;
		struct layout l;
		struct diag why = {{0}};
		uint8_t *octets;

		assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, POOLED_SITES, &why), OK);
		octets = mem_alloc(layout_octets(&l));
		for (uint32_t w = 0; w < l.words; w++) {
			uint8_t *at = octets + 4 * (size_t)w;

			do
				store_u32(at, (uint32_t)(int32_t)((int64_t)rng_u64(&r) >> (32 + rng_below(&r, 32))));
			while (layout_check_words(&l, w, at, 1, NULL) != OK);
		}
		aggregate_begin(&sum, &l);
		aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
		if (outcome_compute(&out, &f->study, &plan, &sum, model, NULL, &why) != OK)
			assert_true(why.text[0] != '\0');
		outcome_free(&out);
		aggregate_free(&sum);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_are_those_of_the_pooled_rows),
		cmocka_unit_test(test_figures_of_few_rows_are_withheld),
		cmocka_unit_test(test_hostile_words_give_figures_or_an_error),
	};

	return cmocka_run_group_tests_name("outcome_figures", tests, setup, teardown);
}
