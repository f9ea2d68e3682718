/*
 * Secure aggregation: what both sides of one attempt agree on. A coordinator learns the sum of the survivors' vectors and
 * nothing else about any of them, although sites drop out and although it may lie. Bonawitz et al., Practical Secure
 * Aggregation (CCS 2017), the variant against a malicious server; above 256 sites the k-regular graph of Bell et al.,
 * Secure Single-Server Aggregation with (Poly)Logarithmic Overhead (CCS 2020).
 *
 *   phase       the coordinator says to each site               the site answers
 *   KEYS        the plan, the model (not messages of this room) adv 100 | sig 64
 *   SHARES      U1: for each, ascending: adv 100 | sig 64        cmt 32 | sig 64 | per peer, ascending: v u32 | ct 112
 *   INPUT       bitmap(U2) | per peer in U2, ascending:          C(y) 32 | sig 64; y itself is an upload
 *               v u32 | ct_{v->u} 112
 *   SURVIVORS   bitmap(U3)                                       sig 64
 *   OPENING     the first t signers, ascending: w u32 | sig 64   per v of U2 whose shares it holds, ascending:
 *                                                                v u32 | share 32: of beta_v when v is in U3, else of sigma_v
 *
 * adv = u u32 | c_pk 32 | s_pk 32 | r 32. A peer is a neighbour in the graph, in the complete graph everyone else. In the
 * complete graph a site holds shares of its own secrets too, under a graph only its neighbours do. Bitmaps run over U1.
 * Integers are little-endian; lists have no count before them: their length is the count. What is longer or shorter, out of
 * order, twice, or has a spare bit set is refused. No list has more than SECAGG_OCTETS_PER_SITE octets for an invited site.
 */
#ifndef COHORT_CRYPTO_SECAGG_H
#define COHORT_CRYPTO_SECAGG_H

#include "base/hash.h"
#include "crypto/keys.h"
#include "crypto/seal.h"

#define SECAGG_KEYS_SIZE (KEYS_ADV_SIZE + KEYS_SIGNATURE_SIZE)
#define SECAGG_CT_ITEM (4 + SEAL_SIZE)
#define SECAGG_SHARES_HEAD (HASH_SIZE + KEYS_SIGNATURE_SIZE)
#define SECAGG_INPUT_SIZE (HASH_SIZE + KEYS_SIGNATURE_SIZE)
#define SECAGG_SIGNER_ITEM (4 + KEYS_SIGNATURE_SIZE)
#define SECAGG_ANSWER_ITEM (4 + SHAMIR_SCALAR_SIZE)
#define SECAGG_OCTETS_PER_SITE 176 /* the longest list: 96 + 116 (n - 1) octets of shares */
#define SECAGG_BITS_MAX 32 /* words are of Z_{2^32} */

enum secagg_phase { SECAGG_KEYS, SECAGG_SHARES, SECAGG_INPUT, SECAGG_SURVIVORS, SECAGG_OPENING, SECAGG_PHASE_COUNT };

/* "keys", "shares", ...: for messages to people. */
const char *secagg_phase_name(enum secagg_phase phase);

/* Which vector of which model is asked for: what ctx is made of, beside the plan. */
struct secagg_attempt {
	struct bytes federation; /* its name */
	struct bytes study; /* hash of the contract */
	uint64_t round;
	uint32_t attempt;
	struct hash model; /* SHA-256 of the octets that this side has, not of those it was promised */
};

struct secagg_site {
	uint32_t number; /* in the roster, 1 or more */
	uint8_t identity[KEYS_IDENTITY_PUBLIC_SIZE]; /* ik, from the roster */
};

/* Computed by each side from the study and the roster, never taken from the other. Everything is borrowed. */
struct secagg_plan {
	struct bytes octets; /* canonical; what the numbers below mean to others. Enters ctx as H("COHRTpln", octets) */
	const struct secagg_site *sites; /* invited, ascending */
	uint32_t n; /* of them */
	uint32_t max_colluders; /* n_C */
	uint32_t quorum; /* m */
	uint32_t words; /* d */
	uint32_t bits; /* k of the packing, 1 .. 32 */
	uint32_t degree; /* neighbours of each site, even; 0: the complete graph */
	uint32_t
		share_threshold; /* t of the sharing under a graph; 0 in the complete graph, where it is secagg_threshold */
};

/* floor((n + n_C) / 2) + 1: so many members of U3 must have signed it before anything is opened; two sets of signers have an
 * honest site in common. In the complete graph the sharing's threshold too. */
uint32_t secagg_threshold(const struct secagg_plan *plan);
uint32_t secagg_share_threshold(const struct secagg_plan *plan);

/* ERR_REFUSED names the number that is wrong: sites not ascending, a quorum below the threshold or below n_C + 2 or above n, a
 * packing or a graph that cannot be, shares that fewer than n_C + 1 sites could open. */
enum err secagg_plan_check(const struct secagg_plan *plan, struct diag *why) MUST_USE;

/* Octets of y on the wire: d words of k bits, packed. */
uint64_t secagg_input_octets(const struct secagg_plan *plan);

/* The most octets that a message of this phase may have, from a site or to it: what a shell reads before it allocates. */
size_t secagg_message_max(uint32_t n, enum secagg_phase phase);

/* Index of site `number` among the plan's, or UINT32_MAX. */
uint32_t secagg_invited(const struct secagg_plan *plan, uint32_t number);

#endif
