/*
 * Masks among simulated sites: the hospitals' side of masked attempts, for thousands of sites in one process. Each message is made by
 * the client's own core (crypto/secagg_client.h) from what the coordinator's core said; nothing is skipped but what
 * sites of one process may share (crypto/secagg_shared.h).
 *
 * A core per site would be too much memory, locked memory above all. So there is one only while its site answers: before its vector
 * is masked it is made anew for each phase, from draws that follow from site, round and attempt, and is told again what the site had
 * heard; after that it goes on from its record, as a hospital's does after a restart. What remains of a site between phases is that
 * record and the hash of its masked vector.
 *
 *   masked_sites_begin(plan)          plans of the groups, an empty memory of what was verified
 *   masked_sites_answer(KEYS)   ->    adv, signature
 *   masked_sites_answer(SHARES, u1)
 *   masked_sites_input(u1, u2, x)     y, and the message of phase INPUT
 *   masked_sites_answer(SURVIVORS, u3), masked_sites_answer(OPENING, signatures)
 *   masked_sites_end()                records closed: they guard the attempts to come
 *
 * masked_sites_answer and masked_sites_input may be called by several threads at once, for different sites.
 */
#ifndef COHORT_SIMULATOR_MASKED_SITES_H
#define COHORT_SIMULATOR_MASKED_SITES_H

#include "crypto/secagg_client.h"
#include "protocol/masked_plan.h"

struct masked_sites;

/* Sites 1 .. count on a roster of their own, with names names[count] (borrowed until this returns) and identities that follow from
 * study->draws. The study is borrowed. */
struct masked_sites *masked_sites_new(const struct study *study, const char *const *names, uint32_t count);
void masked_sites_free(struct masked_sites *m); /* wipes; accepts NULL */

const struct roster *masked_sites_roster(const struct masked_sites *m); /* what the campaign plans with; borrowed */

struct secagg_signer masked_sites_signer(const struct masked_sites *m,
                                         uint32_t number); /* with its identity; borrows `m` */

/* A new attempt. The one before has ended. ERR_REFUSED as masked_plan_make. */
enum err masked_sites_begin(struct masked_sites *m, const struct round_plan *plan, const struct layout *layout,
                            struct diag *why) MUST_USE;
void masked_sites_end(struct masked_sites *m);

uint32_t masked_sites_words(const struct masked_sites *m); /* d, check words included */

/* What site `number` sends in a phase other than INPUT, in place of what `out` (initialised) held. `heard`: what it was told in that
 * phase, empty for KEYS. Errors of the client's core: the site sends nothing any more in this attempt. */
enum err masked_sites_answer(struct masked_sites *m, uint32_t number, enum secagg_phase phase, struct bytes heard,
                             struct buf *out, struct diag *why) MUST_USE;

/* Masks x[masked_sites_words] (check words in place) into y[4 masked_sites_words] octets, packed; `out` as above, of phase INPUT. */
enum err masked_sites_input(struct masked_sites *m, uint32_t number, struct bytes u1, struct bytes u2,
                            const uint32_t *x, uint8_t *y, struct buf *out, struct diag *why) MUST_USE;

const struct hash *masked_sites_content(const struct masked_sites *m,
                                        uint32_t number); /* C(y) of its last masked_sites_input */

#endif
