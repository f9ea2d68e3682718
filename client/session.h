/*
 * A session: one hospital's part in one approved study, from round to round. A core: no socket, file, thread or
 * clock. Feed what the shell saw, then drain actions with session_next until it returns false.
 *
 *   state                           awaits                     ends well by              what else ends it
 *   SESSION_EXPECT_ROUND            a `round` message          round                     finished
 *   SESSION_EXPECT_ROSTER           the roster (masks)         session_roster            closed, another round, refusal
 *   SESSION_EXPECT_MODEL            the model's file           session_model             closed, another round, refusal
 *   SESSION_EXPECT_VECTOR           the contribution           session_computed          closed, another round, refusal
 *   SESSION_EXPECT_PERSISTED        the ledger's commit        session_persisted         refusal (disk full)
 *   SESSION_EXPECT_MASKS_PERSISTED  the masks' record          session_masks_persisted   refusal (disk full), leaving
 *   SESSION_EXPECT_SAID             the coordinator's answer   session_said              closed, another round, leaving
 *   SESSION_EXPECT_HEARD            the coordinator's message  session_heard             closed, another round, leaving
 *   SESSION_EXPECT_MASKED           the masked vector          session_masked            closed, another round, leaving
 *   SESSION_EXPECT_ACKNOWLEDGED     the coordinator's answer   session_sent              closed, another round, leaving
 *   SESSION_EXPECT_CLOSED           a `closed` message         closed                    another round, finished
 *   SESSION_OVER                    nothing                    -                         -
 *
 * One poll is always under way (until SESSION_OVER), also while the model trains: so the end of a round or a newer
 * attempt is noticed at once, and the answer to a poll that has seen `closed` of one round often brings the next.
 * Work carries a number; the answer to work that was given up is ignored.
 *
 *   messages permitted         round          closed                       finished
 *   in every state             begins it      ends it if it is this one    ends the session
 *   The attempt in hand told again is a repeat and changes nothing; a round that was closed, or one older than the last
 *   answered, is refused. A round of another contract is refused (not_approved); the end of one is ERR_PROTOCOL.
 *
 * What leaves goes through release.h. After a restart, session_restore tells of the newest release; if that round is
 * still open the stored contribution is sent again and nothing is computed.
 *
 * Under masks (the contract's `masking` is not off) the round message names a roster; another one than ours is
 * fetched first. Then all is judged that can be judged (policy, known hospitals, plan, earlier attempts), and v is
 * brought onto the disk as in a clear round; it stays the round's, in whatever attempt. Then the attempt
 * (crypto/secagg_client.h):
 *
 *   PERSIST_MASKS > SAY keys > LISTEN shares > PERSIST_MASKS > SAY shares > LISTEN input > MASK > PERSIST_MASKS > SEND y
 *   > LISTEN survivors > PERSIST_MASKS > SAY survivors > LISTEN opening > PERSIST_MASKS > SAY opening
 *   > `closed` > PERSIST_MASKS
 *
 *   phase       LISTEN: the coordinator's message               SAY: ours                       then
 *   keys        -                                               our keys, signed                LISTEN shares
 *   shares      U1: everyone's keys                             our shares, sealed for each     LISTEN input
 *   input       U2: who shared, and the shares for us           y, by SEND, with a signature    LISTEN survivors
 *   survivors   U3: who is in the sum                           our signature on U3             LISTEN opening
 *   opening     their signatures                                a share of each other's secret  `closed`, in the inbox
 *
 * The coordinator keeps no signature and no answer over a restart of its own. So a signature is said again when
 * listening for the opening has brought nothing; and an answer when a poll has brought nothing that ends the round:
 * SAY survivors > LISTEN opening > SAY opening, the octets of before.
 *
 * Leaving: before its keys are on the disk a site that cannot go on says so (REFUSE). From there on it is silent
 * (LEAVE, for our own log and eyes): a message that does not hold, a second one that differs, an answer that it is
 * not wanted, a full disk. What it would have said next is never said, its secrets are wiped (PERSIST_MASKS), the
 * next attempt is another matter. After a restart session_restore_masks gives the record back. When the same attempt
 * comes again, a site that had its masked vector on record goes on (y is made again and must be the same); one that
 * had not leaves.
 */
#ifndef COHORT_CLIENT_SESSION_H
#define COHORT_CLIENT_SESSION_H

#include "base/queue.h"
#include "client/release.h"
#include "client/standing.h"
#include "crypto/secagg_client.h"
#include "protocol/message.h"

enum session_state {
	SESSION_EXPECT_ROUND,
	SESSION_EXPECT_ROSTER,
	SESSION_EXPECT_MODEL,
	SESSION_EXPECT_VECTOR,
	SESSION_EXPECT_PERSISTED,
	SESSION_EXPECT_MASKS_PERSISTED,
	SESSION_EXPECT_SAID,
	SESSION_EXPECT_HEARD,
	SESSION_EXPECT_MASKED,
	SESSION_EXPECT_ACKNOWLEDGED,
	SESSION_EXPECT_CLOSED,
	SESSION_OVER
};

enum session_action_kind {
	SESSION_POLL, /* GET the inbox after session_seq(), then session_polled. The shell retries, with back-off, until
	                 it has an answer */
	SESSION_FETCH, /* get the model that session_plan() names, then session_model */
	SESSION_COMPUTE, /* compute and stage the contribution of session_plan(), then session_computed */
	SESSION_PERSIST, /* commit session_to_persist() with the staged contribution and answer with session_persisted
	                    before any other event: what is being made final must not be overtaken by the next round */
	SESSION_SEND, /* send session_content() for session_plan()'s attempt: the stored contribution, or under masks (when
	                 session_input_signature() is not NULL, and then with it) the masked one; session_sent */
	SESSION_REFUSE, /* tell the coordinator `refusal` for session_plan()'s attempt; `why` is for our own log */
	SESSION_CANCEL, /* stop the work in hand: fetching, computing, masking, saying, listening or sending; no answer is
	                   expected */
	SESSION_DISCARD, /* rounds up to `round` are over: their contributions may be deleted, their records stay */
	SESSION_END, /* the study is over; session_finished() tells how */

	/* under masks */
	SESSION_ROSTER, /* fetch the roster, verify it, then session_roster */
	SESSION_PERSIST_MASKS, /* make session_masks_record() durable in place of the study's last one and answer with
	                          session_masks_persisted before any other event */
	SESSION_MASK, /* make y of session_to_mask() with session_masks() and the masked plan's check words, stage it in place
	                 of any earlier one, then session_masked */
	SESSION_SAY, /* POST session_to_say(phase) for session_plan()'s attempt; the shell retries until it has an answer, then
	                session_said */
	SESSION_LISTEN, /* GET the message of `phase`, held open as a poll; then session_heard, also of nothing */
	SESSION_LEAVE /* session_why() goes into our own log: this site is silent for the rest of the attempt. `alarm`: a person
	                 should look, the coordinator or another hospital did what an honest one does not */
};

struct session_action {
	enum session_action_kind kind;
	uint64_t work; /* FETCH, COMPUTE, PERSIST, SEND, ROSTER, MASK, SAY, LISTEN: to be handed back with the answer */
	uint64_t round; /* DISCARD */
	enum refusal refusal; /* REFUSE */
	enum secagg_phase phase; /* SAY: KEYS, SHARES, SURVIVORS or OPENING; LISTEN: SHARES or later */
	bool alarm; /* LEAVE */
};

struct session_config {
	const struct study *study; /* approved; borrowed, as the policy */
	const struct policy *policy;
	uint32_t self; /* our number in the roster */
	const struct budget *budget; /* as release_terms; may change between events */

	/* under masks */
	const struct roster *roster; /* the newest that was verified; copied. NULL: fetched when a round names one */
	struct secagg_signer signer; /* the site's identity key; called while events are fed */
	struct entropy entropy;
};

struct session; /* opaque */

struct session *session_new(const struct session_config *config); /* never NULL; POLL is its first action */
void session_free(struct session *s); /* wipes; accepts NULL */

/* Right after session_new: the newest release of this study in the ledger; the newest masks' record of this study. */
void session_restore(struct session *s, const struct release_record *newest);
void session_restore_masks(struct session *s, struct bytes record); /* copied; empty: there is none */

/* Where the ledger stands, as far as the poll's answer tells; before the session_polled of that answer. It is judged with each round
 * that is told from then on. Without a call there is no ledger to lose. */
void session_ledger(struct session *s, const struct standing *standing);

/* Signs what the ledger says of itself (counter and head of `m`), by the roster's federation and our number. CHECK: the
 * configuration has a signer. */
void session_sign_mark(const struct session *s, struct ledger_mark *m);

/* The poll's answer. `missed`: messages after `after` are gone (HTTP 410). Messages are copied. ERR_PROTOCOL when one
 * is not about this study, not for an inbox, or out of order: then nothing of the answer was used, and the next POLL
 * asks the same (after a back-off of the shell). */
enum err session_polled(struct session *s, const struct message *messages, uint32_t count, bool missed, int64_t now_s,
                        struct diag *why) MUST_USE;

/* This hospital's part ends though nobody has said `finished`: the contract was replaced, or rejected here. What is in hand is given
 * up, and the masks' record, of whatever attempt, is closed; only the actions for that are left to be drained. */
void session_abandon(struct session *s);

/* Answers to work. A `refusal` other than NONE: it did not succeed, for this reason. */
void session_roster(struct session *s, uint64_t work, const struct roster *roster, enum refusal refusal); /* copied */
void session_model(struct session *s, uint64_t work, enum refusal refusal);
void session_computed(struct session *s, uint64_t work, const struct hash *content, uint64_t octets,
                      enum refusal refusal);
void session_persisted(struct session *s, uint64_t work, enum refusal refusal);
void session_masks_persisted(struct session *s, enum refusal refusal); /* refusal: the disk may hold the old record or
                                                                          the new one */
void session_masked(struct session *s, uint64_t work, const struct hash *y, enum refusal refusal);

enum sent {
	SENT_ACCEPTED, /* durable at the coordinator */
	SENT_LATE, /* the round had closed */
	SENT_REJECTED /* it will never be taken (conflict, not invited): a person should look */
};
void session_sent(struct session *s, uint64_t work, enum sent how);

/* What the coordinator says to SAY and LISTEN. */
enum masks_reply {
	MASKS_YES, /* taken (204), or the message is here (200) */
	MASKS_NOTHING, /* LISTEN: there is none yet (204); SAY of OPENING: the signature before it was lost there (425) */
	MASKS_DROPPED, /* this site has no part in it any more (403) */
	MASKS_OVER, /* the attempt is over (410) */
	MASKS_REJECTED /* SAY: it will never be taken (400, 409): a person should look */
};
void session_said(struct session *s, uint64_t work, enum masks_reply reply);
void session_heard(struct session *s, uint64_t work, enum masks_reply reply,
                   struct bytes octets); /* with YES; borrowed */

bool session_next(struct session *s, struct session_action *out);

/* Looking. Borrowed until the next event. */
enum session_state session_state(const struct session *s);
const char *session_state_name(enum session_state state); /* "training", "sending", ... for status lines */
const struct round_plan *session_plan(const struct session *s); /* of the round in hand */
const struct release_record *session_to_persist(const struct session *s);
const struct release_record *session_content(const struct session *s);
const char *session_why(const struct session *s); /* words of the last refusal or leaving */
enum standing_verdict session_standing(const struct session *s, struct diag *why); /* GOOD before session_ledger */
uint64_t session_seq(const struct session *s); /* newest message seen: what a poll asks after */
const struct message *session_closed(const struct session *s); /* newest closed message; seq 0: none */
const struct message *session_finished(const struct session *s); /* NULL until SESSION_OVER */

/* Under masks; of the attempt in hand. */
enum secagg_phase session_phase(const struct session *s); /* in EXPECT_SAID and EXPECT_HEARD */
struct bytes session_masks_record(const struct session *s); /* secret until the attempt is closed */
const struct release_record *session_to_mask(const struct session *s); /* v; NULL outside EXPECT_MASKED */
const struct mask *session_masks(const struct session *s, uint32_t *count); /* secret; in EXPECT_MASKED */
const struct secagg_plan *
session_masked_plan(const struct session *s); /* words, bits, sites; NULL: no masked attempt */
struct bytes session_to_say(const struct session *s, enum secagg_phase phase);
const uint8_t *session_input_signature(const struct session *s); /* KEYS_SIGNATURE_SIZE octets; NULL in a clear round */

#endif
