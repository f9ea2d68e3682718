/*
 * What a round's sum becomes, against direct computations over the pooled rows of all sites: the scaling of the first model, the
 * weighted mean of the updates, the figures of a model. And what no sum may do: end the process, or move the model out of bounds.
 */
#include "coordinator/outcome.h"

#include "base/random.h"
#include "client/contribution.h"
#include "model/checkpoint.h"
#include "model/init.h"
#include "tests/support/small_study.h"

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

#define SITES 4
#define ROWS_MAX 400 /* of all sites together: 30 + 39 + 48 + 57 */
#define INPUTS 7 /* x, y, kind=b, kind=c, and an indicator for each feature */
#define HIDDEN 3
#define BINS 16

struct fixture {
	struct tempdir dir;
	struct study study;
	struct table tables[SITES];
	struct contributor sites[SITES];
	struct outcome first; /* of the statistics */
	uint32_t numbers[SITES];
};

static struct round_plan plan_at(struct fixture *f, uint32_t step, const struct outcome *model)
{
	return (struct round_plan){
		.study_hash = f->study.hash,
		.round = step + 1,
		.attempt = 1,
		.step = step,
		.asks = round_plan_asks(&f->study, step),
		.model = model != NULL ? model->model_sha256 : (struct hash){{0}},
		.model_octets = model != NULL ? model->model.len : 0,
		.sites = f->numbers,
		.site_count = SITES,
	};
}

/* The sum of the first `count` sites' own contributions. */
static void collect(struct fixture *f, struct aggregate *sum, const struct round_plan *plan, struct bytes model,
                    uint32_t count)
{
	struct contribution_report report;
	struct layout layout;
	struct diag why = {{0}};
	struct buf octets;

	assert_int_equal(round_plan_layout(&layout, &f->study, plan->asks, plan->site_count, &why), OK);
	aggregate_begin(sum, &layout);
	buf_init(&octets, MODEL_FILE_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (contribution_compute(&f->sites[i], &octets, &report, plan, model, NULL, &why) != OK)
			fail_msg("%s", why.text);
		aggregate_add(sum, buf_bytes(&octets));
	}
	buf_free(&octets);
}

static void first_model(struct fixture *f, struct outcome *out)
{
	struct round_plan plan = plan_at(f, 0, NULL);
	struct aggregate sum = {0};
	struct diag why = {{0}};

	collect(f, &sum, &plan, bytes_of(NULL, 0), SITES);
	if (outcome_compute(out, &f->study, &plan, &sum, bytes_of(NULL, 0), &why) != OK)
		fail_msg("%s", why.text);
	assert_true(out->has_model && !out->evaluated);
	aggregate_free(&sum);
}

static void begin(struct fixture *f, const char *line)
{
	static const char *const names[SITES] = {"a", "b", "c", "d"};

	memset(f, 0, sizeof *f);
	tempdir_make(&f->dir);
	small_study(&f->study, line);
	for (uint32_t i = 0; i < SITES; i++) {
		small_table(&f->tables[i], &f->dir, &f->study, i);
		contributor_init(&f->sites[i], &f->study, &f->tables[i], names[i]);
		f->numbers[i] = 11 + 7 * i;
	}
	first_model(f, &f->first);
}

static void end(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++) {
		contributor_free(&f->sites[i]);
		table_free(&f->tables[i]);
	}
	outcome_free(&f->first);
	study_free(&f->study);
	tempdir_remove(&f->dir);
}

static int setup(void **state)
{
	static struct fixture f;

	begin(&f, NULL);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	end(*state);
	return 0;
}

/* ---- statistics */

/* Input `input` of every training row of all sites, in raw units; missing ones are left out. */
static uint32_t pooled_input(double out[ROWS_MAX], const struct fixture *f, uint32_t input)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SITES; i++)
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
	struct fixture *f = *state;
	float parameters[64];
	struct checkpoint c;
	struct diag why = {{0}};

	assert_int_equal(f->study.model.inputs, INPUTS);
	assert_int_equal(checkpoint_read(parameters, &c, &f->study.model, buf_bytes(&f->first.model), "model", &why),
	                 OK);
	assert_int_equal(c.about.input_count, INPUTS);
	assert_int_equal(c.about.round, 0);
	for (uint32_t k = 0; k < INPUTS; k++) {
		double x[ROWS_MAX], mean = 0, variance = 0;
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
	struct fixture *f = *state;
	struct outcome again, other;
	struct study study;
	float parameters[64], made[64];
	struct diag why = {{0}};
	struct rng r;

	first_model(f, &again);
	assert_true(hash_equal(&again.model_sha256, &f->first.model_sha256));
	rng_init(&r, f->study.hash.b, "init");
	init_he(made, &f->study.model, &r);
	assert_int_equal(checkpoint_read(parameters, NULL, &f->study.model, buf_bytes(&again.model), "model", &why),
	                 OK);
	assert_memory_equal(parameters, made, f->study.model.parameters * sizeof *made);

	study = f->study; /* another contract, another beginning */
	f->study.hash.b[0] ^= 1;
	first_model(f, &other);
	assert_int_equal(checkpoint_read(parameters, NULL, &f->study.model, buf_bytes(&other.model), "model", &why),
	                 OK);
	assert_memory_not_equal(parameters, made, f->study.model.parameters * sizeof *made);
	f->study = study;
	outcome_free(&again);
	outcome_free(&other);
}

static void test_a_first_model_of_zeros(void **state)
{
	static struct fixture f;
	float parameters[64], zero[64] = {0};
	struct diag why = {{0}};

	(void)state;
	begin(&f, "model: {layers: [dense 3, relu, dense 1], init: zero}");
	assert_int_equal(checkpoint_read(parameters, NULL, &f.study.model, buf_bytes(&f.first.model), "model", &why),
	                 OK);
	assert_memory_equal(parameters, zero, f.study.model.parameters * sizeof *zero);
	end(&f);
}

static enum err statistics_with_labels(struct fixture *f, double negatives, double positives, struct diag *why)
{
	struct round_plan plan = plan_at(f, 0, NULL);
	uint32_t length = schema_statistics_length(&f->study.schema);
	double *values = mem_array(length, sizeof *values);
	struct aggregate sum = {0};
	struct outcome out;
	struct layout l;
	uint64_t saturated = 0;
	uint8_t *octets;
	enum err e;

	assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, SITES, why), OK);
	octets = mem_alloc(layout_octets(&l));
	values[length - 2] = negatives;
	values[length - 1] = positives;
	assert_int_equal(segment_encode(octets, layout_find(&l, SEGMENT_STATISTICS), &l, values, &saturated, why), OK);
	aggregate_begin(&sum, &l);
	aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
	e = outcome_compute(&out, &f->study, &plan, &sum, bytes_of(NULL, 0), why);
	outcome_free(&out);
	aggregate_free(&sum);
	free(octets);
	free(values);
	return e;
}

static void test_what_the_federation_cannot_learn_from(void **state)
{
	struct fixture *f = *state;
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
	float update[64];
};

/* Parameters after a training round with these contributions; the error, if any, in *e. */
static void train(float *after, struct fixture *f, const struct made_up *sites, uint32_t count, double *weight,
                  enum err *e, struct diag *why)
{
	struct round_plan plan = plan_at(f, 1, &f->first);
	struct aggregate sum = {0};
	struct outcome out;
	struct layout l;
	uint64_t saturated = 0;
	uint8_t *octets;

	assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, SITES, why), OK);
	octets = mem_alloc(layout_octets(&l));
	aggregate_begin(&sum, &l);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(segment_encode_scaled(octets, layout_find(&l, SEGMENT_UPDATE), &l, sites[i].update,
		                                       sites[i].factor / f->study.weight_cap, &saturated, why),
		                 OK);
		assert_int_equal(
			segment_encode(octets, layout_find(&l, SEGMENT_WEIGHT), &l, &sites[i].claimed, &saturated, why),
			OK);
		assert_int_equal(layout_check_words(&l, 0, octets, l.words, why), OK);
		aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
	}
	*e = outcome_compute(&out, &f->study, &plan, &sum, buf_bytes(&f->first.model), why);
	if (*e == OK) {
		struct checkpoint c;

		assert_int_equal(checkpoint_read(after, &c, &f->study.model, buf_bytes(&out.model), "model", why), OK);
		assert_int_equal(c.about.round, 1);
		checkpoint_free(&c);
	}
	*weight = out.weight;
	outcome_free(&out);
	aggregate_free(&sum);
	free(octets);
}

static void before(float *parameters, struct fixture *f)
{
	struct diag why = {{0}};

	assert_int_equal(checkpoint_read(parameters, NULL, &f->study.model, buf_bytes(&f->first.model), "model", &why),
	                 OK);
}

static void test_fedavg_is_the_weighted_mean(void **state)
{
	struct fixture *f = *state;
	uint32_t n = (uint32_t)f->study.model.parameters;
	struct made_up sites[SITES];
	float w[64], after[64];
	double weight, total = 0;
	struct diag why = {{0}};
	struct rng r;
	enum err e;

	rng_seeded(&r, 6, "updates");
	for (uint32_t i = 0; i < SITES; i++) {
		sites[i].claimed = sites[i].factor = i == 2 ? 0 : 17 + 31 * i; /* site 2 has no training row */
		total += sites[i].claimed;
		for (uint32_t k = 0; k < n; k++)
			sites[i].update[k] =
				(float)(rng_normal(&r) * (k % 5 == 0 ? 4 : 0.01)); /* some beyond the range */
	}
	before(w, f);
	train(after, f, sites, SITES, &weight, &e, &why);
	assert_int_equal(e, OK);
	assert_true(weight == total);
	for (uint32_t k = 0; k < n; k++) {
		double mean = 0, grid = f->study.update_range * SITES / 0x1p30; /* at most twice the grid */

		for (uint32_t i = 0; i < SITES; i++)
			mean += sites[i].claimed / total *
			        fmin(fmax((double)sites[i].update[k], -f->study.update_range), f->study.update_range);
		assert_close((double)after[k], (double)w[k] + mean,
		             SITES * grid * f->study.weight_cap / total + fabs(mean + (double)w[k]) * FLT_EPSILON);
	}
}

/* A site that claims no weight, or less than it multiplies by, moves the mean by more than an honest site of any weight could; the
 * range of the study holds it. */
static void test_a_lie_about_the_weight_moves_no_further_than_the_range(void **state)
{
	struct fixture *f = *state;
	uint32_t n = (uint32_t)f->study.model.parameters;
	struct made_up sites[2] = {{.claimed = 10, .factor = 10}, {.claimed = 0, .factor = f->study.weight_cap}};
	float w[64], after[64];
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
	struct fixture *f = *state;
	struct made_up sites[2] = {{.claimed = 0}, {.claimed = 0}};
	float after[64];
	double weight;
	struct diag why = {{0}};
	enum err e;

	train(after, f, sites, 2, &weight, &e, &why);
	assert_int_equal(e, ERR_DATA);
	assert_non_null(strstr(why.text, "no hospital of this round has a training row"));
}

static void test_a_model_that_leaves_the_numbers(void **state)
{
	struct fixture *f = *state;
	struct made_up sites[2] = {{.claimed = 1, .factor = 1}, {.claimed = 1, .factor = 1}};
	double weight, kept = f->study.server_learning_rate;
	float after[64];
	struct diag why = {{0}};
	enum err e;

	sites[0].update[3] = sites[1].update[3] = 8;
	f->study.server_learning_rate = 1e38;
	train(after, f, sites, 2, &weight, &e, &why);
	f->study.server_learning_rate = kept;
	assert_int_equal(e, ERR_DATA);
	assert_non_null(strstr(why.text, "no longer finite"));
}

static void test_a_damaged_model(void **state)
{
	struct fixture *f = *state;
	struct round_plan plan = plan_at(f, 1, &f->first);
	struct aggregate sum = {0};
	struct outcome out;
	struct diag why = {{0}};

	collect(f, &sum, &plan, buf_bytes(&f->first.model), SITES);
	assert_int_equal(outcome_compute(&out, &f->study, &plan, &sum,
	                                 bytes_of(f->first.model.ptr, f->first.model.len - 1), &why),
	                 ERR_DATA);
	assert_non_null(strstr(why.text, "the round's model"));
	outcome_free(&out);
	aggregate_free(&sum);
}

/* ---- figures */

struct scored { /* every row of one part of all sites */
	double logit[ROWS_MAX];
	bool positive[ROWS_MAX];
	uint32_t count;
};

/* The small network, written out: 7 inputs, 3 hidden units with relu, 1 logit. */
static double slow_logit(const float *w, const double *x)
{
	double z = w[HIDDEN * INPUTS + HIDDEN + HIDDEN];

	for (uint32_t h = 0; h < HIDDEN; h++) {
		double a = w[HIDDEN * INPUTS + h];

		for (uint32_t k = 0; k < INPUTS; k++)
			a += w[h * INPUTS + k] * x[k];
		z += w[HIDDEN * INPUTS + HIDDEN + h] * (a > 0 ? a : 0);
	}
	return z;
}

static void score(struct scored *out, const struct fixture *f, enum split_part part, const float *w,
                  const struct checkpoint *c)
{
	out->count = 0;
	for (uint32_t i = 0; i < SITES; i++)
		for (uint32_t row = 0; row < f->tables[i].rows; row++) {
			double raw[INPUTS] = {0}, x[INPUTS];

			if (f->tables[i].parts[row] != part)
				continue;
			raw[0] = table_value(&f->tables[i], row, 0);
			raw[1] = table_value(&f->tables[i], row, 1);
			raw[2] = table_value(&f->tables[i], row, 2) == 1;
			raw[3] = table_value(&f->tables[i], row, 2) == 2;
			for (uint32_t k = 0; k < INPUTS; k++) {
				double deviation = c->about.inputs[k].deviation;

				x[k] = deviation > 0 ? (raw[k] - c->about.inputs[k].mean) / deviation : 0;
			}
			out->logit[out->count] = slow_logit(w, x);
			out->positive[out->count++] = f->tables[i].classes[row] == 1;
		}
}

static void assert_figures(const struct metrics *m, const struct scored *s)
{
	double loss = 0, hits[2][2] = {{0}}, ordered = 0, pairs = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		loss += log1p(exp(s->positive[i] ? -s->logit[i] : s->logit[i])) / s->count;
		hits[s->positive[i]][s->logit[i] >= 0]++;
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
}

static void test_figures_are_those_of_the_pooled_rows(void **state)
{
	struct fixture *f = *state;
	struct round_plan plan = plan_at(f, 2, &f->first); /* evaluates the model that it trains on */
	struct aggregate sum = {0};
	struct outcome out;
	struct scored rows;
	struct checkpoint c;
	float w[64];
	struct diag why = {{0}};

	collect(f, &sum, &plan, buf_bytes(&f->first.model), SITES);
	assert_int_equal(outcome_compute(&out, &f->study, &plan, &sum, buf_bytes(&f->first.model), &why), OK);
	assert_true(out.evaluated && out.has_model);
	assert_int_equal(checkpoint_read(w, &c, &f->study.model, buf_bytes(&f->first.model), "model", &why), OK);
	score(&rows, f, PART_VALIDATION, w, &c);
	assert_figures(&out.validation, &rows);
	score(&rows, f, PART_TEST, w, &c);
	assert_figures(&out.test, &rows);
	checkpoint_free(&c);
	outcome_free(&out);
	aggregate_free(&sum);
}

static void test_figures_of_few_rows_are_withheld(void **state)
{
	static struct fixture f;
	struct round_plan plan;
	struct aggregate sum = {0};
	struct outcome out;
	struct diag why = {{0}};
	uint32_t rows = 0;

	(void)state;
	begin(&f, "sites: {min: 2, max_dropouts: 1, cell_min: 30}");
	plan = plan_at(&f, 2, &f.first);
	for (uint32_t count = 3; count <= SITES; count++) { /* three sites have too few test rows, four have enough */
		rows = 0;
		for (uint32_t i = 0; i < count; i++)
			rows += f.tables[i].part_rows[PART_TEST];
		collect(&f, &sum, &plan, buf_bytes(&f.first.model), count);
		assert_int_equal(outcome_compute(&out, &f.study, &plan, &sum, buf_bytes(&f.first.model), &why), OK);
		assert_true(out.test.rows == rows);
		assert_int_equal(isnan(out.test.loss), rows < 30);
		assert_int_equal(isnan(out.test.accuracy), rows < 30);
		assert_int_equal(isnan(out.test.precision), rows < 30);
		assert_int_equal(isnan(out.test.recall), rows < 30);
		assert_int_equal(isnan(out.test.f1), rows < 30);
		assert_int_equal(isnan(out.test.auc), rows < 30);
		assert_int_equal(rows < 30, count == 3);
		outcome_free(&out);
	}
	aggregate_free(&sum);
	end(&f);
}

/* Any words that pass the check at upload give figures or an error, and nothing else. */
static void test_hostile_words_give_figures_or_an_error(void **state)
{
	struct fixture *f = *state;
	struct rng r;

	rng_seeded(&r, 12, "hostile");
	for (uint32_t run = 0; run < 300; run++) {
		uint32_t step = run % 5;
		struct round_plan plan = plan_at(f, step, step > 0 ? &f->first : NULL);
		struct bytes model = step > 0 ? buf_bytes(&f->first.model) : bytes_of(NULL, 0);
		struct aggregate sum = {0};
		struct outcome out;
		struct layout l;
		struct diag why = {{0}};
		uint8_t *octets;

		assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, SITES, &why), OK);
		octets = mem_alloc(layout_octets(&l));
		for (uint32_t w = 0; w < l.words; w++) {
			uint8_t *at = octets + 4 * (size_t)w;

			do
				store_u32(at, (uint32_t)(int32_t)((int64_t)rng_u64(&r) >> (32 + rng_below(&r, 32))));
			while (layout_check_words(&l, w, at, 1, NULL) != OK);
		}
		aggregate_begin(&sum, &l);
		aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
		if (outcome_compute(&out, &f->study, &plan, &sum, model, &why) != OK)
			assert_true(why.text[0] != '\0');
		outcome_free(&out);
		aggregate_free(&sum);
		free(octets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_scaling_is_that_of_the_pooled_rows),
		cmocka_unit_test(test_the_first_model_follows_from_the_studys_hash),
		cmocka_unit_test(test_a_first_model_of_zeros),
		cmocka_unit_test(test_what_the_federation_cannot_learn_from),
		cmocka_unit_test(test_fedavg_is_the_weighted_mean),
		cmocka_unit_test(test_a_lie_about_the_weight_moves_no_further_than_the_range),
		cmocka_unit_test(test_nobody_has_a_training_row),
		cmocka_unit_test(test_a_model_that_leaves_the_numbers),
		cmocka_unit_test(test_a_damaged_model),
		cmocka_unit_test(test_figures_are_those_of_the_pooled_rows),
		cmocka_unit_test(test_figures_of_few_rows_are_withheld),
		cmocka_unit_test(test_hostile_words_give_figures_or_an_error),
	};

	return cmocka_run_group_tests_name("outcome", tests, setup, teardown);
}
