/*
 * What noised sums become, against formulas written out here: the step of each strategy, the divisor that nobody's absence
 * changes, the clip that follows the updates, a first model of any statistics, figures with margins.
 */
#include "coordinator/outcome_noised.h"

#include "base/json.h"
#include "base/random.h"
#include "model/checkpoint.h"
#include "tests/support/private_terms.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "tests/support/close.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SITES 5
#define PARAMETERS_MAX 64 /* the small network has 28 */

static void private_study(struct study *s, enum privacy_mechanism mechanism)
{
	small_study(s, NULL);
	private_terms(s, mechanism, 3);
	s->sites.min = SITES - 1;
	s->local.learning_rate = 0.25;
}

static struct round_plan plan_of(const struct study *s, uint32_t step)
{
	static uint32_t sites[SITES] = {3, 4, 8, 9, 11};

	return (struct round_plan){.round = step + 1,
	                           .attempt = 1,
	                           .step = step,
	                           .asks = round_plan_asks(s, step),
	                           .sites = sites,
	                           .site_count = SITES};
}

static void begin(struct aggregate *sum, const struct study *s, const struct round_plan *plan, uint32_t added)
{
	struct diag why = {{0}};
	struct layout layout;

	if (round_plan_layout_clipped(&layout, s, plan->asks, SITES, plan->clip, &why) != OK)
		fail_msg("%s", why.text);
	aggregate_begin(sum, &layout);
	sum->added = added;
}

/* The sum's words of a segment become the nearest to these values. */
static void put(struct aggregate *sum, enum segment_kind kind, const double *values)
{
	const struct segment *segment = layout_find(&sum->layout, kind);

	assert_non_null(segment);
	for (uint32_t i = 0; i < segment->items; i++)
		sum->sums[segment->first + i] = (int64_t)nearbyint(values[i] / segment->grid);
}

/* ---- training */

/* A gradient, a multiple of any grid here. */
static double gradient_at(uint32_t round, uint32_t i)
{
	return ((int)((7 * round + 5 * i) % 11) - 5) / 4.0;
}

struct slow { /* one parameter */
	double w, m, v;
};

/* coordinator/strategy.h, for one parameter, in double. */
static void slow_step(struct slow *p, const struct study *s, double u)
{
	const struct server_training *k = &s->server;
	double square = u * u;

	switch (s->strategy) {
	case STRATEGY_FEDAVGM:
		p->m = k->momentum * p->m + u;
		p->w += k->learning_rate * p->m;
		return;
	case STRATEGY_FEDADAM:
		p->v = k->beta2 * p->v + (1 - k->beta2) * square;
		break;
	case STRATEGY_FEDYOGI:
		p->v -= (1 - k->beta2) * square * ((p->v > square) - (p->v < square));
		break;
	case STRATEGY_FEDADAGRAD:
		p->v += square;
		break;
	default:
		p->w += k->learning_rate * u;
		return;
	}
	p->m = k->beta1 * p->m + (1 - k->beta1) * u;
	p->w += k->learning_rate * p->m / (sqrt(p->v) + k->tau);
}

/* Rounds 1 to 3 of a study against the slow ones, whose u is `factor` times the gradient. */
static void follow(const struct study *s, enum segment_kind kind, double factor, uint32_t added)
{
	size_t n = s->model.parameters;
	float w[PARAMETERS_MAX] = {0}, moments[2 * PARAMETERS_MAX];
	double update[PARAMETERS_MAX], values[PARAMETERS_MAX];
	struct slow slow[PARAMETERS_MAX];
	struct aggregate sum = {0};
	struct diag why = {{0}};

	for (size_t i = 0; i < n; i++)
		slow[i] = (struct slow){0, 0, s->server.tau * s->server.tau};
	for (uint32_t round = 1; round <= 3; round++) {
		struct round_plan plan = plan_of(s, round);
		struct outcome out = {0};

		begin(&sum, s, &plan, added);
		for (uint32_t i = 0; i < n; i++) {
			values[i] = gradient_at(round, i);
			slow_step(&slow[i], s, factor * values[i]);
		}
		put(&sum, kind, values);
		assert_int_equal(outcome_train(&out, w, moments, update, s, &plan, &sum, &why), OK);
		assert_true(out.weight == added && out.clip == 0);
		for (uint32_t i = 0; i < n; i++)
			assert_true(fabs((double)w[i] - slow[i].w) <= 1e-5 * fabs(slow[i].w) + 1e-7);
	}
	aggregate_free(&sum);
}

static void each_strategy_steps_down_the_gradient(void **state)
{
	static const enum strategy_kind kinds[] = {STRATEGY_FEDAVG, STRATEGY_FEDAVGM, STRATEGY_FEDADAM,
	                                           STRATEGY_FEDYOGI, STRATEGY_FEDADAGRAD};
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	s.server = (struct server_training){
		.learning_rate = 0.75, .momentum = 0.9, .beta1 = 0.9, .beta2 = 0.99, .tau = 1e-3};
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		s.strategy = kinds[k];
		/* whoever is missing, the divisor is q N = 64 */
		for (uint32_t added = SITES - 1; added <= SITES; added++)
			follow(&s, SEGMENT_GRADIENT, -0.25 / 64, added);
	}
	study_free(&s);
}

static void the_schedule_is_the_servers(void **state)
{
	float w[PARAMETERS_MAX] = {0};
	double update[PARAMETERS_MAX], values[PARAMETERS_MAX] = {8};
	struct aggregate sum = {0};
	struct diag why = {{0}};
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	s.local.schedule = (struct rate_schedule){.kind = SCHEDULE_STEP, .every = 1, .factor = 0.5};
	for (uint32_t round = 1; round <= 3; round++) {
		struct round_plan plan = plan_of(&s, round);
		struct outcome out = {0};

		begin(&sum, &s, &plan, SITES);
		put(&sum, SEGMENT_GRADIENT, values);
		assert_int_equal(outcome_train(&out, w, NULL, update, &s, &plan, &sum, &why), OK);
	}
	assert_true(w[0] == (float)(-0.25 * 8 / 64 * (1 + 0.5 + 0.25)));
	aggregate_free(&sum);
	study_free(&s);
}

static void updates_of_sites_are_divided_by_all_that_were_invited(void **state)
{
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_SITE);
	for (uint32_t added = SITES - 1; added <= SITES; added++)
		follow(&s, SEGMENT_UPDATE, 1.0 / SITES, added);
	study_free(&s);
}

/* As without privacy: the mean of those who contributed. */
static void local_updates_have_noise_enough(void **state)
{
	float w[PARAMETERS_MAX] = {0};
	double update[PARAMETERS_MAX], values[PARAMETERS_MAX] = {1, -2}, four = 4;
	struct round_plan plan;
	struct aggregate sum = {0};
	struct outcome out = {0};
	struct diag why = {{0}};
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_LOCAL);
	plan = plan_of(&s, 1);
	begin(&sum, &s, &plan, 4);
	put(&sum, SEGMENT_UPDATE, values);
	put(&sum, SEGMENT_WEIGHT, &four);
	assert_int_equal(outcome_train(&out, w, NULL, update, &s, &plan, &sum, &why), OK);
	assert_true(w[0] == 0.25f && w[1] == -0.5f && out.weight == 4);
	aggregate_free(&sum);
	study_free(&s);
}

/* ---- the clip */

static double next_clip(struct study *s, double clip, double within)
{
	struct round_plan plan = plan_of(s, 2);
	float w[PARAMETERS_MAX] = {0};
	double update[PARAMETERS_MAX];
	struct aggregate sum = {0};
	struct outcome out = {0};
	struct diag why = {{0}};

	plan.clip = clip;
	begin(&sum, s, &plan, SITES);
	put(&sum, SEGMENT_WITHIN, &within);
	assert_int_equal(outcome_train(&out, w, NULL, update, s, &plan, &sum, &why), OK);
	aggregate_free(&sum);
	return out.clip;
}

static void the_clip_follows_the_quantile(void **state)
{
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_SITE);
	s.privacy.clip_quantile = 0.6;
	s.privacy.clip_rate = 0.2;
	/* 5, 4, 3, 0 of 5 sites were within: bits of a half, up or down */
	assert_close(next_clip(&s, 0.5, 2.5), 0.5 * exp(-0.2 * (1 - 0.6)), 1e-12);
	assert_close(next_clip(&s, 0.5, 1.5), 0.5 * exp(-0.2 * (0.8 - 0.6)), 1e-12);
	assert_close(next_clip(&s, 2, 0.5), 2, 1e-12);
	assert_close(next_clip(&s, 2, -2.5), 2 * exp(0.2 * 0.6), 1e-12);
	/* noise claims more than all, and fewer than none */
	assert_close(next_clip(&s, 2, 40), 2 * exp(-0.2 * (1 - 0.6)), 1e-12);
	assert_close(next_clip(&s, 2, -40), 2 * exp(0.2 * 0.6), 1e-12);
	/* and never leaves its range, 2^20 around the contract's 0.5 */
	assert_true(next_clip(&s, 0x1p19, -2.5) == 0x1p19);
	assert_true(next_clip(&s, 0x1p-21, 2.5) == 0x1p-21);
	study_free(&s);
}

/* It comes to rest where the quantile of the norms is. Norms of sites: 1, 2, ... 20; noise of half a site. */
static void the_clip_comes_to_the_quantile(void **state)
{
	const double quantile = 0.5;
	double clip = 0.5, mean = 0;
	struct study s;
	struct rng r;

	(void)state;
	private_study(&s, PRIVACY_SITE);
	s.privacy.clip_quantile = quantile;
	s.privacy.clip_rate = 0.2;
	rng_seeded(&r, 1, "clip");
	for (int round = 0; round < 400; round++) {
		double within = 0;

		for (int norm = 1; norm <= 20; norm++)
			within += (norm <= clip ? 0.5 : -0.5) * SITES / 20; /* as if the five were twenty */
		clip = next_clip(&s, clip, within + 0.5 * rng_normal(&r));
		mean += round >= 200 ? clip / 200 : 0;
	}
	assert_true(mean > 9 && mean < 11.5);
	study_free(&s);
}

/* ---- statistics */

/* Complete, and in the words of protocol/promise.h. */
static void assert_promise(const char *text)
{
	static const char *const texts[][2] = {
		{"mechanism", "distributed"}, {"unit", "patient"}, {"adjacency", "add or remove one unit"}};
	static const struct {
		const char *key;
		double value;
	} numbers[] = {{"epsilon", 3},
	               {"delta", 1e-4},
	               {"noise_multiplier", 2.5},
	               {"sampling_rate", 0.1},
	               {"patients", 640},
	               {"clip", 0.5},
	               {"steps", 6},
	               {"others", 1},
	               {"spare_rounds", 3},
	               {"releases", 8},
	               {"statistics_multiplier", 6}};
	struct diag why = {{0}};
	struct json *node;

	assert_non_null(text);
	assert_int_equal(json_parse(&node, bytes_text(text), 1u << 16, "promise", &why), OK);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_string_equal(json_as_string(json_get(node, texts[i][0])), texts[i][1]);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_true(json_as_real(json_get(node, numbers[i].key)) == numbers[i].value);
	assert_non_null(json_get(node, "accountant"));
	assert_non_null(json_get(node, "holds_against"));
	assert_true(json_as_bool(json_get(json_get(node, "evaluation"), "covered")));
	assert_null(json_get(node, "cost")); /* its digits need not be the same on every machine */
	json_free(node);
}

static void a_first_model_comes_of_any_noised_statistics(void **state)
{
	struct study s;
	struct rng r;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	rng_seeded(&r, 2, "statistics");
	for (int run = 0; run < 100; run++) {
		struct round_plan plan = plan_of(&s, 0);
		struct aggregate sum = {0};
		struct outcome out;
		struct checkpoint c;
		struct diag why = {{0}};
		float w[PARAMETERS_MAX];

		begin(&sum, &s, &plan, SITES);
		for (uint32_t i = 0; i < sum.layout.words; i++)
			sum.sums[i] = (int64_t)((rng_normal(&r) - 0.5) * pow(2, run % 30));
		if (outcome_compute(&out, &s, &plan, &sum, bytes_of(NULL, 0), NULL, &why) != OK)
			fail_msg("%s", why.text);
		assert_int_equal(checkpoint_read(w, &c, &s.model, buf_bytes(&out.model), "model", &why), OK);
		for (uint32_t i = 0; i < c.about.input_count; i++)
			assert_true(c.about.inputs[i].deviation > 0);
		assert_promise(c.about.privacy);
		checkpoint_free(&c);
		outcome_free(&out);
		aggregate_free(&sum);
	}
	study_free(&s);
}

static void noise_is_that_of_all_who_took_part(void **state)
{
	struct aggregate sum = {0};
	struct round_plan plan;
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	plan = plan_of(&s, 0);
	begin(&sum, &s, &plan, 4);
	/* m - n_C = 4 - 1 honest sites make z C' together; four took part */
	const struct noised *noised = &layout_find(&sum.layout, SEGMENT_STATISTICS)->noised;
	double together = 6 * noised->sensitivity;
	assert_true(fabs(aggregate_noise(&sum, SEGMENT_STATISTICS) / together / sqrt(4.0 / 3) - 1) < 1e-3);
	aggregate_free(&sum);
	study_free(&s);
}

/* ---- figures */

static void evaluate(struct outcome *out, const struct study *s, uint64_t round, double rows)
{
	struct round_plan plan = plan_of(s, s->rounds + 1);
	double loss[2] = {0.02, 0.02}, counts[64] = {0};
	struct aggregate sum = {0};
	struct diag why = {{0}};

	plan.round = round;
	begin(&sum, s, &plan, SITES);
	for (uint32_t part = 0; part < 2; part++)
		for (uint32_t bin = 0; bin < s->bins; bin++) {
			double x = rows / 2 / s->bins / (part + 1);

			counts[part * 2 * s->bins + bin] = x * 2 * (s->bins - bin - 0.5) / s->bins - 3;
			counts[part * 2 * s->bins + s->bins + bin] = x * 2 * (bin + 0.5) / s->bins + 2.5;
		}
	put(&sum, SEGMENT_LOSS, loss);
	put(&sum, SEGMENT_COUNTS, counts);
	assert_int_equal(outcome_compute(out, s, &plan, &sum, bytes_of(NULL, 0), NULL, &why), OK);
	aggregate_free(&sum);
}

static void figures_come_with_margins(void **state)
{
	struct outcome a, b, c;
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	s.sites.cell_min = 11;
	evaluate(&a, &s, 9, 8000);
	evaluate(&b, &s, 9, 8000);
	evaluate(&c, &s, 10, 8000);
	assert_true(a.evaluated && !a.has_model && fabs(a.test.rows - 4000 + 8) < 1);
	assert_true(a.validation.auc > 0.8 && a.validation.auc < 0.86);
	assert_true(a.validation_margin.auc > 1e-3 && a.validation_margin.auc < 0.1);
	assert_true(a.test_margin.auc > 1.5 * a.validation_margin.auc); /* of half as many rows */
	assert_true(isnan(a.test.r2) && isnan(a.test_margin.r2));
	assert_memory_equal(&a.test_margin, &b.test_margin, sizeof a.test_margin); /* made again, the same */
	assert_true(a.test_margin.auc != c.test_margin.auc && a.test.auc == c.test.auc);
	s.hash.b[0] ^= 1;
	evaluate(&b, &s, 9, 8000);
	assert_true(a.test_margin.auc != b.test_margin.auc);
	study_free(&s);
}

static void noised_rows_below_cell_min_are_withheld(void **state)
{
	struct outcome out;
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	s.sites.cell_min = 40;
	evaluate(&out, &s, 9, 60); /* noised: 52 and 22 */
	assert_true(!isnan(out.validation.auc) && isnan(out.test.auc) && isnan(out.test_margin.auc));
	assert_true(fabs(out.test.rows - 22) < 1 && out.test_margin.rows > 0 && !out.test_calibration.known);
	study_free(&s);
}

/* Noise in the sums of a part that nobody is in is not taken for rows. */
static void empty_parts_have_no_figures(void **state)
{
	struct outcome out;
	struct study s;
	struct split *split;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	split = &s.schema.split;
	split->validation_fraction = 0;
	evaluate(&out, &s, 9, 8000);
	assert_true(out.validation.rows == 0 && isnan(out.validation.auc) && isnan(out.validation_margin.rows));
	assert_true(!out.validation_calibration.known && !isnan(out.test.auc));
	split->test_fraction = 0;
	split->validation_fraction = 0.2;
	evaluate(&out, &s, 9, 8000);
	assert_true(out.test.rows == 0 && isnan(out.test.auc) && !isnan(out.validation.auc));
	split->column = split->train = split->test = "part"; /* by column, without validation */
	evaluate(&out, &s, 9, 8000);
	assert_true(out.validation.rows == 0 && !isnan(out.test.auc));
	study_free(&s);
}

static void exact_figures_have_no_margin(void **state)
{
	struct outcome out;
	struct study s;

	(void)state;
	private_study(&s, PRIVACY_DISTRIBUTED);
	s.evaluation = EVALUATION_MASKED;
	evaluate(&out, &s, 9, 8000);
	assert_true(out.evaluated && !isnan(out.test.auc) && isnan(out.test_margin.auc) && isnan(out.test_margin.rows));
	study_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_strategy_steps_down_the_gradient),
		cmocka_unit_test(the_schedule_is_the_servers),
		cmocka_unit_test(updates_of_sites_are_divided_by_all_that_were_invited),
		cmocka_unit_test(local_updates_have_noise_enough),
		cmocka_unit_test(the_clip_follows_the_quantile),
		cmocka_unit_test(the_clip_comes_to_the_quantile),
		cmocka_unit_test(a_first_model_comes_of_any_noised_statistics),
		cmocka_unit_test(noise_is_that_of_all_who_took_part),
		cmocka_unit_test(figures_come_with_margins),
		cmocka_unit_test(noised_rows_below_cell_min_are_withheld),
		cmocka_unit_test(empty_parts_have_no_figures),
		cmocka_unit_test(exact_figures_have_no_margin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
