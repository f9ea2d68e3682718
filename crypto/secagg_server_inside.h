/*
 * The inside of the coordinator's core, shared by secagg_server.c (events), secagg_server_phases.c (who is awaited, and what the
 * end of a phase makes), secagg_server_rows.c (what lasts), secagg_server_judge.c (a site's
 * messages), secagg_server_say.c (what each site is told) and secagg_server_unmask.c (secrets from shares), and by nobody else.
 */
#ifndef COHORT_CRYPTO_SECAGG_SERVER_INSIDE_H
#define COHORT_CRYPTO_SECAGG_SERVER_INSIDE_H

#include "base/queue.h"
#include "crypto/secagg_members.h"
#include "crypto/secagg_server.h"

#include <stdatomic.h>

/* One invited site. */
struct server_site {
	bool gone;
	uint32_t rank; /* in U1; UINT32_MAX: not in it */
	uint8_t *message[SECAGG_PHASE_COUNT]; /* as it came; NULL: not yet. Not OPENING: `answer` */
	size_t length[SECAGG_PHASE_COUNT];
	struct secret answer; /* its message of phase OPENING, inside the core's `answers` */
	bool counts[SECAGG_PHASE_COUNT]; /* durable, where it has to be */
};

struct secagg_server {
	uint32_t holders_left; /* secagg_server_retain */
	struct secagg_plan plan; /* its arrays are ours */
	enum secagg_server_state state;
	struct hash ctx, u2h;
	struct server_site *sites; /* as plan.sites */
	struct secagg_members members; /* from U1 on */
	uint8_t *u1; /* over the invited */
	uint8_t *u2, *u3; /* over U1; NULL: not known yet */
	struct secagg_row *rows; /* not yet durable, by number; `octets` are those of the site or the set */
	uint32_t row_count, row_room;
	uint64_t next_row; /* number of the next one; what restore must bring */
	struct queue actions;
	struct diag why;

	/* unmasking */
	struct secret
		answers; /* room for those of all of U3: locked memory of its own for each would be two pages a site */
	size_t answers_used; /* octets, in the order in which they came */
	uint32_t *survivors, survivor_count, *lost, lost_count; /* ranks: U3, and U2 without U3 */
	uint32_t *holders; /* complete graph: ranks of the first t that answered, and one more */
	uint32_t holder_count;
	struct scalar *weights; /* of the first t holders */
	atomic_bool *doubted; /* by rank */
	bool *slice_done;
	uint32_t slices_open;
};

static inline struct server_site *secagg_server_ranked(const struct secagg_server *s, uint32_t rank)
{
	return &s->sites[s->members.invited[rank]];
}

/* ---- secagg_server_phases.c */

void secagg_server_act(struct secagg_server *s, enum secagg_server_action_kind kind, enum secagg_phase phase,
                       uint32_t site, uint64_t row);
void secagg_server_end(struct secagg_server *s, enum secagg_server_state state); /* DONE or FAILED */
void secagg_server_forget_answers(struct secagg_server *s); /* wiped */

bool secagg_server_takes_part(const struct secagg_server *s, uint32_t index, enum secagg_phase phase);
bool secagg_server_has_sent(const struct server_site *site, enum secagg_phase phase); /* durable or not */
void secagg_server_settle(struct secagg_server *s); /* ends phases in which nobody is awaited */

/* U1, or U2, is durable: the phase that it opens begins. */
void secagg_server_begin_shares(struct secagg_server *s);
void secagg_server_begin_inputs(struct secagg_server *s);

/* ---- secagg_server_rows.c */

uint64_t secagg_server_add_row(struct secagg_server *s, enum secagg_phase phase, uint32_t site, struct bytes octets);

/* ---- secagg_server.c: a message in its turn is judged, kept and, where it has to last, made a row. */
enum err secagg_server_take(struct secagg_server *s, uint32_t number, enum secagg_phase phase, struct bytes octets,
                            struct diag *why) MUST_USE;

/* ---- secagg_server_judge.c, secagg_server_unmask.c */

/* A site's message, judged alone and against what is known; ERR_PEER_* names the site. Nothing is changed. */
enum err secagg_server_judge(const struct secagg_server *s, uint32_t index, enum secagg_phase phase,
                             struct bytes octets, struct diag *why) MUST_USE;

/* Whether enough is there to open every secret; the error names the first that is not. */
enum err secagg_server_can_open(const struct secagg_server *s, struct diag *why) MUST_USE;
void secagg_server_prepare(struct secagg_server *s); /* makes what secagg_server_masks needs */
void secagg_server_unprepare(struct secagg_server *s);

#endif
