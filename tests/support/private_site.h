/*
 * Sites of a private study, for tests of what leaves them: three numbers, a choice and a label; patients with one to five rows;
 * entropy that can be begun anew, so that a test can draw the same noise and the same samples for itself; and a round's model.
 */
#ifndef COHORT_TESTS_SUPPORT_PRIVATE_SITE_H
#define COHORT_TESTS_SUPPORT_PRIVATE_SITE_H

#include "client/contribution.h"

#define PRIVATE_SITES_MAX 6
#define PRIVATE_STEPS 3 /* training.local.steps */

/* Entropy of a seeded stream, which counts its octets. */
struct private_entropy {
	struct rng stream;
	uint64_t octets;
	void (*before)(void *context); /* told before each draw; may be NULL */
	void *context;
};

struct private_study {
	struct study study; /* its `privacy` and whatever else may be changed before sites are made */
	struct round_model model;
	uint32_t sites; /* invited */
	double clip; /* of the round; 0: the contract's */
};

/* A study with this mechanism for units of `unit`; `label` is binary, or numeric when so asked. Its numbers were not solved for:
 * noise is as large as `multiplier` says in all releases. Three sites. */
void private_study(struct private_study *out, enum privacy_mechanism mechanism, enum privacy_unit unit,
                   double multiplier, bool numeric);
void private_study_free(struct private_study *s);

/* A made-up table of so many patients; each is in one part: of five, three in train, one in validation, one in test. */
void private_table(struct table *out, const struct private_study *s, uint32_t patients, uint64_t seed);

/* `from` without this patient, whose number no other takes. */
void private_table_without(struct table *out, const struct table *from, uint32_t patient);

struct private_site {
	struct private_entropy source;
	struct entropy entropy;
	struct site_rows rows;
	struct workspace workspace;
	struct contribution_report report;
	uint8_t *octets;
	const struct layout *layout;
	struct diag why;
};

/* Borrows study and table. The stream begins with `seed` at each private_site_fill. */
void private_site(struct private_site *out, const struct private_study *s, const struct table *t);
void private_site_free(struct private_site *p);

/* The contribution to a round that asks this, into p->octets. */
enum err private_site_fill(struct private_site *p, const struct private_study *s, unsigned asks, uint64_t seed);
void private_site_fill_good(struct private_site *p, const struct private_study *s, unsigned asks, uint64_t seed);

/* The same stream for the test's own draws. */
struct entropy private_entropy(struct private_entropy *e, uint64_t seed);

const struct segment *private_segment(const struct private_site *p, enum segment_kind kind); /* CHECK: there is one */
int32_t private_word(const struct private_site *p, enum segment_kind kind, uint32_t item);

#endif
