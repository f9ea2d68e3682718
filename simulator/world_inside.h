/* What the files of the world share: world.c (time, seeds and the end), world_coordinator.c and world_host.c (the two
 * shells), world_truth.c (what must hold). Nobody else includes this. */
#ifndef COHORT_SIMULATOR_WORLD_INSIDE_H
#define COHORT_SIMULATOR_WORLD_INSIDE_H

#include "simulator/world.h"

#define WORLD_MODELS_MAX 128
#define WORLD_TOLD_MAX 512 /* sequence numbers whose messages are remembered */

struct stored_model {
	struct hash sha256;
	struct buf bytes;
};

struct host { /* a hospital: session in memory; ledger and vector on its disk */
	uint32_t number, index;
	char name[16];
	struct policy policy;
	struct session *session;
	struct contributor contributor;
	/* volatile */
	bool polling, over;
	struct session_action work; /* FETCH, COMPUTE or SEND in hand; kind POLL: none */
	struct buf staged;
	/* durable */
	bool has_record;
	struct release_record record;
	struct buf vector;
	bool joined, left;
	/* the truth */
	bool has_truth[WORLD_ROUNDS_MAX];
	struct hash truth[WORLD_ROUNDS_MAX];
	struct buf truth_vector; /* of record.round */
	uint64_t accepted_round; /* newest acknowledged upload; 0: none */
	uint32_t accepted_attempt;
};

struct world {
	const struct world_setting *setting;
	const struct world_plan *plan;
	struct world_result *out;
	struct rng rng;
	int64_t now_ms;
	struct campaign *campaign;
	struct aggregate aggregate;
	struct host hosts[WORLD_SITES_MAX];
	bool crashed[WORLD_CRASHES_MAX];
	bool ordered; /* the operator waits for the next order's record */
	bool end_stored; /* the campaign's report is on disk, and the campaign has not heard of it yet */
	/* durable at the coordinator */
	struct json *record;
	enum site_answer answers[WORLD_SITES_MAX]; /* ANSWER_COUNT: none */
	struct round_site rows[WORLD_SITES_MAX]; /* of the attempt below */
	bool has_row[WORLD_SITES_MAX];
	uint64_t rows_round;
	uint32_t rows_attempt;
	struct buf uploads[WORLD_SITES_MAX];
	struct stored_model models[WORLD_MODELS_MAX];
	uint32_t model_count;
	/* the truth */
	struct hash told[WORLD_TOLD_MAX]; /* SHA-256 of the message with this sequence number; zero: not told yet */
};

void world_violate(struct world *w, const char *what, uint64_t round); /* the first is kept */
bool world_loses(struct world *w);
bool world_crashes(struct world *w, enum crash_side side, uint32_t site, uint32_t count, enum crash_when when);
void world_put(struct buf *to, struct bytes from);
struct host *world_host(struct world *w, uint32_t number);
struct bytes world_model(const struct world *w, const struct hash *sha256); /* empty: not there */

void coordinator_restart(struct world *w);
void coordinator_obey(struct world *w, bool idle); /* the operator's next order, when it is due */
bool coordinator_step(struct world *w); /* false: nothing to do */

void host_restart(struct world *w, struct host *h);
bool host_step(struct world *w, struct host *h);
bool host_takes_part(const struct world *w, const struct host *h); /* it polls, until it has heard the end */

/* ---- what must hold; each violates the world otherwise */
void truth_of_sum(struct world *w, const struct round_report *r);
void truth_of_end(struct world *w, const struct round_report *r); /* and publishes it */
void truth_of_release(struct world *w, struct host *h, const struct release_record *r);
void truth_of_upload(struct world *w, const struct host *h);
void truth_of_message(struct world *w, const struct message *m);
void truth_of_verdict(struct world *w, struct host *h, enum upload_verdict v);

#endif
