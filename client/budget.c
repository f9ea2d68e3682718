#include "client/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a release costs */

static const char *const whats[BUDGET_WHATS] = {
	[DEBIT_STATISTICS] = "statistics",
	[DEBIT_TRAINING] = "training",
	[DEBIT_EVALUATION] = "evaluation",
};

const char *budget_what_name(enum privacy_debit what)
{
	CHECK((unsigned)what < BUDGET_WHATS);
	return whats[what];
}

bool budget_what_from(enum privacy_debit *out, const char *name)
{
	for (unsigned i = 0; i < BUDGET_WHATS; i++)
		if (strcmp(whats[i], name) == 0) {
			*out = (enum privacy_debit)i;
			return true;
		}
	return false;
}

static uint32_t paid_for(const struct study *s, enum privacy_debit what)
{
	return what == DEBIT_TRAINING ? s->rounds + s->privacy.spare_rounds : 1;
}

static void fill(struct budget_debit *out, const struct study *s, enum privacy_debit what)
{
	out->what = what;
	out->part_count = privacy_plan_debit(out->parts, &s->privacy, what);
	out->paid = paid_for(s, what);
	if (what == DEBIT_TRAINING && s->privacy.mechanism == PRIVACY_LOCAL) /* a round has several noised steps */
		out->parts[0].count *= s->local.steps;
}

/* A noised evaluation has a round of its own, the last. Beside training there are exact figures, which spend nothing. */
void budget_debit_of(struct budget_debit *out, const struct study *s, unsigned asks)
{
	*out = (struct budget_debit){.mechanism = s->privacy.mechanism, .unit = s->privacy.unit};
	if (s->privacy.mechanism == PRIVACY_NONE)
		return;
	if (asks & ASK_STATISTICS)
		fill(out, s, DEBIT_STATISTICS);
	else if (asks & ASK_TRAIN)
		fill(out, s, DEBIT_TRAINING);
	else if (s->evaluation == EVALUATION_NOISED)
		fill(out, s, DEBIT_EVALUATION);
	CHECK(!(asks & ASK_TRAIN && asks & ASK_EVALUATE && s->evaluation == EVALUATION_NOISED));
}

/* ---- the state */

void budget_free(struct budget *b)
{
	free(b->studies);
	*b = (struct budget){0};
}

void budget_copy(struct budget *to, const struct budget *from)
{
	budget_free(to);
	if (from->count == 0)
		return;
	to->studies = mem_array(from->count, sizeof *to->studies);
	to->count = from->count;
	memcpy(to->studies, from->studies, from->count * sizeof *to->studies);
}

const struct budget_study *budget_find(const struct budget *b, const struct hash *study_hash)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (hash_equal(&b->studies[i].study_hash, study_hash))
			return &b->studies[i];
	return NULL;
}

struct budget_study *budget_study_of(struct budget *b, const struct hash *study_hash)
{
	struct budget_study *s;

	for (uint32_t i = 0; i < b->count; i++)
		if (hash_equal(&b->studies[i].study_hash, study_hash))
			return &b->studies[i];
	b->studies = mem_resize(b->studies, b->count + 1, sizeof *b->studies);
	s = &b->studies[b->count++];
	memset(s, 0, sizeof *s);
	s->study_hash = *study_hash;
	return s;
}

/* The patients of an evaluation are others than those of training; the hospital as a unit is one and the same. */
struct rdp *budget_sums(struct budget_study *s, const struct budget_debit *d)
{
	return d->what == DEBIT_EVALUATION && d->unit != UNIT_SITE ? &s->evaluation : &s->training;
}

void budget_study_spend(struct budget_study *s, const struct budget_debit *d)
{
	for (uint32_t i = 0; i < d->part_count; i++)
		rdp_add(budget_sums(s, d), &d->parts[i]);
	s->unit = d->unit;
	s->releases[d->what]++;
}

void budget_spend(struct budget *b, const struct hash *study_hash, const struct budget_debit *d)
{
	if (d->part_count > 0)
		budget_study_spend(budget_study_of(b, study_hash), d);
}

/* ---- sums */

/* What is no number is more than any: min and max drop a NaN. */
static double larger(double a, double b)
{
	return isnan(a) || isnan(b) ? (double)INFINITY : fmax(a, b);
}

void budget_study_sums(struct rdp *out, const struct budget_study *s)
{
	for (size_t i = 0; i < RDP_ORDERS; i++)
		out->sums[i] = larger(s->training.sums[i], s->evaluation.sums[i]);
}

/* `instead` takes the place of the study of its hash. */
static void total_with(struct rdp *out, const struct budget *b, const struct budget_study *instead)
{
	struct rdp sums;

	*out = (struct rdp){0};
	for (uint32_t k = 0; k <= b->count; k++) {
		const struct budget_study *s = k < b->count ? &b->studies[k] : instead;

		if (s == NULL || (k < b->count && instead != NULL && hash_equal(&s->study_hash, &instead->study_hash)))
			continue;
		budget_study_sums(&sums, s);
		rdp_join(out, &sums);
	}
}

void budget_total(struct rdp *out, const struct budget *b)
{
	total_with(out, b, NULL);
}

/* Of nothing it is 0; the conversion alone would ask for a little. */
double budget_epsilon_of(const struct rdp *sums, double delta)
{
	for (size_t i = 0; i < RDP_ORDERS; i++)
		if (sums->sums[i] != 0)
			return rdp_epsilon(sums, delta);
	return 0;
}

double budget_epsilon(const struct budget *b, double delta)
{
	struct rdp total;

	budget_total(&total, b);
	return budget_epsilon_of(&total, delta);
}

/* The study as it stands, to be changed. */
static struct budget_study study_as_is(const struct budget *b, const struct hash *study_hash)
{
	const struct budget_study *s = budget_find(b, study_hash);

	return s != NULL ? *s : (struct budget_study){.study_hash = *study_hash};
}

double budget_after(const struct budget *b, const struct hash *study_hash, const struct budget_debit *d, double delta)
{
	struct budget_study s = study_as_is(b, study_hash);
	struct rdp total;

	budget_study_spend(&s, d);
	total_with(&total, b, &s);
	return budget_epsilon_of(&total, delta);
}

/* ---- judging */

static enum refusal judge_paid(const struct budget_study *s, const char *study, uint64_t round,
                               const struct budget_debit *d, struct diag *why)
{
	if (s->releases[d->what] < d->paid)
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "study %s round %llu: more releases than were paid for: this hospital has made all %u of %s that the "
	         "contract's noise was calibrated for%s; a new revision with more of them can go on",
	         study, (unsigned long long)round, d->paid, budget_what_name(d->what),
	         d->what == DEBIT_TRAINING ? " (training.rounds and privacy.spare_rounds)" : "");
	return REFUSAL_BUDGET;
}

enum refusal budget_judge(const struct budget *b, const char *study, const struct hash *study_hash, uint64_t round,
                          const struct budget_debit *d, const struct budget_limit *limit, struct diag *why)
{
	struct budget_study s = study_as_is(b, study_hash);
	enum refusal no;
	double after;

	if (d->part_count == 0)
		return REFUSAL_NONE;
	no = judge_paid(&s, study, round, d, why);
	if (no != REFUSAL_NONE)
		return no;
	after = budget_after(b, study_hash, d, limit->delta);
	if (after <= limit->epsilon) /* false of NaN */
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "study %s round %llu: this hospital's privacy budget: all its studies have spent epsilon %.4f, this "
	         "release (%s) would make it %.4f, and the limit is %g at delta %g; raise budget.epsilon in "
	         "policy.yaml, "
	         "or end the study: cohort-client reject %s",
	         study, (unsigned long long)round, budget_epsilon(b, limit->delta), budget_what_name(d->what), after,
	         limit->epsilon, limit->delta, study);
	return REFUSAL_BUDGET;
}

double budget_forecast(const struct budget *b, const struct study *study, double delta)
{
	static const unsigned asks[BUDGET_WHATS] = {ASK_STATISTICS, ASK_TRAIN, ASK_EVALUATE};
	struct budget_study s = study_as_is(b, &study->hash);
	struct budget_debit d;
	struct rdp total;

	for (size_t i = 0; i < BUDGET_WHATS; i++) {
		budget_debit_of(&d, study, asks[i]);
		if (d.part_count == 0 || s.releases[d.what] >= d.paid)
			continue;
		for (uint32_t k = 0; k < d.part_count; k++)
			d.parts[k].count *= d.paid - s.releases[d.what];
		budget_study_spend(&s, &d);
	}
	total_with(&total, b, &s);
	return budget_epsilon_of(&total, delta);
}

enum refusal budget_judge_study(const struct budget *b, const struct study *s, const struct budget_limit *limit,
                                struct diag *why)
{
	double forecast = s->privacy.mechanism == PRIVACY_NONE ? 0 : budget_forecast(b, s, limit->delta);

	if (s->privacy.mechanism == PRIVACY_NONE || forecast <= limit->epsilon) /* false of NaN */
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "this hospital's privacy budget: all its studies have spent epsilon %.4f; with all that this one has "
	         "paid "
	         "for it would be %.4f, and the limit is %g at delta %g; raise budget.epsilon in policy.yaml, or ask "
	         "for a "
	         "revision that spends less",
	         budget_epsilon(b, limit->delta), forecast, limit->epsilon, limit->delta);
	return REFUSAL_BUDGET;
}
