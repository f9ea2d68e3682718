/*
 * Figures of each site and of all: held against a plain loop over the rows, in double, that knows nothing of blocks, workers or
 * sums. The network of the small study is dense 3, relu, dense K.
 */
#include "simulator/site_figures.h"
#include "tests/support/small_run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HIDDEN 3
#define CLASSES_MAX 3

#define SEVERAL                                                                                                        \
	{"    - {name: kind, levels: [a, b, c]}\n", ""},                                                               \
		{"{name: label, type: binary, positive: \"1\"}",                                                       \
	         "{name: kind, type: categorical, levels: [a, b, c]}"},                                                \
		{"relu, dense 1", "relu, dense 3"}, {"bins: 16, ", ""},                                                \
	{                                                                                                              \
		"select: loss", "select: accuracy"                                                                     \
	}
#define NUMBER                                                                                                         \
	{"type: binary, positive: \"1\"", "type: numeric, min: 0, max: 1"},                                            \
	{                                                                                                              \
		"bins: 16, ", ""                                                                                       \
	}

/* ---- the plain loop */

struct plain {
	double rows, loss, right, errors, squares, sum; /* squares and sum: of the label */
};

static void forward(double out[CLASSES_MAX], const struct study *s, const float *p, const float *x)
{
	uint32_t inputs = s->model.inputs, outputs = s->model.outputs;
	const float *w1 = p + (size_t)HIDDEN * inputs + HIDDEN, *b1 = w1 + (size_t)outputs * HIDDEN;

	for (uint32_t k = 0; k < outputs; k++)
		out[k] = (double)b1[k];
	for (uint32_t h = 0; h < HIDDEN; h++) {
		double z = (double)p[(size_t)HIDDEN * inputs + h];

		for (uint32_t i = 0; i < inputs; i++)
			z += (double)p[(size_t)h * inputs + i] * (double)x[i];
		for (uint32_t k = 0; k < outputs && z > 0; k++)
			out[k] += (double)w1[(size_t)k * HIDDEN + h] * z;
	}
}

static void add_row(struct plain *m, const struct study *s, const double *z, const struct scaling *scaling,
                    const struct table *t, uint32_t row)
{
	uint32_t classes = schema_classes(&s->schema), best = 0;

	m->rows++;
	if (classes == 0) {
		const struct label *l = &s->schema.label;
		double y = table_label(t, row), guess = z[0] * scaling->label_deviation + scaling->label_mean;
		double beyond = guess - y,
		       e = fmax(l->min, fmin(l->max, guess)) - y; /* figures know the label's range */

		m->errors += e * e;
		m->loss += beyond * beyond / (scaling->label_deviation * scaling->label_deviation);
		m->sum += y;
		m->squares += y * y;
	} else if (classes == 2) {
		m->loss += log1p(exp(t->classes[row] ? -z[0] : z[0]));
		m->right += (z[0] >= 0) == (t->classes[row] == 1);
	} else {
		double sum = 0;

		for (uint32_t k = 0; k < classes; k++) {
			sum += exp(z[k]);
			best = z[k] > z[best] ? k : best;
		}
		m->loss += log(sum) - z[t->classes[row]];
		m->right += best == t->classes[row];
	}
}

static void add_site(struct plain *m, const struct study *s, const struct round_model *model, const struct table *t,
                     enum split_part part)
{
	float *x = mem_array(s->model.inputs, sizeof *x);
	double z[CLASSES_MAX];

	for (uint32_t row = 0; row < t->rows; row++) {
		if (t->parts[row] != part)
			continue;
		encode_row(x, &s->schema, &model->scaling, table_row(t, row));
		forward(z, s, model->parameters, x);
		add_row(m, s, z, &model->scaling, t, row);
	}
	free(x);
}

/* ---- the comparison */

static void assert_close(double a, double b)
{
	if (!(fabs(a - b) <= 2e-5 * (1 + fabs(b))))
		fail_msg("%.9g is not %.9g", a, b);
}

static void assert_figures(const struct metrics *m, const struct plain *p, uint32_t classes)
{
	if (p->rows == 0) {
		assert_true(m->rows == 0 && isnan(m->loss));
		return;
	}
	assert_true(m->rows == p->rows);
	assert_close(m->loss, p->loss / p->rows);
	if (classes > 0) {
		assert_close(m->accuracy, p->right / p->rows);
		assert_true(isnan(m->rmse) && isnan(m->r2));
		return;
	}
	assert_close(m->rmse, sqrt(p->errors / p->rows));
	assert_close(m->r2, 1 - p->errors / (p->squares - p->sum * p->sum / p->rows));
	assert_true(isnan(m->accuracy));
}

static void add(struct plain *all, const struct plain *site)
{
	all->rows += site->rows;
	all->loss += site->loss;
	all->right += site->right;
	all->errors += site->errors;
	all->squares += site->squares;
	all->sum += site->sum;
}

static void assert_as_plain(const char *const (*changes)[2], size_t count, enum split_part part)
{
	struct small_run run;
	struct round_model model;
	struct site_figures figures;
	struct federation rows;
	struct plain all = {0};
	struct hash sha256;
	uint32_t step, classes;

	small_run_play(&run, changes, count, 0, &(struct engine_options){.threads = 3});
	classes = schema_classes(&run.study.schema);
	assert_int_equal(round_model_read(&model, &run.study, engine_model(run.engine, &sha256, &step), NULL), OK);
	site_figures_compute(&figures, run.engine, model.parameters, part);
	assert_int_equal(figures.count, SMALL_RUN_SITES);
	small_run_sites(&rows, &run.study); /* the engine has given its own back */
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++) {
		struct plain site = {0};

		add_site(&site, &run.study, &model, &rows.sites[i].table, part);
		assert_figures(&figures.sites[i], &site, classes);
		add(&all, &site);
	}
	assert_true(all.rows > 30);
	assert_figures(&figures.all, &all, classes);
	site_figures_free(&figures);
	federation_free(&rows);
	round_model_free(&model);
	small_run_end(&run);
}

static void test_two_classes(void **state)
{
	(void)state;
	assert_as_plain(CHANGES({"rounds: 3", "rounds: 6"}), PART_TEST);
	assert_as_plain(CHANGES({"rounds: 3", "rounds: 6"}), PART_VALIDATION);
	assert_as_plain(CHANGES({"rounds: 3", "rounds: 6"}), PART_TRAIN);
}

static void test_several_classes(void **state)
{
	(void)state;
	assert_as_plain(CHANGES({"rounds: 3", "rounds: 6"}, SEVERAL), PART_TEST);
}

static void test_a_number(void **state)
{
	(void)state;
	assert_as_plain(CHANGES({"rounds: 3", "rounds: 6"}, NUMBER), PART_TEST);
}

static void test_a_part_without_rows(void **state)
{
	(void)state;
	struct small_run run;
	struct site_figures figures;

	small_run_play(&run, CHANGES({"validation_fraction: 0.2, ", ""}), 0, &(struct engine_options){.threads = 2});
	site_figures_compute(&figures, run.engine, engine_first(run.engine), PART_VALIDATION);
	assert_true(figures.all.rows == 0 && isnan(figures.all.loss) && isnan(figures.all.auc));
	for (uint32_t i = 0; i < SMALL_RUN_SITES; i++)
		assert_true(figures.sites[i].rows == 0 && isnan(figures.sites[i].accuracy));
	site_figures_free(&figures);
	site_figures_free(&figures); /* a zeroed one */
	small_run_end(&run);
}

/* The curves are made of the sums behind `all`: these are the figures' own. */
static void assert_sums(const char *const (*changes)[2], size_t count)
{
	struct small_run run;
	struct site_figures figures;
	struct metrics again;

	small_run_play(&run, changes, count, 0, &(struct engine_options){.threads = 3});
	site_figures_compute(&figures, run.engine, engine_first(run.engine), PART_TEST);
	metrics_from_sums(&again, figures.shape, figures.all.loss * figures.all.rows, figures.sums);
	assert_true(again.rows == figures.all.rows);
	assert_true(again.accuracy == figures.all.accuracy);
	site_figures_free(&figures);
	small_run_end(&run);
}

static void test_sums_are_those_of_all(void **state)
{
	(void)state;
	assert_sums(CHANGES({"rounds: 3", "rounds: 2"}));
	assert_sums(CHANGES({"rounds: 3", "rounds: 2"}, SEVERAL));
}

static void test_workers_change_no_bit(void **state)
{
	struct small_run one, many;
	struct site_figures a, b;

	(void)state;
	small_run_play(&one, CHANGES(NUMBER), 0, &(struct engine_options){.threads = 1});
	small_run_play(&many, CHANGES(NUMBER), 0, &(struct engine_options){.threads = 4});
	site_figures_compute(&a, one.engine, engine_first(one.engine), PART_TEST);
	site_figures_compute(&b, many.engine, engine_first(many.engine), PART_TEST);
	assert_memory_equal(&a.all, &b.all, sizeof a.all);
	assert_memory_equal(a.sites, b.sites, SMALL_RUN_SITES * sizeof *a.sites);
	site_figures_free(&a);
	site_figures_free(&b);
	small_run_end(&one);
	small_run_end(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_classes),
		cmocka_unit_test(test_several_classes),
		cmocka_unit_test(test_a_number),
		cmocka_unit_test(test_a_part_without_rows),
		cmocka_unit_test(test_sums_are_those_of_all),
		cmocka_unit_test(test_workers_change_no_bit),
	};

	return cmocka_run_group_tests_name("site_figures", tests, NULL, NULL);
}
