/*
 * One site's part in one attempt of secure aggregation. A core: no socket, file, clock or thread; the vector never passes
 * through it. Feed what the shell saw, then drain actions with secagg_client_next until it returns false.
 *
 *   state                     awaits                           ends well by               permitted messages: new, repeated
 *   EXPECT_KEYS_PERSISTED     the disk                         secagg_client_persisted    -
 *   EXPECT_U1                 everyone's keys                  message SHARES             SHARES
 *   EXPECT_SHARES_PERSISTED   the disk                         secagg_client_persisted    -
 *   EXPECT_U2                 who shared, and their shares     message INPUT              INPUT; SHARES
 *   EXPECT_INPUT              the masked vector's hash         secagg_client_masked       -
 *   EXPECT_INPUT_PERSISTED    the disk                         secagg_client_persisted    -
 *   EXPECT_U3                 who is in the sum                message SURVIVORS          SURVIVORS; SHARES, INPUT
 *   EXPECT_U3_PERSISTED       the disk                         secagg_client_persisted    -
 *   EXPECT_SIGNATURES         the others' signatures on U3     message OPENING            OPENING; SHARES, INPUT, SURVIVORS
 *   EXPECT_ANSWER_PERSISTED   the disk                         secagg_client_persisted    -
 *   ANSWERED                  nothing                          secagg_client_closed       those of before, repeated
 *   OUT                       nothing                          -                          -
 *
 * A message that its state does not permit is ERR_PROTOCOL and changes nothing. One that is permitted and wrong, or a second
 * one of a phase with another content, ends this site's part (OUT): ERR_PROTOCOL says whose keys or shares, or which
 * number, was wrong; secrets are wiped; the site is silent for the rest of the attempt. A repeat octet for octet gets the identical
 * octets again, or silence.
 *
 * What is on disk before what is sent: SEND never comes before the PERSIST that holds what is sent.
 *   record          held by the disk                                                   after a restart
 *   before KEYS     round, attempt, hashes of plan, model and invited sites            out of the attempt: nothing was masked
 *   before SHARES   and sid                                                            out of the attempt
 *   before INPUT    and U2, the shares received, the keys of the masks, C(y), message  masks again, must give C(y)
 *   before the      and U3, its signature; the masks' keys are gone                    goes on
 *   signature
 *   before OPENING  and the answer; every other secret is gone                         repeats the answer
 *   closed, OUT     hashes                                                             nothing
 * The same record, kept per study, guards the next attempts: what was used, and what was opened, is never used or opened again.
 *
 * Source: Bonawitz et al. 2017, figure 4, with the identifiers of an attempt bound into each key, ciphertext and signature.
 */
#ifndef COHORT_CRYPTO_SECAGG_CLIENT_H
#define COHORT_CRYPTO_SECAGG_CLIENT_H

#include "base/random.h"
#include "base/secret.h"
#include "crypto/mask.h"
#include "crypto/secagg.h"
#include "crypto/secagg_shared.h"

enum secagg_client_state {
	SECAGG_CLIENT_EXPECT_KEYS_PERSISTED,
	SECAGG_CLIENT_EXPECT_U1,
	SECAGG_CLIENT_EXPECT_SHARES_PERSISTED,
	SECAGG_CLIENT_EXPECT_U2,
	SECAGG_CLIENT_EXPECT_INPUT,
	SECAGG_CLIENT_EXPECT_INPUT_PERSISTED,
	SECAGG_CLIENT_EXPECT_U3,
	SECAGG_CLIENT_EXPECT_U3_PERSISTED,
	SECAGG_CLIENT_EXPECT_SIGNATURES,
	SECAGG_CLIENT_EXPECT_ANSWER_PERSISTED,
	SECAGG_CLIENT_ANSWERED,
	SECAGG_CLIENT_OUT,
	SECAGG_CLIENT_STATE_COUNT
};

enum secagg_client_action_kind {
	SECAGG_CLIENT_PERSIST, /* make secagg_client_record() durable in place of the study's last one (before INPUT: with the masked
	                          vector, or with the plain one that it is made of), then secagg_client_persisted */
	SECAGG_CLIENT_MASK, /* add secagg_client_masks() to the fixed-point vector, pack, stage; then secagg_client_masked */
	SECAGG_CLIENT_SEND /* secagg_client_sent(phase) to the coordinator; of INPUT after the staged vector */
};

struct secagg_client_action {
	enum secagg_client_action_kind kind;
	enum secagg_phase phase; /* SEND */
};

/* The site's identity key stays with the shell. */
struct secagg_signer {
	void (*sign)(void *context, uint8_t signature[KEYS_SIGNATURE_SIZE], struct bytes message);
	void *context;
};

/* Everything is copied. */
struct secagg_client_config {
	struct secagg_attempt attempt;
	struct secagg_plan plan; /* computed here, from the approved study */
	struct bytes offered; /* the plan's octets as the coordinator sent them */
	uint32_t self; /* our number */
	const bool *known; /* per invited site: pinned by this hospital */
	uint32_t min_known; /* fewest known sites in U1 and in U3, this one counted */
	bool statistics; /* a round of this kind is opened once per study */
	struct secagg_signer signer;
	struct entropy entropy;
	struct secagg_shared
		*shared; /* NULL at a hospital: only sites of one process may share what they have verified */
};

struct secagg_client; /* opaque */

/* Takes part in a new attempt. `record` is the study's last one, empty when there is none: the attempt must be later than any
 * before it, plan, model and invited sites those of earlier attempts of the round, the round (and, for a statistics round, the
 * study) not opened yet. ERR_REFUSED says what stands against it, ERR_DATA that the record is damaged; `*out` is NULL then. */
enum err secagg_client_open(struct secagg_client **out, const struct secagg_client_config *config, struct bytes record,
                            struct diag *why) MUST_USE;

/* Goes on with the attempt of `record` after a restart. ERR_REFUSED when it was in phase KEYS or SHARES, is over, or is of another
 * attempt, plan or model: the site is then out of this attempt. */
enum err secagg_client_resume(struct secagg_client **out, const struct secagg_client_config *config,
                              struct bytes record, struct diag *why) MUST_USE;
void secagg_client_free(struct secagg_client *c); /* wipes; accepts NULL */

/* The coordinator's message of a phase from SHARES on. Errors as above. */
enum err secagg_client_message(struct secagg_client *c, enum secagg_phase phase, struct bytes octets,
                               struct diag *why) MUST_USE;

void secagg_client_persisted(struct secagg_client *c);

/* The masked vector is staged and has this SHA-256. ERR_REFUSED, and OUT, when an earlier one had another. */
enum err secagg_client_masked(struct secagg_client *c, const struct hash *y, struct diag *why) MUST_USE;

/* The coordinator has said that the masked vector is durable there: leaving us out of U3 is then a lie. */
void secagg_client_acknowledged(struct secagg_client *c);

/* The attempt is over, whatever came of it: secrets are wiped, the last PERSIST takes them from the disk. */
void secagg_client_closed(struct secagg_client *c);

bool secagg_client_next(struct secagg_client *c, struct secagg_client_action *out);

/* Looking. Borrowed until the next event. */
enum secagg_client_state secagg_client_state(const struct secagg_client *c);
struct bytes secagg_client_record(const struct secagg_client *c); /* a secret until the answer is given */
struct bytes secagg_client_sent(const struct secagg_client *c, enum secagg_phase phase); /* empty: nothing */
const struct mask *secagg_client_masks(const struct secagg_client *c, uint32_t *count); /* in EXPECT_INPUT */
const struct hash *secagg_client_sid(const struct secagg_client *c); /* zero before U1 */
const struct hash *secagg_client_input(const struct secagg_client *c); /* C(y); zero before it is known */

/* Looks into a record: which attempt it speaks of, and whether its round was opened. ERR_DATA when it is damaged. */
struct secagg_record_summary {
	uint64_t round;
	uint32_t attempt;
	bool opened; /* an answer was released in this round */
	bool statistics_opened; /* in a statistics round of this study */
	bool resumable;
};
enum err secagg_record_read(struct secagg_record_summary *out, struct bytes record, struct diag *why) MUST_USE;

/* The record of the same attempt without its secrets, as secagg_client_closed would have left it: for an attempt that ended while
 * the site was down. ERR_DATA as above; `out` (for secret_free) is empty then. */
enum err secagg_record_close(struct secret *out, struct bytes record, struct diag *why) MUST_USE;

#endif
