#include "tests/support/audit.h"

#include "base/err.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HALVINGS 60 /* of an interval of [0, 1] or of epsilon: to the last bits of a double */
#define CANDIDATES 60 /* thresholds that are tried on the first half */

/* ---- the binomial distribution */

static double log_choose(uint64_t n, uint64_t k)
{
	return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

static double log_mass(uint64_t k, uint64_t n, double p, double not_p)
{
	return log_choose(n, k) + (double)k * log(p) + (double)(n - k) * log(not_p);
}

/* Sums away from the middle, where terms only shrink: what is small keeps its digits. */
double audit_binomial_tail(uint64_t at_least, uint64_t trials, double p, double not_p)
{
	double sum = 0, term;

	if (at_least == 0)
		return 1;
	if (at_least > trials || p <= 0)
		return 0;
	if (not_p <= 0)
		return 1;
	if ((double)at_least > p * (double)trials) {
		term = exp(log_mass(at_least, trials, p, not_p));
		for (uint64_t k = at_least; k <= trials && term > sum * 0x1p-60; k++) {
			sum += term;
			term *= (double)(trials - k) / (double)(k + 1) * (p / not_p);
		}
		return fmin(sum, 1);
	}
	term = exp(log_mass(at_least - 1, trials, p, not_p));
	for (uint64_t k = at_least; k > 0 && term > sum * 0x1p-60; k--) {
		sum += term; /* of k - 1 */
		term *= (double)(k - 1) / (double)(trials - k + 2) * (not_p / p);
	}
	return fmax(1 - sum, 0);
}

/* The p at which as many successes or more have the probability `error`: below it they would be less likely. */
double audit_share_least(uint64_t successes, uint64_t trials, double error)
{
	double low = 0, high = 1;

	CHECK(successes <= trials && trials > 0 && error > 0 && error < 1);
	if (successes == 0)
		return 0;
	for (int i = 0; i < HALVINGS; i++) {
		double p = (low + high) / 2;
		if (audit_binomial_tail(successes, trials, p, 1 - p) <= error)
			low = p;
		else
			high = p;
	}
	return low;
}

double audit_share_most(uint64_t successes, uint64_t trials, double error)
{
	return 1 - audit_share_least(trials - successes, trials, error);
}

/* ---- many runs, one canary */

/* Of an event that comes true `likely` times where it should be likely, `rarely` times where it should not. */
static double event_epsilon(uint64_t likely, uint64_t rarely, uint64_t runs, double delta, double error)
{
	double least = audit_share_least(likely, runs, error) - delta, most = audit_share_most(rarely, runs, error);

	return least > 0 ? fmax(0, log(least / most)) : 0;
}

double audit_counts_epsilon(const struct audit_counts *c, double delta, double confidence)
{
	double error = (1 - confidence) / 4;
	double yes = event_epsilon(c->with, c->without, c->runs, delta, error);
	double no = event_epsilon(c->runs - c->without, c->runs - c->with, c->runs, delta, error);

	return fmax(yes, no);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static uint64_t count_above(const double *scores, size_t count, double threshold)
{
	uint64_t above = 0;

	for (size_t i = 0; i < count; i++)
		above += scores[i] > threshold;
	return above;
}

static struct audit_counts counts_at(const double *with, const double *without, size_t count, double threshold)
{
	return (struct audit_counts){
		.runs = count,
		.with = count_above(with, count, threshold),
		.without = count_above(without, count, threshold),
	};
}

/* Candidates are scores without the canary, denser towards both ends: half, 0.8 of it, 0.8^2 ... are above or below them. */
static double best_threshold(const double *with, const double *without, size_t count, double delta, double confidence)
{
	double *sorted = mem_array(count, sizeof *sorted), best = -1, threshold = 0, share = 0.5;

	memcpy(sorted, without, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, by_size);
	for (int i = 0; i < CANDIDATES; i++, share *= i % 2 ? 1 : 0.8) {
		size_t rank = (size_t)(share * (double)count);
		double candidate = sorted[i % 2 ? rank : count - 1 - rank];
		struct audit_counts c = counts_at(with, without, count, candidate);
		double epsilon = audit_counts_epsilon(&c, delta, confidence);
		if (epsilon > best) {
			best = epsilon;
			threshold = candidate;
		}
	}
	free(sorted);
	return threshold;
}

double audit_scores_epsilon(const double *with, const double *without, size_t count, double delta, double confidence)
{
	size_t half = count / 2;

	CHECK(count >= 4);
	double threshold = best_threshold(with, without, half, delta, confidence);
	struct audit_counts c = counts_at(with + half, without + half, count - half, threshold);
	return audit_counts_epsilon(&c, delta, confidence);
}

/* ---- one run, many canaries */

struct ranked {
	double score;
	bool included;
};

static int by_score(const void *a, const void *b)
{
	return by_size(&((const struct ranked *)a)->score, &((const struct ranked *)b)->score);
}

struct audit_guesses audit_guess(const double *scores, const bool *included, size_t count, size_t yes, size_t no)
{
	struct audit_guesses g = {.canaries = count, .guesses = yes + no};
	struct ranked *ranked = mem_array(count, sizeof *ranked);

	CHECK(yes <= count && no <= count - yes);
	for (size_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){scores[i], included[i]};
	qsort(ranked, count, sizeof *ranked, by_score);
	for (size_t i = 0; i < no; i++)
		g.correct += !ranked[i].included;
	for (size_t i = count - yes; i < count; i++)
		g.correct += ranked[i].included;
	free(ranked);
	return g;
}

/* max over i of Pr[v > Binomial(r, q) >= v - i] / i. In logarithms, since the first terms may be smaller than any double where later ones
 * are not. */
static double steepest(uint64_t v, uint64_t r, double q, double not_q)
{
	double sum = 0, most = 0, odds = log(not_q / q), term = v > 0 ? log_mass(v - 1, r, q, not_q) : 0;

	for (uint64_t i = 1; i <= v; i++) {
		sum += exp(term);
		most = fmax(most, sum / (double)i);
		if (i < v)
			term += log((double)(v - i) / (double)(r - v + i + 1)) + odds;
	}
	return most;
}

double audit_guesses_p(const struct audit_guesses *g, double epsilon, double delta)
{
	CHECK(g->correct <= g->guesses && g->guesses <= g->canaries);
	double q = 1 / (1 + exp(-epsilon)), not_q = 1 / (1 + exp(epsilon));
	double beta = audit_binomial_tail(g->correct, g->guesses, q, not_q);
	double alpha = delta > 0 ? steepest(g->correct, g->guesses, q, not_q) : 0;

	return fmin(1, beta + 2 * (double)g->canaries * delta * alpha);
}

double audit_guesses_epsilon(const struct audit_guesses *g, double delta, double confidence)
{
	double low = 0, high = AUDIT_EPSILON_MAX;

	if (audit_guesses_p(g, 0, delta) > 1 - confidence)
		return 0;
	for (int i = 0; i < HALVINGS; i++) {
		double epsilon = (low + high) / 2;
		if (audit_guesses_p(g, epsilon, delta) <= 1 - confidence)
			low = epsilon;
		else
			high = epsilon;
	}
	return low;
}
