/*
 * A masked round in one process: sites with the real core (masked.h), which send and ask as docs/PROTOCOL.md says, and the
 * coordinator's round or campaign with a disk, staged vectors and sums. Everything follows from the seed of the sites.
 *
 * A site posts what its core sends until it is told what became of it, asks for the next phase, and, once it has sent its
 * shares, goes on asking for OPENING until the attempt is over. The coordinator may be killed before or after any of its commits.
 */
#ifndef COHORT_TESTS_SUPPORT_MASKED_ROUND_H
#define COHORT_TESTS_SUPPORT_MASKED_ROUND_H

#include "base/queue.h"
#include "coordinator/campaign.h"
#include "tests/support/masked.h"

#define MASKED_GROUPS_MAX 8
#define MASKED_ROUND_ROWS_MAX 512
#define MASKED_JOIN_MS 1000
#define MASKED_PHASE_MS 5000
#define MASKED_DEADLINE_MS 20000

/* One site as the coordinator's requests see it. */
struct masked_line {
	bool waits[SECAGG_PHASE_COUNT]; /* its message is taken, and not durable yet */
	enum secagg_phase asks; /* the phase that it listens to; KEYS: none yet */
	bool heard[SECAGG_PHASE_COUNT];
	bool out; /* it was told that it has no part, or that it is over */
	enum upload_verdict last; /* of its last message */
	enum say_verdict said; /* the last answer but WAIT */
	uint32_t repeats; /* how often it was asked to send the phase before again */
};

/* Waits for its commit. */
struct masked_write {
	bool is_row, is_record; /* neither: what became of a site */
	uint32_t group, site;
	uint64_t row, token;
};

struct masked_stored {
	uint32_t group;
	struct secagg_row head;
	struct buf octets;
};

struct masked_round {
	struct masked w; /* the sites; w.plan is that of the group in hand */
	struct secagg_plan plans[MASKED_GROUPS_MAX];
	uint32_t groups, group_of[MASKED_SITES_MAX];
	struct masked_line lines[MASKED_SITES_MAX];
	uint32_t words; /* d */
	int64_t now_ms;

	struct round *round; /* the campaign's when there is one */
	struct campaign *campaign;
	void (*store_record)(void *office); /* of the campaign */
	void *office;
	struct queue writes; /* rows and sites to be committed, in order */
	struct masked_stored rows[MASKED_ROUND_ROWS_MAX]; /* the disk */
	uint32_t row_count;
	struct round_site sites[MASKED_SITES_MAX];
	uint32_t site_count;
	uint32_t *sums[MASKED_GROUPS_MAX];
	uint32_t added[MASKED_GROUPS_MAX]; /* vectors in the sum */
	uint32_t unmasked[MASKED_GROUPS_MAX]; /* how often the masks were asked to be taken off */
	bool lose_slices[MASKED_GROUPS_MAX]; /* their masks cannot be had */
	bool never_add; /* adding takes for ever */
	bool closed;

	uint32_t commits; /* so far */
	uint32_t kill_at; /* 0: never; else the coordinator dies at this commit, before it when kill_before */
	bool kill_before, dead;
};

/* n sites in groups of n / groups, words of 32 bits, n_C colluders. Sites whose `lasts` is lowered fall silent. */
void masked_round_init(struct masked_round *m, uint64_t seed, uint32_t n, uint32_t groups, uint32_t colluders);
void masked_round_free(struct masked_round *m);

/* Opens an attempt: at the sites, and, without a campaign, at the coordinator. Everybody joins who does not stay away. */
void masked_round_begin(struct masked_round *m, uint32_t attempt);
void masked_round_open(struct masked_round *m); /* the coordinator's side alone */
struct secagg_plan masked_round_plan(const struct masked_round *m, uint32_t i); /* of site i's group */

/* For who conducts a campaign. */
void masked_round_obey(struct masked_round *m, const struct round_action *a);
bool masked_round_commit(struct masked_round *m); /* the next write; false: there is none */
void masked_round_die(struct masked_round *m); /* what is not on the disk is gone, and requests are made again */
void masked_round_forget(struct masked_round *m); /* the rows of an attempt that is over */
void masked_round_empty(struct masked_round *m); /* the sums */

/* One turn of one site, or of the coordinator; false: nothing to do. */
bool masked_round_site(struct masked_round *m, uint32_t i);
bool masked_round_turn(struct masked_round *m);

void masked_round_step(
	struct masked_round *m); /* until nothing happens any more; the killed coordinator is restarted */
void masked_round_run(struct masked_round *m); /* the same, and deadlines pass, until the round is closed */
void masked_round_restart(struct masked_round *m); /* kills the coordinator and brings it back from its disk */

/* The sum of a group is that of the vectors of the sites that the round says are in it, and of no others. */
bool masked_round_exact(const struct masked_round *m, uint32_t group);
/* "contributed", "absent", "in phase shares", "revoked": what the round says of site i. */
const char *masked_round_fate(const struct masked_round *m, uint32_t i);
uint32_t masked_round_number(const struct masked_round *m, uint32_t i);

#endif
