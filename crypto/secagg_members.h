/*
 * U1, the sites whose keys an attempt goes on with: who they are, the identifier sid that their keys make, and who is whose
 * peer. Both sides build it from the same octets, and everything later is counted by rank in it. Part of the two cores.
 */
#ifndef COHORT_CRYPTO_SECAGG_MEMBERS_H
#define COHORT_CRYPTO_SECAGG_MEMBERS_H

#include "crypto/graph.h"
#include "crypto/secagg.h"

struct secagg_members {
	struct hash sid;
	uint32_t count; /* |U1| */
	uint32_t *numbers; /* of the sites, ascending: x of rank i is i + 1 */
	uint32_t *invited; /* index of each in the plan */
	struct signed_adv *advs; /* NULL after secagg_members_restore */
	uint32_t degree; /* 0: the complete graph */
	struct graph graph;
	bool borrowed; /* the arrays are another's: secagg_members_free leaves them */
};

/* Reads U1. ERR_PROTOCOL names the site that is not invited, out of order or there twice, or whose adv and signature are not as
 * secagg_members_judge wants them, and says when two sites share a key. Cost: a signature's check for each site. */
enum err secagg_members_take(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *ctx,
                             struct bytes octets, struct diag *why) MUST_USE;

/* The same set without its keys, from a record of this side. ERR_DATA. */
enum err secagg_members_restore(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *sid,
                                const uint32_t *numbers, uint32_t count, struct diag *why) MUST_USE;

/* The same set from advs that secagg_members_judge has passed one by one; `advs` is copied. */
void secagg_members_make(struct secagg_members *m, const struct secagg_plan *plan, const struct hash *ctx,
                         const struct signed_adv *advs, uint32_t count);
void secagg_members_free(struct secagg_members *m); /* accepts a zeroed one */

/* The adv of an invited site: signed by the identity that the plan gives its number, two different keys, each valid. ERR_PROTOCOL names it. */
enum err secagg_members_judge(const struct secagg_plan *plan, const struct hash *ctx, const struct signed_adv *a,
                              struct diag *why) MUST_USE;

/* Whether the two have a key in common. */
bool secagg_members_share_key(const struct signed_adv *a, const struct signed_adv *b);

uint32_t secagg_members_rank(const struct secagg_members *m, uint32_t number); /* UINT32_MAX: not in U1 */
bool secagg_members_peers(const struct secagg_members *m, uint32_t a, uint32_t b); /* ranks; nobody is its own peer */
bool secagg_members_holds(const struct secagg_members *m, uint32_t holder, uint32_t dealer); /* has shares of it */
/* The peers of `rank` in `set` (NULL: in U1), ascending; `ranks` has room for graph_degree(&m->graph). */
uint32_t secagg_members_peers_in(uint32_t *ranks, const struct secagg_members *m, uint32_t rank, const uint8_t *set);

/* A set as it came from the other side: ERR_PROTOCOL when it is no bitmap over U1. */
enum err secagg_members_set(const struct secagg_members *m, struct bytes octets, struct diag *why) MUST_USE;

#endif
