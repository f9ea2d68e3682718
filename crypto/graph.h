/*
 * Who shares keys and masks with whom. Up to 256 sites: everyone with everyone. Above: each with k neighbours, so that
 * work grows with n log n and not n^2.
 *
 * Neighbours: U1's ranks 0 .. n-1 (i-th smallest site) are put in a ring by a permutation that everybody computes from
 * sid: Fisher-Yates with rejection (rng_shuffle) of 0 .. n-1 on the ChaCha20 stream, nonce 0, of the key H("COHRTgrf",
 * sid). The rank at place p has as neighbours those at the places p - k/2 .. p + k/2 around the ring. k >= n - 1:
 * everyone, without permutation.
 *
 * k and the threshold t of shares follow from n, the colluders A, the dropouts D and the security parameter s by these
 * inequalities (Hyp(n, m, k): how many of m marked among n are in k drawn; B = A + D, S = n - D):
 *   1. all honest survivors are connected:   n (n-k-1) / 2 * B!/(B-k)! * (n-k)!/n! <= 2^-(s+1)
 *   2. t1 = least x with     Pr[Hyp(n, A, k) > x] <= 2^-(s+1) / n     no neighbourhood has more colluders
 *   3. t2 = greatest x with  Pr[Hyp(n, S, k) < x] <= 2^-20 / n        every neighbourhood keeps as many survivors
 *   4. t = t1 + 1                              against a coordinator that follows the protocol
 *      t = ceil((t1 + k - 1.25) / 2) + 1       against one that lies
 * The rule is the smallest even k with 1 and t <= t2.
 *
 * Source: Bell, Bonawitz, Gascon, Lepoint, Raykova, Secure Single-Server Aggregation with (Poly)Logarithmic Overhead,
 * CCS 2020, sections 3.2 and 4.
 */
#ifndef COHORT_CRYPTO_GRAPH_H
#define COHORT_CRYPTO_GRAPH_H

#include "base/hash.h"

#include <stdint.h>

#define GRAPH_COMPLETE_MAX 256 /* invited sites; above, the graph is k-regular */

enum graph_adversary { GRAPH_SEMI_HONEST, GRAPH_ACTIVE };

struct graph_rule {
	uint32_t k; /* neighbours, even */
	uint32_t t; /* shares that open a secret, of k (a site keeps none of its own) */
};

/* From the public numbers alone, with exact_log, so that every site finds the same. 1 <= n <= SIMULATED_SITES_MAX,
 * security_bits 40 or 80. ERR_REFUSED when no k below n and up to SITES_MAX satisfies them. */
enum err graph_rule_find(struct graph_rule *out, uint32_t n, uint32_t colluders, uint32_t dropouts,
                         uint32_t security_bits, enum graph_adversary adversary, struct diag *why) MUST_USE;

struct graph {
	uint32_t n, k;
	uint32_t *order; /* [n] rank at each place of the ring; NULL when complete */
	uint32_t *place; /* [n] place of each rank */
};

/* n = |U1| >= 1; k even, or at least n - 1 for the complete graph. graph_free accepts a zeroed one. */
void graph_init(struct graph *g, uint32_t n, uint32_t k, const struct hash *sid);
void graph_free(struct graph *g);

uint32_t graph_degree(const struct graph *g); /* min(k, n - 1) */
void graph_neighbours(const struct graph *g, uint32_t rank, uint32_t *ranks); /* graph_degree of them, ascending */
bool graph_adjacent(const struct graph *g, uint32_t a, uint32_t b); /* false for a = b */

#endif
