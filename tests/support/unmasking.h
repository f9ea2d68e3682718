/*
 * The coordinator's core of a large attempt, brought to where survivors' answers are all there, by sites that are secrets
 * and a polynomial each instead of cores: what takes a site's core n^2 work in all (opening everyone's shares, checking
 * everyone's signatures) is left out, what the coordinator is sent is the same and it judges all of it. Ciphertexts, which
 * it cannot read, are random octets. All sites deal shares, `lost` of them, evenly spread, send no vector.
 */
#ifndef COHORT_TESTS_SUPPORT_UNMASKING_H
#define COHORT_TESTS_SUPPORT_UNMASKING_H

#include "crypto/graph.h"
#include "crypto/secagg_server.h"

struct unmasking_shape {
	uint32_t n, lost, colluders;
	uint32_t degree, share_threshold; /* 0, 0: the complete graph */
	uint32_t words; /* of 32 bits */
};

struct unmasking_site {
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct keys_secrets secrets;
	struct signed_adv adv;
	struct scalar *a; /* of the polynomial whose shares are asked for: beta's, or of a lost site sigma's */
	bool lost;
};

struct unmasking {
	struct unmasking_shape shape;
	struct secagg_plan plan;
	struct secagg_site *invited;
	struct unmasking_site *sites; /* [n], by rank: U1 is everyone */
	struct graph graph;
	struct hash u2h;
	struct rng r;
	struct secagg_server
		*server; /* EXPECT_ANSWERS after unmasking_init, with the last survivor's answer still to come */
	struct buf last; /* that answer */
	uint32_t last_site;
	/* Sees each message that the core took, in their order; the last answer is not among them. NULL: nobody. */
	void (*tap)(void *context, uint32_t site, enum secagg_phase phase, struct bytes octets);
	void *tap_context;
};

/* What the attempt is about, and its plan; `invited` [shape->n] is borrowed. */
struct secagg_attempt unmasking_attempt(void);
struct secagg_plan unmasking_plan(const struct unmasking_shape *shape, const struct secagg_site *invited);

/* `tap` may be set before; everything else is set here. Cost: a share, some microseconds, for each survivor and each of
 * its peers. */
void unmasking_init(struct unmasking *u, const struct unmasking_shape *shape);
void unmasking_free(struct unmasking *u);

/* The last answer: EXPECT_UNMASKED, everything prepared. */
void unmasking_answer(struct unmasking *u);

/* The masks that the survivors' vectors have in their sum, from the survivors' own secrets: `*count` of them; the caller frees. */
struct mask *unmasking_masks(const struct unmasking *u, uint32_t *count);

#endif
