/*
 * One attempt of one round, seen from the coordinator: who was invited, who joined, whose contribution is durable and in
 * the sum, and when to stop waiting. A core: no clock, socket, file or log; feed events, then drain actions with
 * round_next until it returns false. A round is clear (config.masks NULL) or masked.
 *
 * ---- clear
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
 *
 * ---- masked
 * The invited sites form one group, or several (`masking: groups of G`). Each group is an attempt of secure aggregation of its
 * own, with a struct secagg_server inside (crypto/secagg_server.h: what each message is, and what is judged):
 *
 *   the group awaits          how a site is told   how it answers                  deadline     ends early when
 *   KEYS       keys           the round message    round_message                   deadline_ms  all joined have, join_ms over, m there
 *   SHARES     shares of U1   round_say: U1        round_message                   phase_ms     all of U1 have
 *   INPUT      vectors of U2  round_say: U2        upload, then round_input        deadline_ms  all of U2 have
 *   SURVIVORS  signatures     round_say: U3        round_message                   phase_ms     all of U3 have
 *   OPENING    shares of U3   round_say: signers   round_message                   phase_ms     all of U3 have
 *   -          the masks      ROUND_UNMASK: slices of secagg_server_masks, round_unmasked for each; no deadline
 *
 * Deadlines run from the beginning of the phase (KEYS: from round_open). A phase that ends with too few fails the group: m, the
 * quorum of its plan, in KEYS, SHARES and INPUT, then t. It fails at once when those who refuse, leave or are revoked leave too few.
 * A site that has not joined by join_ms is not waited for in KEYS; it takes part if its keys come while KEYS lasts. Who leaves
 * after its vector was taken stays in the sum: U3 cannot be undone; nobody waits for its signature and shares.
 *
 * The round closes when every group is done or failed, or so many have failed that it cannot succeed: it succeeds
 * when the one group is done, or of several more than half. A site's state is as above, with these differences:
 *   SITE_EXPECT_CONTRIBUTION  joined, or its keys came; `reached` says how far it is
 *   SITE_EXPECT_PERSISTED     its vector is taken; its row of phase INPUT is being written
 *   SITE_EXPECT_ADDED         the row is durable: ROUND_ADD has been asked for
 *   SITE_CONTRIBUTED          its vector is added to the group's sum
 *   SITE_DROPPED              when the round closes also: who joined and has not contributed (DROP_IN_KEYS and so on, by
 *                             `reached`), and, under groups, all of a group that failed (DROP_GROUP)
 *
 * Durability: ROUND_PERSIST_ROW {group, row} asks to commit round_row, each group's rows in the order of their numbers, and then
 * to call round_row_persisted: a row of phase INPUT with a site after its staged vector is synced, and later rows of the group
 * wait for it. Nothing follows from a row before it is durable: a message of KEYS or SHARES is UPLOAD_PENDING until
 * then, a vector is neither acknowledged nor added, U1, U2 and U3 are not told. Signatures and shares of OPENING are taken without a
 * row (shares of what is opened belong on no disk), so a coordinator that restarts has lost them, and sites send them again until
 * the attempt is over: its signature when a site hears nothing of OPENING, and by way of it its shares. UPLOAD_AGAIN, and SAY_AGAIN to
 * who asks, say that the message of the phase before is missing here; what a site sends again is octet for octet the same.
 * ROUND_PERSIST {site} is for refusals and for sites that leave, as in clear rounds.
 *
 * After a restart: round_open; round_restore_row with every stored row of each group, ascending; round_restore with the stored
 * sites (REFUSED or DROPPED); round_resume. Deadlines start anew. Vectors whose rows are durable get their ROUND_ADD again.
 *
 * When a round has closed without success, round_opened tells whether a site may have released its shares: then the same
 * vectors must not be asked for again under other keys.
 */
#ifndef COHORT_COORDINATOR_ROUND_H
#define COHORT_COORDINATOR_ROUND_H

#include "base/hash.h"
#include "crypto/secagg_server.h"
#include "protocol/message.h"

struct round_config {
	const uint32_t *sites; /* invited, ascending; copied */
	uint32_t site_count;
	uint32_t quorum; /* 1 .. site_count */
	uint64_t octets; /* length of a contribution; of a masked vector under masks */
	int64_t join_ms, deadline_ms; /* durations from round_open */

	/* masked rounds; copied */
	const struct secagg_plan *masks; /* one per group, every invited site in one of them; NULL: a clear round */
	uint32_t groups;
	struct secagg_attempt attempt;
	int64_t phase_ms;
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
	DROP_UNREADABLE, /* staged upload lost by the coordinator's disk */
	DROP_IN_KEYS, /* joined, and sent no keys in time; so too the next two */
	DROP_IN_SHARES,
	DROP_IN_INPUT,
	DROP_GROUP, /* the sum of its group could not be made */
	DROP_REASON_COUNT
};

/* What becomes of an upload, before and after its octets travel. */
enum upload_verdict {
	UPLOAD_WANTED, /* send it; or, from round_upload: taken, to be persisted */
	UPLOAD_PENDING, /* this very content, or the end of the attempt, is being made durable: wait for the answer */
	UPLOAD_ACCEPTED, /* this very content is durable already */
	UPLOAD_LATE, /* the round, or under masks the phase, has closed */
	UPLOAD_CONFLICT, /* another content was accepted from this site */
	UPLOAD_UNINVITED, /* not a site of this round, or it has refused or was dropped */
	UPLOAD_LENGTH, /* not the length that the plan gives */
	UPLOAD_MALFORMED, /* masks: the message is wrong; `why` names the number or the signature */
	UPLOAD_AGAIN /* masks: what this site sent in the phase before is missing here: that first, then this */
};

/* What a site that asks for a phase is answered. */
enum say_verdict {
	SAY_READY, /* these octets */
	SAY_WAIT, /* nothing yet */
	SAY_AGAIN, /* its message of the phase before is missing here (a restart lost it): that first */
	SAY_DROPPED, /* it has no part in this attempt (any more) */
	SAY_OVER /* campaign_say only: the attempt is over, durably */
};

enum round_action_kind {
	ROUND_PERSIST, /* commit what became of `site` (its state and content), then call round_persisted */
	ROUND_PERSIST_ROW, /* commit round_row(group, row), then call round_row_persisted */
	ROUND_TELL, /* `group` has entered `phase`, or has failed: sites that wait for round_say are answered */
	ROUND_ADD, /* add the staged contribution of `site` to the sum (of its group), then call round_added */
	ROUND_UNMASK, /* the sum of `group` holds all its vectors: take its masks off (round_server) */
	ROUND_CLOSE /* the round is over: round_succeeded() tells how */
};

struct round_action {
	enum round_action_kind kind;
	uint32_t site;
	uint32_t group;
	uint64_t row;
	enum secagg_phase phase; /* ROUND_TELL */
};

struct round_site {
	uint32_t number;
	enum site_state state;
	enum refusal refusal;
	enum drop_reason dropped;
	struct hash content; /* SHA-256 of its contribution, from SITE_EXPECT_PERSISTED on */
	bool absent; /* had not joined at the join deadline */
	uint32_t reached; /* masks: phases in which its message counts, 0 .. SECAGG_PHASE_COUNT */
};

struct round;

struct round *round_open(const struct round_config *config, int64_t now_ms); /* never NULL */
void round_free(struct round *r); /* accepts NULL */

/* Only right after round_open: what the store holds of this attempt. State is CONTRIBUTED (clear rounds), REFUSED or DROPPED. */
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

/* ---- masked rounds only */

/* A stored row of before the restart. ERR_DATA when it does not fit what was restored before it. */
enum err round_restore_row(struct round *r, uint32_t group, const struct secagg_row *row, struct diag *why) MUST_USE;
void round_resume(struct round *r, int64_t now_ms); /* after the last row and site */

/* A site's message of phase KEYS, SHARES, SURVIVORS or OPENING.
 * UPLOAD_PENDING: taken, being made durable; ask round_heard. UPLOAD_ACCEPTED: taken, and durable where it has to be. LATE,
 * CONFLICT, UNINVITED, MALFORMED, AGAIN: not taken; MALFORMED has words in `why`. A repeat of the same octets is as the first. */
enum upload_verdict round_message(struct round *r, uint32_t site, enum secagg_phase phase, struct bytes octets,
                                  int64_t now_ms, struct diag *why);

/* What became of this site's message of a phase since round_message or round_input said UPLOAD_PENDING: PENDING or ACCEPTED; LATE when
 * there is none, or the round closed before it was durable. */
enum upload_verdict round_heard(const struct round *r, uint32_t site, enum secagg_phase phase);

/* In place of round_upload: the masked vector is staged, its length and hash are right; signature[KEYS_SIGNATURE_SIZE] is the
 * site's on it. UPLOAD_WANTED: taken, its row follows, ask round_heard(INPUT). UPLOAD_MALFORMED: the signature is not this site's on
 * this vector. */
enum upload_verdict round_input(struct round *r, uint32_t site, uint64_t octets, const struct hash *content,
                                const uint8_t *signature, int64_t now_ms, struct diag *why);

/* What this site is told in a phase from SHARES on; `out` is replaced, and empty unless SAY_READY. */
enum say_verdict round_say(const struct round *r, uint32_t site, enum secagg_phase phase, struct buf *out);

const struct secagg_row *round_row(const struct round *r, uint32_t group,
                                   uint64_t number); /* until it is durable; NULL */
void round_row_persisted(struct round *r, uint32_t group, uint64_t row, int64_t now_ms);

/* The server of a group, for secagg_server_slices, secagg_server_masks and looking. A job in another thread that works on a slice
 * holds it by secagg_server_retain, taken and released in the round's own thread: the round may be closed and freed
 * meanwhile. Nothing that a slice reads changes before round_unmasked is told of the last slice, or of an error. */
struct secagg_server *round_server(const struct round *r, uint32_t group);

/* A slice's masks are off the group's sum; or, when `e` is not OK, they cannot be had: the group fails with these words. An error
 * wipes the shares, so it is told only when no slice of the group is in flight any more. Ignored once the round is closed. */
void round_unmasked(struct round *r, uint32_t group, uint32_t slice, enum err e, const struct diag *why,
                    int64_t now_ms);

/* A staged vector of a durable row cannot be read any more: the round fails. */
void round_fail(struct round *r, const char *why);

/* ---- draining and looking */
bool round_next(struct round *r, struct round_action *out);
int64_t round_deadline_ms(const struct round *r); /* when round_tick must be called next; INT64_MAX: never */

enum round_state round_state(const struct round *r);
uint32_t round_quorum(const struct round *r);
uint32_t round_contributions(const struct round *r); /* in the sum */
uint32_t round_site_count(const struct round *r);
const struct round_site *round_site_at(const struct round *r, uint32_t index); /* ascending by number */
const struct round_site *round_site(const struct round *r, uint32_t number); /* NULL: not invited */
bool round_masked(const struct round *r);
bool round_succeeded(const struct round *r); /* CLOSED, and there is a sum to compute with */
bool round_opened(const struct round *r); /* masks: some site may have released its shares */
const char *round_why(const struct round *r); /* masks: why a group failed, in words; "" when none did */
uint32_t round_groups(const struct round *r); /* 1 in clear rounds */
uint32_t round_group_of(const struct round *r, uint32_t site); /* UINT32_MAX: not invited */
bool round_group_done(const struct round *r, uint32_t group); /* masks: its sum stands */
uint32_t round_survivors(const struct round *r,
                         uint32_t group); /* vectors in the group's sum: what its check word 0 must be */

/* "keys: 4 of 5 hospitals, at least 3": what the round waits for, for people; under groups of all that are in the earliest
 * phase. */
void round_waits_for(const struct round *r, char *out, size_t size);

const char *site_state_name(enum site_state s);
const char *drop_reason_name(enum drop_reason d); /* "revoked", "in phase shares" ... */

#endif
