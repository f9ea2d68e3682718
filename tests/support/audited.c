#include "tests/support/audited.h"

#include "base/vec.h"
#include "tests/support/contracts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAR 100.0 /* a canary's numbers: then its gradient's part for the bias is nothing */

static const char contract[] = "cohort: 1\n"
			       "study: audited\n"
			       "purpose: What an attacker can tell\n"
			       "expires: 2199-12-31\n"
			       "data:\n"
			       "  patient_id: patient\n"
			       "  features: [%s]\n"
			       "  label: {name: ill, type: binary, positive: \"1\"}\n"
			       "  fill: mean\n"
			       "  scale: none\n"
			       "model: {layers: [dense 1]}\n"
			       "training: {rounds: %u, local: %s, weights: {by: equal}}\n"
			       "evaluation: {release: none}\n"
			       "sites: {min: %d, max_dropouts: 0, max_colluders: %d, cell_min: 1}\n"
			       "privacy: %s\n";

/* ---- the study and its model */

static void parse(struct study *out, uint32_t features, const char *privacy, const char *local, uint32_t rounds)
{
	static char list[8192], text[sizeof list + 2048];
	size_t at = 0;

	for (uint32_t i = 0; i < features; i++)
		at += (size_t)snprintf(list + at, sizeof list - at, "%s{name: x%u, min: %g, max: %g}", i ? ", " : "", i,
		                       -FAR, FAR);
	assert_true(at < sizeof list - 1);
	snprintf(text, sizeof text, contract, list, rounds, local, AUDITED_SITES, AUDITED_SITES - AUDITED_HONEST,
	         privacy);
	contract_parse(out, text);
}

static void make_model(struct audited *a, uint32_t features)
{
	double *zeros = mem_array(features, sizeof *zeros), *ones = mem_array(features, sizeof *ones);
	struct diag why = {{0}};

	for (uint32_t i = 0; i < features; i++)
		ones[i] = 1;
	if (scaling_from_arrays(&a->model.scaling, &a->study.schema, zeros, ones, zeros, features, &why) != OK)
		fail_msg("%s", why.text);
	a->model.scaling_name.b[0] = 1;
	a->model.parameters = vec_f32(a->study.model.parameters);
	memset(a->model.parameters, 0, a->study.model.parameters * sizeof *a->model.parameters);
	free(zeros);
	free(ones);
}

void audited_table(struct table *out, const struct audited *a, const bool *included)
{
	uint32_t rows = 0, row = 0, features = a->canaries * a->width;

	for (uint32_t k = 0; k < a->canaries; k++)
		rows += included[k];
	table_make(out, &a->study.schema, rows);
	for (uint32_t k = 0; k < a->canaries; k++) {
		if (!included[k])
			continue;
		for (uint32_t i = 0; i < a->width; i++)
			out->cells[(size_t)row * features + k * a->width + i] = (float)FAR;
		out->classes[row] = 1;
		out->patients[row] = row;
		row++;
	}
	table_count(out);
}

static void make_worlds(struct audited *a)
{
	bool *included = mem_array(a->canaries, sizeof *included);

	for (int with = 0; with < 2; with++) {
		memset(included, with, a->canaries * sizeof *included);
		audited_table(&a->tables[with], a, included);
		site_rows_init(&a->rows[with], &a->study, &a->tables[with], "st-mary");
	}
	site_rows_init(&a->empty, &a->study, &a->tables[0], "elsewhere");
	free(included);
}

void audited_begin(struct audited *a, uint32_t canaries, uint32_t width, const char *privacy, const char *local,
                   uint32_t rounds)
{
	memset(a, 0, sizeof *a);
	a->canaries = canaries;
	a->width = width;
	parse(&a->study, canaries * width, privacy, local, rounds);
	a->alone = a->study.privacy.mechanism == PRIVACY_LOCAL;
	make_model(a, canaries * width);
	a->entropy = private_entropy(&a->source, 1);
	workspace_init(&a->workspace, &a->study);
	make_worlds(a);
}

void audited_end(struct audited *a)
{
	for (int with = 0; with < 2; with++) {
		site_rows_free(&a->rows[with]);
		table_free(&a->tables[with]);
	}
	site_rows_free(&a->empty);
	workspace_free(&a->workspace);
	free(a->sum);
	free(a->octets);
	round_model_free(&a->model);
	study_free(&a->study);
}

/* ---- what the attacker sees */

static void add_site(struct audited *a, const struct round_plan *plan, struct site_rows *rows)
{
	struct contribution_terms terms = {plan, plan->asks & ASK_STATISTICS ? NULL : &a->model, &a->entropy, NULL};
	struct contribution_report report;
	struct diag why = {{0}};

	if (contribution_fill(a->octets, &report, rows, &a->workspace, &terms, &why) != OK)
		fail_msg("%s", why.text);
	for (uint32_t i = 0; i < a->layout->words; i++)
		a->sum[i] += load_u32(a->octets + 4 * (size_t)i);
}

void audited_round_of(struct audited *a, unsigned asks, struct site_rows *attacked)
{
	static uint32_t numbers[AUDITED_SITES] = {1, 2, 3, 4};
	struct round_plan plan = {.study_hash = a->study.hash,
	                          .round = 2,
	                          .attempt = 1,
	                          .step = 1,
	                          .asks = asks,
	                          .sites = numbers,
	                          .site_count = AUDITED_SITES};
	const struct layout *before = a->layout;
	struct diag why = {{0}};

	if (workspace_layout(&a->layout, &a->workspace, &a->study, &plan, &why) != OK)
		fail_msg("%s", why.text);
	if (before == NULL) { /* of statistics or of training: either way no more than */
		size_t most = 3 * a->study.model.parameters + 16;

		a->sum = mem_array(most, sizeof *a->sum);
		a->octets = mem_array(most, 4);
	}
	assert_true(a->layout->words <= 3 * a->study.model.parameters + 16);
	memset(a->sum, 0, a->layout->words * sizeof *a->sum);
	add_site(a, &plan, attacked);
	for (int i = 1; !a->alone && i < AUDITED_HONEST; i++)
		add_site(a, &plan, &a->empty);
}

void audited_round(struct audited *a, unsigned asks, bool present)
{
	audited_round_of(a, asks, &a->rows[present]);
}

/* ---- what it makes of it */

/* On the direction that is the same in `count` coordinates from `first` on, and 0 elsewhere. */
static double project(const struct audited *a, const struct segment *s, uint32_t first, uint32_t count)
{
	double sum = 0;

	for (uint32_t i = first; i < first + count; i++)
		sum += (int32_t)a->sum[s->first + i] * s->grid;
	return sum / sqrt(count);
}

/* Present, u = 1 and u^2 = 1 of every number, and 0 and 1 of the label's classes. */
static double score_of_statistics(const struct audited *a)
{
	const struct segment *s = layout_find(a->layout, SEGMENT_STATISTICS);
	uint32_t numbers = s->items - 2, ill = s->items - 1;
	double of_numbers = project(a, s, 0, numbers) * sqrt(numbers), of_label = project(a, s, ill, 1);

	assert_int_equal(a->canaries, 1);
	return (of_numbers + of_label) / sqrt(numbers + 1) / s->noised.sensitivity;
}

/* A gradient leads down (ill, but not expected to be), an update up; weights come before the bias. */
double audited_score(const struct audited *a, unsigned asks, uint32_t canary)
{
	const struct study *s = &a->study;
	const struct segment *segment = layout_find(a->layout, SEGMENT_GRADIENT);
	uint32_t first = canary * a->width;
	struct noised step;
	struct diag why = {{0}};

	if (asks & ASK_STATISTICS)
		return score_of_statistics(a);
	if (segment != NULL)
		return -project(a, segment, first, a->width) / segment->noised.sensitivity;
	segment = layout_find(a->layout, SEGMENT_UPDATE);
	if (s->privacy.mechanism == PRIVACY_SITE)
		return project(a, segment, first, a->width) / segment->noised.sensitivity;
	if (round_plan_step_noise(&step, s, &why) != OK)
		fail_msg("%s", why.text);
	return project(a, segment, first, a->width) * round_plan_divisor(s, AUDITED_SITES) / s->local.learning_rate /
	       step.sensitivity;
}
