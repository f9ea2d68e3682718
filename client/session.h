/*
 * A session: one hospital's part in one approved study, from round to round. A core: no socket, file, thread or
 * clock. Feed what the shell saw, then drain actions with session_next until it returns false.
 *
 *   state                       awaits                     ends well by          what else ends it
 *   SESSION_EXPECT_ROUND        a `round` message          round                 finished
 *   SESSION_EXPECT_MODEL        the model's file           session_model         closed, another round, refusal
 *   SESSION_EXPECT_VECTOR       the contribution           session_computed      closed, another round, refusal
 *   SESSION_EXPECT_PERSISTED    the ledger's commit        session_persisted     refusal (disk full)
 *   SESSION_EXPECT_ACKNOWLEDGED the coordinator's answer   session_sent          closed, another round
 *   SESSION_EXPECT_CLOSED       a `closed` message         closed                another round, finished
 *   SESSION_OVER                nothing                    -                     -
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
 */
#ifndef COHORT_CLIENT_SESSION_H
#define COHORT_CLIENT_SESSION_H

#include "base/queue.h"
#include "client/release.h"
#include "protocol/message.h"

enum session_state {
	SESSION_EXPECT_ROUND,
	SESSION_EXPECT_MODEL,
	SESSION_EXPECT_VECTOR,
	SESSION_EXPECT_PERSISTED,
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
	SESSION_SEND, /* send the stored contribution session_content() for session_plan()'s attempt; session_sent */
	SESSION_REFUSE, /* tell the coordinator `refusal` for session_plan()'s attempt; `why` is for our own log */
	SESSION_CANCEL, /* stop the work in hand: fetching, computing or sending; no answer is expected */
	SESSION_DISCARD, /* rounds up to `round` are over: their contributions may be deleted, their records stay */
	SESSION_END /* the study is over; session_finished() tells how */
};

struct session_action {
	enum session_action_kind kind;
	uint64_t work; /* FETCH, COMPUTE, PERSIST, SEND: to be handed back with the answer */
	uint64_t round; /* DISCARD */
	enum refusal refusal; /* REFUSE */
};

struct session_config {
	const struct study *study; /* approved; borrowed, as the policy */
	const struct policy *policy;
	uint32_t self; /* our number in the roster */
};

struct session; /* opaque */

struct session *session_new(const struct session_config *config); /* never NULL; POLL is its first action */
void session_free(struct session *s); /* accepts NULL */

/* Right after session_new: the newest release of this study in the ledger. */
void session_restore(struct session *s, const struct release_record *newest);

/* The poll's answer. `missed`: messages after `after` are gone (HTTP 410). Messages are copied. ERR_PROTOCOL when one
 * is not about this study, not for an inbox, or out of order: then nothing of the answer was used, and the next POLL
 * asks the same (after a back-off of the shell). */
enum err session_polled(struct session *s, const struct message *messages, uint32_t count, bool missed, int64_t now_s,
                        struct diag *why) MUST_USE;

/* Answers to work. A `refusal` other than NONE: it did not succeed, for this reason. */
void session_model(struct session *s, uint64_t work, enum refusal refusal);
void session_computed(struct session *s, uint64_t work, const struct hash *content, uint64_t octets,
                      enum refusal refusal);
void session_persisted(struct session *s, uint64_t work, enum refusal refusal);

enum sent {
	SENT_ACCEPTED, /* durable at the coordinator */
	SENT_LATE, /* the round had closed */
	SENT_REJECTED /* it will never be taken (conflict, not invited): a person should look */
};
void session_sent(struct session *s, uint64_t work, enum sent how);

bool session_next(struct session *s, struct session_action *out);

/* Looking. Borrowed until the next event. */
enum session_state session_state(const struct session *s);
const char *session_state_name(enum session_state state); /* "training", "sending", ... for status lines */
const struct round_plan *session_plan(const struct session *s); /* of the round in hand */
const struct release_record *session_to_persist(const struct session *s);
const struct release_record *session_content(const struct session *s);
const char *session_why(const struct session *s); /* words of the last refusal */
uint64_t session_seq(const struct session *s); /* newest message seen: what a poll asks after */
const struct message *session_closed(const struct session *s); /* newest closed message; seq 0: none */
const struct message *session_finished(const struct session *s); /* NULL until SESSION_OVER */

#endif
