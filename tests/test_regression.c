/*
 * A number as the label, from hospitals' files to figures: four hospitals and the least squares of all their rows in closed
 * form; every figure against the rows themselves; and the real programs, which must come to the same model.
 */
#include "base/random.h"
#include "client/contribution.h"
#include "model/checkpoint.h"
#include "model/layers.h"
#include "tests/support/federate.h"
#include "tests/support/federation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 4
#define INPUTS 4 /* x, z, kind=b, kind=c */
#define LIMIT_MS 60000
#define LOW 60.0
#define HIGH 240.0

static const char *const names[SITES] = {"north", "south", "east", "west"};

/* One step over all rows in a round is gradient descent on the rows of all sites together. */
static const char study_text[] =
	"cohort: 1\n"
	"study: pressure\n"
	"revision: 1\n"
	"purpose: A made-up number of made-up rows\n"
	"expires: 2199-12-31\n"
	"data:\n"
	"  features:\n"
	"    - {name: x, min: -4, max: 4}\n"
	"    - {name: z, min: 0, max: 100}\n"
	"    - {name: kind, levels: [a, b, c]}\n"
	"  label: {name: pressure, type: numeric, min: 60, max: 240, unit: mmHg}\n"
	"  split: {test_fraction: 0.3, validation_fraction: 0.2, seed: 7}\n"
	"  fill: mean\n"
	"model: {layers: [dense 1], init: zero}\n"
	"training: {rounds: 60, local: {epochs: 1, batch: 1024, learning_rate: 0.2}, evaluate_every: 20}\n"
	"sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"
	"masking: off\n"
	"privacy: {mechanism: none}\n";

struct fixture {
	struct tempdir dir;
	struct study study;
	struct table tables[SITES];
};

/* Rows of one site; its patients differ from the others', and some of its labels are missing, outside or in other words. */
static void put_rows(struct buf *out, uint32_t site)
{
	struct rng r;

	rng_seeded(&r, site, "pressure");
	buf_put_text(out, "pressure,x,z,kind\n");
	for (uint32_t i = 0; i < 60 + 70 * site; i++) {
		double x = fmin(rng_normal(&r) + 0.3 * site, 3.9), z = fmax(40 + 15 * rng_normal(&r), 0);
		uint32_t kind = (uint32_t)rng_below(&r, 3);
		double y = 130 + 12 * x - 0.4 * (z - 40) + (kind == 1 ? 6 : kind == 2 ? -9 : 0) + 8 * rng_normal(&r);

		if (i % 50 == 7)
			buf_printf(out, "%s", i % 100 == 7 ? "" : "300");
		else
			buf_printf(out, "%.4f", y);
		buf_printf(out, ",%.4f,%.4f,%c\n", x, z, "abc"[kind]);
	}
}

static void load_rows(struct table *out, const struct study *study, struct tempdir *dir, const char *file)
{
	struct source source = source_default("pressure", tempdir_path(dir, file));
	struct diag why = {{0}};

	if (table_load(out, &study->schema, &source, &why) != OK)
		fail_msg("%s", why.text);
}

static void give_rows(struct fixture *f)
{
	for (uint32_t i = 0; i < SITES; i++) {
		char file[32];
		struct buf text;

		buf_init(&text, 1u << 20);
		put_rows(&text, i);
		snprintf(file, sizeof file, "%s.csv", names[i]);
		tempdir_write_bytes(&f->dir, file, buf_bytes(&text));
		load_rows(&f->tables[i], &f->study, &f->dir, file);
		buf_free(&text);
	}
}

static void parse_study(struct study *out, const char *text)
{
	struct diag why = {{0}};

	if (study_parse(out, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	tempdir_make(&f->dir);
	parse_study(&f->study, study_text);
	give_rows(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < SITES; i++)
		table_free(&f->tables[i]);
	study_free(&f->study);
	tempdir_remove(&f->dir);
	free(f);
	return 0;
}

/* ---- all rows of one part, in raw units, and what a linear model says of them */

struct pooled_rows {
	double x[1000][INPUTS], y[1000];
	uint32_t count;
};

static void pool(struct pooled_rows *out, const struct fixture *f, enum split_part part)
{
	out->count = 0;
	for (uint32_t i = 0; i < SITES; i++)
		for (uint32_t row = 0; row < f->tables[i].rows; row++) {
			double *x = out->x[out->count];
			double kind = table_value(&f->tables[i], row, 2);

			if (f->tables[i].parts[row] != part)
				continue;
			x[0] = table_value(&f->tables[i], row, 0);
			x[1] = table_value(&f->tables[i], row, 1);
			x[2] = kind == 1;
			x[3] = kind == 2;
			out->y[out->count++] = table_label(&f->tables[i], row);
			assert_true(out->count < 1000);
		}
}

/* Weights, then the constant; what it predicts is cut to the label's range. */
static double linear(const double w[INPUTS + 1], const double x[INPUTS])
{
	double sum = w[INPUTS];

	for (int k = 0; k < INPUTS; k++)
		sum += w[k] * x[k];
	return fmin(fmax(sum, LOW), HIGH);
}

/* The normal equations, by elimination with pivots. */
static void least_squares(double w[INPUTS + 1], const struct pooled_rows *rows)
{
	double a[INPUTS + 1][INPUTS + 2] = {{0}};

	for (uint32_t r = 0; r < rows->count; r++) {
		double x[INPUTS + 1] = {rows->x[r][0], rows->x[r][1], rows->x[r][2], rows->x[r][3], 1};

		for (int i = 0; i <= INPUTS; i++) {
			for (int j = 0; j <= INPUTS; j++)
				a[i][j] += x[i] * x[j];
			a[i][INPUTS + 1] += x[i] * rows->y[r];
		}
	}
	for (int k = 0; k <= INPUTS; k++) {
		int pivot = k;

		for (int i = k; i <= INPUTS; i++)
			pivot = fabs(a[i][k]) > fabs(a[pivot][k]) ? i : pivot;
		for (int j = 0; j <= INPUTS + 1; j++) {
			double swap = a[k][j];
			a[k][j] = a[pivot][j];
			a[pivot][j] = swap;
		}
		for (int i = 0; i <= INPUTS; i++) {
			double factor = a[i][k] / a[k][k];

			for (int j = 0; i != k && j <= INPUTS + 1; j++)
				a[i][j] -= factor * a[k][j];
		}
	}
	for (int k = 0; k <= INPUTS; k++)
		w[k] = a[k][INPUTS + 1] / a[k][k];
}

struct errors {
	double r2, rmse, mae;
};

static struct errors judge(const double w[INPUTS + 1], const struct pooled_rows *rows)
{
	double mean = 0, total = 0, squares = 0, sum = 0;

	for (uint32_t r = 0; r < rows->count; r++)
		mean += rows->y[r] / rows->count;
	for (uint32_t r = 0; r < rows->count; r++) {
		double e = linear(w, rows->x[r]) - rows->y[r];

		total += (rows->y[r] - mean) * (rows->y[r] - mean);
		squares += e * e;
		sum += fabs(e);
	}
	return (struct errors){1 - squares / total, sqrt(squares / rows->count), sum / rows->count};
}

/* A model file as a linear model of raw inputs, from its numbers alone. */
static void raw_model(double w[INPUTS + 1], struct checkpoint *c, const struct study *s, struct bytes file)
{
	float parameters[INPUTS + 1];
	struct json *label = NULL;
	struct diag why = {{0}};

	if (checkpoint_read(parameters, c, &s->model, file, "model", &why) != OK)
		fail_msg("%s", why.text);
	assert_int_equal(json_parse(&label, bytes_text(c->about.label), 4096, "label", &why), OK);
	double mean = json_as_real(json_get(label, "mean")), deviation = json_as_real(json_get(label, "deviation"));
	assert_true(json_as_real(json_get(label, "min")) == LOW && json_as_real(json_get(label, "max")) == HIGH);
	assert_string_equal(json_as_string(json_get(label, "unit")), "mmHg");
	assert_string_equal(json_as_string(json_get(label, "name")), "pressure");
	w[INPUTS] = mean + deviation * parameters[INPUTS];
	for (int k = 0; k < INPUTS; k++) {
		w[k] = deviation * parameters[k] / c->about.inputs[k].deviation;
		w[INPUTS] -= w[k] * c->about.inputs[k].mean;
	}
	json_free(label);
}

/* ---- tests */

/* mean and deviation of the label are those of all sites' training rows */
static void expect_scaling(const struct pooled_rows *train, const struct checkpoint *c)
{
	struct json *label = NULL;
	double mean = 0, variance = 0;

	for (uint32_t r = 0; r < train->count; r++)
		mean += train->y[r] / train->count;
	for (uint32_t r = 0; r < train->count; r++)
		variance += (train->y[r] - mean) * (train->y[r] - mean) / train->count;
	assert_int_equal(json_parse(&label, bytes_text(c->about.label), 4096, "label", NULL), OK);
	assert_true(fabs(json_as_real(json_get(label, "mean")) - mean) < 1e-6);
	assert_true(fabs(json_as_real(json_get(label, "deviation")) - sqrt(variance)) < 1e-6);
	json_free(label);
}

static void expect_figures(const struct metrics *m, const double w[INPUTS + 1], const struct pooled_rows *rows)
{
	struct errors e = judge(w, rows);

	assert_true(m->rows == rows->count);
	assert_true(fabs(m->r2 - e.r2) < 1e-7);
	assert_true(fabs(m->rmse - e.rmse) < 1e-6);
	assert_true(fabs(m->mae - e.mae) < 1e-6);
	assert_true(isnan(m->accuracy) && isnan(m->auc) && isnan(m->f1) && isnan(m->precision) && isnan(m->recall));
	assert_true(isnan(m->brier));
}

static void test_reaches_the_least_squares_of_all_rows(void **state)
{
	struct fixture *f = *state;
	static struct pooled_rows train, validation, test;
	double exact[INPUTS + 1], learnt[INPUTS + 1];
	struct federated result;
	struct checkpoint c;

	pool(&train, f, PART_TRAIN);
	pool(&validation, f, PART_VALIDATION);
	pool(&test, f, PART_TEST);
	least_squares(exact, &train);
	federate(&result, &f->study, f->tables, names, SITES);
	raw_model(learnt, &c, &f->study, buf_bytes(&result.model));
	expect_scaling(&train, &c);
	expect_figures(&result.validation, learnt, &validation);
	expect_figures(&result.test, learnt, &test);
	for (int k = 0; k <= INPUTS; k++)
		if (fabs(learnt[k] - exact[k]) > 0.02 * (1 + fabs(exact[k])))
			fail_msg("weight %d is %g, least squares give %g", k, learnt[k], exact[k]);
	struct errors best = judge(exact, &test);
	print_message("%u test rows: R2 %.5f, RMSE %.4f; least squares %.5f, %.4f\n", test.count, result.test.r2,
	              result.test.rmse, best.r2, best.rmse);
	assert_true(fabs(result.test.r2 - best.r2) < 1e-4 && best.r2 > 0.7);
	checkpoint_free(&c);
	buf_free(&result.model);
}

/* With `scale: site` every hospital scales its inputs by itself, but there is one label for all. */
static void test_inputs_may_be_scaled_by_site(void **state)
{
	struct fixture *f = *state;
	struct federated result;
	const char *rest = strstr(study_text, "model:");
	struct buf text;

	study_free(&f->study);
	buf_init(&text, 1u << 16);
	buf_put(&text, bytes_of(study_text, (size_t)(rest - study_text)));
	buf_printf(&text, "  scale: site\n%s", rest);
	parse_study(&f->study, buf_text(&text));
	for (uint32_t i = 0; i < SITES; i++)
		f->tables[i].schema = f->tables[i].dictionary.schema = &f->study.schema;
	federate(&result, &f->study, f->tables, names, SITES);
	assert_true(result.test.r2 > 0.6 && result.test.rmse < 14);

	struct round_model model;
	struct site_rows rows;
	struct diag why = {{0}};
	assert_int_equal(round_model_read(&model, &f->study, buf_bytes(&result.model), &why), OK);
	site_rows_init(&rows, &f->study, &f->tables[0], names[0]);
	site_rows_encode(&rows, &model);
	const struct examples *train = &rows.parts[PART_TRAIN];
	assert_true(train->label_mean == model.scaling.label_mean && train->label_mean > 120);
	assert_true(train->label_deviation == model.scaling.label_deviation && train->label_deviation > 10);
	uint32_t first = 0;
	while (f->tables[0].parts[first] != PART_TRAIN)
		first++;
	double y = table_label(&f->tables[0], first);
	assert_true(fabs(train->label_mean + train->label_deviation * (double)train->labels[0].value - y) < 1e-4);
	site_rows_free(&rows);
	round_model_free(&model);
	buf_free(&result.model);
	buf_free(&text);
}

/* ---- what does not come from our own */

static struct round_plan plan_of(const struct fixture *f, uint32_t step, struct hash model)
{
	static uint32_t numbers[SITES] = {1, 2, 3, 4};

	return (struct round_plan){.study_hash = f->study.hash,
	                           .round = step + 1,
	                           .attempt = 1,
	                           .step = step,
	                           .asks = round_plan_asks(&f->study, step),
	                           .model = model,
	                           .model_octets = 1000,
	                           .sites = numbers,
	                           .site_count = SITES};
}

/* Any words that pass the check at upload give figures or an error; and each digit beyond its range is refused. */
static void test_hostile_words(void **state)
{
	struct fixture *f = *state;
	struct round_plan plan = plan_of(f, f->study.rounds + 1, (struct hash){{1}});
	const struct segment *errors;
	struct layout l;
	struct rng r;
	uint8_t octets[256], word[4];

	assert_int_equal(plan.asks, ASK_EVALUATE);
	assert_int_equal(round_plan_layout(&l, &f->study, plan.asks, SITES, NULL), OK);
	errors = layout_find(&l, SEGMENT_ERRORS);
	assert_true(l.words * 4 <= sizeof octets && errors->words == 20);
	for (uint32_t w = 0; w < errors->words; w++) {
		bool low = w % 2 == 0;
		int64_t most = low ? (INT64_C(1) << l.wide_bits) - 1
		                   : (int64_t)floor(errors->bound / errors->grid / ldexp(1, (int)l.wide_bits)) + 1;
		struct diag why = {{0}};

		store_u32(word, (uint32_t)most + 1);
		assert_int_equal(layout_check_words(&l, errors->first + w, word, 1, &why), ERR_PEER_MESSAGE);
		assert_non_null(strstr(why.text, "errors"));
		store_u32(word, low ? (uint32_t)-1 : (uint32_t) - (most + 1));
		assert_int_equal(layout_check_words(&l, errors->first + w, word, 1, &why), ERR_PEER_MESSAGE);
	}
	rng_seeded(&r, 3, "hostile");
	for (int run = 0; run < 300; run++) {
		struct aggregate sum = {0};
		struct outcome out;

		for (uint32_t w = 0; w < l.words; w++)
			do
				store_u32(octets + 4 * (size_t)w,
				          (uint32_t)(int32_t)((int64_t)rng_u64(&r) >> (32 + rng_below(&r, 32))));
			while (layout_check_words(&l, w, octets + 4 * (size_t)w, 1, NULL) != OK);
		aggregate_begin(&sum, &l);
		aggregate_add(&sum, bytes_of(octets, layout_octets(&l)));
		assert_int_equal(outcome_compute(&out, &f->study, &plan, &sum, bytes_of(NULL, 0), NULL, NULL), OK);
		assert_true(isnan(out.test.r2) || out.test.r2 <= 1);
		assert_true(isnan(out.test.rmse) || out.test.rmse >= 0);
		outcome_free(&out);
		aggregate_free(&sum);
	}
}

/* A site does not train on a model whose label has no scaling of the contract's range. */
static void test_a_model_needs_its_labels_scaling(void **state)
{
	static const struct {
		const char *label, *words;
	} cases[] = {
		{"{\"name\":\"pressure\"}", "no mean or no deviation"},
		{"{\"mean\":130,\"deviation\":\"20\"}", "no mean or no deviation"},
		{"{\"mean\":130,\"deviation\":0}",
	         "label pressure: mean 130 and deviation 0 are no scaling of 60 to 240"},
		{"{\"mean\":13,\"deviation\":20}", "are no scaling"},
		{"{\"mean\":130,\"deviation\":181}", "are no scaling"},
	};
	struct fixture *f = *state;
	const struct checkpoint_input inputs[INPUTS] = {
		{"x", 0, 1, 0}, {"z", 0, 1, 0}, {"kind=b", 0, 1, 0}, {"kind=c", 0, 1, 0}};
	const float parameters[INPUTS + 1] = {0};
	char hex[HASH_HEX_SIZE];

	hash_hex(hex, &f->study.hash);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct checkpoint_about about = {f->study.name, hex, 0, cases[i].label, inputs, INPUTS, NULL};
		struct round_model model;
		struct diag why = {{0}};
		struct buf file;

		buf_init(&file, MODEL_FILE_MAX);
		assert_int_equal(checkpoint_write(&file, &f->study.model, parameters, &about, &why), OK);
		assert_int_equal(round_model_read(&model, &f->study, buf_bytes(&file), &why), ERR_DATA);
		assert_non_null(strstr(why.text, cases[i].words));
		buf_free(&file);
	}
}

/* Below cell_min rows no figure is shown. */
static void test_figures_of_few_rows_are_withheld(void **state)
{
	struct fixture *f = *state;
	struct federated result;

	f->study.sites.cell_min = 150; /* 127 validation rows, 213 test rows */
	federate(&result, &f->study, f->tables, names, SITES);
	assert_true(result.validation.rows == 127 && isnan(result.validation.r2) && isnan(result.validation.rmse));
	assert_true(isnan(result.validation.mae) && isnan(result.validation.loss));
	assert_true(result.test.rows == 213 && !isnan(result.test.r2) && !isnan(result.test.mae));
	buf_free(&result.model);
}

static void test_the_real_programs_agree(void **state)
{
	struct fixture *f = *state;
	struct federation programs;
	struct federated expected;
	char model[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	federate(&expected, &f->study, f->tables, names, SITES);
	hash_hex(hex, &expected.model_sha256);
	federation_make(&programs, study_text, names, SITES);
	for (uint32_t i = 0; i < SITES; i++) {
		char path[64];
		struct buf text;

		buf_init(&text, 1u << 20);
		put_rows(&text, i);
		snprintf(path, sizeof path, "%s/data.csv", names[i]);
		tempdir_write_bytes(&programs.dir, path, buf_bytes(&text));
		buf_free(&text);
	}
	federation_begin(&programs);
	federation_wait(&programs, "finished", LIMIT_MS);
	federation_model(&programs, model);
	assert_string_equal(model, hex);

	struct json *rounds = federation_rounds(&programs);
	const struct json *last = json_at(rounds, f->study.rounds + 1);
	assert_true(json_as_real(json_get(last, "r2")) == expected.test.r2);
	assert_true(json_as_real(json_get(last, "rmse")) == expected.test.rmse);
	assert_true(json_as_real(json_get(last, "mae")) == expected.test.mae);
	assert_true(json_as_real(json_get(json_get(last, "validation"), "r2")) == expected.validation.r2);
	assert_int_equal(json_kind(json_get(last, "auc")), JSON_IS_NULL);
	assert_int_equal(json_kind(json_get(last, "calibration")), JSON_IS_NULL);
	json_free(rounds);

	const char *said = federation_command(
		&programs, "\"$BIN/cohort-coordinator\" status --config coordinator/coordinator.yaml");
	assert_non_null(strstr(said, "r2 0."));
	said = federation_command(&programs, "\"$BIN/cohort-client\" check pressure --config west/client.yaml");
	assert_non_null(strstr(said, "pressure"));
	assert_non_null(strstr(said, "pressure: "));
	assert_non_null(strstr(said, "outside 60 to 240"));
	said = federation_command(&programs, "\"$BIN/cohort-client\" figures pressure --config west/client.yaml");
	assert_non_null(strstr(said, "AUC/RMSE"));
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&programs, who);
	federation_remove(&programs);
	buf_free(&expected.model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reaches_the_least_squares_of_all_rows, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inputs_may_be_scaled_by_site, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_model_needs_its_labels_scaling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_figures_of_few_rows_are_withheld, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_real_programs_agree, setup, teardown),
	};

	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
