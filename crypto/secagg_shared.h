/*
 * What the sites of one process may share: that these very octets were judged, and found good. A simulation of thousands of sites
 * would otherwise verify each signature once per site, n^2 times; whoever has verified the same key, message and signature
 * has found the same. A hospital shares with nobody: it passes NULL, and then these functions judge for themselves.
 *
 * Nothing secret is kept here, and nothing that differs between sites: U1 is judged against the context of the attempt, in which
 * plan, roster and model are; signatures against the message that they are over, in which sid, U2 and U3 are.
 */
#ifndef COHORT_CRYPTO_SECAGG_SHARED_H
#define COHORT_CRYPTO_SECAGG_SHARED_H

#include "crypto/secagg_members.h"

struct secagg_shared;

struct secagg_shared *secagg_shared_new(void); /* for one attempt at a time; any thread may use it */
void secagg_shared_free(struct secagg_shared *s); /* after all members that were taken from it; accepts NULL */

/* As secagg_members_take. Octets that were taken before in the same context are not judged again: `m` then borrows the members of
 * that time. Others take their place when they are good, as a new attempt's do, so no site may still hold the old ones. */
enum err secagg_shared_take(struct secagg_shared *s, struct secagg_members *m, const struct secagg_plan *plan,
                            const struct hash *ctx, struct bytes octets, struct diag *why) MUST_USE;

/* Whether this very list of signatures was found to be over this message. */
bool secagg_shared_verified(struct secagg_shared *s, struct bytes message, struct bytes list);
void secagg_shared_note(struct secagg_shared *s, struct bytes message, struct bytes list); /* it was */

#endif
