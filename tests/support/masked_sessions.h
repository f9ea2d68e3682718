/*
 * A masked federation in one process: four hospitals with the real session core, a disk and a worker each, and the real server
 * core of secure aggregation, with rows and staged vectors. The shells are honest and obey; what the coordinator says may be
 * changed on the way. Whatever a hospital says is compared: one thing per phase and attempt, never its own vector. Site numbers
 * are 11, 18, 25, 32.
 */
#ifndef COHORT_TESTS_SUPPORT_MASKED_SESSIONS_H
#define COHORT_TESTS_SUPPORT_MASKED_SESSIONS_H

#include "base/random.h"
#include "client/session.h"
#include "crypto/secagg_server.h"

#define MASKED_HOSPITALS 4
#define MASKED_HOSPITALS_NOW_S 1800000000
#define MASKED_ROWS_MAX 64

struct masked_sessions;

struct masked_hospital {
	struct masked_sessions *world;
	uint32_t index, number;
	uint8_t identity_secret[KEYS_IDENTITY_SECRET_SIZE];
	struct rng draws;
	struct policy policy;
	struct session *session; /* NULL: killed */
	struct session_action job; /* what its worker is at; kind POLL: nothing */
	bool waits; /* its job's octets are at the coordinator and on no disk there: no answer yet */
	uint32_t
		lasts; /* what it has to say in this phase and later ones does not leave; SECAGG_PHASE_COUNT at first */
	bool stops; /* before the work of `stops_at` and, where it has one, `stops_phase` */
	enum session_state stops_at;
	enum secagg_phase stops_phase;
	bool silent; /* nothing reaches it, nothing leaves it */
	uint64_t seq; /* of the newest message in its inbox */

	/* its disk */
	bool has_newest;
	struct release_record newest;
	uint32_t *v; /* final, of newest.round */
	struct buf record; /* the masks' */
	uint32_t *staged; /* computed, not final */
	uint32_t computed; /* vectors so far, each another one */
	struct buf y;

	/* what it did */
	struct buf said[SECAGG_PHASE_COUNT]; /* in this attempt; of INPUT y's hash and signature */
	uint32_t says[SECAGG_PHASE_COUNT];
	uint64_t
		spoke_round; /* the newest attempt in which it said something, and what: it never speaks in an older one */
	uint32_t spoke_attempt;
	struct hash spoke[SECAGG_PHASE_COUNT];
	uint64_t statistics_round; /* in which it answered about statistics; 0: none. There is one */
	uint64_t opened_round; /* newest round for which it gave an answer, and its attempt */
	uint32_t opened_attempt;
	uint32_t refusals, leaves, alarms, rosters;
	enum refusal refusal;
	struct diag why; /* of the last refusal or leaving */
};

struct masked_sessions {
	struct study study;
	struct roster roster; /* the newest that can be fetched */
	struct round_plan plan; /* open */
	struct masked_hospital hospitals[MASKED_HOSPITALS];
	uint64_t seed;

	/* the coordinator */
	struct masked_plan masked;
	struct secagg_server *server;
	struct buf rows[MASKED_ROWS_MAX]; /* its disk */
	struct secagg_row row_heads[MASKED_ROWS_MAX];
	uint32_t row_count;
	bool told[SECAGG_PHASE_COUNT];
	uint32_t *sum; /* of the survivors, unmasked */
	/* Changes what a hospital is told; NULL: nothing. */
	void (*lie)(struct masked_sessions *w, struct masked_hospital *h, enum secagg_phase phase, struct buf *octets);
	bool forgets_to_acknowledge; /* says "late" to uploads that it has */

	uint32_t writes; /* durable writes so far, on either side */
	uint32_t kill_at; /* 0: never; else the process that makes this write dies, before it when kill_before */
	bool kill_before, kill_only_hospitals;
};

void masked_sessions_init(struct masked_sessions *w, uint64_t seed);
void masked_sessions_free(struct masked_sessions *w);

/* A test's setup and teardown: *state is a struct masked_sessions of seed 7. */
int masked_sessions_setup(void **state);
int masked_sessions_teardown(void **state);

/* Opens a round (or an attempt of it), with a new server: every hospital that is not silent is told. Step 0 asks for statistics. */
void masked_sessions_open(struct masked_sessions *w, uint64_t round, uint32_t attempt, uint32_t step);
void masked_sessions_tell(struct masked_sessions *w, struct masked_hospital *h); /* the open round, again */
void masked_sessions_close(struct masked_sessions *w, enum round_outcome outcome); /* to all, in their inboxes */

/* Until nothing more happens: workers work, dead processes are started again, then time passes (polls and listening bring nothing),
 * and then the phase's deadline, until the attempt has ended. */
void masked_sessions_run(struct masked_sessions *w);
void masked_sessions_step(struct masked_sessions *w); /* without restarts and deadlines */
void masked_sessions_lasts(struct masked_sessions *w, uint32_t phase); /* of all */
void masked_sessions_tick(struct masked_sessions *w); /* what is asked is answered with nothing */

void masked_sessions_start(struct masked_sessions *w, struct masked_hospital *h); /* from its disk; nothing is told */
void masked_sessions_restart(struct masked_sessions *w, struct masked_hospital *h); /* and is told the open round */
void masked_sessions_restart_server(struct masked_sessions *w);
void masked_sessions_drain(struct masked_sessions *w, struct masked_hospital *h);
void masked_sessions_renew_roster(struct masked_sessions *w); /* a newer one, with the same sites */

/* DONE, the sum is that of the survivors' final vectors, and its check words hold. */
bool masked_sessions_exact(struct masked_sessions *w);

/* A message told to one hospital by hand. */
void masked_sessions_polled(struct masked_hospital *h, const struct message *m, bool missed);

/* Whether the hospital's record could go on after a restart, and whether its round was opened. */
bool masked_sessions_resumable(const struct masked_hospital *h, bool *opened);

/* No hospital has refused or left; otherwise the test fails with its words. */
void masked_sessions_expect_no_trouble(const struct masked_sessions *w);

#endif
