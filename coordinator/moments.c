#include "coordinator/moments.h"

#include "base/vec.h"
#include "coordinator/strategy.h"

#include <stdlib.h>

void moments_free(struct moments *m)
{
	free(m->values);
	*m = (struct moments){0};
}

static size_t count_of(const struct study *terms)
{
	return strategy_moments(terms) * terms->model.parameters;
}

enum err moments_restore(struct moments *m, struct store *s, int64_t study, const struct study *terms,
                         const struct campaign *campaign, bool load, struct diag *why)
{
	size_t count = count_of(terms);
	uint64_t octets;
	struct hash model = campaign_model(campaign, &octets);

	if (count == 0 || campaign_over(campaign) || campaign_step(campaign) == 0)
		return OK;
	if (!load)
		return store_check_moments(s, study, &model, count, why);
	*m = (struct moments){.values = vec_f32(count), .count = count, .model = model, .stored = true};
	return store_read_moments(s, study, &model, m->values, count, why);
}

void moments_take(struct moments *m, struct outcome *o, const struct study *terms)
{
	if (o->moments == NULL)
		return;
	moments_free(m);
	*m = (struct moments){.values = o->moments, .count = count_of(terms), .model = o->model_sha256};
	o->moments = NULL;
}

void moments_persist(struct moments *m, struct store *s, int64_t study, const struct study *terms,
                     const struct campaign *campaign)
{
	uint64_t octets;
	struct hash newest = campaign_model(campaign, &octets);

	if (campaign_over(campaign) && strategy_moments(terms) > 0) {
		store_drop_moments(s, study);
	} else if (m->values != NULL && !m->stored) {
		CHECK(hash_equal(&m->model, &newest));
		store_moments(s, study, &m->model, m->values, m->count);
		m->stored = true;
	}
}

const float *moments_of(const struct moments *m, const struct hash *model)
{
	return !hash_is_zero(model) && hash_equal(&m->model, model) ? m->values : NULL;
}
