/*
 * A masked attempt in one process: sites with the real client core, a disk and an outbox each, and, if wanted, the real
 * server core with rows and staged vectors. Everything follows from a seed. Site numbers are 11, 18, 25, ..., so that a number,
 * a rank and a point x are never the same.
 */
#ifndef COHORT_TESTS_SUPPORT_MASKED_H
#define COHORT_TESTS_SUPPORT_MASKED_H

#include "base/random.h"
#include "crypto/secagg_client.h"
#include "crypto/secagg_server.h"

#define MASKED_SITES_MAX 64 /* that sets of sites in a u64 reach; an attempt may have more */

struct masked_site {
	struct masked *world;
	uint32_t number;
	uint8_t identity_secret[KEYS_IDENTITY_SECRET_SIZE];
	struct rng draws; /* this attempt's entropy */
	uint32_t *x; /* [words] */
	uint8_t *y; /* packed; NULL: not masked yet */
	struct hash y_hash;
	struct secagg_client *client; /* NULL: not opened, or killed */
	struct buf disk; /* the record */
	struct buf outbox[SECAGG_PHASE_COUNT]; /* what it sent last */
	uint32_t sends[SECAGG_PHASE_COUNT]; /* how often */
	bool silent; /* nothing reaches it, nothing leaves it */
	uint32_t
		lasts; /* phases that it takes part in, SECAGG_PHASE_COUNT at first: it falls silent before its next message */
	bool contradicted; /* it sent two different messages of one phase in one attempt */
	enum err error; /* of the last message that it refused */
	struct diag why;
};

struct masked {
	uint64_t seed;
	uint32_t n, words;
	struct secagg_site *invited; /* [n], as the next two */
	struct masked_site *sites;
	struct secagg_plan plan;
	struct secagg_attempt attempt;
	bool statistics;
	uint32_t min_known;
	bool *known;
	uint8_t plan_octets[64];
	struct secagg_shared *shared; /* what the sites share; NULL: nothing. The caller's */
	bool keep_entropy; /* attempts draw the same again: for who replays one */

	/* the coordinator */
	struct secagg_server *server;
	struct buf *rows; /* its disk */
	struct secagg_row *row_heads;
	uint32_t row_count;
	uint32_t *sum; /* of the staged vectors of U3, unmasked at the end */
	uint32_t writes; /* durable writes so far, on either side */
	uint32_t kill_at; /* 0: never; else the process that makes this write dies, before it when kill_before */
	bool kill_before;
};

/* n sites, n_C colluders, quorum m (0: the least), d words of k bits, fresh identities and vectors. */
void masked_init(struct masked *w, uint64_t seed, uint32_t n, uint32_t colluders, uint32_t quorum, uint32_t words,
                 uint32_t bits);
void masked_free(struct masked *w);

/* What a site is configured with for the attempt in hand. */
struct secagg_client_config masked_config(struct masked *w, uint32_t i);

/* Seed of what site i draws in the attempt in hand, label "draws". */
uint64_t masked_draws_seed(const struct masked *w, uint32_t i);

/* Opens the attempt at site i, from its disk; draws are those of (seed, site, attempt). */
enum err masked_open(struct masked *w, uint32_t i, struct diag *why);
void masked_restart(struct masked *w, uint32_t i); /* kill, and resume from the disk; `error` tells */

/* Does what the core asks for until it asks for nothing. */
void masked_pump(struct masked_site *s);

/* A message of the coordinator, then masked_pump. The error is also kept in the site. */
enum err masked_tell(struct masked *w, uint32_t i, enum secagg_phase phase, struct bytes octets);

/* ---- the honest coordinator */
void masked_server(struct masked *w); /* opens it */
void masked_run(struct masked *w); /* until it ends: the dead are restarted, then deadlines pass */
void masked_step(struct masked *w); /* until nothing more happens */
void masked_restart_server(struct masked *w);
bool masked_revive(
	struct masked *w); /* restarts whatever died; a site that cannot go on falls silent. False: nothing had */
void masked_unmask(struct masked *w); /* every slice, in EXPECT_UNMASKED */
bool masked_exact(const struct masked *w); /* DONE, and the low k bits of the sum are those of the survivors' vectors */

/* An attempt from its beginning: sites opened, server opened. */
void masked_begin(struct masked *w, uint32_t attempt);

/* ---- lists that a coordinator makes by hand */
void masked_u1(struct buf *out, const struct masked *w, uint64_t members); /* bit i: site index i, of their outboxes */
void masked_set(struct buf *out, uint64_t u1, uint64_t set); /* bitmap over U1 */
void masked_u2(struct buf *out, const struct masked *w, uint64_t u1, uint64_t u2, uint32_t to);
void masked_signatures(struct buf *out, const struct masked *w, uint64_t signers);

#endif
