/* The inside of the engine, shared by engine.c (the study's course), engine_play.c (one attempt), engine_masked.c (the same under
 * masks), engine_models.c (what is learnt), engine_kept.c (single contributions), engine_signal.c (what noise hides), engine_tally.c (what became of whom), site_figures.c and
 * baseline.c (what comes after), and by nobody else. */
#ifndef COHORT_SIMULATOR_ENGINE_INSIDE_H
#define COHORT_SIMULATOR_ENGINE_INSIDE_H

#include "client/budget.h"
#include "client/contribution.h"
#include "coordinator/masked_sum.h"
#include "simulator/engine.h"
#include "simulator/fates.h"
#include "simulator/masked_sites.h"

/* What one worker of the crew has for itself. */
struct engine_worker {
	struct workspace workspace;
	struct buf octets; /* one contribution */
	struct aggregate_part sum; /* of what it has computed in this attempt */
	struct buf heard; /* masks: what the site at work was told */
	uint32_t *x; /* masks: one contribution with its check words, and */
	uint8_t *y; /* the same masked */
	int64_t *signal; /* privacy: what it has computed in this attempt before noise, in grid units; [parameters] */
};

/* What one site did in the attempt in hand. */
struct engine_part {
	uint32_t site; /* number */
	enum fate fate;
	enum refusal refusal;
	uint32_t group; /* masks */
	bool silent; /* masks: sends nothing any more in this attempt */
	uint64_t octets_up, octets_down; /* masks: messages and the masked vector */
	double weight, loss;
	uint64_t saturated, units, clipped;
};

/* Contributions of the attempt in hand, when the strategy looks at them one by one; those of a site that is not in the sum are
 * worthless. */
struct engine_kept {
	uint32_t words; /* of each; 0: none is kept */
	uint8_t *octets; /* [invited sites][words] */
	uint32_t *items; /* places in `parts` of those in the sum */
	struct summands summands;
};

/* The models of a study, in memory: a file is made of the first, which brings the scaling, and at the end of the best. Between
 * them a model is its parameters, and its name in plans follows from its step (engine_models.c). */
struct engine_models {
	struct buf first_file;
	float *first; /* its parameters; NULL before the first training round */
	struct round_model newest; /* `parameters` NULL before that, too */
	struct hash newest_name;
	float *before; /* parameters of the step before, when the last round evaluated them */
	float *best; /* parameters of the best step, when that is not the newest */
	float *moments; /* of the server; NULL when the strategy keeps none */
	double *update; /* scratch */
	struct buf file; /* of the best, after the run */
	struct hash file_sha256;
	uint32_t file_step;
};

struct engine {
	const struct study *study; /* what is run: the contract, or `clear` */
	const struct study *contract;
	struct federation *federation;
	struct engine_options options;
	struct policy policy;
	struct campaign *campaign;
	struct crew *crew;
	struct engine_worker *workers; /* crew_size */
	struct engine_site *sites; /* federation->count */
	struct aggregate sum; /* of the attempt in hand */
	struct engine_part *parts; /* of the attempt's invited sites, in their order; federation->count */
	struct engine_kept kept;
	struct engine_models models;
	struct study clear; /* a masked study whose sums are made without masks: see engine_new */
	struct masked_sites *masked; /* NULL: without masks */
	struct masked_sum **masked_sums; /* of the attempt in hand, per group; masked_sum_count */
	uint32_t masked_sum_count;
	uint32_t *standing; /* those groups whose sums could be made, */
	struct summands group_summands; /* which a strategy may look at one by one */
	double masked_seconds[ENGINE_PARTS];
	struct noised signal_noise; /* of one site in the attempt in hand, and */
	double signal_to_noise; /* how long what it hides is beside it; NAN when the attempt is none of private training */
	struct budget budget; /* of a hospital that answers every round, which is the most that any has spent */
	uint64_t paid_round; /* the newest that it knows of, and */
	unsigned paid_asks; /* what that asks, not yet in the budget: its attempts pay once */
	uint64_t updates;
	uint32_t failures; /* attempts that ended without a sum, one after another */
	uint32_t refused; /* sites, in the last attempt */
	bool hopeless; /* it failed because of them, and they would refuse every other attempt, too */
	int64_t now_ms; /* virtual */
	double began; /* the attempt, on this machine's clock, in seconds */
	void (*on_round)(void *context, const struct engine_round *round);
	void *context;
	enum err failed; /* of a job of the coordinator's: its words are in `why` */
	struct diag why;
};

/* Carries out what the campaign asks until it asks nothing. */
void engine_drain(struct engine *e);

/* The sum of the attempt in hand becomes a model, and the campaign hears of it (CAMPAIGN_COMPUTE). */
void engine_models_compute(struct engine *e);
/* Makes what sites need of the plan's model ready. ERR_DATA. */
enum err engine_models_begin(struct engine *e, const struct round_plan *plan, struct diag *why) MUST_USE;
/* Makes the file of the best model, if there is one. */
enum err engine_models_finish(struct engine *e, struct diag *why) MUST_USE;
void engine_models_free(struct engine_models *m);

/* Room for the contributions, one after the other as they are made (of different items by several workers at once), and at
 * the end the sum's summands. ERR_LIMIT when they are too many for memory. */
enum err engine_kept_begin(struct engine *e, const struct round_plan *plan, struct diag *why) MUST_USE;
void engine_kept_take(struct engine *e, uint32_t item, const uint8_t *octets);
void engine_kept_end(struct engine *e, const struct round_plan *plan);
void engine_kept_free(struct engine_kept *k);

/* ---- the signal under the noise of a private training (engine_signal.c): begins with an attempt; takes one site's, as the worker's
 * workspace has it after the contribution; the crew has computed. */
void engine_signal_begin(struct engine *e, const struct round_plan *plan);
void engine_signal_take(struct engine *e, struct engine_worker *w);
void engine_signal_end(struct engine *e);

/* Counts an attempt that has ended and tells of it. */
void engine_tally(struct engine *e, const struct round_report *report);

/* The rows of every site are encoded as the model `m` asks, and the tables' own are given back. */
void engine_encode(struct engine *e, const struct round_model *m);

/* Plays the open attempt to its end. ERR_CANCELLED leaves it open. */
enum err engine_play(struct engine *e, struct diag *why) MUST_USE;

/* One site's contribution to the open attempt into the worker's octets; its weight, loss and refusal into `part`. */
void engine_contribute(struct engine *e, struct engine_worker *w, struct engine_part *part);
void engine_note_refusal(struct engine *e, struct engine_part *part, enum refusal refusal, const struct diag *why);
bool engine_cancelled(const struct engine *e);

/* ---- under masks (engine_masked.c): the open attempt to its end; one group's masks off its sum (CAMPAIGN_UNMASK); the sum of the
 * groups' sums, ERR_DATA when check words do not hold; what is kept of the attempt. */
enum err engine_masked_play(struct engine *e, struct diag *why) MUST_USE;
void engine_masked_unmask(struct engine *e, uint32_t group);
enum err engine_masked_sum(struct engine *e, struct diag *why) MUST_USE;
void engine_masked_forget(struct engine *e);

static inline struct engine_site *engine_site_numbered(const struct engine *e, uint32_t number)
{
	return &e->sites[number - 1];
}

#endif
