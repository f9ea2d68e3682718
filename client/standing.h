/*
 * Where this hospital's ledger stands: whether it is the newest that there ever was, or an older copy that a backup, a snapshot or a
 * mistake has put back. An older copy has forgotten releases, so its budget would be spent a second time, and its rounds answered
 * twice. Nothing on the hospital's own disk can tell, for all of it may be old; but the coordinator keeps the newest mark
 * (protocol/ledger_mark.h) that this hospital has signed, and shows it with every inbox.
 *
 *   what is shown                                   verdict             what follows
 *   nothing, or a mark that is in our chain         STANDING_GOOD       go on
 *   a mark that our key has not signed              STANDING_FORGED     not believed, an alarm
 *   a higher counter than ours                      STANDING_OLDER      every release is refused (REFUSAL_LEDGER), an alarm
 *   a counter of ours, with another head            STANDING_OTHER      the same
 *
 * A coordinator cannot make a mark; one that shows none, or an old one, is not noticed.
 *
 * When the newest ledger is lost for good a person states so (ledger_accept_loss). The statement is an entry of the ledger itself, and what
 * the lost entries may have done is taken for done: under noise nothing is left of any budget, and a study that may have been under way is
 * not answered.
 *
 * A core: no file, socket or clock.
 */
#ifndef COHORT_CLIENT_STANDING_H
#define COHORT_CLIENT_STANDING_H

#include "protocol/ledger_mark.h"
#include "protocol/refusal.h"
#include "protocol/roster.h"
#include "protocol/round_plan.h"

/* What the shell knows when a poll is answered (ledger_stand). */
struct standing {
	uint64_t counter; /* entries of our ledger now */
	struct hash head;
	struct ledger_mark told; /* what the coordinator shows; counter 0: nothing */
	struct hash ours; /* our head at told.counter; zero: our ledger has no such entry */
	uint64_t lost; /* the entry that is the newest statement of a loss; 0: none */
	bool released_before, released_since; /* whether this study has entries before and after that */
};

enum standing_verdict { STANDING_GOOD, STANDING_FORGED, STANDING_OLDER, STANDING_OTHER };

/* `self`: our number in the verified roster. Of all but GOOD `why` names both numbers and what to do. */
enum standing_verdict standing_look(const struct standing *s, const struct roster *roster, uint32_t self,
                                    struct diag *why);

/* May a study spend anything at all after a stated loss, which is entry `lost` (0: there is none)? REFUSAL_BUDGET. */
enum refusal standing_judge_study(uint64_t lost, const struct study *study, struct diag *why) MUST_USE;

/* May this round be answered, as far as the ledger is concerned? REFUSAL_LEDGER when it is an older copy or another one, or when the round
 * may be one that was answered by lost entries; REFUSAL_BUDGET when they may have spent it. */
enum refusal standing_judge(const struct standing *s, const struct roster *roster, uint32_t self,
                            const struct study *study, const struct round_plan *plan, struct diag *why) MUST_USE;

#endif
