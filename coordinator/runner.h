/*
 * The runner of one study in the daemon: executes what its campaign asks. Rows go to the store through the course; octets and sums
 * are handled in the pool, so that the loop never waits for a disk or a large vector.
 *
 *     upload complete --> fdatasync (pool; one for all that came meanwhile) --> row written --> commit --> acknowledged
 *     message, set    --> row written, after those before it; a row that is of a vector after its fdatasync --> commit --> told
 *     CAMPAIGN_ADD    --> staged octets are added to the sum (pool; one job at a time, in slices)
 *     CAMPAIGN_UNMASK --> masks are taken off the sum (pool; several jobs at a time, in slices)
 *     CAMPAIGN_COMPUTE--> outcome_compute, model file written and synced (pool) --> campaign_computed
 *
 * Closing a round costs three syncs: the model's file, its folder, the commit. A job that fails because of the disk ends the
 * process (fatal.h); one that the federation's sums make impossible ends the study.
 */
#ifndef COHORT_COORDINATOR_RUNNER_H
#define COHORT_COORDINATOR_RUNNER_H

#include "base/pool.h"
#include "coordinator/office.h"
#include "coordinator/waiting.h"

struct runner *runner_new(struct course *course, struct office *office, struct pool *pool); /* sets course->runner */
void runner_free(struct runner *r); /* once the pool is empty and the server is freed; accepts NULL */

/* Time passes, actions are executed, jobs are started. Called in every turn, again after each commit. */
void runner_turn(struct runner *r);

/* After a commit told the campaign something: uploads that wait for it are answered. */
void runner_told(struct runner *r);

void runner_second(struct runner *r); /* about once a second: what has no deadline of its own */
int64_t runner_deadline_ms(const struct runner *r); /* when runner_turn must be called next */
bool runner_computing(const struct runner *r); /* a model is being made: models must not be swept */

/* A poll (its session and rights are checked): answered at once when there is a message, else held until `until_ms`. */
struct runner_poll {
	uint32_t site;
	struct session_id session;
	uint64_t after;
	bool approving;
	int64_t until_ms; /* not after now: answered at once */
};
void runner_poll(struct runner *r, struct exchange *x, const struct runner_poll *poll);

/* A part of an upload; answered at once, or when it is durable. `signature`: under masks the site's on its vector, borrowed. */
struct runner_part {
	uint32_t site;
	struct session_id session;
	uint64_t round;
	uint32_t attempt;
	uint64_t offset, total;
	struct hash content;
	const uint8_t *signature; /* [KEYS_SIGNATURE_SIZE]; NULL in a clear round */
};
void runner_part(struct runner *r, struct exchange *x, const struct runner_part *part);

/* A site in a phase of a masked attempt. runner_message: what it says, the body; answered at once, or once that is durable.
 * runner_listen: what it is told; answered at once when there is something, else held until `until_ms`. */
struct runner_phase {
	uint32_t site;
	struct session_id session;
	uint64_t round;
	uint32_t attempt;
	enum secagg_phase phase;
};
void runner_message(struct runner *r, struct exchange *x, const struct runner_phase *p);
void runner_listen(struct runner *r, struct exchange *x, const struct runner_phase *p, int64_t until_ms);

void runner_supersede(struct runner *r, uint32_t site, const struct session_id *session);

/* server_handler.expired of an exchange that some runner holds. */
void runner_expired(struct office *o, struct exchange *x);

#endif
