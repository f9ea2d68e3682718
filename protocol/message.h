/*
 * The control messages: strict JSON objects of at most MESSAGE_MAX bytes. docs/PROTOCOL.md specifies every field.
 *
 * From the coordinator, in a site's inbox, each with a sequence number:
 *     round      a round (or a new attempt of it) is open; here is its plan
 *     closed     the round has ended, with this outcome and these participants
 *     finished   the study has ended; here is its model
 * From a site:
 *     answer     what the hospital says to a contract: approved, rejected, withdrawn
 *     refusal    this site takes no part in this round; one of a closed list of codes without numbers
 * Everything else that travels is raw octets (contracts, models, contributions).
 */
#ifndef COHORT_PROTOCOL_MESSAGE_H
#define COHORT_PROTOCOL_MESSAGE_H

#include "base/json.h"
#include "protocol/round_plan.h"

enum message_type { MESSAGE_ROUND, MESSAGE_CLOSED, MESSAGE_FINISHED, MESSAGE_ANSWER, MESSAGE_REFUSAL };

enum round_outcome {
	OUTCOME_DONE, /* the sum was made and published */
	OUTCOME_FAILED, /* too few contributions before the deadline: another attempt follows */
	OUTCOME_ABANDONED, /* given up: a new round asks the same again, or the study was stopped */
	OUTCOME_COUNT
};

enum site_answer { ANSWER_APPROVED, ANSWER_REJECTED, ANSWER_WITHDRAWN, ANSWER_COUNT };

/* Why a site takes no part. Closed: an unknown code is a protocol error. Codes carry no number and no value. */
enum refusal {
	REFUSAL_NONE, /* not a refusal; never on the wire */
	REFUSAL_NOT_APPROVED, /* the hospital has not approved this study's hash */
	REFUSAL_EXPIRED, /* the study's last day has passed */
	REFUSAL_PLAN, /* the plan is not what the study says, or differs from an earlier attempt */
	REFUSAL_MODEL, /* the model does not fit its hash or the study */
	REFUSAL_POLICY_MASKING,
	REFUSAL_POLICY_MECHANISM,
	REFUSAL_POLICY_EVALUATION,
	REFUSAL_POLICY_EPSILON,
	REFUSAL_POLICY_SITES, /* fewer sites than the hospital's min_sites, or too few that it knows */
	REFUSAL_BUDGET,
	REFUSAL_DATA_CHANGED, /* another extract than the approved one, and the policy says ask */
	REFUSAL_DATA_UNREADABLE,
	REFUSAL_DATA_SMALL, /* below the hospital's min_rows or min_positives; judged once, at approval */
	REFUSAL_WEIGHT_CAP,
	REFUSAL_INTERNAL, /* disk full, out of memory, a bug: the hospital's log says which */
	REFUSAL_COUNT
};

struct message {
	enum message_type type;
	uint64_t seq; /* in an inbox; 0 in messages from a site */
	char study[NAME_SIZE];
	struct round_plan
		plan; /* round: whole. closed, refusal: study_hash, round, attempt; finished, answer: study_hash */
	enum round_outcome outcome; /* closed */
	uint32_t *participants; /* closed with OUTCOME_DONE: whose contributions are in the sum, ascending; owned */
	uint32_t participant_count;
	struct hash
		model; /* finished: the study's model; zero when there is none. closed: the model that was made, or zero */
	uint64_t model_octets;
	bool complete; /* finished: all rounds were done; false: the operator stopped it */
	enum site_answer answer;
	enum refusal refusal;
};

void message_free(struct message *m); /* accepts a zeroed one */

/* "policy_masking" and such, as they travel; and the sentence shown to people. */
const char *refusal_name(enum refusal r);
const char *refusal_text(enum refusal r);
bool refusal_from(enum refusal *out, const char *name);
const char *outcome_name(enum round_outcome o);
const char *answer_name(enum site_answer a);

struct json *message_to_json(const struct message *m);

/* ERR_PEER_MESSAGE (with the place) when it is not exactly what the format permits; `from` names the peer in `why`. */
enum err message_from_json(struct message *out, const struct json *node, const char *from, struct diag *why) MUST_USE;

/* The same from bytes, at most MESSAGE_MAX. */
enum err message_parse(struct message *out, struct bytes text, const char *from, struct diag *why) MUST_USE;
void message_write(struct buf *out, const struct message *m);

/* An inbox: {"messages": [...]}, at most INBOX_BATCH_MAX of them. The caller frees each and the array. */
void inbox_write(struct buf *out, const struct message *messages, uint32_t count);
enum err inbox_parse(struct message **out, uint32_t *count, struct bytes text, const char *from,
                     struct diag *why) MUST_USE;

#endif
