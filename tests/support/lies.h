/*
 * An attempt of secure aggregation reduced to who is told what and who then holds which shares: a symbolic model, in which keys,
 * seals and signatures are perfect and only the rules of the sites (crypto/secagg_client.h, rows 1 to 4 of the protocol) are left.
 * It says what a lying coordinator and its colluding sites know at the end. Sets are bits of site indices.
 *
 * What they know is linear algebra: y_v = x_v + m_v + sum over v's peers w in U2 of +-m_vw, where m_v is known with beta_v, and m_vw
 * with sigma_v, sigma_w or a colluder among the two; every other mask is one unknown, in y_v for v's U2 and in y_w for w's. So sums of
 * vectors are determined exactly where the unknown masks cancel: over components of the graph that they make, each of whose vectors
 * has its beta known.
 */
#ifndef COHORT_TESTS_SUPPORT_LIES_H
#define COHORT_TESTS_SUPPORT_LIES_H

#include <stdbool.h>
#include <stdint.h>

#define LIES_SITES_MAX 8

/* What the sites insist on; a search takes them away. */
enum lies_guard {
	LIES_U2_QUORUM = 1, /* U2 has m sites */
	LIES_U3_QUORUM = 2, /* U3 has m sites */
	LIES_MEMBERS = 4, /* only members of U3 sign, and only theirs count */
	LIES_SIGNATURES = 8, /* t signatures, not one */
	LIES_U2_SIGNED = 16, /* the signature on U3 is bound to U2 */
	LIES_U2_MASKED = 32, /* and so are the keys of the masks */
	LIES_ONE_SET = 64, /* one U3 in an attempt */
	LIES_ONE_SHARE = 128, /* of each site one share, not two */
	LIES_ONE_ANSWER = 256, /* one answer in a round, over all attempts */
	LIES_ALL = 511
};

struct lies_rule {
	uint32_t n, quorum, threshold; /* m; t, of signatures and of shares */
	uint32_t guards;
	uint32_t colluders; /* set: they deal, sign and answer whatever is asked */
};

/* How far an honest site came, and with what. */
struct lies_site {
	uint32_t u1; /* 0: it has not dealt shares; sites of another U1 are in another session */
	uint32_t u2; /* 0: it has not sent a masked vector */
	uint32_t u3[2]; /* what it signed; 0: nothing. Two only without LIES_ONE_SET */
	bool answered[2];
};

/* ---- the rules: whether site `self` goes on when it is told this. `s` is all sites so far. */
bool lies_deals(const struct lies_rule *r, uint32_t self, uint32_t u1);
bool lies_masks(const struct lies_rule *r, const struct lies_site *s, uint32_t self, uint32_t u2);
bool lies_signs(const struct lies_rule *r, const struct lies_site *s, uint32_t self, uint32_t u3, bool acknowledged);

/* Those whose signatures site `self` counts for its U3 number `which`, when they all are passed on; and whether they are enough. */
uint32_t lies_signers(const struct lies_rule *r, const struct lies_site *s, uint32_t self, int which);
bool lies_answers(const struct lies_rule *r, const struct lies_site *s, uint32_t self, int which, uint32_t signers);

/* What the coordinator tells one site, in this order; a site that a message turns away hears no more. */
struct lies_told {
	uint32_t u1, u2, u3; /* 0: nothing any more */
	bool acknowledged;
	uint32_t signers; /* whose signatures it is given */
	bool repeated; /* when they are fewer than t, the last one as often as it takes */
};

/* The honest sites after all of them were told; first everyone U1, then everyone U2, and so on. */
void lies_tell(struct lies_site *out, const struct lies_rule *r, const struct lies_told *told);

/* ---- what comes of it */
struct lies_known {
	uint32_t beta[LIES_SITES_MAX], sigma[LIES_SITES_MAX]; /* sets: who gave a share of it away */
	uint32_t betas, sigmas; /* sets: whose secret is known */
	uint32_t sums[LIES_SITES_MAX], sum_count; /* sets of honest sites: the sum of their vectors is determined */
};

void lies_find(struct lies_known *out, const struct lies_rule *r, const struct lies_site *s);

#endif
