#include "protocol/study_robust.h"

#include <math.h>

bool study_is_robust(const struct study *s)
{
	return s->strategy == STRATEGY_MEDIAN || s->strategy == STRATEGY_TRIMMED_MEAN || s->strategy == STRATEGY_KRUM;
}

/* The product of a decimal such as 0.29 and 100 lies a little below 29: a billionth is far more than such an error and
 * far less than anybody means. */
uint32_t study_trimmed(const struct study *s, uint32_t updates)
{
	return (uint32_t)floor(s->server.trim * updates + 1e-9);
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

uint32_t study_fewest_updates(const struct study *s)
{
	uint32_t f = s->server.byzantine, updates = 1;

	if (s->strategy == STRATEGY_KRUM)
		return larger(2 * f + 3, f + 2 + s->server.keep);
	if (s->strategy == STRATEGY_TRIMMED_MEAN)
		while (study_trimmed(s, updates) == 0)
			updates++;
	return updates;
}

/* What a round of so many sites has at the least. */
static uint32_t fewest_of(const struct study *s, uint32_t invited)
{
	return s->sites.masking == MASKING_GROUPS ? plan_group_count(&s->sites, invited) / 2 + 1
	                                          : plan_quorum(&s->sites, invited);
}

enum err study_check_robust(const struct study *s, uint32_t invited, struct diag *why)
{
	bool groups = s->sites.masking == MASKING_GROUPS;
	uint32_t need = study_fewest_updates(s), fewest = fewest_of(s, invited);

	if (!study_is_robust(s) || fewest >= need)
		return OK;
	return diag_set(why, ERR_REFUSED, "strategy %s needs %u %s and a round of %u sites may end with %u: %s, or %s",
	                study_strategy_name(s->strategy), need, groups ? "groups" : "updates", invited, fewest,
	                groups ? "invite more hospitals, make groups smaller"
	                       : "raise sites.min, invite more hospitals",
	                s->strategy == STRATEGY_KRUM ? "lower training.server.byzantine or keep"
	                                             : "raise training.server.trim");
}
