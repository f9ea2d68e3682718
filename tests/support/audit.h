/*
 * Attacks on a claimed epsilon: lower bounds, from what an attacker sees, on the epsilon that a mechanism really has. With probability
 * `confidence` or more a bound is below every epsilon for which the mechanism is (epsilon, delta)-differentially private; so a bound
 * above the claim means that the claim is wrong, but for one time in 1 / (1 - confidence).
 *
 * Two ways to get there:
 *
 *   many runs, one canary    The mechanism runs often on two neighbouring inputs, with the canary and without, and gives a score each
 *                            time. (epsilon, delta)-privacy says Pr[score > t | with] <= e^epsilon Pr[score > t | without] + delta for
 *                            every t, and the same the other way round and for score <= t. The probabilities are bounded by Clopper
 *                            and Pearson's intervals (Jagielski, Ullman, Oprea, NeurIPS 2020; Nasr et al., USENIX Security 2023).
 *   one run, many canaries   Each of m canaries is in the input with probability 1/2, independently. The attacker sees the output once
 *                            and guesses of r of them whether they are in. No (epsilon, delta)-private mechanism lets more guesses be
 *                            right than about a share e^epsilon / (1 + e^epsilon) (Steinke, Nasr, Jagielski, "Privacy Auditing
 *                            with One (1) Training Run", NeurIPS 2023).
 *
 * Adjacency is adding or removing the canary in both.
 */
#ifndef COHORT_TESTS_SUPPORT_AUDIT_H
#define COHORT_TESTS_SUPPORT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Pr[Binomial(trials, p) >= at_least], p given with 1 - p, so that neither end loses digits. */
double audit_binomial_tail(uint64_t at_least, uint64_t trials, double p, double not_p);

/* Clopper and Pearson's bounds of a probability that came true `successes` times in `trials`: each is wrong with probability `error`
 * at most. */
double audit_share_least(uint64_t successes, uint64_t trials, double error);
double audit_share_most(uint64_t successes, uint64_t trials, double error);

/* ---- many runs, one canary */

/* A test that says "with" so often: of `runs` runs with the canary and of as many without. */
struct audit_counts {
	uint64_t runs, with, without;
};

/* At least 0; log((least Pr[yes | with] - delta) / most Pr[yes | without]), or the same for no, without and with; `confidence` covers
 * all four bounds. Infinity never comes out. */
double audit_counts_epsilon(const struct audit_counts *c, double delta, double confidence);

/* The same from scores, higher with the canary: the threshold is the best on the first half of the runs, the counts are those of the
 * second half. `count` runs of each, in the order of the runs; at least 4. */
double audit_scores_epsilon(const double *with, const double *without, size_t count, double delta, double confidence);

/* ---- one run, many canaries */

struct audit_guesses {
	uint64_t canaries, guesses, correct; /* m, r, v */
};

/* The guesses of an attacker who takes the `yes` highest scores for canaries that are in, the `no` lowest for ones that are not, and
 * says nothing of the others. yes + no <= count. Scores must not be NaN. */
struct audit_guesses audit_guess(const double *scores, const bool *included, size_t count, size_t yes, size_t no);

/* An upper bound on the probability that any (epsilon, delta)-private mechanism lets so many guesses be right (Theorem 5.2; the program
 * of Appendix D). */
double audit_guesses_p(const struct audit_guesses *g, double epsilon, double delta);

/* The largest epsilon >= 0 that this rules out; 0 when it rules out none, at most AUDIT_EPSILON_MAX. */
#define AUDIT_EPSILON_MAX 100.0
double audit_guesses_epsilon(const struct audit_guesses *g, double delta, double confidence);

#endif
