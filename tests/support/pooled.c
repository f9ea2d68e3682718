#include "tests/support/pooled.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <string.h>

struct round_plan pooled_plan(struct pooled *p, uint32_t step, const struct outcome *model)
{
	return (struct round_plan){
		.study_hash = p->study.hash,
		.round = step + 1,
		.attempt = 1,
		.step = step,
		.asks = round_plan_asks(&p->study, step),
		.model = model != NULL ? model->model_sha256 : (struct hash){{0}},
		.model_octets = model != NULL ? model->model.len : 0,
		.sites = p->numbers,
		.site_count = POOLED_SITES,
	};
}

void pooled_collect(struct pooled *p, struct aggregate *sum, const struct round_plan *plan, struct bytes model,
                    uint32_t count)
{
	struct contribution_report report;
	struct layout layout;
	struct diag why = {{0}};
	struct buf octets;

	assert_int_equal(round_plan_layout(&layout, &p->study, plan->asks, plan->site_count, &why), OK);
	aggregate_begin(sum, &layout);
	buf_init(&octets, MODEL_FILE_MAX);
	for (uint32_t i = 0; i < count; i++) {
		if (contribution_compute(&p->sites[i], &octets, &report, plan, model, NULL, &why) != OK)
			fail_msg("%s", why.text);
		aggregate_add(sum, buf_bytes(&octets));
	}
	buf_free(&octets);
}

void pooled_first_model(struct pooled *p, struct outcome *out)
{
	struct round_plan plan = pooled_plan(p, 0, NULL);
	struct aggregate sum = {0};
	struct diag why = {{0}};

	pooled_collect(p, &sum, &plan, bytes_of(NULL, 0), POOLED_SITES);
	if (outcome_compute(out, &p->study, &plan, &sum, bytes_of(NULL, 0), NULL, &why) != OK)
		fail_msg("%s", why.text);
	assert_true(out->has_model && !out->evaluated);
	aggregate_free(&sum);
}

void pooled_begin(struct pooled *p, const char *line)
{
	static const char *const names[POOLED_SITES] = {"a", "b", "c", "d"};

	memset(p, 0, sizeof *p);
	tempdir_make(&p->dir);
	small_study(&p->study, line);
	for (uint32_t i = 0; i < POOLED_SITES; i++) {
		small_table(&p->tables[i], &p->dir, &p->study, i);
		contributor_init(&p->sites[i], &p->study, &p->tables[i], names[i]);
		p->numbers[i] = 11 + 7 * i;
	}
	pooled_first_model(p, &p->first);
}

void pooled_end(struct pooled *p)
{
	for (uint32_t i = 0; i < POOLED_SITES; i++) {
		contributor_free(&p->sites[i]);
		table_free(&p->tables[i]);
	}
	outcome_free(&p->first);
	study_free(&p->study);
	tempdir_remove(&p->dir);
}

void pooled_read(float parameters[POOLED_PARAMETERS_MAX], struct checkpoint *c, const struct pooled *p,
                 const struct outcome *model)
{
	struct diag why = {{0}};

	assert_true(p->study.model.parameters <= POOLED_PARAMETERS_MAX);
	if (checkpoint_read(parameters, c, &p->study.model, buf_bytes(&model->model), "model", &why) != OK)
		fail_msg("%s", why.text);
}
