/*
 * The newest mark of each site's ledger (protocol/ledger_mark.h). A hospital whose ledger was set back to an older copy cannot notice it by
 * itself; what it signed last is kept here, and shown to it with every inbox. Nothing follows from a mark at the coordinator.
 *
 *   contribution with a mark --> ledgers_take: signature, the highest stays --> office_commit: written along with what is committed
 *   inbox                    <-- enrolled_site.ledger
 *
 * A mark costs no request and no sync of its own: it becomes durable in the commit that acknowledges its contribution, which comes later,
 * or in an earlier one. One that a crash took was never acknowledged.
 */
#ifndef COHORT_COORDINATOR_LEDGERS_H
#define COHORT_COORDINATOR_LEDGERS_H

#include "coordinator/office.h"

/* ERR_PEER_MESSAGE when it is not signed by the site's key on the roster. Not higher than the one that is kept: it changes nothing, for
 * two studies may send at once. */
enum err ledgers_take(struct office *o, struct enrolled_site *site, const struct ledger_mark *mark,
                      struct diag *why) MUST_USE;

/* Another roster is in force: a mark that its key has not signed is of no use to the site, and is forgotten. */
void ledgers_check(struct office *o);

/* Writes those that are new into the transaction that is open. */
void ledgers_write(struct office *o);

#endif
