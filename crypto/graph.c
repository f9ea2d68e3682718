/*
 * The ring, and the search for its degree. Probabilities are far below what a double can hold as a quotient of
 * factorials, so they are added up from logarithms of factorials; those are sums of exact_log, which is the same on
 * every machine.
 */
#include "crypto/graph.h"

#include "base/exact.h"
#include "base/limits.h"
#include "base/random.h"

#include <stdlib.h>

#define LOG_2 0.693147180559945309417232121458
#define SURVIVORS_BITS                                                                                                 \
	20 /* a neighbourhood that loses too many ends a round once in 2^20 attempts; it betrays nobody */

struct law {
	uint32_t n, k; /* k drawn of n */
	const double *log_factorial; /* [n + 1] */
};

static double *log_factorials(uint32_t n)
{
	double *table = mem_array((size_t)n + 1, sizeof *table);
	for (uint32_t i = 2; i <= n; i++)
		table[i] = table[i - 1] + exact_log(i);
	return table;
}

static double log_binomial(const struct law *law, uint32_t n, uint32_t k)
{
	return law->log_factorial[n] - law->log_factorial[k] - law->log_factorial[n - k];
}

/* Pr[Hyp(n, marked, k) = x] */
static double probability(const struct law *law, uint32_t marked, uint32_t x)
{
	if (x > marked || x > law->k || law->k - x > law->n - marked)
		return 0;
	double log_p = log_binomial(law, marked, x) + log_binomial(law, law->n - marked, law->k - x) -
	               log_binomial(law, law->n, law->k);
	return log_p < 0 ? exact_exp(log_p) : 1;
}

/* Inequality 1: no honest survivor is cut off, or only with this probability. */
static bool connected(const struct law *law, uint32_t others, uint32_t security_bits)
{
	const double *f = law->log_factorial;
	double pairs = (double)law->n * (law->n - law->k - 1) / 2;
	if (others < law->k || pairs == 0)
		return true;
	double log_p = exact_log(pairs) + f[others] - f[others - law->k] + f[law->n - law->k] - f[law->n];
	return log_p <= -LOG_2 * (security_bits + 1);
}

/* Inequality 2: the least x with Pr[Hyp(n, colluders, k) > x] <= limit. */
static uint32_t most_colluders(const struct law *law, uint32_t colluders, double limit)
{
	uint32_t x = law->k;
	double tail = 0;
	for (; x > 0; x--) {
		tail += probability(law, colluders, x);
		if (tail > limit)
			break;
	}
	return x;
}

/* Inequality 3: the greatest x with Pr[Hyp(n, survivors, k) < x] <= limit. */
static uint32_t fewest_survivors(const struct law *law, uint32_t survivors, double limit)
{
	uint32_t x = 0;
	double tail = 0;
	for (; x < law->k; x++) {
		tail += probability(law, survivors, x);
		if (tail > limit)
			break;
	}
	return x;
}

/* 4; for whole numbers ceil((t1 + k - 1.25) / 2) is floor((t1 + k) / 2) */
static uint32_t threshold(uint32_t t1, uint32_t k, enum graph_adversary adversary)
{
	return adversary == GRAPH_ACTIVE ? (t1 + k) / 2 + 1 : t1 + 1;
}

static bool satisfies(uint32_t *t, const struct law *law, uint32_t colluders, uint32_t dropouts, uint32_t security_bits,
                      enum graph_adversary adversary)
{
	if (!connected(law, colluders + dropouts, security_bits))
		return false;
	uint32_t t1 = most_colluders(law, colluders, exact_exp(-LOG_2 * (security_bits + 1)) / law->n);
	uint32_t t2 = fewest_survivors(law, law->n - dropouts, exact_exp(-LOG_2 * SURVIVORS_BITS) / law->n);
	*t = threshold(t1, law->k, adversary);
	return *t <= t2;
}

enum err graph_rule_find(struct graph_rule *out, uint32_t n, uint32_t colluders, uint32_t dropouts,
                         uint32_t security_bits, enum graph_adversary adversary, struct diag *why)
{
	bool found = false;

	CHECK(n >= 1 && n <= SIMULATED_SITES_MAX);
	if (colluders < n && dropouts < n - colluders) {
		double *table = log_factorials(n);
		for (uint32_t k = 2; k < n && k <= SITES_MAX && !found; k += 2) {
			const struct law law = {.n = n, .k = k, .log_factorial = table};
			found = satisfies(&out->t, &law, colluders, dropouts, security_bits, adversary);
			out->k = k;
		}
		free(table);
	}
	if (found)
		return OK;
	return diag_set(why, ERR_REFUSED,
	                "%u sites with max_colluders %u and max_dropouts %u: no number of neighbours is enough; lower "
	                "sites.max_dropouts or sites.max_colluders",
	                n, colluders, dropouts);
}

/* ---- the ring */

static bool complete(const struct graph *g)
{
	return g->k >= g->n - 1;
}

void graph_init(struct graph *g, uint32_t n, uint32_t k, const struct hash *sid)
{
	const struct bytes field = bytes_of(sid->b, sizeof sid->b);
	struct hash key;
	struct rng r;

	*g = (struct graph){.n = n, .k = k};
	CHECK(n >= 1 && (complete(g) || (k >= 2 && k % 2 == 0)));
	if (complete(g))
		return;
	g->order = mem_array(n, sizeof *g->order);
	g->place = mem_array(n, sizeof *g->place);
	for (uint32_t i = 0; i < n; i++)
		g->order[i] = i;
	hash_fields(&key, NULL, "COHRTgrf", &field, 1);
	rng_numbered(&r, key.b, 0);
	rng_shuffle(&r, g->order, n);
	for (uint32_t i = 0; i < n; i++)
		g->place[g->order[i]] = i;
}

void graph_free(struct graph *g)
{
	free(g->order);
	free(g->place);
	*g = (struct graph){0};
}

uint32_t graph_degree(const struct graph *g)
{
	return complete(g) ? g->n - 1 : g->k;
}

static int ascending(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

void graph_neighbours(const struct graph *g, uint32_t rank, uint32_t *ranks)
{
	uint32_t count = 0;

	CHECK(rank < g->n);
	if (complete(g)) {
		for (uint32_t i = 0; i < g->n; i++)
			if (i != rank)
				ranks[count++] = i;
		return;
	}
	uint32_t at = g->place[rank];
	for (uint32_t distance = 1; distance <= g->k / 2; distance++) {
		ranks[count++] = g->order[(at + distance) % g->n];
		ranks[count++] = g->order[(at + g->n - distance) % g->n];
	}
	qsort(ranks, count, sizeof *ranks, ascending);
}

bool graph_adjacent(const struct graph *g, uint32_t a, uint32_t b)
{
	CHECK(a < g->n && b < g->n);
	if (a == b || complete(g))
		return a != b;
	uint32_t distance = (g->place[a] + g->n - g->place[b]) % g->n;
	return distance <= g->k / 2 || g->n - distance <= g->k / 2;
}
