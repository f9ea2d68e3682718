/*
 * One attempt of one round, seen from the coordinator (clear mode): who was invited, who joined, whose contribution
 * is durable and in the sum, and when to stop waiting. A core: no clock, socket, file or log; feed events, then drain
 * actions with round_next until it returns false.
 *
 * States of the round                                   ends well by                           deadline
 *   ROUND_EXPECT_CONTRIBUTIONS  uploads are accepted    every awaited site is settled          deadline_ms
 *   ROUND_EXPECT_SUM            no new uploads; those   the last of them is added              none: our own disk
 *                               under way become durable
 *   ROUND_CLOSED                done or failed          -
 *
 * States of one site                                    joined    uploaded    refused    dropped
 *   SITE_EXPECT_JOIN            not seen in this round   ->CONTR   ->PERSIST   ->REFUSED  ->DROPPED
 *   SITE_EXPECT_CONTRIBUTION    is training              -         ->PERSIST   ->REFUSED  ->DROPPED
 *   SITE_EXPECT_PERSISTED       upload staged            -         pending     error      stays, unless it cannot be
 *                                                                                              persisted: ->DROPPED
 *   SITE_EXPECT_ADDED           row committed            -         accepted    error      stays: what is known counts
 *   SITE_CONTRIBUTED            in the sum               -         accepted    error      stays
 *   SITE_REFUSED, SITE_DROPPED  takes no part            -         error       -          -
 *
 * A site that has not joined when join_ms is over is not waited for any longer, but its contribution is taken as long
 * as the round is open. The round closes when nobody is awaited any more and the quorum has contributed; at the
 * deadline it closes with the quorum or fails; and it fails at once when refusals leave fewer sites than the quorum.
 *
 * Durability: an upload is acknowledged (and added) only after round_persisted. A site gets one row in an attempt,
 * never a second that contradicts it: once its upload is being written it counts, whatever else becomes of the site.
 * After a restart the shell opens the same attempt again and tells what was committed through round_restore; timers
 * start anew.
 */
#ifndef COHORT_COORDINATOR_ROUND_H
#define COHORT_COORDINATOR_ROUND_H

#include "base/hash.h"
#include "protocol/message.h"

struct round_config {
	const uint32_t *sites; /* invited, ascending; copied */
	uint32_t site_count;
	uint32_t quorum; /* 1 .. site_count */
	uint64_t octets; /* length of a contribution */
	int64_t join_ms, deadline_ms; /* durations from round_open */
};

enum round_state { ROUND_EXPECT_CONTRIBUTIONS, ROUND_EXPECT_SUM, ROUND_CLOSED };

enum site_state {
	SITE_EXPECT_JOIN,
	SITE_EXPECT_CONTRIBUTION,
	SITE_EXPECT_PERSISTED,
	SITE_EXPECT_ADDED,
	SITE_CONTRIBUTED,
	SITE_REFUSED,
	SITE_DROPPED,
	SITE_STATE_COUNT
};

enum drop_reason {
	DROP_NONE,
	DROP_REVOKED,
	DROP_WITHDRAWN,
	DROP_UNREADABLE /* staged upload lost by the coordinator's disk */
};

/* What becomes of an upload, before and after its octets travel. */
enum upload_verdict {
	UPLOAD_WANTED, /* send it; or, from round_upload: taken, to be persisted */
	UPLOAD_PENDING, /* this very content, or the end of the attempt, is being made durable: wait for the answer */
	UPLOAD_ACCEPTED, /* this very content is durable already */
	UPLOAD_LATE, /* the round has closed */
	UPLOAD_CONFLICT, /* another content was accepted from this site */
	UPLOAD_UNINVITED, /* not a site of this round, or it has refused or was dropped */
	UPLOAD_LENGTH /* not the length that the plan gives */
};

enum round_action_kind {
	ROUND_PERSIST, /* commit what became of `site` (its state and content), then call round_persisted */
	ROUND_ADD, /* add the staged contribution of `site` to the aggregate, then call round_added */
	ROUND_CLOSE /* the round is over: round_contributions() >= quorum means done, otherwise failed */
};

struct round_action {
	enum round_action_kind kind;
	uint32_t site;
};

struct round_site {
	uint32_t number;
	enum site_state state;
	enum refusal refusal;
	enum drop_reason dropped;
	struct hash content; /* SHA-256 of its contribution, from SITE_EXPECT_PERSISTED on */
	bool absent; /* had not joined at the join deadline */
};

struct round;

struct round *round_open(const struct round_config *config, int64_t now_ms); /* never NULL */
void round_free(struct round *r); /* accepts NULL */

/* Only right after round_open: what the store holds of this attempt. State is CONTRIBUTED, REFUSED or DROPPED. */
void round_restore(struct round *r, const struct round_site *row);

void round_joined(struct round *r, uint32_t site, int64_t now_ms);
void round_refused(struct round *r, uint32_t site, enum refusal why, int64_t now_ms);
void round_dropped(struct round *r, uint32_t site, enum drop_reason why, int64_t now_ms);

/* May this upload come? Changes nothing. */
enum upload_verdict round_wants(const struct round *r, uint32_t site, uint64_t octets, const struct hash *content);

/* The upload is staged, complete and its hash is right. UPLOAD_WANTED: taken, ROUND_PERSIST follows. */
enum upload_verdict round_upload(struct round *r, uint32_t site, uint64_t octets, const struct hash *content,
                                 int64_t now_ms);

void round_persisted(struct round *r, uint32_t site, int64_t now_ms); /* the row is committed */
void round_not_persisted(struct round *r, uint32_t site, int64_t now_ms); /* it could not be: the site may send again */
void round_added(struct round *r, uint32_t site, int64_t now_ms);
void round_tick(struct round *r, int64_t now_ms);

bool round_next(struct round *r, struct round_action *out);
int64_t round_deadline_ms(const struct round *r); /* when round_tick must be called next; INT64_MAX: never */

enum round_state round_state(const struct round *r);
uint32_t round_quorum(const struct round *r);
uint32_t round_contributions(const struct round *r); /* in the sum */
uint32_t round_site_count(const struct round *r);
const struct round_site *round_site_at(const struct round *r, uint32_t index); /* ascending by number */
const struct round_site *round_site(const struct round *r, uint32_t number); /* NULL: not invited */
const char *site_state_name(enum site_state s);
const char *drop_reason_name(enum drop_reason d);

#endif
