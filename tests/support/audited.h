/*
 * A private study under attack, for tests of its epsilon: a canary in two neighbouring worlds, with it and without, the product's
 * contributions of as few honest sites as the promise allows for, and an attacker who knows everything but the noise and the samples.
 *
 *   contract --study_parse, which solves for the noise--> plan --contribution_fill per honest site--> words --added mod 2^32--> score
 *
 * Of n invited sites the attacker has the words of the dropped ones (none were sent) and of its n_C colluders (it subtracts them), so
 * it sees the sum of m - n_C honest ones: the canary's, and others of which each is a site without rows, since what other rows add is
 * known to who knows the rows. Under `local` it sees the canary's site alone.
 *
 * A canary is the worst that a unit can be: its gradient is many times longer than the clip, spread evenly over coordinates that no
 * other row touches, and the model's answer to it hardly changes in training. Its score is the projection on that direction, in
 * sensitivities: without noise, all but 1 with the canary and 0 without. As one draw of noise costs as much for one coordinate as for
 * many, several canaries are in one sum, each with coordinates of its own: each score is as if the others were not there.
 */
#ifndef COHORT_TESTS_SUPPORT_AUDITED_H
#define COHORT_TESTS_SUPPORT_AUDITED_H

#include "client/contribution.h"
#include "tests/support/private_site.h"

#define AUDITED_SITES 4 /* invited; as many must answer, and two of them collude */
#define AUDITED_HONEST 2
#define AUDITED_PATIENTS 100

struct audited {
	struct study study;
	uint32_t canaries, width;
	struct round_model model; /* all parameters 0 */
	struct private_entropy source;
	struct entropy entropy;
	struct workspace workspace;
	struct table tables[2]; /* of the attacked site: without and with all canaries */
	struct site_rows rows[2], empty;
	uint32_t *sum; /* [layout->words] */
	uint8_t *octets;
	const struct layout *layout;
	bool alone; /* one site's words are seen, and not a sum */
};

/* Room for `canaries`, each of `width` coordinates; `privacy` and `local` are the contract's sections, in braces. */
void audited_begin(struct audited *a, uint32_t canaries, uint32_t width, const char *privacy, const char *local,
                   uint32_t rounds);
void audited_end(struct audited *a);

/* A training table with the canaries k for which included[k]: each a patient who is ill, with one row. Freed by the caller. */
void audited_table(struct table *out, const struct audited *a, const bool *included);

/* The words of a round that asks this, of the honest sites, in a->sum: with all canaries or none. */
void audited_round(struct audited *a, unsigned asks, bool present);

/* The same with rows of the caller. */
void audited_round_of(struct audited *a, unsigned asks, struct site_rows *attacked);

/* Canary k's score of the words in a->sum, in sensitivities of the noise (of `local`: of one step's). Of statistics for one canary
 * alone, since what they hold of others is not apart from it. */
double audited_score(const struct audited *a, unsigned asks, uint32_t canary);

#endif
