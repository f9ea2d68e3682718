#include "tests/support/private_site.h"

#include "base/vec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char study_format[] =
	"cohort: 1\n"
	"study: private\n"
	"purpose: What leaves a site\n"
	"expires: 2199-12-31\n"
	"data:\n"
	"  patient_id: patient\n"
	"  features:\n"
	"    - {name: x, min: -4, max: 4}\n"
	"    - {name: y, min: 0, max: 100}\n"
	"    - {name: z, min: -1, max: 1}\n"
	"    - {name: kind, levels: [a, b, c]}\n"
	"  label: %s\n"
	"  split: {test_fraction: 0.2, validation_fraction: 0.2, seed: 7}\n"
	"  fill: mean\n"
	"  scale: global\n"
	"model: {layers: [dense 4, tanh, dense 1], init: xavier}\n"
	"training: {rounds: 4, local: {steps: %d, batch: 8, learning_rate: 0.125}, weights: {by: equal}}\n"
	"evaluation: {release: masked%s, select: loss}\n"
	"sites: {min: 2, max_dropouts: 1, cell_min: 1}\n"
	"masking: off\n"
	"privacy: {mechanism: none}\n";

/* ---- the study */

static void set_privacy(struct privacy_plan *p, enum privacy_mechanism mechanism, enum privacy_unit unit,
                        double multiplier)
{
	bool site = mechanism == PRIVACY_SITE;

	*p = (struct privacy_plan){
		.mechanism = mechanism,
		.unit = unit,
		.epsilon = 1,
		.delta = 1e-6,
		.clip = 0.75,
		.sampling_rate = site ? 1 : 0.5,
		.patients = site ? 0 : 400,
		.hospitals_per_patient = 1,
		.statistics_share = 0.05,
		.evaluation_epsilon = 1,
		.steps = mechanism == PRIVACY_LOCAL ? 4 * PRIVATE_STEPS : 4,
		.others = 1,
		.evaluates = true,
		.noise_multiplier = multiplier,
		.statistics_multiplier = multiplier,
		.evaluation_multiplier = multiplier,
		.batch_cap = site ? 1 : 300,
	};
}

static void set_model(struct private_study *s)
{
	double mean[16], deviation[16], fill[16];
	uint32_t inputs = schema_inputs(&s->study.schema);
	struct diag why = {{0}};
	struct rng r;

	rng_seeded(&r, 1, "test: the model");
	assert_true(inputs <= 16 && inputs == s->study.model.inputs);
	for (uint32_t i = 0; i < inputs; i++) {
		mean[i] = i == 1 ? 50 : 0.25;
		deviation[i] = i == 1 ? 20 : 0.75;
		fill[i] = mean[i];
	}
	if (scaling_from_arrays(&s->model.scaling, &s->study.schema, mean, deviation, fill, inputs, &why) != OK)
		fail_msg("%s", why.text);
	if (s->study.schema.label.type == COLUMN_NUMERIC) {
		s->model.scaling.label_mean = 40;
		s->model.scaling.label_deviation = 15;
	}
	s->model.scaling_name.b[0] = 1;
	s->model.parameters = vec_f32(s->study.model.parameters);
	for (size_t i = 0; i < s->study.model.parameters; i++)
		s->model.parameters[i] = (float)(rng_normal(&r) * 0.5);
}

void private_study(struct private_study *out, enum privacy_mechanism mechanism, enum privacy_unit unit,
                   double multiplier, bool numeric)
{
	struct diag why = {{0}};
	char text[2048];

	memset(out, 0, sizeof *out);
	snprintf(text, sizeof text, study_format,
	         numeric ? "{name: days, type: numeric, min: 0, max: 90}"
	                 : "{name: ill, type: binary, positive: \"1\"}",
	         PRIVATE_STEPS, numeric ? "" : ", bins: 16");
	if (study_parse(&out->study, bytes_text(text), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	set_privacy(&out->study.privacy, mechanism, unit, multiplier);
	if (mechanism != PRIVACY_NONE)
		out->study.evaluation = EVALUATION_NOISED;
	out->sites = 3;
	set_model(out);
}

void private_study_free(struct private_study *s)
{
	free(s->model.parameters);
	scaling_free(&s->model.scaling);
	study_free(&s->study);
}

/* ---- rows */

static void fill_row(struct table *t, uint32_t row, struct rng *r)
{
	float *cells = t->cells + (size_t)row * t->schema->feature_count;

	cells[0] = (float)(4 * (2 * rng_unit(r) - 1));
	cells[1] = rng_below(r, 8) == 0 ? NAN : (float)(50 * (2 * rng_unit(r) - 1));
	cells[2] = (float)(rng_below(r, 4) == 0 ? 1 : 2 * rng_unit(r) - 1);
	cells[3] = rng_below(r, 6) == 0 ? NAN : (float)rng_below(r, 3);
	if (t->values != NULL)
		t->values[row] = (float)(45 * (2 * rng_unit(r) - 1));
	else
		t->classes[row] = (uint16_t)(cells[0] + (float)rng_normal(r) > 0);
}

void private_table(struct table *out, const struct private_study *s, uint32_t patients, uint64_t seed)
{
	static const enum split_part parts[5] = {PART_TRAIN, PART_TRAIN, PART_TRAIN, PART_VALIDATION, PART_TEST};
	uint32_t rows = 0, row = 0, *counts = mem_array(patients, sizeof *counts);
	struct rng r;

	rng_seeded(&r, seed, "test: rows");
	for (uint32_t p = 0; p < patients; p++)
		rows += counts[p] = 1 + (uint32_t)rng_below(&r, 5);
	table_make(out, &s->study.schema, rows);
	for (uint32_t p = 0; p < patients; p++)
		for (uint32_t i = 0; i < counts[p]; i++, row++) {
			fill_row(out, row, &r);
			out->patients[row] = p;
			out->parts[row] = (uint8_t)parts[p % 5];
		}
	table_count(out);
	free(counts);
}

void private_table_without(struct table *out, const struct table *from, uint32_t patient)
{
	uint32_t *rows = mem_array(from->rows, sizeof *rows), kept = 0;

	for (uint32_t row = 0; row < from->rows; row++)
		if (from->patients[row] != patient)
			rows[kept++] = row;
	table_take(out, from, rows, kept);
	free(rows);
}

/* ---- entropy */

static void fill_from_stream(void *context, uint8_t *out, size_t len)
{
	struct private_entropy *e = context;

	if (e->before != NULL)
		e->before(e->context);
	e->octets += len;
	rng_octets(&e->stream, out, len);
}

struct entropy private_entropy(struct private_entropy *e, uint64_t seed)
{
	rng_seeded(&e->stream, seed, "test: entropy");
	e->octets = 0;
	return (struct entropy){fill_from_stream, e};
}

/* ---- a site */

void private_site(struct private_site *out, const struct private_study *s, const struct table *t)
{
	memset(out, 0, sizeof *out);
	site_rows_init(&out->rows, &s->study, t, "st-mary");
	workspace_init(&out->workspace, &s->study);
}

void private_site_free(struct private_site *p)
{
	site_rows_free(&p->rows);
	workspace_free(&p->workspace);
	free(p->octets);
	memset(p, 0, sizeof *p);
}

enum err private_site_fill(struct private_site *p, const struct private_study *s, unsigned asks, uint64_t seed)
{
	static uint32_t numbers[PRIVATE_SITES_MAX] = {1, 2, 3, 4, 5, 6};
	struct round_plan plan = {.study_hash = s->study.hash,
	                          .round = 2,
	                          .attempt = 1,
	                          .step = 1,
	                          .asks = asks,
	                          .clip = asks & ASK_TRAIN ? s->clip : 0,
	                          .sites = numbers,
	                          .site_count = s->sites};
	struct contribution_terms terms = {&plan, asks & ASK_STATISTICS ? NULL : &s->model, &p->entropy, NULL};

	p->entropy = private_entropy(&p->source, seed);
	memset(&p->why, 0, sizeof p->why);
	if (workspace_layout(&p->layout, &p->workspace, &s->study, &plan, &p->why) != OK)
		fail_msg("%s", p->why.text);
	free(p->octets);
	p->octets = mem_array(p->layout->words, 4);
	return contribution_fill(p->octets, &p->report, &p->rows, &p->workspace, &terms, &p->why);
}

void private_site_fill_good(struct private_site *p, const struct private_study *s, unsigned asks, uint64_t seed)
{
	if (private_site_fill(p, s, asks, seed) != OK)
		fail_msg("%s", p->why.text);
}

const struct segment *private_segment(const struct private_site *p, enum segment_kind kind)
{
	const struct segment *s = layout_find(p->layout, kind);

	CHECK(s != NULL);
	return s;
}

int32_t private_word(const struct private_site *p, enum segment_kind kind, uint32_t item)
{
	return (int32_t)load_u32(p->octets + 4 * ((size_t)private_segment(p, kind)->first + item));
}
