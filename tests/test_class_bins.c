/*
 * Several classes with histograms, from the study to its best model: what the federation's sums give is what the rows of all
 * sites give with the exported model, each class against the rest.
 */
#include "base/vec.h"
#include "client/round_model.h"
#include "data/encode.h"
#include "model/layers.h"
#include "model/network.h"
#include "simulator/federation.h"
#include "tests/support/federate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SITES 8
#define CLASSES 3
#define ROWS_MAX 1000

static const char study_text[] = "cohort: 1\n"
				 "study: stages\n"
				 "purpose: Made-up rows\n"
				 "data:\n"
				 "  features:\n"
				 "    - {name: \"n{1..4}\", min: -3, max: 11}\n"
				 "    - {name: kind, levels: [a, b, c, d]}\n"
				 "  label: {name: stage, type: categorical, levels: [i, ii, iii]}\n"
				 "  split: {test_fraction: 0.4, validation_fraction: 0.2, seed: 3}\n"
				 "model: {layers: [dense 3]}\n"
				 "training: {rounds: 5, local: {epochs: 2, batch: 16, learning_rate: 0.1}}\n"
				 "evaluation: {class_bins: 64, select: auc}\n"
				 "sites: {max_dropouts: 0}\n"
				 "masking: off\n"
				 "privacy: {mechanism: none}\n";

struct scored {
	float z[ROWS_MAX * CLASSES];
	uint32_t labels[ROWS_MAX], count;
};

/* The model's logits of the rows that all sites have in one part. */
static void score(struct scored *out, const struct study *s, const struct federation *f, struct bytes file,
                  enum split_part part)
{
	struct round_model model;
	struct network network;
	struct diag why = {{0}};

	assert_int_equal(round_model_read(&model, s, file, &why), OK);
	network_init(&network, &s->model, 1);
	out->count = 0;
	for (uint32_t site = 0; site < f->count; site++) {
		const struct table *t = &f->sites[site].table;

		for (uint32_t row = 0; row < t->rows; row++) {
			float x[64];
			if (t->parts[row] != part)
				continue;
			encode_row(x, &s->schema, &model.scaling, table_row(t, row));
			const float *z = network_forward(&network, model.parameters, x, 1);
			for (uint32_t k = 0; k < CLASSES; k++)
				out->z[out->count * CLASSES + k] = z[k];
			out->labels[out->count++] = t->classes[row];
			assert_true(out->count < ROWS_MAX);
		}
	}
	network_free(&network);
	round_model_free(&model);
}

static double probability(const float *z, uint32_t class)
{
	double sum = 0;

	for (uint32_t k = 0; k < CLASSES; k++)
		sum += exp((double)z[k] - (double)z[class]);
	return 1 / sum;
}

static void expect_figures(const struct metrics *m, const struct scored *s)
{
	double areas = 0, brier = 0;

	for (uint32_t k = 0; k < CLASSES; k++) {
		double above = 0, pairs = 0;
		for (uint32_t i = 0; i < s->count; i++) {
			double p = probability(s->z + (size_t)CLASSES * i, k);
			brier += pow(p - (s->labels[i] == k), 2) / s->count;
			for (uint32_t j = 0; s->labels[i] == k && j < s->count; j++) {
				double q = probability(s->z + (size_t)CLASSES * j, k);
				if (s->labels[j] == k)
					continue;
				pairs++;
				above += p > q ? 1 : p == q ? 0.5 : 0;
			}
		}
		areas += above / pairs / CLASSES;
	}
	assert_true(m->rows == s->count);
	assert_true(fabs(m->auc - areas) < 0.01 && m->auc > 0.6);
	assert_true(fabs(m->brier - brier) < 0.005 && m->brier > 0.1);
}

static void test_sums_over_sites_are_the_pooled_rows(void **state)
{
	static struct scored rows;
	struct federation_options options = {.synthetic = "8x120", .seed = 5};
	struct federation f;
	struct federated result;
	struct table tables[SITES];
	const char *names[SITES];
	struct study s;
	struct diag why = {{0}};

	(void)state;
	if (study_parse(&s, bytes_text(study_text), "study.yaml", true, &why) != OK ||
	    federation_load(&f, &s, &options, &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t i = 0; i < SITES; i++) {
		names[i] = f.sites[i].name;
		tables[i] = f.sites[i].table;
	}
	federate(&result, &s, tables, names, SITES);
	score(&rows, &s, &f, buf_bytes(&result.model), PART_TEST);
	expect_figures(&result.test, &rows);
	score(&rows, &s, &f, buf_bytes(&result.model), PART_VALIDATION);
	expect_figures(&result.validation, &rows);
	buf_free(&result.model);
	federation_free(&f);
	study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums_over_sites_are_the_pooled_rows),
	};

	layers_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
