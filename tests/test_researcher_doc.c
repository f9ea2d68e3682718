/*
 * The Python of docs/RESEARCHER.md, run on a model of a small federation: for every row, complete or not, it says what the product's own
 * network says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/random.h"
#include "base/vec.h"
#include "client/round_model.h"
#include "data/encode.h"
#include "model/checkpoint.h"
#include "model/network.h"
#include "tests/support/federate.h"
#include "tests/support/page.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

#define SITES 2
#define ROWS 120 /* of a site */
#define INPUTS_MAX 16
#define NEAR 1e-5 /* float against double, over three layers */

static const char *const names[SITES] = {"north", "south"};
static struct program p;

/* The page's block of Python, and behind it the rows, each a dictionary. */
static void write_script(struct tempdir *t, const char *rows)
{
	static const char begin[] = "\n```python\n";
	struct page page;
	page_open(&page, "docs/RESEARCHER.md");
	const char *code = strstr(buf_text(&page.text), begin);
	assert_non_null(code);
	code += strlen(begin);
	struct buf script;
	buf_init(&script, 1u << 20);
	buf_put(&script, bytes_of(code, (size_t)(strstr(code, "\n```") - code)));
	buf_printf(&script,
	           "\n\nimport sys\nmodel = load(sys.argv[1])\nfor row in [%s]:\n    answer = predict(model, row)\n"
	           "    print(*(\"%%.9f\" %% v for v in (answer if isinstance(answer, list) else [answer])))\n",
	           rows);
	tempdir_write_bytes(t, "predict.py", buf_bytes(&script));
	buf_free(&script);
	page_close(&page);
}

/* A level that is a number may come as text, as 2 or as 2.0. */
static void put_level(struct buf *out, const char *level, uint32_t row)
{
	double number;

	if (row % 3 > 0 && parse_f64(&number, bytes_text(level), '.'))
		buf_printf(out, row % 3 == 1 ? "%.0f, " : "%.1f, ", number);
	else
		buf_printf(out, "\"%s\", ", level);
}

/* A row as the page's readers write it; what is missing is left out, or None. */
static void put_row(struct buf *out, const struct schema *s, const float *cells, uint32_t row)
{
	buf_put_text(out, "{");
	for (uint32_t i = 0; i < s->feature_count; i++) {
		const struct feature *f = &s->features[i];
		if (isnan(cells[i]) && row % 2 == 0)
			continue;
		buf_printf(out, "\"%s\": ", f->name);
		if (isnan(cells[i]))
			buf_put_text(out, "None, ");
		else if (f->type == COLUMN_CATEGORICAL)
			put_level(out, f->levels.items[(uint32_t)cells[i]], row);
		else
			buf_printf(out, "%.9g, ", (double)cells[i] + (f->type == COLUMN_NUMERIC ? table_middle(f) : 0));
	}
	buf_put_text(out, "},\n");
}

static void scaling_of(struct scaling *out, const struct study *s, const struct checkpoint *c)
{
	double mean[INPUTS_MAX], deviation[INPUTS_MAX], fill[INPUTS_MAX];
	struct diag why = {0};
	assert_true(c->about.input_count <= INPUTS_MAX);
	for (uint32_t i = 0; i < c->about.input_count; i++) {
		mean[i] = c->about.inputs[i].mean;
		deviation[i] = c->about.inputs[i].deviation;
		fill[i] = c->about.inputs[i].fill;
	}
	assert_int_equal(scaling_from_arrays(out, &s->schema, mean, deviation, fill, c->about.input_count, &why), OK);
}

/* What the link makes of the logits, in double. */
static void probabilities(double *out, const float *logits, uint32_t count)
{
	double total = 0;
	for (uint32_t i = 0; i < count; i++)
		total += exp((double)logits[i]);
	for (uint32_t i = 0; i < count; i++)
		out[i] = count == 1 ? 1 / (1 + exp(-(double)logits[0])) : exp((double)logits[i]) / total;
}

/* The number that a model's output stands for: mean and deviation as a hospital reads them from the file. */
static double number(float output, const struct study *s, struct bytes file)
{
	struct round_model model;
	struct diag why = {0};
	assert_int_equal(round_model_read(&model, s, file, &why), OK);
	double y = model.scaling.label_mean + model.scaling.label_deviation * (double)output;
	round_model_free(&model);
	return fmin(fmax(y, s->schema.label.min), s->schema.label.max);
}

static void compare(const char *said, const struct study *s, const struct table *t, struct bytes file)
{
	float *parameters = vec_f32(s->model.parameters), x[INPUTS_MAX];
	struct checkpoint checkpoint;
	struct scaling scaling;
	struct network network;
	struct diag why = {0};
	double expected[INPUTS_MAX];
	assert_int_equal(checkpoint_read(parameters, &checkpoint, &s->model, file, "model", &why), OK);
	scaling_of(&scaling, s, &checkpoint);
	network_init(&network, &s->model, 1);
	for (uint32_t row = 0; row < t->rows; row++) {
		encode_row(x, &s->schema, &scaling, table_row(t, row));
		const float *logits = network_forward(&network, parameters, x, 1);
		probabilities(expected, logits, s->model.outputs);
		if (s->model.loss == LOSS_SQUARED_ERROR)
			expected[0] = number(logits[0], s, file);
		for (uint32_t i = 0; i < s->model.outputs; i++) {
			char *end;
			double theirs = strtod(said, &end);
			if (end == said || !(fabs(theirs - expected[i]) < NEAR))
				fail_msg("row %u: %f, and the page's code says %f", row, expected[i], theirs);
			said = end;
		}
	}
	network_free(&network);
	scaling_free(&scaling);
	checkpoint_free(&checkpoint);
	free(parameters);
}

/* Rows of one site; about one cell in eight is empty. */
static void make_table(struct table *out, struct tempdir *t, const struct study *study, uint32_t site)
{
	char file[32];
	struct diag why = {0};
	struct buf text;
	struct rng r;
	rng_seeded(&r, site, "rows");
	buf_init(&text, 1u << 20);
	buf_put_text(&text, "x,y,kind,flag,label,outcome,pressure\n");
	for (uint32_t i = 0; i < ROWS; i++) {
		double x = rng_normal(&r) / 2, y = rng_normal(&r) / 2;
		bool some[4];
		for (int k = 0; k < 4; k++)
			some[k] = rng_below(&r, 8) > 0;
		buf_printf(&text, some[0] ? "%.6f," : ",", x);
		buf_printf(&text, some[1] ? "%.6f," : ",", y);
		buf_printf(&text, some[2] ? "%c," : ",", "a23"[rng_below(&r, 3)]);
		buf_printf(&text, some[3] ? "%u," : ",", (unsigned)rng_below(&r, 2));
		buf_printf(&text, "%d,%s,%.6f\n", x + y > 0, x > 0.3 ? "good" : y > 0 ? "fair" : "poor", x + y / 2);
	}
	snprintf(file, sizeof(file), "site-%u.csv", site);
	tempdir_write_bytes(t, file, buf_bytes(&text));
	buf_free(&text);
	struct source source = source_default("small", tempdir_path(t, file));
	if (table_load(out, &study->schema, &source, &why))
		fail_msg("%s", why.text);
}

static void make_study(struct study *out, const char *label, const char *terms)
{
	char text[2048];
	struct diag why = {0};
	snprintf(text, sizeof(text),
	         "cohort: 1\nstudy: small\npurpose: A page\nexpires: 2199-12-31\n"
	         "data:\n  features:\n    - {name: x, min: -4, max: 6}\n    - {name: y, min: -4, max: 4, scale: none}\n"
	         "    - {name: kind, levels: [a, 2, 3]}\n    - {name: flag, type: binary}\n"
	         "  label: %s\n%s"
	         "training: {rounds: 3, local: {batch: 8, learning_rate: 0.2}}\n"
	         "sites: {min: 2, max_dropouts: 0, cell_min: 1}\nmasking: off\nprivacy: {mechanism: none}\n",
	         label, terms);
	if (study_parse(out, bytes_text(text), "study.yaml", false, &why))
		fail_msg("%s", why.text);
}

static void check_study(const char *label, const char *terms)
{
	struct tempdir t;
	struct study study;
	struct table tables[SITES];
	struct federated model;
	struct buf rows;
	tempdir_make(&t);
	make_study(&study, label, terms);
	for (uint32_t i = 0; i < SITES; i++)
		make_table(&tables[i], &t, &study, i);
	federate(&model, &study, tables, names, SITES);
	buf_init(&rows, 1u << 20);
	for (uint32_t row = 0; row < tables[0].rows; row++)
		put_row(&rows, &study.schema, table_row(&tables[0], row), row);
	write_script(&t, buf_text(&rows));
	tempdir_write_bytes(&t, "model.safetensors", buf_bytes(&model.model));
	program_shell(&p, "python3 '%s' '%s'", tempdir_path(&t, "predict.py"), tempdir_path(&t, "model.safetensors"));
	program_expect(&p, 0, "");
	compare(p.out, &study, &tables[0], buf_bytes(&model.model));
	buf_free(&rows);
	buf_free(&model.model);
	for (uint32_t i = 0; i < SITES; i++)
		table_free(&tables[i]);
	study_free(&study);
	tempdir_remove(&t);
}

static void a_number(void **state)
{
	(void)state;
	check_study("{name: pressure, type: numeric, min: -0.6, max: 0.6}",
	            "  outside: clamp\nmodel: {layers: [dense 6, relu, dense 1]}\n");
}

static void two_classes(void **state)
{
	(void)state;
	check_study("{name: label, type: binary}",
	            "model: {layers: [dense 5, relu, dropout 0.5, dense 4, sigmoid, dense 3, tanh, dense 1]}\n");
}

static void three_classes(void **state)
{
	(void)state;
	check_study("{name: outcome, type: categorical, levels: [poor, fair, good]}",
	            "  fill: mean\nmodel: {layers: [dense 6, relu, dense 3]}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_classes),
		cmocka_unit_test(three_classes),
		cmocka_unit_test(a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
