#include "tests/support/federate.h"

#include "client/contribution.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* Every site's contribution to one round. Summands are the sites, or their groups. */
struct collected {
	struct buf octets[FEDERATE_SITES_MAX];
	uint32_t summand[FEDERATE_SITES_MAX], count;
	struct summands summands;
};

static enum err read_one(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                         struct diag *why)
{
	const struct collected *c = context;

	(void)why;
	memset(out, 0, words * sizeof *out);
	for (uint32_t i = 0; i < c->count; i++)
		for (uint32_t k = 0; k < words && c->summand[i] == summand; k++)
			out[k] += (int32_t)load_u32(c->octets[i].ptr + 4 * ((size_t)first + k));
	return OK;
}

/* The group of the site with this number, under `masking: groups`. */
static uint32_t group_of(const struct study *study, const struct round_plan *plan, uint32_t number)
{
	uint32_t sites[FEDERATE_SITES_MAX], groups = plan_group_count(&study->sites, plan->site_count), g = 0, at = 0;

	memcpy(sites, plan->sites, plan->site_count * sizeof *sites);
	plan_groups(sites, plan->site_count, groups, &study->hash);
	while (sites[at] != number)
		at++;
	while (at >= plan_group_begin(plan->site_count, groups, g + 1))
		g++;
	return g;
}

struct participants {
	bool (*takes_part)(void *context, uint32_t step, uint32_t number); /* NULL: all do */
	void *context;
};

/* One round: every participant's contribution into the sum. */
static void collect(struct aggregate *sum, struct collected *c, const struct study *study, struct contributor *sites,
                    const struct participants *who, const struct round_plan *plan, struct bytes model)
{
	bool groups = study->sites.masking == MASKING_GROUPS;
	struct diag why = {{0}};

	memset(c, 0, sizeof *c);
	c->summands = (struct summands){.read = read_one, .context = c};
	sum->summands = &c->summands;
	for (uint32_t i = 0; i < plan->site_count; i++) {
		struct contribution_report report;
		struct buf *octets = &c->octets[c->count];

		if (who->takes_part != NULL && !who->takes_part(who->context, plan->step, i + 1))
			continue;
		c->summand[c->count] = groups ? group_of(study, plan, i + 1) : c->count;
		c->count++;
		buf_init(octets, MODEL_FILE_MAX);
		if (contribution_compute(&sites[i], octets, &report, plan, model, NULL, &why) != OK)
			fail_msg("%s", why.text);
		aggregate_add(sum, buf_bytes(octets));
	}
	c->summands.count = groups ? plan_group_count(&study->sites, plan->site_count) : c->count;
}

/* *moments belong to out->model, before and after. */
static void run_round(struct federated *out, float **moments, const struct study *study, struct contributor *sites,
                      const struct participants *who, const struct round_plan *plan)
{
	struct aggregate sum = {0};
	struct collected each;
	struct outcome outcome;
	struct layout layout;
	struct diag why = {{0}};

	if (round_plan_layout(&layout, study, plan->asks, plan->site_count, &why) != OK)
		fail_msg("%s", why.text);
	aggregate_begin(&sum, &layout);
	collect(&sum, &each, study, sites, who, plan, buf_bytes(&out->model));
	if (outcome_compute(&outcome, study, plan, &sum, buf_bytes(&out->model), *moments, &why) != OK)
		fail_msg("%s", why.text);
	if (outcome.evaluated) {
		if (hash_is_zero(&out->best_sha256) || outcome.validation.loss < out->best_loss) {
			out->best_sha256 = plan->model;
			out->best_step = plan->step - 1;
			out->best_loss = outcome.validation.loss;
		}
		out->validation = outcome.validation;
		out->test = outcome.test;
	}
	if (outcome.has_model) {
		buf_free(&out->model);
		out->model = outcome.model;
		out->model_sha256 = outcome.model_sha256;
		memset(&outcome.model, 0, sizeof outcome.model);
		free(*moments);
		*moments = outcome.moments;
		outcome.moments = NULL;
	}
	outcome_free(&outcome);
	aggregate_free(&sum);
	for (uint32_t i = 0; i < plan->site_count; i++)
		buf_free(&each.octets[i]);
}

void federate_among(struct federated *out, const struct study *study, const struct table *tables,
                    const char *const *names, uint32_t count,
                    bool (*takes_part)(void *context, uint32_t step, uint32_t number), void *context)
{
	const struct participants who = {takes_part, context};
	struct contributor sites[FEDERATE_SITES_MAX];
	uint32_t numbers[FEDERATE_SITES_MAX];
	float *moments = NULL;

	CHECK(count <= FEDERATE_SITES_MAX);
	memset(out, 0, sizeof *out);
	for (uint32_t i = 0; i < count; i++) {
		contributor_init(&sites[i], study, &tables[i], names[i]);
		numbers[i] = i + 1;
	}
	for (uint32_t step = 0; round_plan_asks(study, step) != 0; step++) {
		struct round_plan plan = {
			.study_hash = study->hash,
			.round = step + 1,
			.attempt = 1,
			.step = step,
			.asks = round_plan_asks(study, step),
			.model = out->model_sha256,
			.model_octets = out->model.len,
			.sites = numbers,
			.site_count = count,
		};

		run_round(out, &moments, study, sites, &who, &plan);
	}
	for (uint32_t i = 0; i < count; i++)
		contributor_free(&sites[i]);
	free(moments);
}

void federate(struct federated *out, const struct study *study, const struct table *tables, const char *const *names,
              uint32_t count)
{
	federate_among(out, study, tables, names, count, NULL, NULL);
}
