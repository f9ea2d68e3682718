/*
 * The ledger: the hospital's own record of everything that was ever released, in its own SQLite file, one for all its sources
 * and studies. It outlives every study, and it is the crash log: what is final for a round is found here after a restart.
 *
 *   STATE/ledger.db           table releases   one row per (study, round): what left and what it cost in privacy (client/budget.h),
 *                                              committed before it left
 *                             table figures    this hospital's own figures per round: they stay here
 *                             table endings    how a study ended, and its model
 *                             table numbers    the highest roster version seen
 *                             table losses     statements that entries are lost (client/standing.h)
 *   STATE/outbound/HASH-ROUND.vector           the octets of a release, fsynced before the row is committed; kept until the
 *                                              round is over
 *   STATE/outbound/HASH-ROUND.masked           the same under the masks of one attempt, which is what leaves; until the attempt is over
 *
 * Releases and statements are its entries, numbered 1, 2, ... over all studies and never removed, and chained:
 *
 *   head 0 = 32 zero octets
 *   head k = H("COHRTlhd", head k - 1, k u64, study hash, round u64, plan hash, step u32, asks u32, SHA-256 of v)     a release
 *          = H("COHRTlhd", head k - 1, k u64)                          a statement: the entries up to k - 1 that are not here are lost
 *
 * WAL with synchronous=FULL: a commit that was reported survives a power cut. A failed fsync is fatal to the process: after one,
 * the next could report success for pages that are lost. So the ledger remembers it and commits nothing any more (ERR_IO).
 *
 * All calls may come from any thread; a mutex puts them in order.
 */
#ifndef COHORT_CLIENT_LEDGER_H
#define COHORT_CLIENT_LEDGER_H

#include "client/contribution.h"
#include "client/release.h"
#include "client/session.h"
#include "client/standing.h"

struct ledger;

/* Opens or creates the ledger of a state folder whose lock the caller holds. ERR_CONFIG when a newer version of Cohort wrote it,
 * ERR_DATA when what was spent cannot be read. */
enum err ledger_open(struct ledger **out, const char *state, struct diag *why) MUST_USE;
void ledger_close(struct ledger *l); /* accepts NULL */

/* Whether a state folder has a ledger at all: those who only read need not make one. */
bool ledger_exists(const char *state);

/* The disk failed under it: the process should end, and recover from what is on disk. `why` tells how. */
bool ledger_failed(struct ledger *l, struct diag *why);

/* (4) of release.h: the vector's file, then the row, in one durable step. `allowed`: the rules of the policy that permit it, in
 * words; `limit`: the policy's budget, by which the record's debit is judged again, for several studies run at a time. The debit and
 * the sums after it are part of the row. ERR_CONFLICT when this round has a row already, ERR_REFUSED when the budget does not permit
 * it (nothing is touched then), ERR_FULL (nothing was released, the caller may go on), ERR_IO (fatal). */
enum err ledger_commit(struct ledger *l, const char *study, const struct release_record *record, const char *allowed,
                       struct bytes vector, const struct budget_limit *limit, struct diag *why) MUST_USE;

/* What all releases have spent, for who judges the next; `out` is freed first. */
void ledger_budget(struct ledger *l, struct budget *out);

/* The name of a study that has released something; "" otherwise. */
void ledger_study_name(struct ledger *l, char out[NAME_SIZE], const struct hash *study_hash);

/* The newest release of a study's contract; false when there is none. */
bool ledger_newest(struct ledger *l, const struct hash *study_hash, struct release_record *out);

/* How many entries there are (the number of the newest), and the head of their chain. */
uint64_t ledger_head(struct ledger *l, struct hash *head);

/* Where it stands for a study, given what the coordinator shows of it (counter 0: nothing). */
void ledger_stand(struct ledger *l, struct standing *out, const struct hash *study_hash,
                  const struct ledger_mark *told);

/* A person states that entries are lost for good, those up to `counter` which are not here: this becomes entry counter + 1. ERR_USAGE when
 * fewer are named than are here, or more than there can be; ERR_FULL, ERR_IO. */
enum err ledger_accept_loss(struct ledger *l, uint64_t counter, struct diag *why) MUST_USE;

/* The statements, oldest first: entry `number`, and how many entries the ledger had. `tell` must not call the ledger. */
void ledger_each_loss(struct ledger *l, void (*tell)(void *context, uint64_t number, uint64_t had, int64_t stated_s),
                      void *context);

/* Where the octets of a release are. False: they were discarded (or never were). */
bool ledger_vector(struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round);

/* Where the masked octets of a release are, of whichever attempt made them last; they are made there, not synced. False: there are
 * none (`path` is set all the same). */
bool ledger_masked(struct ledger *l, char path[PATH_SIZE], const struct hash *study_hash, uint64_t round);

/* The newest attempt that a release of this study was sent to under masks; false: none was. */
bool ledger_newest_masked(struct ledger *l, const struct hash *study_hash, uint64_t *round, uint32_t *attempt);

/* Deletes all masked octets of a study: its attempt is over. */
void ledger_discard_masked(struct ledger *l, const struct hash *study_hash);

/* Deletes the octets of all rounds up to `round`; the rows stay. */
void ledger_discard(struct ledger *l, const struct hash *study_hash, uint64_t round);

/* Notes for people; losing one in a power cut harms nobody, so they wait for no disk: a round has three. */
void ledger_note_sent(
	struct ledger *l, const struct hash *study_hash, uint64_t round, uint32_t attempt, enum sent how,
	const struct hash *masked); /* `masked`: SHA-256 of what left instead of v; NULL in a clear round */
void ledger_note_closed(struct ledger *l, const struct message *closed);
void ledger_note_figures(struct ledger *l, const struct release_record *record, const struct contribution_report *own);
void ledger_note_ending(struct ledger *l, const struct message *finished);

/* The highest roster version seen: a lower one is refused by the caller. 0: none yet. */
uint32_t ledger_roster_version(struct ledger *l);
enum err ledger_saw_roster(struct ledger *l, uint32_t version, struct diag *why) MUST_USE;

/* One line of the ledger, with this hospital's own figures where the round had some. Texts are borrowed for the call of `tell`. */
struct ledger_line {
	const char *study;
	struct release_record record;
	const char *allowed; /* the rules of the policy that permitted it */
	int64_t released_s; /* seconds since 1970 */
	const char *sent; /* "accepted", "late", "rejected", or "" */
	uint32_t attempt; /* the one sent to; 0: none yet */
	struct hash masked; /* SHA-256 of the masked octets sent to it; zero: none, or a clear round */
	const char *outcome; /* "done", "failed", "abandoned", or "" while open */
	uint32_t participants; /* of a done round */
	bool kept; /* the octets are still on disk */
	bool has_own;
	struct contribution_report own;
};

/* Calls `tell` for every release, oldest first; `study` NULL: of all studies. `tell` must not call the ledger. */
void ledger_each(struct ledger *l, const char *study, void (*tell)(void *context, const struct ledger_line *line),
                 void *context);

/* How a study ended for this hospital; false while it has not. `model` is zero when there is none. */
struct ledger_ending {
	struct hash model;
	uint64_t model_octets;
	bool complete; /* all rounds were done */
};
bool ledger_ending(struct ledger *l, const struct hash *study_hash, struct ledger_ending *out);

#endif
