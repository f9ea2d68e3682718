/*
 * The inside of a round, shared by round.c (events, and what is peculiar to clear rounds), round_groups.c (the course of the groups
 * of a masked round: deadlines, ends), round_rows.c (what lasts of it) and round_masks.c (messages of sites, and what sites are told), and by nobody else.
 */
#ifndef COHORT_COORDINATOR_ROUND_INSIDE_H
#define COHORT_COORDINATOR_ROUND_INSIDE_H

#include "base/queue.h"
#include "coordinator/round.h"

/* One group of a masked round. */
struct round_group {
	struct secagg_server *server;
	enum secagg_server_state state; /* as `server` had it when it was last followed: a change begins a phase */
	int64_t deadline_ms; /* of the phase; INT64_MAX: nothing of sites is awaited */
	uint32_t quorum, threshold, share_threshold; /* of its plan */
	uint32_t sent[SECAGG_PHASE_COUNT]; /* messages taken, durable or not */
	uint32_t silent; /* sites that have joined and not sent their keys */
	uint32_t to_add; /* vectors that are durable and not yet in the sum */
	enum secagg_phase failed_in; /* when it has failed; SECAGG_PHASE_COUNT: when its masks were taken off */
	bool unmask_due; /* as soon as the sum is complete */
	bool opened; /* signatures were told, or may have been before a restart */
};

/* What a masked round knows of a site beyond round_site. */
struct round_place {
	uint32_t group;
	uint32_t sent; /* 1 + the last phase of which a message was taken, durable or not */
};

struct round {
	enum round_state state;
	struct round_site *sites;
	uint32_t site_count, quorum;
	uint32_t in_state[SITE_STATE_COUNT]; /* how many sites are in each state: every event is O(log n) */
	uint64_t octets;
	int64_t join_at_ms, close_at_ms;
	bool join_over;
	struct queue actions;

	/* masked rounds */
	struct round_group *groups; /* NULL: a clear round */
	struct round_place *places; /* as `sites` */
	uint32_t group_count, groups_done, groups_failed;
	int64_t deadline_ms, phase_ms; /* durations */
	struct diag why;
	bool failed; /* round_fail */
};

struct round_site *round_find(const struct round *r, uint32_t number); /* NULL: not invited */
void round_enter(struct round *r, struct round_site *s, enum site_state state);
void round_act(struct round *r, enum round_action_kind kind, uint32_t site);
void round_end_joining(struct round *r); /* who has not joined is absent */

static inline struct round_place *round_place(const struct round *r, const struct round_site *s)
{
	return &r->places[s - r->sites];
}

static inline struct round_group *round_site_group(const struct round *r, const struct round_site *s)
{
	return &r->groups[round_place(r, s)->group];
}

static inline bool round_takes_part(const struct round_site *s)
{
	return s != NULL && s->state < SITE_REFUSED;
}

/* Its group failed: it has done nothing wrong, and all that it can still hear is that the attempt is over. */
static inline bool round_lost_group(const struct round_site *s)
{
	return s != NULL && s->state == SITE_DROPPED && s->dropped == DROP_GROUP;
}

/* ---- round_groups.c */

void round_groups_open(struct round *r, const struct round_config *config, int64_t now_ms);
void round_groups_free(struct round *r);

/* Time passes in every group, or something has happened in one of them. */
void round_groups_settle(struct round *r, int64_t now_ms);
void round_group_settle(struct round *r, struct round_group *g, int64_t now_ms);

/* Its server has entered another state: the phase that this begins has its deadline. */
void round_group_enter(struct round *r, struct round_group *g, int64_t now_ms);

/* The phase that a group is in, while its set is made durable too; SECAGG_PHASE_COUNT: its masks are taken off, or it has ended. */
enum secagg_phase round_group_phase(const struct round_group *g);
uint32_t round_group_needs(const struct round_group *g, enum secagg_phase phase); /* so many messages, or it fails */

void round_groups_joined(struct round *r, const struct round_site *s); /* it was not seen before */
void round_groups_left(struct round *r,
                       const struct round_site *s); /* before its state tells: nobody waits for it any longer */
bool round_groups_succeeded(const struct round *r);

/* A message of `phase` was taken, durable or not; false when it is a repeat. */
bool round_groups_note(struct round *r, struct round_site *s, enum secagg_phase phase);
int64_t round_groups_deadline_ms(const struct round *r);

/* ---- round_masks.c */

/* May the vector of a site come that has sent none? */
enum upload_verdict round_masks_want(const struct round *r, const struct round_site *s);

#endif
