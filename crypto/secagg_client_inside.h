/*
 * The inside of a site's core, shared by secagg_client.c (events), secagg_client_open.c (before anything is sent),
 * secagg_client_deal.c and secagg_client_phases.c (the coordinator's four messages) and secagg_client_record.c (what lasts), and by nobody else.
 */
#ifndef COHORT_CRYPTO_SECAGG_CLIENT_INSIDE_H
#define COHORT_CRYPTO_SECAGG_CLIENT_INSIDE_H

#include "base/queue.h"
#include "base/secret.h"
#include "crypto/secagg_client.h"
#include "crypto/secagg_members.h"

/* What a site remembers of a study from attempt to attempt; the head of every record. */
struct secagg_past {
	uint64_t round;
	uint32_t attempt;
	struct hash plan, model, invited; /* of the round */
	bool opened, statistics_opened;
};

struct secagg_client {
	struct secagg_plan plan; /* its arrays are ours */
	bool *known;
	uint32_t self, min_known;
	bool statistics;
	struct secagg_signer signer;
	struct entropy entropy;
	struct secagg_shared *shared; /* NULL: nothing is shared */

	enum secagg_client_state state;
	struct secagg_past past; /* with this attempt in it */
	struct hash ctx, u2h, y;
	bool acknowledged;
	struct secagg_members members;
	uint32_t rank; /* ours in U1 */
	uint8_t *u2, *u3; /* NULL: not known yet */

	struct signed_adv own;
	struct secret locked; /* holds `keys` */
	struct keys_secrets *keys; /* until the masks are made */
	struct secret
		receiving; /* [KEYS_SIZE] by rank: opens what a peer seals for us; from dealing until the masks are made */
	struct secret shares; /* struct seal_shares by rank; until the answer is made */
	struct secret masks; /* struct mask; until U3 is signed */
	uint32_t mask_count;

	bool heard[SECAGG_PHASE_COUNT]; /* the coordinator's message of the phase was taken */
	struct hash content[SECAGG_PHASE_COUNT]; /* its SHA-256 */
	struct buf sent[SECAGG_PHASE_COUNT]; /* our answer to it */
	struct secret record;
	struct queue actions;
};

static inline const struct seal_shares *secagg_client_share(const struct secagg_client *c, uint32_t rank)
{
	return (const struct seal_shares *)(const void *)c->shares.ptr + rank;
}

static inline bool secagg_client_knows(const struct secagg_client *c, uint32_t rank)
{
	return c->known[c->members.invited[rank]];
}

void secagg_client_act(struct secagg_client *c, enum secagg_client_action_kind kind, enum secagg_phase phase);
void secagg_client_await(struct secagg_client *c, enum secagg_client_state persisted); /* writes the record, PERSIST */

/* The coordinator's messages, one function each: judge, then answer. Any error ends this site's part. */
enum err secagg_client_on_u1(struct secagg_client *c, struct bytes octets, struct diag *why) MUST_USE;
enum err secagg_client_on_u2(struct secagg_client *c, struct bytes octets, struct diag *why) MUST_USE;
enum err secagg_client_on_u3(struct secagg_client *c, struct bytes octets, struct diag *why) MUST_USE;
enum err secagg_client_on_signatures(struct secagg_client *c, struct bytes octets, struct diag *why) MUST_USE;

/* Checks that several rows of the table share: the quorum, min_known, and under a graph the neighbours left. `set` NULL: U1. */
enum err secagg_client_check_size(const struct secagg_client *c, const char *what, uint32_t count,
                                  struct diag *why) MUST_USE;
enum err secagg_client_check_known(const struct secagg_client *c, const uint8_t *set, struct diag *why) MUST_USE;
enum err secagg_client_check_neighbours(const struct secagg_client *c, const uint8_t *set, struct diag *why) MUST_USE;
void secagg_client_keep_set(uint8_t **out, struct bytes set);

/* Signs what `message` holds, and appends the signature to `to`. */
void secagg_client_sign(struct secagg_client *c, struct buf *to, const struct buf *message);

void secagg_client_write(struct secagg_client *c); /* the record of the state that it is in */
/* The record's head; `r` then reads what follows it. ERR_DATA when the record's hash is not its own. */
enum err secagg_client_read_past(struct secagg_past *out, struct reader *r, uint8_t *phase, struct bytes record,
                                 struct diag *why) MUST_USE;
enum err secagg_client_read(struct secagg_client *c, struct bytes record, struct diag *why) MUST_USE;

#endif
