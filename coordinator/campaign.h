/*
 * The campaign: one study from the first approval to its last model. A core: it has no clock, socket, file or log; feed
 * events, then drain actions with campaign_next until it returns false.
 *
 *                    start             enough approvals        record durable
 *   CAMPAIGN_READY ----------> EXPECT_SITES ----------> EXPECT_OPENED ----------> EXPECT_ROUND  (a struct round)
 *                                  ^   ^                      ^                     |        |
 *                   pause is over  |   |                      | next step           | quorum | too few
 *                                  |   +--- EXPECT_RETRY <----|--- EXPECT_CLOSED <--|--------+
 *                                  |                          |         ^           v
 *                                  +---- (operator pause) ----+---------+---- EXPECT_OUTCOME (the model is made)
 *
 *   ends: CAMPAIGN_FINISHED (all rounds done, or stopped early), CAMPAIGN_STOPPED (operator),
 *         CAMPAIGN_FAILED (the sums show what cannot be trained)
 *
 * What lasts is one record (campaign_save) and the rows of the open attempt. A message to the sites follows from the
 * record alone, so that a restarted coordinator says the same with the same sequence number. Nothing is told to a
 * site before the record that it follows from is durable: CAMPAIGN_PERSIST carries a token, and
 * campaign_persisted(token) releases what waits for it. Closing a round and opening the next is one record, hence one
 * transaction.
 *
 * An attempt that fails for lack of a quorum is tried again after pause_ms, with the same round, plan and invited
 * sites, so a site sends the identical contribution. When the approved sites have changed meanwhile, or after
 * ATTEMPTS_MAX, the round is given up and the next round number asks the same.
 *
 * Masked studies (`masking: required`, or groups of G). A round is opened when masked_plan_make gives its plan, under the roster that
 * config.roster has then; C(roster) is part of the round message, hence of the record. All attempts of a round have the
 * same plan, so another roster means another round number: an open attempt goes on with the roster it was opened under, but after
 * it fails, or when a restart finds another roster, the next round number asks the same. How a masked attempt ends:
 *
 *   the round (round.h)                    outcome       then
 *   succeeds                               DONE          COMPUTE, as in clear rounds
 *   fails, nobody was asked for shares     FAILED        another attempt, under new keys, after pause_ms
 *   fails, and shares may have been given  ABANDONED     the next round number asks the same, after pause_ms
 *   makes garbage (campaign_discarded)     ABANDONED     the same
 *   either of the last two, statistics     ABANDONED     the study fails: sites answer statistics once in a revision
 *
 * Under groups the invited sites, hence the groups, are those of the study's first round, whoever leaves or approves later: groups
 * that change could be told apart by difference. Who has left is dropped from each attempt; a round is opened while in more than
 * half of the groups enough sites approve.
 *
 * Under privacy every number costs what the contract has paid for in advance, so one that is given up after a site may have made
 * its contribution spends a spare round; without one left the study fails (campaign_spares.c). Where the clip follows the
 * updates, the record keeps that of the next round, and each round's plan names its own.
 *
 * With sites_per_round k, each new round that trains invites a uniform sample of k of the approved sites (all, when there
 * are no more), drawn by seed and round number; the study's rules then apply to k. All attempts of a round keep its sample,
 * as long as each of its sites approves. Statistics and the last evaluation ask everybody. Without effect under groups.
 */
#ifndef COHORT_COORDINATOR_CAMPAIGN_H
#define COHORT_COORDINATOR_CAMPAIGN_H

#include "coordinator/outcome.h"
#include "coordinator/round.h"
#include "protocol/roster.h"

enum campaign_state {
	CAMPAIGN_READY, /* added; the operator has not started it */
	CAMPAIGN_EXPECT_SITES, /* fewer approvals than a round needs, or paused */
	CAMPAIGN_EXPECT_OPENED,
	CAMPAIGN_EXPECT_ROUND,
	CAMPAIGN_EXPECT_OUTCOME,
	CAMPAIGN_EXPECT_CLOSED,
	CAMPAIGN_EXPECT_RETRY, /* before another attempt, or another round after an abandoned one */
	CAMPAIGN_FINISHED,
	CAMPAIGN_STOPPED,
	CAMPAIGN_FAILED,
	CAMPAIGN_STATE_COUNT
};

struct campaign_config {
	const struct study *study; /* borrowed: outlives the campaign */
	int64_t join_ms, deadline_ms; /* of a round: the operator's */
	int64_t pause_ms; /* before another attempt, or another round after an abandoned one */
	uint32_t sites_per_round; /* a round that trains invites so many; 0: all who approve. The simulator only */
	struct hash sample_seed; /* which ones, with the round's number */

	/* Masked studies. The roster in force, which the campaign asks for when it plans a round and when it is restored, and does not
	 * keep; NULL from it: none yet. Its `federation` enters the context of each attempt. */
	const struct roster *(*roster)(void *world);
	void *world;
	int64_t phase_ms; /* of the phases SHARES, SURVIVORS and OPENING: the operator's */
};

enum campaign_action_kind {
	CAMPAIGN_PERSIST_ANSWER, /* store what `site` answered */
	CAMPAIGN_PERSIST_SITE, /* store campaign_round()'s row of `site`, then call campaign_site_persisted */
	CAMPAIGN_PERSIST, /* store campaign_save(), and campaign_report() when it is not NULL, in one transaction, then
	                     call campaign_persisted(token) */
	CAMPAIGN_BEGIN, /* empty the aggregate for campaign_plan(); staged uploads of other attempts may be deleted */
	CAMPAIGN_PERSIST_ROW, /* store round_row(campaign_round(), group, row) in order, as round.h says, then call
	                         campaign_row_persisted. A row that is not there any more is of an attempt that has ended */
	CAMPAIGN_TELL, /* sites that wait in campaign_say are answered */
	CAMPAIGN_ADD, /* add the staged contribution of `site` (to the sum of its group), then call campaign_added */
	CAMPAIGN_UNMASK, /* take the masks of round_server(campaign_round(), group) off the group's sum in slices; then
	                    campaign_unmasked for each */
	CAMPAIGN_COMPUTE, /* outcome_compute, make its model durable, then campaign_computed or campaign_not_computed */
	CAMPAIGN_WAKE /* the inboxes have changed: answer held polls, and sites that wait in campaign_say */
};

struct campaign_action {
	enum campaign_action_kind kind;
	uint32_t site;
	enum site_answer answer;
	uint64_t token;
	uint32_t group;
	uint64_t row;
	enum secagg_phase phase; /* TELL: which one began in `group`; for logs */
};

/* A round that has just ended, for the store. Borrowed until its record is persisted. */
struct round_report {
	const struct round_plan *plan;
	enum round_outcome outcome;
	const struct round *round; /* every invited site and what became of it */
	const char *
		why; /* why a masked round gave no sum, or a group of it; "" when nothing went wrong. Names the site at fault */
	bool evaluated;
	struct metrics validation, test; /* of plan->model */
	struct calibration validation_calibration, test_calibration;
	struct metrics validation_margin, test_margin; /* as struct outcome's */
	double weight;
	struct hash model; /* that was made; zero: none */
	uint64_t model_octets;
	int64_t started_ms, ended_ms; /* on the campaign's clock */
};

struct campaign;

struct campaign *campaign_new(const struct campaign_config *config); /* READY, nobody has answered; never NULL */
void campaign_free(struct campaign *c); /* accepts NULL */

/* After a restart: the record as campaign_save wrote it, then every site's stored answer, then, of the open attempt
 * (campaign_round_open tells whether there is one), the stored rows of its masks, ascending in each group, and its sites, then
 * campaign_resume. ERR_DATA when the record is not ours, from campaign_restore_row when the row does not fit. A masked attempt whose
 * roster is not in force any more takes its rows too, and ends in campaign_resume. */
enum err campaign_restore(struct campaign **out, const struct campaign_config *config, const struct json *record,
                          int64_t now_ms, struct diag *why) MUST_USE;
void campaign_restore_answer(struct campaign *c, uint32_t site, enum site_answer answer);
enum err campaign_restore_row(struct campaign *c, uint32_t group, const struct secagg_row *row,
                              struct diag *why) MUST_USE;
void campaign_restore_site(struct campaign *c, const struct round_site *row);
void campaign_resume(struct campaign *c, int64_t now_ms);
struct json *campaign_save(const struct campaign *c);

/* The operator. ERR_CONFLICT says why not ("study heart has finished"). pause: the open round goes on to its end, no
 * other is opened. stop: the open round is given up at once, and the sites are told that the study is over. */
enum err campaign_start(struct campaign *c, int64_t now_ms, struct diag *why) MUST_USE;
enum err campaign_pause(struct campaign *c, struct diag *why) MUST_USE;
enum err campaign_unpause(struct campaign *c, int64_t now_ms, struct diag *why) MUST_USE;
enum err campaign_stop(struct campaign *c, int64_t now_ms, struct diag *why) MUST_USE;

/* The sites. Only for sites that the study invites (study_invites). */
void campaign_answer(struct campaign *c, uint32_t site, enum site_answer answer, int64_t now_ms);
void campaign_revoked(struct campaign *c, uint32_t site, int64_t now_ms); /* its certificate, or it left the roster */
void campaign_roster_changed(struct campaign *c, int64_t now_ms); /* a masked study that waits looks again */
void campaign_polled(struct campaign *c, uint32_t site, int64_t now_ms); /* an approving poll: joins the open round */
/* ERR_PEER_STATE when that attempt is not open or the site has contributed. */
enum err campaign_refused(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt, enum refusal why,
                          int64_t now_ms) MUST_USE;

/* As round_wants and round_upload, for an attempt by number. One that never was is UPLOAD_UNINVITED. One that has
 * been closed is UPLOAD_LATE once that is durable, UPLOAD_PENDING before; and UPLOAD_ACCEPTED, whatever the content,
 * for a participant of the newest. */
enum upload_verdict campaign_wants(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                   uint64_t octets, const struct hash *content);
enum upload_verdict campaign_upload(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                    uint64_t octets, const struct hash *content, int64_t now_ms);

/* ---- masked attempts, by number. One that is not open: as campaign_wants.
 *
 * campaign_message: a site's message of phase KEYS, SHARES, SURVIVORS or OPENING, as round_message. UPLOAD_PENDING: hold the request and
 * ask campaign_heard after commits, until it says otherwise: ACCEPTED: 204; LATE: 410, the attempt (or this phase of it) is over;
 * CONFLICT 409; UNINVITED 403; MALFORMED 400 with `why`; AGAIN 409: round.h says what the site does then.
 * campaign_input: in place of campaign_upload, as round_input; ask campaign_heard for phase INPUT.
 * campaign_say: what a site hears, as round_say. Nothing is told before the row that it follows from is durable, and
 * SAY_OVER not before the attempt's end is: SAY_WAIT until then. Ask again for each held request at CAMPAIGN_TELL and CAMPAIGN_WAKE. */
enum upload_verdict campaign_message(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                     enum secagg_phase phase, struct bytes octets, int64_t now_ms, struct diag *why);
enum upload_verdict campaign_input(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt, uint64_t octets,
                                   const struct hash *content, const uint8_t *signature, int64_t now_ms,
                                   struct diag *why);
enum upload_verdict campaign_heard(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                   enum secagg_phase phase);
enum say_verdict campaign_say(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                              enum secagg_phase phase, struct buf *out);

/* Answers to actions. campaign_site_persisted and campaign_added: for the attempt that is open now. Once another one is
 * open, which is from campaign_persisted on, answers for an earlier one are not to be given: they would be taken for
 * the new one's. */
void campaign_site_persisted(struct campaign *c, uint32_t site, bool stored, int64_t now_ms);
void campaign_persisted(struct campaign *c, uint64_t token, int64_t now_ms);
void campaign_added(struct campaign *c, uint32_t site, int64_t now_ms);
void campaign_computed(struct campaign *c, const struct outcome *outcome, int64_t now_ms); /* its model is durable */
void campaign_not_computed(struct campaign *c, const char *why, int64_t now_ms); /* the study fails with these words */
void campaign_row_persisted(struct campaign *c, uint32_t group, uint64_t row, int64_t now_ms);
/* As round_unmasked; like the others for the attempt that is open now, so a job remembers which one it works for. */
void campaign_unmasked(struct campaign *c, uint32_t group, uint32_t slice, enum err e, const struct diag *why,
                       int64_t now_ms);
/* After campaign_restore: the staged vector of a durable row is lost. The attempt fails (in the table above). */
void campaign_unreadable(struct campaign *c, const char *why, int64_t now_ms);
/* Instead of campaign_computed: the sums are garbage, as their check words or the statistics in them tell. */
void campaign_discarded(struct campaign *c, const char *why, int64_t now_ms);
void campaign_tick(struct campaign *c, int64_t now_ms);

bool campaign_next(struct campaign *c, struct campaign_action *out);
int64_t campaign_deadline_ms(const struct campaign *c); /* when campaign_tick must be called next */

/* The messages for `site` with seq > after, at most three, borrowed until the next event. False when messages after
 * `after` existed that are no longer kept: the site must forget its round and go on with these. */
bool campaign_inbox(const struct campaign *c, uint32_t site, uint64_t after, const struct message *out[3],
                    uint32_t *count);

/* Looking. */
enum campaign_state campaign_state(const struct campaign *c);
const char *campaign_state_name(const struct campaign *c); /* "running", "waiting", "paused", "finished" ... */
void campaign_waiting_for(const struct campaign *c, char *out,
                          size_t size); /* "2 more hospitals to approve", "st-mary, ..."; "" */
const char *campaign_failure(const struct campaign *c); /* "" unless FAILED */
void campaign_reason(const struct campaign *c, char *out,
                     size_t size); /* why it is over before all rounds are done: failed, "stopped early: ..."; "" */
void campaign_spares(const struct campaign *c, uint32_t *lost,
                     uint32_t *left); /* training rounds lost, and that may still be; 0, 0 without privacy */
uint32_t
campaign_releases(const struct campaign *c); /* rounds whose sum was made, and training rounds that were lost */
bool campaign_over(const struct campaign *c); /* finished, stopped or failed, although perhaps not on disk yet */
uint32_t campaign_step(const struct campaign *c); /* training rounds done */
bool campaign_round_open(const struct campaign *c);
const struct round_plan *campaign_plan(const struct campaign *c); /* of the open, or else the last, attempt */
const struct layout *campaign_layout(const struct campaign *c); /* of campaign_plan(); valid while a round is open */
const struct round *campaign_round(const struct campaign *c); /* NULL unless one is open or being closed */
const struct round_report *
campaign_report(const struct campaign *c); /* of the record being persisted; NULL: no round ended */
struct hash campaign_model(const struct campaign *c, uint64_t *octets); /* newest; zero: none yet */
struct hash campaign_best(const struct campaign *c, uint64_t *octets,
                          uint32_t *step); /* by validation; the last without */
uint32_t campaign_approved(const struct campaign *c); /* sites that approve now */
bool campaign_site_answer(const struct campaign *c, uint32_t site, enum site_answer *out); /* false: none yet */

#endif
