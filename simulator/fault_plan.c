/* The plan that a seed draws. */
#include "simulator/fault_field.h"

#include <string.h>

#define THIRD(r) (rng_below(r, 3) == 0)

/* Seldom, often, and so often that little else happens; each fault in its own unit (struct world_odds). */
static const double strengths[FAULT_COUNT][3] = {
	[FAULT_LOSS] = {0.02, 0.1, 0.3},   [FAULT_COPY] = {0.02, 0.1, 0.3},    [FAULT_OVERTAKEN] = {0.05, 0.2, 0.5},
	[FAULT_DELAY] = {0.02, 0.05, 0.2}, [FAULT_CUT] = {0.2, 1, 4},          [FAULT_DEAF] = {0.2, 1, 4},
	[FAULT_DAMAGE] = {0.02, 0.1, 0.3}, [FAULT_SLOW] = {0.02, 0.1, 0.3},    [FAULT_CRASH] = {0.002, 0.01, 0.04},
	[FAULT_FULL] = {0.02, 0.1, 0.3},   [FAULT_SYNC] = {0.01, 0.05, 0.15},  [FAULT_FORWARD] = {0.5, 3, 12},
	[FAULT_BACKWARD] = {0.5, 3, 12},   [FAULT_RESTORE] = {0.05, 0.2, 0.5},
};

static void draw_odds(struct world_odds *odds, struct rng *r)
{
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++) {
			double strength = strengths[f][rng_below(r, 3)];

			odds->of[f][s] = rng_below(r, 20) < 9 ? strength : 0;
		}
}

/* A masked round takes many exchanges, and a private study has few rounds to lose: in a storm that is always heavy its last phases would
 * hardly be reached. What sets a state back finds none at first. */
static void soften(struct world_odds *odds)
{
	for (int f = 0; f < FAULT_COUNT; f++)
		for (int s = 0; s < SIDE_COUNT; s++)
			odds->of[f][s] /= f == FAULT_RESTORE ? 1 : 4;
}

/* ---- people */

static uint32_t count(const struct world_plan *p, uint32_t sites, bool (*is)(const struct world_plan *, uint32_t))
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < sites; i++)
		n += is(p, i);
	return n;
}

/* From the first round to the last. */
static bool is_there(const struct world_plan *p, uint32_t i)
{
	return p->joins_after[i] == 0 && p->leaves_after[i] == 0 && p->revoked_after[i] == 0;
}

static bool is_of_no_use(const struct world_plan *p, uint32_t i)
{
	return p->absent[i] || p->refuses[i] || p->affords[i] > 0;
}

/* Can those who are always there make rounds, though some of all may be of no use? */
static bool suffice(const struct world_plan *p, const struct study *s, uint32_t sites)
{
	uint32_t there = count(p, sites, is_there), useless = count(p, sites, is_of_no_use);

	if (there <= useless || plan_check(&s->sites, there, NULL) != OK ||
	    plan_check(&s->sites, there - useless, NULL) != OK) /* who is absent may never have approved */
		return false;
	return there >= useless + plan_quorum(&s->sites, there);
}

/* One site does what `change` says, if the study can go on all the same. */
static void perhaps(struct world_plan *p, const struct study *s, uint32_t sites, struct rng *r,
                    void (*change)(struct world_plan *, uint32_t, struct rng *))
{
	struct world_plan before = *p;

	if (s->sites.masking == MASKING_GROUPS)
		return; /* groups stay as they are, so each needs all of its own */
	change(p, (uint32_t)rng_below(r, sites), r);
	if (!suffice(p, s, sites))
		*p = before;
}

static void be_absent(struct world_plan *p, uint32_t i, struct rng *r)
{
	(void)r;
	p->absent[i] = true;
}

static void refuse(struct world_plan *p, uint32_t i, struct rng *r)
{
	(void)r;
	p->refuses[i] = true;
}

static void be_poor(struct world_plan *p, uint32_t i, struct rng *r)
{
	p->affords[i] = 1 + (uint32_t)rng_below(r, 3);
}

static void come_late(struct world_plan *p, uint32_t i, struct rng *r)
{
	p->joins_after[i] = 1 + (uint32_t)rng_below(r, 4);
}

static void leave(struct world_plan *p, uint32_t i, struct rng *r)
{
	p->leaves_after[i] = 1 + (uint32_t)rng_below(r, 8);
}

static void be_revoked(struct world_plan *p, uint32_t i, struct rng *r)
{
	p->revoked_after[i] = 1 + (uint32_t)rng_below(r, 4);
}

static void draw_people(struct world_plan *p, const struct study *s, uint32_t sites, struct rng *r)
{
	static void (*const changes[])(struct world_plan *, uint32_t, struct rng *) = {be_absent, refuse, come_late,
	                                                                               leave, be_revoked};

	for (size_t k = 0; k < sizeof changes / sizeof *changes; k++)
		if (THIRD(r))
			perhaps(p, s, sites, r, changes[k]);
	if (s->privacy.mechanism != PRIVACY_NONE && THIRD(r))
		perhaps(p, s, sites, r, be_poor);
	p->unapproved = rng_below(r, 4) == 0;
	p->leaves_last[rng_below(r, sites)] = THIRD(r);
	if (rng_below(r, 6) == 0) { /* who is of no use might be all that is drawn */
		uint32_t most = (uint32_t)rng_below(r, sites + 1);

		if (count(p, sites, is_of_no_use) == 0 && plan_check(&s->sites, most, NULL) == OK)
			p->sites_per_round = most;
	}
}

static void draw_orders(struct world_plan *p, struct rng *r)
{
	uint32_t at = (uint32_t)rng_below(r, 80), k = 0;

	if (THIRD(r)) {
		p->orders[k++] = (struct world_order){WORLD_PAUSE, at};
		p->orders[k++] = (struct world_order){WORLD_RESUME, at + (uint32_t)rng_below(r, 40)};
	}
	if (rng_below(r, 20) == 0)
		p->orders[k++] = (struct world_order){WORLD_STOP, at + (uint32_t)rng_below(r, 80)};
}

void fault_field_draw(struct world_setting *setting, struct world_plan *plan, const struct fault_field *f,
                      uint64_t seed)
{
	static const int64_t joins_ms[] = {60, 200, 1000};
	uint32_t k, sites;
	struct rng r;

	rng_seeded(&r, seed, "plan");
	k = (uint32_t)rng_below(&r, FAULT_STUDIES);
	sites = 3 + (uint32_t)rng_below(&r, FAULT_SITES_MAX - 2);
	*setting = (struct world_setting){&f->studies[k], &f->policy, f->tables[k], sites};
	memset(plan, 0, sizeof *plan);
	plan->seed = seed;
	plan->join_ms = joins_ms[rng_below(&r, 3)];
	plan->deadline_ms = plan->join_ms * (2 + (int64_t)rng_below(&r, 6));
	plan->pause_ms = 10 + (int64_t)rng_below(&r, 500);
	plan->calm_from_ms = 200 + (int64_t)rng_below(&r, 6000);
	plan->favours = true;
	plan->silent = THIRD(&r);
	plan->expires = rng_below(&r, 20) == 0;
	draw_odds(&plan->odds, &r);
	draw_people(plan, setting->study, sites, &r);
	draw_orders(plan, &r);
	plan->phase_ms = joins_ms[rng_below(&r, 3)];
	plan->renews = rng_below(&r, 2) == 0;
	if (setting->study->privacy.mechanism != PRIVACY_NONE) {
		plan->pause_ms = 5 + (int64_t)rng_below(&r, 10); /* it doubles with each attempt */
		soften(&plan->odds);
	} else if (setting->study->sites.masking != MASKING_OFF && !THIRD(&r)) {
		soften(&plan->odds);
	}
}
