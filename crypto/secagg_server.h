/*
 * The coordinator's part in one attempt of secure aggregation. A core, as secagg_client.h: it never holds a vector, only
 * lengths and hashes of staged ones, and hands out the masks of the sum in slices that a pool can work on.
 *
 *   state                  awaits                                 ends well by                          fails when
 *   EXPECT_KEYS            keys of the invited                    all, or secagg_server_close with m    fewer than m
 *   EXPECT_U1_PERSISTED    the disk                               secagg_server_persisted
 *   EXPECT_SHARES          shares of U1                           all, or close with m                  fewer than m
 *   EXPECT_U2_PERSISTED    the disk: U2 is durable before its first copy leaves
 *   EXPECT_INPUTS          masked vectors of U2                   all, or close with m                  fewer than m
 *   EXPECT_U3_PERSISTED    the disk: never two U3
 *   EXPECT_SIGNATURES      signatures of U3 on U3                 all, or close with t                  fewer than t
 *   EXPECT_ANSWERS         shares of U3                           all, or close with enough for each    too few for some site
 *   EXPECT_UNMASKED        the slices' masks taken off the sum    secagg_server_unmasked, each          a secret that no shares give
 *   DONE, FAILED           nothing                                -
 *
 * m quorum, t secagg_threshold. A site's message of the state's phase is taken once; the same octets again are OK and change nothing,
 * others are ERR_CONFLICT. A wrong one costs its sender that request (ERR_PEER_*, the diag names it), never the attempt: it may
 * send a right one while the phase is open. A message of an earlier phase is late, one of a later phase too early: both
 * ERR_PEER_STATE.
 *
 * Durable rows: messages of KEYS, SHARES and INPUT, and the sets U1, U2, U3. A message counts, and an input is acknowledged, once its
 * row is durable. Signatures and answers are not kept: shares of what was opened belong on no disk, and sites repeat them.
 * After a restart: secagg_server_open, secagg_server_restore with each row in order, secagg_server_resume.
 */
#ifndef COHORT_CRYPTO_SECAGG_SERVER_H
#define COHORT_CRYPTO_SECAGG_SERVER_H

#include "base/secret.h"
#include "crypto/mask.h"
#include "crypto/secagg.h"

enum secagg_server_state {
	SECAGG_SERVER_EXPECT_KEYS,
	SECAGG_SERVER_EXPECT_U1_PERSISTED,
	SECAGG_SERVER_EXPECT_SHARES,
	SECAGG_SERVER_EXPECT_U2_PERSISTED,
	SECAGG_SERVER_EXPECT_INPUTS,
	SECAGG_SERVER_EXPECT_U3_PERSISTED,
	SECAGG_SERVER_EXPECT_SIGNATURES,
	SECAGG_SERVER_EXPECT_ANSWERS,
	SECAGG_SERVER_EXPECT_UNMASKED,
	SECAGG_SERVER_DONE,
	SECAGG_SERVER_FAILED,
	SECAGG_SERVER_STATE_COUNT
};

enum secagg_server_action_kind {
	SECAGG_SERVER_PERSIST, /* commit secagg_server_row(row), in the order of their numbers; then secagg_server_persisted */
	SECAGG_SERVER_SEND, /* secagg_server_say(phase, site) to each site for which it is not empty */
	SECAGG_SERVER_ACKNOWLEDGE, /* the input of `site` is durable */
	SECAGG_SERVER_UNMASK, /* take secagg_server_masks of slices 0 .. secagg_server_slices() - 1 off the sum of the staged vectors of
	                         U3, in any order and thread; secagg_server_unmasked for each */
	SECAGG_SERVER_END /* DONE: the sum stands. FAILED: secagg_server_why; staged vectors are to be deleted */
};

struct secagg_server_action {
	enum secagg_server_action_kind kind;
	enum secagg_phase phase; /* SEND */
	uint32_t site; /* ACKNOWLEDGE */
	uint64_t row; /* PERSIST */
};

/* One durable row: a site's message (site is its number), or the set that opens a phase (site is 0): for SHARES U1 as a bitmap
 * over the invited, for INPUT U2 and for SURVIVORS U3 as bitmaps over U1. */
struct secagg_row {
	uint64_t number; /* 1, 2, 3, ... within the attempt */
	enum secagg_phase phase;
	uint32_t site;
	struct bytes octets;
};

struct secagg_server; /* opaque */

/* ERR_REFUSED as secagg_plan_check; `*out` is NULL then. Everything is copied. */
enum err secagg_server_open(struct secagg_server **out, const struct secagg_attempt *attempt,
                            const struct secagg_plan *plan, struct diag *why) MUST_USE;

/* One more holder: a job in another thread that makes the masks of a slice. Holders are counted in one thread, the one that feeds
 * events; each of them, and who opened it, calls secagg_server_free. */
struct secagg_server *secagg_server_retain(struct secagg_server *s);
void secagg_server_free(struct secagg_server *s); /* the last holder frees; accepts NULL */

/* A row of before the restart, in order. ERR_DATA when it does not fit the attempt. */
enum err secagg_server_restore(struct secagg_server *s, const struct secagg_row *row, struct diag *why) MUST_USE;
void secagg_server_resume(struct secagg_server *s); /* tells the phase again to whom it concerns */

/* A site's message of phase KEYS, SHARES, SURVIVORS or OPENING; who it is from, the connection has shown. */
enum err secagg_server_message(struct secagg_server *s, uint32_t site, enum secagg_phase phase, struct bytes octets,
                               struct diag *why) MUST_USE;

/* Its message of phase INPUT: the vector is staged with this length and SHA-256. */
enum err secagg_server_input(struct secagg_server *s, uint32_t site, struct bytes octets, uint64_t length,
                             const struct hash *content, struct diag *why) MUST_USE;

void secagg_server_gone(struct secagg_server *s, uint32_t site); /* not waited for any longer; what it sent counts */
void secagg_server_close(struct secagg_server *s); /* the phase's deadline is over */
void secagg_server_persisted(struct secagg_server *s, uint64_t row); /* rows up to this one are durable */

bool secagg_server_next(struct secagg_server *s, struct secagg_server_action *out);

/* Whether what is told in a phase from SHARES on may be told now, and whether this site has a part in it. */
enum secagg_part {
	SECAGG_PART_LATER, /* the phase has not begun, or its set is not durable; the site is in all before it */
	SECAGG_PART_IN,
	SECAGG_PART_OUT /* it is not in the set of this phase, or of an earlier one that has begun */
};
enum secagg_part secagg_server_part(const struct secagg_server *s, enum secagg_phase phase, uint32_t site);

/* What this site is to be told in this phase, in place of what `out` held; empty when it has no part in it. */
void secagg_server_say(const struct secagg_server *s, enum secagg_phase phase, uint32_t site, struct buf *out);

/* ---- unmasking, in state EXPECT_UNMASKED */
uint32_t secagg_server_slices(const struct secagg_server *s);

/* The masks of one slice, reconstructed here from the answers: at most max(n, 64) of them. `out` is locked memory that holds
 * `*count` struct mask; the caller frees it. Threads may work on slices at once while the state lasts. One wrong share among the
 * first t + 1 is found out and done without; whose it was, secagg_server_doubted tells. ERR_PROTOCOL names the site whose
 * secret cannot be had: it dealt shares that do not fit, or more than one answer was wrong. */
enum err secagg_server_masks(const struct secagg_server *s, uint32_t slice, struct secret *out, uint32_t *count,
                             struct diag *why) MUST_USE;

/* The slice's masks are off the sum; or, when `e` is not OK, they cannot be had and the attempt fails. An error, like the last slice, wipes
 * the answers: it is told only when no thread works on a slice any more. */
void secagg_server_unmasked(struct secagg_server *s, uint32_t slice, enum err e, const struct diag *why);

/* ---- looking */
enum secagg_server_state secagg_server_state(const struct secagg_server *s);
const struct secagg_row *secagg_server_row(const struct secagg_server *s, uint64_t number); /* until it is durable */
const char *secagg_server_why(const struct secagg_server *s); /* why it failed, "" otherwise */
const struct hash *secagg_server_sid(const struct secagg_server *s); /* zero before U1 */

enum secagg_phase secagg_server_takes(const struct secagg_server *s); /* whose messages; SECAGG_PHASE_COUNT: none now */

/* How far a site came: the number of phases whose message counts, 0 .. SECAGG_PHASE_COUNT. */
uint32_t secagg_server_reached(const struct secagg_server *s, uint32_t site);
bool secagg_server_survives(const struct secagg_server *s, uint32_t site); /* in U3: its vector is in the sum */
uint32_t secagg_server_awaited(const struct secagg_server *s); /* sites that the phase still waits for */

/* Its share of some secret did not fit the others': it lied, or the dealer of that secret gave it a wrong one. */
bool secagg_server_doubted(const struct secagg_server *s, uint32_t site);

#endif
