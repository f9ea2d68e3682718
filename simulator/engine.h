/*
 * The engine: a whole study in one process, as fast as the machine trains.
 *
 *   campaign (the daemon's own core) --plan--> session (the client's own core) judges it --> sites, streamed through a crew
 *        ^                                                                                        |
 *        +---- joins, uploads, refusals, deadlines on virtual time <---- integer sums <-----------+
 *
 * Campaign, round, session, release, contribution, aggregate and outcome are the objects that the daemon and the client link,
 * so the model is, bit for bit, the one that the real programs make of these rows (without --seed). What a machine full of
 * hospitals can share is done once: a round's model is read once, and its plan is judged once, by a session of the first
 * site invited, since all hold the same contract and the same policy. A contribution goes from the workspace into the sum
 * without a copy, and is known to the campaign by a number instead of the hash of its octets; there is no disk, so what is to
 * be persisted is persisted at once. (simulator/world.h has one session per site, disks and faults.)
 *
 * A masked study. The sum of masked vectors is, bit for bit, the sum of the vectors, and in one process nothing is hidden from
 * anybody: so without options.masks its rounds are run as clear ones of the same quorum, which makes the same model. With it each
 * site has its keys, shares and masks, and every message is made and judged by the product's cores (simulator/masked_sites.h);
 * groups need that, since a strategy sees their sums.
 *
 * The data are in memory once, as the first layer reads them. A round allocates nothing per site. Sums are of integers, and what
 * is no integer is kept per site and added in the sites' order: the number of workers changes no bit.
 */
#ifndef COHORT_SIMULATOR_ENGINE_H
#define COHORT_SIMULATOR_ENGINE_H

#include "client/policy.h"
#include "client/site_rows.h"
#include "coordinator/campaign.h"
#include "simulator/crew.h"
#include "simulator/federation.h"

#include <stdatomic.h>

struct engine_options {
	uint32_t sites_per_round; /* 0: all */
	double dropout, slow; /* probabilities per site and attempt */
	bool masks; /* a masked study's rounds are masked; otherwise the same sums are made without masks */
	uint32_t threads; /* from 1 */
	const struct policy *policy; /* every hospital's; NULL: one that permits everything */
	const atomic_bool *cancel; /* may be NULL; looked at before every training step */
};

/* What became of one site over the run. The simulator's own knowledge. */
struct engine_site {
	struct site_rows rows;
	bool excluded; /* by the study or the policy, before the first round: takes no part at all */
	enum refusal refusal; /* why it is excluded, or why it last refused a round */
	char *words; /* the same with its numbers; NULL: refusal_text has all there is to say */
	uint32_t contributed, late, dropped, refused; /* attempts, of which some may have failed */
	uint64_t bytes_up, bytes_down, saturated;
	double training_loss; /* of its newest contribution that trained; NAN before */
};

/* One attempt that has ended. */
struct engine_round {
	const struct round_report *report; /* borrowed during the call */
	uint32_t invited, contributed, late, dropped, refused; /* in a failed attempt, too, some may have contributed */
	uint64_t bytes_up, bytes_down; /* of this attempt, as they would have travelled */
	double training_loss; /* mean over contributions, by weight; NAN when nothing was trained */
	/* of a private training, over its contributions; the simulator's own knowledge */
	uint64_t units, clipped; /* units that took part in a step, and those whose part was longer than the clip */
	double signal_to_noise; /* of the attempt's (local: last) step, simulator/engine_signal.c; NAN otherwise */
	double seconds; /* of this machine */
};

/* Where the time of masked attempts goes. */
enum engine_part_of_time {
	ENGINE_KEYS, /* the sites' work in each phase, by the wall: SECAGG_KEYS ... SECAGG_OPENING */
	ENGINE_SHARES,
	ENGINE_INPUT, /* training, too */
	ENGINE_SURVIVORS,
	ENGINE_OPENING,
	ENGINE_JUDGING, /* the coordinator takes the sites' messages */
	ENGINE_UNMASKING,
	ENGINE_PARTS
};

struct engine;

/* `federation` is borrowed, and its tables' rows are given back as soon as they are encoded. ERR_REFUSED when the policy
 * refuses the study; ERR_AGAIN without threads. */
enum err engine_new(struct engine **out, const struct study *study, struct federation *federation,
                    const struct engine_options *options, struct diag *why) MUST_USE;
void engine_free(struct engine *e); /* accepts NULL */

/* From the first approval to the last model. `on_round` (may be NULL) is called after each attempt. ERR_DATA when the study
 * fails ("every hospital's training rows have the same label") or training leaves the finite numbers at too many sites;
 * ERR_REFUSED when no round can be opened, or too many sites refuse it; ERR_LIMIT when rounds fail one after another;
 * ERR_CANCELLED: what was made until then is there. */
enum err engine_run(struct engine *e, void (*on_round)(void *context, const struct engine_round *round), void *context,
                    struct diag *why) MUST_USE;

/* After engine_run: the best model by the study's rule, as a file; empty when there is none. Borrowed. */
struct bytes engine_model(const struct engine *e, struct hash *sha256, uint32_t *step);

/* The parameters that training began with, study->model.parameters; NULL before. Borrowed. */
const float *engine_first(const struct engine *e);

const struct campaign *engine_campaign(const struct engine *e);
const struct engine_site *engine_site(const struct engine *e, uint32_t index); /* in the federation's order */
bool engine_masked(const struct engine *e); /* rounds run under masks */
double engine_seconds(const struct engine *e, enum engine_part_of_time part); /* so far; 0 without masks */
uint64_t engine_updates(const struct engine *e); /* contributions with training, counted once each */
const char *engine_refusal(const struct engine_site *s); /* in words; borrowed */

#endif
