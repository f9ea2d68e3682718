/* The inside of the engine, shared by engine.c (the study's course) and engine_play.c (one attempt), and by nobody else. */
#ifndef COHORT_SIMULATOR_ENGINE_INSIDE_H
#define COHORT_SIMULATOR_ENGINE_INSIDE_H

#include "client/contribution.h"
#include "simulator/engine.h"
#include "simulator/fates.h"

/* What one worker of the crew has for itself. */
struct engine_worker {
	struct workspace workspace;
	struct buf octets; /* one contribution */
	struct aggregate sum; /* of what it has computed in this attempt */
};

/* What one site did in the attempt in hand. */
struct engine_part {
	uint32_t site; /* number */
	enum fate fate;
	enum refusal refusal;
	double weight, loss;
	uint64_t saturated;
};

struct engine {
	const struct study *study;
	struct federation *federation;
	struct engine_options options;
	struct policy policy;
	struct campaign *campaign;
	struct crew *crew;
	struct engine_worker *workers; /* crew_size */
	struct engine_site *sites; /* federation->count */
	struct aggregate sum; /* of the attempt in hand */
	struct engine_part *parts; /* of the attempt's invited sites, in their order; federation->count */
	struct round_model model; /* of the attempt in hand, as the sites read it */
	struct hash model_read; /* its file's SHA-256; zero: none yet */
	struct buf newest, best; /* files */
	struct hash newest_sha256, best_sha256;
	float *moments; /* of the server, belonging to `newest`; NULL: none */
	float *first; /* parameters; NULL before training began */
	uint64_t updates;
	uint32_t failures; /* attempts that ended without a sum, one after another */
	int64_t now_ms; /* virtual */
	double began; /* the attempt, on this machine's clock, in seconds */
	void (*on_round)(void *context, const struct engine_round *round);
	void *context;
	enum err failed; /* of a job of the coordinator's: its words are in `why` */
	struct diag why;
};

/* Carries out what the campaign asks until it asks nothing. */
void engine_drain(struct engine *e);

/* Plays the open attempt to its end. ERR_CANCELLED leaves it open. */
enum err engine_play(struct engine *e, struct diag *why) MUST_USE;

static inline struct engine_site *engine_site_numbered(const struct engine *e, uint32_t number)
{
	return &e->sites[number - 1];
}

#endif
