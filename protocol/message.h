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
 *
 * Which fields a message of each type has ("plan" in part); every one of them must be there, and no other:
 *
 *                       round   closed   finished   answer   refusal
 *     type, study         x       x         x          x        x
 *     study_hash          x       x         x          x        x      plan.study_hash
 *     seq                 x       x         x
 *     round, attempt      x       x                             x      plan.round, plan.attempt
 *     step, asks, sites   x                                            plan
 *     roster                  (x)                                      plan.roster: under masks, and only then
 *     outcome                     x
 *     participants                x
 *     complete                              x
 *     model               x                                            plan.model, plan.model_octets
 *     model                       x         x                          model, model_octets
 *     answer                                           x
 *     refusal                                                   x
 */
#ifndef COHORT_PROTOCOL_MESSAGE_H
#define COHORT_PROTOCOL_MESSAGE_H

#include "base/json.h"
#include "protocol/refusal.h"
#include "protocol/round_plan.h"

/* The largest integer in any message: what every language's JSON reads exactly (2^53 - 1, RFC 8259 section 6). */
#define MESSAGE_INTEGER_MAX ((1ll << 53) - 1)

enum message_type {
	MESSAGE_ROUND,
	MESSAGE_CLOSED,
	MESSAGE_FINISHED,
	MESSAGE_ANSWER,
	MESSAGE_REFUSAL,
	MESSAGE_TYPE_COUNT
};

enum round_outcome {
	OUTCOME_DONE, /* the sum was made and published */
	OUTCOME_FAILED, /* too few contributions before the deadline: another attempt follows */
	OUTCOME_ABANDONED, /* given up: a new round asks the same again, or the study was stopped */
	OUTCOME_COUNT
};

enum site_answer { ANSWER_APPROVED, ANSWER_REJECTED, ANSWER_WITHDRAWN, ANSWER_COUNT };

struct message {
	enum message_type type;
	uint64_t seq; /* from 1, in an inbox; 0 in messages from a site */
	char study[NAME_SIZE];
	struct round_plan plan; /* the fields that the table above gives the type; the others are zero */
	enum round_outcome outcome; /* closed */
	uint32_t *participants; /* closed with OUTCOME_DONE: whose contributions are in the sum, ascending; owned */
	uint32_t participant_count; /* 0 with any other outcome */
	struct hash model; /* closed: the model that was made; finished: the study's model; zero when there is none */
	uint64_t model_octets; /* 0 when there is none */
	bool complete; /* finished: all rounds were done; false: the operator stopped it */
	enum site_answer answer;
	enum refusal refusal;
};

void message_free(struct message *m); /* accepts a zeroed one */

const char *message_type_name(enum message_type t); /* "round" and such, as they travel; so too the next two */
const char *outcome_name(enum round_outcome o);
const char *answer_name(enum site_answer a);
bool message_from_coordinator(enum message_type t); /* round, closed, finished; the others come from a site */

/* The message as it travels: keys in the order of docs/PROTOCOL.md. CHECKs that the fields are such as
 * message_from_json would accept in kind (a sequence number, a code that is on its list). */
struct json *message_to_json(const struct message *m);

/* ERR_PEER_MESSAGE (with the place) when it is not exactly what the format permits; `from` names the peer in `why`. Whether
 * this peer may send this type, and whether the values suit the study, is for the caller. `out` is for message_free
 * only on success. */
enum err message_from_json(struct message *out, const struct json *node, const char *from, struct diag *why) MUST_USE;

/* The same from bytes, at most MESSAGE_MAX. */
enum err message_parse(struct message *out, struct bytes text, const char *from, struct diag *why) MUST_USE;
void message_write(struct buf *out, const struct message *m); /* appended */

#endif
