/*
 * What must hold in every world, whatever was lost, killed or ordered. The world tells what happens; each check knows the truth
 * by itself and does not ask the cores for it. A check is one row of `checks` in truth.c: its name, which a violation begins
 * with, and its sentence.
 */
#ifndef COHORT_SIMULATOR_TRUTH_H
#define COHORT_SIMULATOR_TRUTH_H

#include "simulator/world_inside.h"

enum check {
	CHECK_SUM,
	CHECK_ONCE,
	CHECK_QUORUM,
	CHECK_KEPT,
	CHECK_NUMBERS,
	CHECK_NAMED,
	CHECK_INVITED,
	CHECK_ACKNOWLEDGED,
	CHECK_TOLD,
	CHECK_LATE,
	CHECK_FINAL,
	CHECK_CLEAN,
	CHECK_MODEL,
	CHECK_FRESH,
	CHECK_OPENED,
	CHECK_SEALED,
	CHECK_NOISE,
	CHECK_LEDGER,
	CHECK_BUDGET,
	CHECK_SPARES,
	CHECK_STANDING,
	CHECK_BLIND,
	CHECK_PROGRESS,
	CHECK_END,
	CHECK_COUNT
};

const char *check_name(enum check c);
const char *check_sentence(enum check c);

/* The first is kept; it ends the run. */
void truth_violated(struct world *w, enum check c, const char *fmt, ...) PRINTF_LIKE(3, 4);

void truth_of_step(struct world *w); /* after every step: what can be seen at any time */
void truth_of_run(struct world *w); /* at the end */

/* truth_rounds.c: sums, ends, records */
void truth_of_sum(struct world *w, const struct round_plan *plan, const struct round *round);
void truth_of_outcome(struct world *w, const struct round_plan *plan,
                      const struct outcome *o); /* of the sum just seen */
void truth_of_report(struct world *w, const struct round_report *r); /* written */
void truth_of_end(struct world *w, const struct world_end *end); /* committed: it is published */
void truth_of_record(struct world *w); /* committed */
bool truth_took_part(const struct world_end *end, uint32_t number);
const struct world_end *truth_find_end(const struct world *w, uint64_t round, uint32_t attempt); /* NULL: none */
void truth_list(struct world_end *out, const struct round_report *r); /* the end that a report tells */

/* truth_words.c: what leaves a site, what a site is told */
void truth_of_release(struct world *w, struct host *h, const struct release_record *r);
void truth_of_upload(struct world *w, struct host *h, const struct letter *l);
void truth_of_staged(struct world *w, const struct host *h, const struct letter *l);
void truth_of_message(struct world *w, const struct message *m);
void truth_of_verdict(struct world *w, struct host *h, const struct letter *l, enum upload_verdict v);

/* truth_masks.c: what a masked attempt shows to whom */
void truth_of_say(struct world *w, struct host *h, const struct letter *l); /* a message leaves the site */
void truth_of_masked_upload(struct world *w, struct host *h, const struct letter *l);
void truth_of_told(struct world *w, const struct letter *l); /* the site is told the phase that it listens for */
void truth_of_heard(struct world *w, const struct letter *l); /* its message is acknowledged */
void truth_of_masked_row(struct world *w, uint32_t group, const struct secagg_row *row); /* written */
void truth_of_failed(struct world *w, const struct world_end *end); /* an attempt failed */
bool truth_has_masked(const struct world *w, const struct office_disk *d, enum secagg_phase phase,
                      uint32_t site); /* the open attempt's row; `site` 0: the set that opens the phase, of any group */
bool truth_sent_masked(const struct host *h, uint64_t round, uint32_t attempt, const struct hash *y);

/* truth_privacy.c: what a private study spends */
double truth_cost(const struct study *s, unsigned asks); /* Renyi divergence at order 1 */
void truth_of_spent(struct world *w, struct host *h, const struct release_record *r); /* in the books */
void truth_of_computed(struct world *w, struct host *h, const struct round_plan *plan, const struct hash *content,
                       uint64_t drawn); /* octets of randomness */
void truth_of_leaving(struct world *w, const struct host *h, const struct letter *l); /* a vector, or a message */
void truth_of_refusal(struct world *w, const struct host *h, enum refusal refusal);
void truth_of_losses(struct world *w, const struct round_plan *plan); /* told for the first time */
bool truth_is_spent(const struct world *w); /* too much was lost for the study to go on */

#endif
