/*
 * The budget: what this hospital's releases have cost its patients in privacy, over all studies, and whether one more would pass
 * the limit of its policy. A core: the ledger keeps it on disk (client/ledger.h), a simulation in memory.
 *
 *   release     -> debit      (q, z, count) of its noise, from the contract; nothing for what is not covered by epsilon
 *   debits      -> sums       of Renyi divergence at the orders of privacy/rdp.h, rounded up; they add, epsilons do not
 *   sums        -> study      of training patients and of the noised evaluation's patients apart: the split is per patient, so
 *                             nobody is both, and the study costs a patient at most the elementwise larger of the two
 *   studies     -> epsilon    of their sum, at the one delta of the hospital's policy
 *
 * The Renyi sums decide, not the tighter privacy loss distribution: that one is proven for releases that are fixed in advance,
 * and a hospital chooses its next study knowing the results of the last. (Mironov 2017, Proposition 1: Renyi divergences of
 * adaptively chosen mechanisms add.)
 *
 * The sum is over all studies, whatever their unit. For each unit it bounds what the studies of that unit cost together: a patient
 * by those with unit patient, a record by those with unit record, the hospital by those with unit site.
 */
#ifndef COHORT_CLIENT_BUDGET_H
#define COHORT_CLIENT_BUDGET_H

#include "privacy/rdp.h"
#include "protocol/refusal.h"
#include "protocol/round_plan.h"

/* What one release costs. */
struct budget_debit {
	enum privacy_mechanism mechanism;
	enum privacy_unit unit;
	enum privacy_debit what; /* when part_count > 0 */
	uint32_t part_count; /* 0: nothing is spent, mechanism none or exact figures */
	struct account_steps parts[PRIVACY_DEBIT_MAX];
	uint32_t paid; /* how many such releases the contract's noise was calibrated for */
};

/* Of the release that `asks` (of round_plan_asks) makes under the study. */
void budget_debit_of(struct budget_debit *out, const struct study *s, unsigned asks);

/* "statistics", "training", "evaluation"; false, and `out` untouched, for another name. */
const char *budget_what_name(enum privacy_debit what);
bool budget_what_from(enum privacy_debit *out, const char *name);

#define BUDGET_WHATS 3 /* of enum privacy_debit */

struct budget_study {
	struct hash study_hash;
	enum privacy_unit unit;
	struct rdp training, evaluation;
	uint64_t releases[BUDGET_WHATS]; /* that spent something */
};

/* A zeroed one is empty: nothing was ever spent. */
struct budget {
	struct budget_study *studies; /* owned */
	uint32_t count;
};

void budget_free(struct budget *b); /* accepts a zeroed one */
void budget_copy(struct budget *to, const struct budget *from); /* `to` is freed first */

/* The study's entry, made when it is missing. */
struct budget_study *budget_study_of(struct budget *b, const struct hash *study_hash);
const struct budget_study *budget_find(const struct budget *b, const struct hash *study_hash); /* NULL: nothing spent */

/* A release more; and the sums that it goes to. */
void budget_study_spend(struct budget_study *s, const struct budget_debit *d);
struct rdp *budget_sums(struct budget_study *s, const struct budget_debit *d);

/* A release was made final: once per (study, round), which is the caller's to know. */
void budget_spend(struct budget *b, const struct hash *study_hash, const struct budget_debit *d);

/* The study's sums: the elementwise larger; and those of all studies, rounded up. */
void budget_study_sums(struct rdp *out, const struct budget_study *s);
void budget_total(struct rdp *out, const struct budget *b);
double budget_epsilon_of(const struct rdp *sums, double delta);
double budget_epsilon(const struct budget *b, double delta); /* of the total */

/* The same after one release more. */
double budget_after(const struct budget *b, const struct hash *study_hash, const struct budget_debit *d, double delta);

/* The policy's `budget`. */
struct budget_limit {
	double epsilon, delta;
};

/* REFUSAL_BUDGET when the debit would bring all studies together above the limit, or is beyond the releases that were paid for.
 * `why` then has the study, the round, what was spent, what would be, the limit, and what can be done. Changes nothing. */
enum refusal budget_judge(const struct budget *b, const char *study, const struct hash *study_hash, uint64_t round,
                          const struct budget_debit *d, const struct budget_limit *limit, struct diag *why) MUST_USE;

/* Asked once, at approval: REFUSAL_BUDGET when the study would pass the limit before all that it has paid for was released. */
enum refusal budget_judge_study(const struct budget *b, const struct study *s, const struct budget_limit *limit,
                                struct diag *why) MUST_USE;

/* The epsilon of all studies once every release that the study has paid for was made, those of before included. */
double budget_forecast(const struct budget *b, const struct study *s, double delta);

#endif
