/*
 * A hospital of tests/support/hospital.h under masks: the product's own core (crypto/secagg_client.h) on one side, requests over TLS on the
 * other, step by step as a test wants it.
 *
 *   hospital_poll(&h, 0);  hospital_compute(&h);
 *   masker_open(&m, &h, site);
 *   masker_say(&m, SECAGG_KEYS);  masker_listen(&m, SECAGG_SHARES, 20);
 *   masker_say(&m, SECAGG_SHARES);  masker_listen(&m, SECAGG_INPUT, 20);
 *   masker_send(&m);  ...
 */
#ifndef COHORT_TESTS_SUPPORT_MASKER_H
#define COHORT_TESTS_SUPPORT_MASKER_H

#include "crypto/secagg_client.h"
#include "protocol/masked_plan.h"
#include "tests/support/hospital.h"

struct masker {
	struct hospital *h; /* NULL: without one, masker_start */
	struct roster roster; /* as fetched */
	struct layout layout;
	struct masked_plan plan;
	struct secagg_client *client;
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct buf record; /* of the attempts so far */
	uint32_t *x; /* [words]: the contribution and its check words, as they go under the masks */
	struct buf y;
	struct hash content; /* of y */
};

/* Begins the attempt that the hospital was told of, with the contribution that it has computed; *m is zeroed before the first
 * attempt. Fetches the roster. */
void masker_open(struct masker *m, struct hospital *h, uint32_t site);
void masker_close(struct masker *m); /* accepts a zeroed one */

/* Without requests: the same for a plan and a contribution of the caller's; then what `secagg_client_sent` gives is to be brought to the
 * coordinator, and masker_hear takes in what it says. The test fails when the core refuses it. */
void masker_start(struct masker *m, const struct round_plan *plan, const struct study *study,
                  const struct roster *roster, uint32_t site, struct bytes contribution);
void masker_hear(struct masker *m, enum secagg_phase phase, struct bytes octets);

/* Its message of a phase other than INPUT; the status. */
unsigned masker_say(struct masker *m, enum secagg_phase phase);
unsigned masker_say_octets(struct masker *m, enum secagg_phase phase, struct bytes octets); /* instead of its own */

/* Asks for a message and takes it in: the status. After 200 the core has it, or the test fails. */
unsigned masker_listen(struct masker *m, enum secagg_phase phase, unsigned wait_s);

/* The masked vector, in one part, or octets offset .. offset + n of it; the status. */
unsigned masker_send(struct masker *m);
unsigned masker_part(struct masker *m, size_t offset, size_t n);

/* All of `count` hospitals, phase by phase, from `from` up to and with `to`: what a site says, after it has heard what comes before. Each
 * must be answered well. Sites that are NULL are left out. */
void masker_play(struct masker *const *m, uint32_t count, enum secagg_phase from, enum secagg_phase to);

#endif
