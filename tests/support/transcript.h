/*
 * A whole attempt of secure aggregation with every secret fixed, read from tests/vectors/secagg_*.json. Those files are
 * the work of an independent implementation of the specification in another language; the plan is an opaque string in
 * them.
 *
 *   struct transcript *t = transcript_read("tests/vectors/secagg_n4_one_drop.json");
 *
 * Ranks count from 0 in U1; x_v = rank + 1.
 */
#ifndef COHORT_TESTS_SUPPORT_TRANSCRIPT_H
#define COHORT_TESTS_SUPPORT_TRANSCRIPT_H

#include "crypto/keys.h"
#include "crypto/seal.h"

#define TRANSCRIPT_SITES_MAX 64
#define TRANSCRIPT_WORDS_MAX 64

struct transcript_answer {
	bool given, is_beta; /* otherwise a share of sigma */
	struct scalar share;
};

struct transcript_site {
	uint32_t site;
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE], identity_pk[KEYS_IDENTITY_PUBLIC_SIZE];
	struct keys_secrets secrets;
	struct signed_adv adv;
	struct scalar a_sigma[TRANSCRIPT_SITES_MAX], a_beta[TRANSCRIPT_SITES_MAX]; /* t - 1 coefficients each */
	uint32_t x[TRANSCRIPT_WORDS_MAX];
	uint8_t ct[TRANSCRIPT_SITES_MAX][SEAL_SIZE]; /* to each rank; zeros to itself */
	struct hash cmt;
	uint8_t phase1[KEYS_SIGNATURE_SIZE];
	/* of members of U3 only */
	bool in_u3;
	uint8_t y[4 * TRANSCRIPT_WORDS_MAX];
	size_t y_size;
	struct hash y_hash;
	uint8_t phase2[KEYS_SIGNATURE_SIZE], phase3[KEYS_SIGNATURE_SIZE];
	struct transcript_answer answers[TRANSCRIPT_SITES_MAX]; /* for each rank */
};

struct transcript {
	struct buf federation, study_hash, model, plan;
	uint64_t round;
	uint32_t attempt, words, bits, colluders, t, quorum;
	struct hash ctx, sid, u2h;
	struct buf u3_message;
	uint32_t count; /* |U1| */
	uint8_t u2[TRANSCRIPT_SITES_MAX / 8], u3[TRANSCRIPT_SITES_MAX / 8]; /* bitmaps over U1 */
	struct transcript_site sites[TRANSCRIPT_SITES_MAX];
	int32_t sum[TRANSCRIPT_WORDS_MAX];
};

/* Fails the test when the file is not as described. */
struct transcript *transcript_read(const char *path);
void transcript_free(struct transcript *t);

#endif
