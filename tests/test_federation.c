/*
 * The real programs together: authority, coordinator and hospitals as processes over mutual TLS on loopback. What a study ends with
 * is held against the same study computed in this process by the cores alone.
 */
#include "base/vec.h"
#include "data/encode.h"
#include "model/checkpoint.h"
#include "model/layers.h"
#include "model/network.h"
#include "tests/support/federate.h"
#include "tests/support/federation.h"
#include "tests/support/small_study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SITES 3
#define LIMIT_MS 60000 /* a study here takes under a second; under a sanitizer and load far more */

static const char *const names[SITES] = {"st-mary", "Lakeview", "north.2"};

/* The rows of site `i`, as its file and loaded: small_table's, one cell emptied. */
static void give_rows(struct federation *f, uint32_t i, const struct study *study, struct table *out)
{
	char file[32], path[NAME_SIZE + 16];
	struct diag why = {{0}};
	struct source source;
	struct table rows;

	snprintf(file, sizeof file, "site-%u.csv", i);
	snprintf(path, sizeof path, "%s/data.csv", f->names[i]);
	small_table(&rows, &f->dir, study, i);
	table_free(&rows);
	federation_command(f, "sed '5s/^[^,]*//' %s >%s", file, path);
	source = source_default("small", tempdir_path(&f->dir, path));
	if (table_load(out, &study->schema, &source, &why) != OK)
		fail_msg("%s", why.text);
}

static void expect_metrics(const struct json *figures, const struct metrics *m)
{
	assert_true(json_as_real(json_get(figures, "rows")) == m->rows);
	assert_true(json_as_real(json_get(figures, "loss")) == m->loss);
	assert_true(json_as_real(json_get(figures, "accuracy")) == m->accuracy);
	assert_true(json_as_real(json_get(figures, "auc")) == m->auc);
	assert_true(json_as_real(json_get(figures, "brier")) == m->brier);
}

/* The curve of the test part: its points hold all rows. */
static void expect_calibration(const struct json *curve, const struct metrics *test)
{
	double rows = 0;

	assert_int_equal(json_count(curve), CALIBRATION_POINTS);
	for (size_t i = 0; i < CALIBRATION_POINTS; i++)
		rows += json_as_real(json_get(json_at(curve, i), "rows"));
	assert_true(rows == test->rows);
}

static void check_rounds(struct federation *f, const struct study *study, const struct federated *expected)
{
	struct json *rounds = federation_rounds(f);
	const struct json *last = json_at(rounds, study->rounds + 1);

	assert_int_equal(json_count(rounds), study->rounds + 2);
	for (uint32_t i = 0; i < study->rounds + 2; i++) {
		const struct json *round = json_at(rounds, i);

		assert_int_equal(federation_number(round, "round"), i + 1);
		assert_int_equal(federation_number(round, "attempt"), 1);
		assert_int_equal(federation_number(round, "step"), i);
		assert_string_equal(federation_text(round, "kind"), i == 0                   ? "statistics"
		                                                    : i == study->rounds + 1 ? "evaluate"
		                                                                             : "train");
		assert_string_equal(federation_text(round, "outcome"), "done");
		assert_int_equal(json_count(json_get(round, "sites")), SITES);
		for (uint32_t site = 0; site < SITES; site++)
			federation_expect_contributed(round, names[site]);
	}
	expect_metrics(json_get(last, "test"), &expected->test);
	expect_metrics(json_get(last, "validation"), &expected->validation);
	expect_calibration(json_get(last, "calibration"), &expected->test);
	assert_int_equal(json_kind(json_get(json_at(rounds, 0), "calibration")), JSON_IS_NULL);
	json_free(rounds);
}

/* What the exported file says of a hospital's raw rows, in Python from the file alone, and here by the product's own network. */
static void check_predictions(struct federation *f, const struct study *study, const struct federated *model,
                              const struct table *table)
{
	float *parameters = vec_f32(study->model.parameters);
	struct checkpoint checkpoint;
	struct network network;
	struct diag why = {{0}};
	char script[PATH_SIZE];
	const char *said;
	double mean[16], deviation[16], fill[16];
	struct scaling scaling;

	assert_non_null(
		realpath("tests/support/predict.py", script)); /* tests are started from the repository's root */
	said = federation_command(f, "python3 '%s' final.safetensors st-mary/data.csv", script);
	assert_int_equal(
		checkpoint_read(parameters, &checkpoint, &study->model, buf_bytes(&model->model), "model", &why), OK);
	assert_true(checkpoint.about.input_count <= 16);
	for (uint32_t i = 0; i < checkpoint.about.input_count; i++) {
		mean[i] = checkpoint.about.inputs[i].mean;
		deviation[i] = checkpoint.about.inputs[i].deviation;
		fill[i] = checkpoint.about.inputs[i].fill;
	}
	assert_int_equal(scaling_from_arrays(&scaling, &study->schema, mean, deviation, fill,
	                                     checkpoint.about.input_count, &why),
	                 OK);
	network_init(&network, &study->model, 1);
	assert_true(table->rows > 20);
	for (uint32_t row = 0; row < table->rows; row++) {
		float x[16];
		char *end;
		double theirs = strtod(said, &end);

		assert_ptr_not_equal(end, said);
		encode_row(x, &study->schema, &scaling, table_row(table, row));
		assert_true(fabs(theirs - 1 / (1 + exp(-(double)network_forward(&network, parameters, x, 1)[0]))) <
		            1e-5);
		said = end;
	}
	network_free(&network);
	scaling_free(&scaling);
	checkpoint_free(&checkpoint);
	free(parameters);
}

static void test_same_model_as_the_cores_alone(void **state)
{
	struct federation f;
	struct study study;
	struct table tables[SITES];
	struct federated expected;
	char model[HASH_HEX_SIZE], hex[HASH_HEX_SIZE];

	(void)state;
	small_study(&study, NULL);
	federation_make(&f, small_study_text, names, SITES);
	for (uint32_t i = 0; i < SITES; i++)
		give_rows(&f, i, &study, &tables[i]);
	federate(&expected, &study, tables, names, SITES);
	hash_hex(hex, &expected.model_sha256);

	federation_begin(&f);
	federation_wait(&f, "finished", LIMIT_MS);
	federation_model(&f, model);
	assert_string_equal(model, hex);
	check_rounds(&f, &study, &expected);
	assert_non_null(
		strstr(federation_command(&f, "\"$BIN/cohort-coordinator\" export small --which final --config "
	                                      "coordinator/coordinator.yaml --out final.safetensors && sha256sum "
	                                      "final.safetensors"),
	               hex));
	check_predictions(&f, &study, &expected, &tables[0]);
	for (int who = SITES - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_stop(&f, who);

	buf_free(&expected.model);
	for (uint32_t i = 0; i < SITES; i++)
		table_free(&tables[i]);
	study_free(&study);
	federation_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_model_as_the_cores_alone),
	};
	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
