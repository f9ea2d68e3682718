/*
 * The one door out. Every number derived from patients that leaves this hospital passes here, in this order and no
 * other:
 *
 *   (1) release_begin      policy, approved study, plan, the ledger's standing, under masks roster and known hospitals, and the
 *                          privacy budget are judged                                 nothing was read yet
 *   (2) release_noise_draw all noise is drawn (client/release_noise.h)              still nothing was read; mechanism none draws
 *                          none, and under `local` the steps draw their own, each before its rows
 *   (3) release_vector     v was computed: each unit's vector clipped (privacy/clip.h, base/share.h), added up, and by
 *                          release_noise_encode put on the grid, clamped, noise added; here its hash and length
 *   (4) release_persisted  ledger entry with the debit, hash of v, and v itself are on disk, in one transaction
 *   (5) release_masked     v with its check words was masked: here hash and length of y  (a clear round has no such step)
 *   (6) release_content    what may be sent, as often as it takes, the same bytes every time: y, or in a clear round v
 *
 *   RELEASE_CLOSED --begin--> RELEASE_EXPECT_VECTOR --vector--> RELEASE_EXPECT_PERSISTED --persisted--> RELEASE_FINAL
 *        ^                          |                                  |                                    |
 *        +--------- cancel ---------+--------------- cancel -----------+                             the next round
 *
 * A crash before (4) releases nothing. After (4) v is final for its round: whatever happens, another attempt, another
 * boot, the same v is sent again or it is spent; it is never computed anew. A round older than the last one, or the
 * same round with another plan, is refused: answering twice about one round would let a lying coordinator subtract.
 *
 * Under masks v never leaves: release_content gives y of the attempt in hand, or nothing. Each attempt masks the same v under
 * keys of its own, so y of one attempt is forgotten when it ends (release_cancel) and is never sent in another.
 *
 * A core: no file, socket or clock. No other file of client/ may hand bytes derived from patients to net.
 */
#ifndef COHORT_CLIENT_RELEASE_H
#define COHORT_CLIENT_RELEASE_H

#include "client/budget.h"
#include "client/policy.h"
#include "client/standing.h"
#include "protocol/masked_plan.h"

enum release_state { RELEASE_CLOSED, RELEASE_EXPECT_VECTOR, RELEASE_EXPECT_PERSISTED, RELEASE_FINAL };

/* What the ledger keeps of one release, forever. */
struct release_record {
	struct hash study_hash;
	uint64_t round;
	struct hash plan_hash; /* release_plan_hash: the same in all attempts */
	uint32_t step;
	unsigned asks;
	uint32_t sites; /* invited; under masks in groups those of our group, who make the sum */
	struct hash content; /* SHA-256 of v */
	uint64_t octets;
	struct budget_debit debit; /* what it costs in privacy: once, however many attempts */
	double clip; /* C, of a round that trains under privacy; else 0 */
};

struct release {
	enum release_state state;
	struct release_record record; /* of the round in hand; zeroed before the first */
	bool clear; /* the round in hand is not masked: v is what is sent */
	bool masked; /* `sendable` is y of the attempt in hand */
	struct release_record sendable; /* the record with hash and length of y */
};

/* What a round is judged by. Borrowed for the call. */
struct release_terms {
	const struct policy *policy;
	const struct study *approved;
	const struct round_plan *plan;
	const struct roster *roster; /* the plan's, verified; in a clear round only for the standing's mark */
	uint32_t self; /* our number in the roster */
	int64_t now_s;
	const struct standing *standing; /* of the ledger; NULL: there is none to lose, as in a simulation */
	const struct budget *budget; /* what was spent before; NULL only of a study that spends nothing */
};

/* After a restart: the newest record of this study in the ledger; its v is on disk. */
void release_restore(struct release *r, const struct release_record *newest);

/* (1). REFUSAL_NONE: go on; when release_is_final already (another attempt of the same round, or a restart) without computing.
 * Any other code refuses the round and says why; the state is then unchanged. `masked`: under masks the plan of our group's
 * masks, for masked_plan_free; zeroed in a clear round and after a refusal. */
enum refusal release_begin(struct release *r, const struct release_terms *terms, struct masked_plan *masked,
                           struct diag *why) MUST_USE;

/* Which sites of our group this hospital knows, in the plan's order, and how many; for free(). */
bool *release_known(const struct release_terms *terms, const struct secagg_plan *group, uint32_t *count);

/* The plan as the ledger keeps it. Clear: round_plan_hash. Under masks: H("COHRTrpl", round_plan_hash, the masked plan's
 * octets), so neither contract, round, model and invited sites nor roster, thresholds and layout can differ between attempts. */
void release_plan_hash(struct hash *out, const struct round_plan *plan, const struct masked_plan *masked);

/* (3). v is computed and staged; from here on only its hash is spoken of. CHECK: RELEASE_EXPECT_VECTOR. */
void release_vector(struct release *r, const struct hash *content, uint64_t octets);

/* (4). The shell stores this record with v, then calls release_persisted. */
const struct release_record *release_to_persist(const struct release *r); /* NULL unless RELEASE_EXPECT_PERSISTED */
void release_persisted(struct release *r);

/* v of the round in hand is final; it need not be computed. */
bool release_is_final(const struct release *r);

/* (5). The v that is to be masked: NULL in a clear round and unless RELEASE_FINAL. */
const struct release_record *release_to_mask(const struct release *r);

/* y of the attempt in hand has this SHA-256 and length. CHECK: release_to_mask is there, and y is not v. */
void release_masked(struct release *r, const struct hash *y, uint64_t octets);

/* (6). What may be sent now: `content` and `octets` are those of y, or of v in a clear round. NULL: nothing. */
const struct release_record *release_content(const struct release *r);

/* The attempt is over. Work before (4) is given up, nothing was released; final ones stay final; y is forgotten. */
void release_cancel(struct release *r);

#endif
