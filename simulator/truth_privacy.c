/*
 * What must hold of a private study: what leaves has noise of its own and was paid for, once; nobody spends more than he has, or than
 * was paid for; what is lost beyond that ends the study; and a hospital whose books are an older copy is silent. What a release costs
 * is worked out again from the contract (docs/PRIVACY.md): all studies of worlds have q = 1, where a release of multiplier z adds
 * order / (2 z^2) of Renyi divergence.
 */
#include "simulator/truth.h"

#define KEY_OCTETS 32 /* noise is expanded from a key that is drawn, of 256 bits at least */
/* ---- cost */

static double of_multiplier(double z)
{
	return 1 / (2 * z * z);
}

static enum privacy_debit kind_of(unsigned asks)
{
	return asks & ASK_STATISTICS ? DEBIT_STATISTICS : asks & ASK_TRAIN ? DEBIT_TRAINING : DEBIT_EVALUATION;
}

static bool spends(const struct study *s, unsigned asks)
{
	return kind_of(asks) != DEBIT_EVALUATION || s->evaluation == EVALUATION_NOISED;
}

double truth_cost(const struct study *s, unsigned asks)
{
	const struct privacy_plan *p = &s->privacy;
	double others = of_multiplier(p->statistics_multiplier);

	CHECK(p->sampling_rate == 1 && p->hospitals_per_patient == 1);
	if (!spends(s, asks))
		return 0;
	if (kind_of(asks) == DEBIT_STATISTICS)
		return others;
	if (kind_of(asks) == DEBIT_EVALUATION)
		return p->unit == UNIT_SITE ? others : of_multiplier(p->evaluation_multiplier);
	return of_multiplier(p->noise_multiplier) * (p->mechanism == PRIVACY_LOCAL ? s->local.steps : 1) +
	       (p->clip_rate > 0 ? others : 0);
}

static uint32_t paid_for(const struct study *s, enum privacy_debit kind)
{
	return kind == DEBIT_TRAINING ? s->rounds + s->privacy.spare_rounds : 1;
}

/* The books have all that was made final, and each round once. */
static void books_are_true(struct world *w, const struct host *h)
{
	const struct budget_study *s = budget_find(&h->budget, &w->setting->study->hash);

	for (int k = 0; k < BUDGET_WHATS; k++)
		if ((s != NULL ? s->releases[k] : 0) != h->releases[k])
			truth_violated(w, CHECK_LEDGER, "site %u has made %u releases of %s and paid for %llu",
			               h->number, h->releases[k], budget_what_name((enum privacy_debit)k),
			               (unsigned long long)(s != NULL ? s->releases[k] : 0));
	for (size_t i = 0; s != NULL && i < RDP_ORDERS; i++) {
		double least = rdp_orders[i] * (1 - 1e-12);

		if (!(s->training.sums[i] >= h->cost * least) ||
		    !(s->evaluation.sums[i] >= h->evaluation_cost * least)) {
			truth_violated(w, CHECK_LEDGER, "the books of site %u are below what it has released",
			               h->number);
			return;
		}
	}
}

static void within_the_limit(struct world *w, const struct host *h)
{
	const struct study *s = w->setting->study;
	uint32_t affords = w->plan->affords[h->index],
		 made = h->releases[DEBIT_STATISTICS] + h->releases[DEBIT_TRAINING];

	for (int k = 0; k < BUDGET_WHATS; k++)
		if (h->releases[k] > paid_for(s, (enum privacy_debit)k))
			truth_violated(w, CHECK_BUDGET, "site %u has made %u releases of %s, and %u were paid for",
			               h->number, h->releases[k], budget_what_name((enum privacy_debit)k),
			               paid_for(s, (enum privacy_debit)k));
	if (s->privacy.unit == UNIT_SITE)
		made += h->releases[DEBIT_EVALUATION];
	if (affords > 0 && made > affords)
		truth_violated(w, CHECK_BUDGET, "site %u has made %u releases, and its budget is for %u", h->number,
		               made, affords);
	if (!(budget_epsilon(&h->budget, h->policy.budget_delta) <= h->policy.budget_epsilon))
		truth_violated(w, CHECK_BUDGET, "site %u has passed the limit of its budget", h->number);
}

/* ---- what is made final */

static void is_new(struct world *w, const struct host *h, const struct release_record *r)
{
	for (uint64_t round = 1; round < WORLD_ROUNDS_MAX; round++)
		if (round != r->round && h->has_truth[round] && hash_equal(&h->truth[round], &r->content))
			truth_violated(w, CHECK_NOISE,
			               "site %u made the vector of round %llu final for round %llu, too", h->number,
			               (unsigned long long)round, (unsigned long long)r->round);
}

void truth_of_spent(struct world *w, struct host *h, const struct release_record *r)
{
	const struct study *s = w->setting->study;
	double cost;

	if (!world_private(w))
		return;
	if (h->set_back)
		truth_violated(w, CHECK_STANDING, "site %u makes round %llu final by an older copy of its books",
		               h->number, (unsigned long long)r->round);
	if (spends(s, r->asks))
		is_new(w, h, r);
	cost = truth_cost(s, r->asks);
	if (kind_of(r->asks) == DEBIT_EVALUATION && s->privacy.unit != UNIT_SITE)
		h->evaluation_cost += cost;
	else
		h->cost += cost;
	h->releases[kind_of(r->asks)] += spends(s, r->asks);
	books_are_true(w, h);
	within_the_limit(w, h);
}

/* ---- noise */

/* Segments that need noise, and the steps before them. */
static uint64_t noised_parts(const struct world *w, const struct round_plan *plan)
{
	const struct study *s = w->setting->study;
	struct layout l;
	uint64_t parts = 0;

	if (round_plan_layout_clipped(&l, s, plan->asks, plan->site_count, plan->clip, NULL) != OK)
		return 0;
	for (uint32_t i = 0; i < l.count; i++)
		parts += l.segments[i].coding == CODING_NOISED;
	if (plan->asks & ASK_TRAIN && s->privacy.mechanism == PRIVACY_LOCAL)
		parts += s->local.steps;
	return parts;
}

/* A vector is made of draws of its own; made anew, it is another one. */
void truth_of_computed(struct world *w, struct host *h, const struct round_plan *plan, const struct hash *content,
                       uint64_t drawn)
{
	uint64_t parts;

	if (!world_private(w) || !spends(w->setting->study, plan->asks))
		return;
	parts = noised_parts(w, plan);
	if (parts == 0 || drawn < parts * KEY_OCTETS)
		truth_violated(w, CHECK_NOISE, "site %u drew %llu octets for %llu times noise in round %llu", h->number,
		               (unsigned long long)drawn, (unsigned long long)parts, (unsigned long long)plan->round);
	if (h->computed_round == plan->round && hash_equal(&h->computed, content))
		truth_violated(w, CHECK_NOISE, "site %u made the same vector of round %llu twice: with the same noise",
		               h->number, (unsigned long long)plan->round);
	h->computed_round = plan->round;
	h->computed = *content;
}

/* ---- what leaves */

void truth_of_leaving(struct world *w, const struct host *h, const struct letter *l)
{
	if (!world_private(w))
		return;
	if (h->set_back)
		truth_violated(w, CHECK_STANDING, "site %u answers round %llu by an older copy of its books", h->number,
		               (unsigned long long)l->round);
	if (l->kind == LETTER_UPLOAD && (l->round >= WORLD_ROUNDS_MAX || !h->has_truth[l->round]))
		truth_violated(w, CHECK_LEDGER, "site %u sends to round %llu what its books do not have", h->number,
		               (unsigned long long)l->round);
}

void truth_of_refusal(struct world *w, const struct host *h, enum refusal refusal)
{
	if (refusal == REFUSAL_LEDGER && !h->set_back)
		truth_violated(w, CHECK_STANDING, "site %u refuses for its books, which are its newest: %s", h->number,
		               session_why(h->session));
	if (refusal == REFUSAL_BUDGET && w->plan->affords[h->index] == 0)
		truth_violated(w, CHECK_BUDGET, "site %u refuses for its budget, which is ample: %s", h->number,
		               session_why(h->session));
}

/* ---- what is lost */

static bool is_done(const struct world *w, uint64_t round)
{
	for (uint32_t i = 0; i < w->out->end_count; i++)
		if (w->out->ends[i].round == round && w->out->ends[i].outcome == OUTCOME_DONE)
			return true;
	return false;
}

static bool was_answered(const struct world *w, uint64_t round)
{
	for (uint32_t i = 0; i < w->setting->site_count; i++)
		if (w->hosts[i].has_truth[round])
			return true;
	return false;
}

/* Rounds of that kind before `round` that gave no sum; `answered`: only those to which somebody has made a vector final. */
static uint32_t count_lost(const struct world *w, enum privacy_debit kind, uint64_t round, bool answered)
{
	uint32_t lost = 0;

	for (uint64_t r = 1; r < round && r < WORLD_ROUNDS_MAX; r++)
		lost += w->asks[r] != 0 && kind_of(w->asks[r]) == kind && !is_done(w, r) &&
		        (!answered || was_answered(w, r));
	return lost;
}

void truth_of_losses(struct world *w, const struct round_plan *plan)
{
	const struct study *s = w->setting->study;

	if (!world_private(w))
		return;
	w->asks[plan->round] = plan->asks;
	for (int k = 0; k < BUDGET_WHATS; k++) {
		enum privacy_debit kind = (enum privacy_debit)k;
		uint32_t spare = kind == DEBIT_TRAINING ? s->privacy.spare_rounds : 0;

		if (kind == DEBIT_EVALUATION && s->evaluation != EVALUATION_NOISED)
			continue;
		if (count_lost(w, kind, plan->round, true) > spare)
			truth_violated(w, CHECK_SPARES,
			               "round %llu is asked for, and more rounds of %s are lost than were paid for",
			               (unsigned long long)plan->round, budget_what_name(kind));
	}
}

/* The study has failed: is too much lost, and is it said? */
bool truth_is_spent(const struct world *w)
{
	uint32_t spare = w->setting->study->privacy.spare_rounds;

	return world_private(w) && campaign_failure(w->office.campaign)[0] != '\0' &&
	       (count_lost(w, DEBIT_STATISTICS, WORLD_ROUNDS_MAX, false) > 0 ||
	        count_lost(w, DEBIT_TRAINING, WORLD_ROUNDS_MAX, false) > spare);
}
