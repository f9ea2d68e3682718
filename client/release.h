/*
 * The one door out. Every number derived from patients that leaves this hospital passes here, in this order and no
 * other:
 *
 *   (1) release_begin      policy, approved study and plan are judged               nothing was read yet
 *   (2)                    noise is drawn                                            (mechanism none draws none)
 *   (3) release_vector     v was computed from the data, clipped, on the grid, noise added; here its hash and length
 *   (4) release_persisted  ledger entry, hash of v, and v itself are on disk, in one transaction
 *   (5)                    v is masked                                               (masking off masks nothing)
 *   (6) release_content    v may be sent, as often as it takes, the same bytes every time
 *
 *   RELEASE_CLOSED --begin--> RELEASE_EXPECT_VECTOR --vector--> RELEASE_EXPECT_PERSISTED --persisted--> RELEASE_FINAL
 *        ^                          |                                  |                                    |
 *        +--------- cancel ---------+--------------- cancel -----------+                             the next round
 *
 * A crash before (4) releases nothing. After (4) v is final for its round: whatever happens, another attempt, another
 * boot, the same v is sent again or it is spent; it is never computed anew. A round older than the last one, or the
 * same round with another plan, is refused: answering twice about one round would let a lying coordinator subtract.
 *
 * A core: no file, socket or clock. No other file of client/ may hand bytes derived from patients to net.
 */
#ifndef COHORT_CLIENT_RELEASE_H
#define COHORT_CLIENT_RELEASE_H

#include "client/policy.h"
#include "protocol/round_plan.h"

enum release_state { RELEASE_CLOSED, RELEASE_EXPECT_VECTOR, RELEASE_EXPECT_PERSISTED, RELEASE_FINAL };

/* What the ledger keeps of one release, forever. */
struct release_record {
	struct hash study_hash;
	uint64_t round;
	struct hash plan_hash; /* round_plan_hash: the same in all attempts */
	uint32_t step;
	unsigned asks;
	uint32_t sites; /* invited */
	struct hash content; /* SHA-256 of v */
	uint64_t octets;
};

struct release {
	enum release_state state;
	struct release_record record; /* of the round in hand; zeroed before the first */
};

/* After a restart: the newest record of this study in the ledger; its v is on disk. */
void release_restore(struct release *r, const struct release_record *newest);

/* (1). REFUSAL_NONE: go on; when release_content is there already (another attempt of the same round, or a restart)
 * with (6), otherwise compute v. Any other code refuses the round and says why; the state is then unchanged. */
enum refusal release_begin(struct release *r, const struct policy *policy, const struct study *approved,
                           const struct round_plan *plan, uint32_t self, int64_t now_s, struct diag *why) MUST_USE;

/* (3). v is computed and staged; from here on only its hash is spoken of. CHECK: RELEASE_EXPECT_VECTOR. */
void release_vector(struct release *r, const struct hash *content, uint64_t octets);

/* (4). The shell stores this record with v, then calls release_persisted. */
const struct release_record *release_to_persist(const struct release *r); /* NULL unless RELEASE_EXPECT_PERSISTED */
void release_persisted(struct release *r);

/* (6). What may be sent now; NULL unless RELEASE_FINAL. */
const struct release_record *release_content(const struct release *r);

/* The work before (4) is given up: nothing was released. Final ones stay final. */
void release_cancel(struct release *r);

#endif
