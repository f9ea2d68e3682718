#include "coordinator/outcome_noised.h"

#include "base/json.h"
#include "data/denoise.h"
#include "model/metrics_noised.h"
#include "model/schedule.h"
#include "protocol/promise.h"

#include <stdlib.h>

bool outcome_is_noised(const struct aggregate *sum, enum segment_kind kind)
{
	const struct segment *segment = layout_find(&sum->layout, kind);

	return segment != NULL && segment->coding == CODING_NOISED;
}

void outcome_denoise(double *sums, const struct study *s, const struct aggregate *sum)
{
	denoise_statistics(sums, &s->schema, aggregate_noise(sum, SEGMENT_STATISTICS));
}

/* ---- updates */

static void scale(double *x, size_t n, double factor)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= factor;
}

void outcome_noised_update(double *update, const struct study *s, uint32_t step, const struct aggregate *sum)
{
	double divisor = round_plan_divisor(s, sum->layout.sites), rate = s->local.learning_rate;

	if (s->privacy.mechanism == PRIVACY_SITE) {
		aggregate_values(update, sum, SEGMENT_UPDATE);
		scale(update, s->model.parameters, 1 / divisor);
		return;
	}
	CHECK(s->privacy.mechanism == PRIVACY_DISTRIBUTED);
	aggregate_values(update, sum, SEGMENT_GRADIENT);
	scale(update, s->model.parameters, -rate * schedule_factor(&s->local.schedule, step, s->rounds) / divisor);
}

double outcome_next_clip(const struct study *s, double clip, const struct aggregate *sum)
{
	const struct privacy_plan *p = &s->privacy;
	double within;

	CHECK(clip > 0 && round_plan_adapts(s));
	aggregate_values(&within, sum, SEGMENT_WITHIN);
	double share = fmin(fmax(within / sum->layout.sites + 0.5, 0), 1);
	double next = clip * exp(-p->clip_rate * (share - p->clip_quantile));
	return fmin(fmax(next, p->clip / ROUND_CLIP_RANGE), p->clip * ROUND_CLIP_RANGE);
}

/* ---- figures */

static void seed_draws(struct rng *r, const struct study *s, uint64_t round)
{
	uint8_t number[8];
	const struct bytes fields[] = {bytes_of(s->hash.b, HASH_SIZE), bytes_of(number, sizeof number)};
	struct hash seed;

	store_u64(number, round);
	hash_fields(&seed, NULL, "COHRTmgn", fields, sizeof fields / sizeof fields[0]);
	rng_init(r, seed.b, "margin");
}

/* Of a part that the contract leaves empty the sums are noise alone, which may look like many rows. */
static void blank(struct metrics *m, struct metrics *margin, struct calibration *c)
{
	*m = *margin = METRICS_NONE;
	m->rows = 0;
	*c = (struct calibration){0};
}

void outcome_noised_figures(struct outcome *out, const struct study *s, uint64_t round, const struct aggregate *sum)
{
	struct metrics_shape shape = study_shape(s);
	size_t length = metrics_counts_length(shape);
	double loss[2], *counts = mem_array(2 * length, sizeof *counts);
	struct rng draws;

	shape.noise = aggregate_noise(sum, SEGMENT_LOSS); /* that of the counts as well: both are one release */
	aggregate_values(loss, sum, SEGMENT_LOSS);
	aggregate_values(counts, sum, round_plan_figures(s));
	seed_draws(&draws, s, round);
	metrics_noised(&out->validation, &out->validation_margin, shape, loss[0], counts, &draws);
	metrics_noised(&out->test, &out->test_margin, shape, loss[1], counts + length, &draws);
	metrics_calibration(&out->validation_calibration, shape, counts);
	metrics_calibration(&out->test_calibration, shape, counts + length);
	if (!schema_has_part(&s->schema, PART_VALIDATION))
		blank(&out->validation, &out->validation_margin, &out->validation_calibration);
	if (!schema_has_part(&s->schema, PART_TEST))
		blank(&out->test, &out->test_margin, &out->test_calibration);
	free(counts);
}

/* ---- the promise */

char *outcome_promise(const struct study *s)
{
	static const char *const terms[] = {
		"mechanism",     "unit",
		"adjacency",     "epsilon",
		"delta",         "noise_multiplier",
		"sampling_rate", "patients",
		"clip",          "clip_quantile",
		"steps",         "others",
		"spare_rounds",  "statistics_multiplier",
		"batch_cap",     "hospitals_per_patient",
		"accountant",    "holds_against",
		"evaluation",
	};
	const struct privacy_plan *p = &s->privacy;
	struct json *whole, *node;
	struct buf text;
	char *copy;

	if (p->mechanism == PRIVACY_NONE)
		return NULL;
	whole = promise_json(s);
	node = json_new_object();
	for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
		json_set(node, terms[i], json_clone(json_get(whole, terms[i])));
	json_set_integer(node, "releases", (int64_t)(p->steps + p->others + p->evaluates));
	buf_init(&text, PROMISE_WORDS_MAX);
	json_write(&text, node, false);
	CHECK(!text.failed);
	copy = mem_copy_text(buf_text(&text));
	buf_free(&text);
	json_free(node);
	json_free(whole);
	return copy;
}
