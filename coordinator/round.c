/* Events of a round, its life, and the course of a clear one; that of a masked one is in round_groups.c. */
#include "coordinator/round_inside.h"

#include <stdlib.h>
#include <string.h>

void round_act(struct round *r, enum round_action_kind kind, uint32_t site)
{
	queue_push(&r->actions, &(struct round_action){.kind = kind, .site = site});
}

bool round_next(struct round *r, struct round_action *out)
{
	return queue_pop(&r->actions, out);
}

struct round *round_open(const struct round_config *config, int64_t now_ms)
{
	struct round *r = mem_alloc(sizeof *r);

	CHECK(config->site_count > 0 && config->quorum > 0 && config->quorum <= config->site_count);
	r->state = ROUND_EXPECT_CONTRIBUTIONS;
	r->site_count = config->site_count;
	r->in_state[SITE_EXPECT_JOIN] = config->site_count;
	r->quorum = config->quorum;
	r->octets = config->octets;
	r->join_at_ms = now_ms + config->join_ms;
	r->close_at_ms = now_ms + config->deadline_ms;
	r->sites = mem_array(config->site_count, sizeof *r->sites);
	for (uint32_t i = 0; i < config->site_count; i++) {
		CHECK(i == 0 || config->sites[i] > config->sites[i - 1]);
		r->sites[i].number = config->sites[i];
	}
	queue_init(&r->actions, sizeof(struct round_action));
	if (config->masks != NULL)
		round_groups_open(r, config, now_ms);
	return r;
}

void round_free(struct round *r)
{
	if (r == NULL)
		return;
	round_groups_free(r);
	free(r->sites);
	queue_free(&r->actions);
	free(r);
}

static int compare_number(const void *key, const void *site)
{
	uint32_t a = *(const uint32_t *)key, b = ((const struct round_site *)site)->number;

	return (a > b) - (a < b);
}

struct round_site *round_find(const struct round *r, uint32_t number)
{
	return bsearch(&number, r->sites, r->site_count, sizeof *r->sites, compare_number);
}

void round_enter(struct round *r, struct round_site *s, enum site_state state)
{
	r->in_state[s->state]--;
	r->in_state[state]++;
	s->state = state;
}

bool round_masked(const struct round *r)
{
	return r->groups != NULL;
}

/* ---- the course of a clear round */

static void close_round(struct round *r)
{
	r->state = ROUND_CLOSED;
	round_act(r, ROUND_CLOSE, 0);
}

void round_end_joining(struct round *r)
{
	r->join_over = true;
	for (uint32_t i = 0; i < r->site_count; i++)
		r->sites[i].absent = r->sites[i].state == SITE_EXPECT_JOIN;
}

/* After every event: is it time to stop accepting, and is the sum complete? */
static void settle_clear(struct round *r, int64_t now_ms)
{
	const uint32_t *in = r->in_state;
	bool over = now_ms >= r->close_at_ms;
	uint32_t pending = in[SITE_EXPECT_PERSISTED] + in[SITE_EXPECT_ADDED];
	uint32_t coming = pending + in[SITE_CONTRIBUTED];
	bool waiting;

	if (r->state == ROUND_CLOSED)
		return;
	if (!r->join_over && now_ms >= r->join_at_ms)
		round_end_joining(r);
	waiting = in[SITE_EXPECT_CONTRIBUTION] > 0 || (in[SITE_EXPECT_JOIN] > 0 && !r->join_over);
	if (r->site_count - in[SITE_REFUSED] - in[SITE_DROPPED] < r->quorum || (over && coming < r->quorum)) {
		close_round(r);
		return;
	}
	if (over || (!waiting && coming >= r->quorum))
		r->state = ROUND_EXPECT_SUM;
	if (r->state == ROUND_EXPECT_SUM && pending == 0)
		close_round(r);
}

/* ---- events */

/* Something has happened, at one site only when `s` is not NULL. */
static void settle(struct round *r, const struct round_site *s, int64_t now_ms)
{
	if (!round_masked(r))
		settle_clear(r, now_ms);
	else if (s != NULL && (r->join_over || now_ms < r->join_at_ms))
		round_group_settle(r, round_site_group(r, s), now_ms);
	else
		round_groups_settle(r, now_ms);
}

void round_restore(struct round *r, const struct round_site *row)
{
	struct round_site *s = round_find(r, row->number);

	CHECK(s != NULL && s->state <= (round_masked(r) ? SITE_EXPECT_CONTRIBUTION : SITE_EXPECT_JOIN));
	CHECK((row->state == SITE_CONTRIBUTED && !round_masked(r)) || row->state == SITE_REFUSED ||
	      row->state == SITE_DROPPED);
	s->refusal = row->refusal;
	s->dropped = row->dropped;
	s->content = row->content;
	round_enter(r, s, row->state == SITE_CONTRIBUTED ? SITE_EXPECT_ADDED : row->state);
	if (row->state == SITE_CONTRIBUTED)
		round_act(r, ROUND_ADD, s->number);
}

void round_joined(struct round *r, uint32_t site, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	if (s != NULL && s->state == SITE_EXPECT_JOIN) {
		round_enter(r, s, SITE_EXPECT_CONTRIBUTION);
		s->absent = false;
		if (round_masked(r))
			round_groups_joined(r, s);
	}
	settle(r, s, now_ms);
}

static void leave(struct round *r, struct round_site *s, enum site_state state)
{
	if (round_masked(r))
		round_groups_left(r, s);
	round_enter(r, s, state);
	round_act(r, ROUND_PERSIST, s->number);
}

void round_refused(struct round *r, uint32_t site, enum refusal why, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	if (r->state != ROUND_CLOSED && s != NULL && s->state <= SITE_EXPECT_CONTRIBUTION) {
		s->refusal = why;
		leave(r, s, SITE_REFUSED);
	}
	settle(r, s, now_ms);
}

void round_dropped(struct round *r, uint32_t site, enum drop_reason why, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	if (r->state != ROUND_CLOSED && s != NULL && s->state < SITE_EXPECT_PERSISTED) {
		s->dropped = why;
		leave(r, s, SITE_DROPPED);
	} else if (r->state != ROUND_CLOSED && round_takes_part(s) && round_masked(r)) {
		round_groups_left(r, s); /* its vector counts; nobody waits for more of it */
	} else if (r->state != ROUND_CLOSED && s != NULL && s->state == SITE_EXPECT_PERSISTED) {
		s->dropped = why;
	}
	settle(r, s, now_ms);
}

enum upload_verdict round_wants(const struct round *r, uint32_t site, uint64_t octets, const struct hash *content)
{
	const struct round_site *s = round_find(r, site);

	if (round_lost_group(s))
		return UPLOAD_LATE;
	if (s == NULL || s->state >= SITE_REFUSED)
		return UPLOAD_UNINVITED;
	if (octets != r->octets)
		return UPLOAD_LENGTH;
	if (s->state >= SITE_EXPECT_PERSISTED && !hash_equal(&s->content, content))
		return UPLOAD_CONFLICT;
	if (s->state >= SITE_EXPECT_ADDED)
		return UPLOAD_ACCEPTED;
	if (s->state == SITE_EXPECT_PERSISTED)
		return UPLOAD_PENDING;
	if (round_masked(r))
		return round_masks_want(r, s);
	return r->state == ROUND_EXPECT_CONTRIBUTIONS ? UPLOAD_WANTED : UPLOAD_LATE;
}

enum upload_verdict round_upload(struct round *r, uint32_t site, uint64_t octets, const struct hash *content,
                                 int64_t now_ms)
{
	enum upload_verdict verdict;

	CHECK(!round_masked(r));
	settle_clear(r, now_ms);
	verdict = round_wants(r, site, octets, content);
	if (verdict == UPLOAD_WANTED) {
		struct round_site *s = round_find(r, site);

		round_enter(r, s, SITE_EXPECT_PERSISTED);
		s->content = *content;
		s->absent = false;
		round_act(r, ROUND_PERSIST, site);
		settle_clear(r, now_ms);
	}
	return verdict;
}

void round_persisted(struct round *r, uint32_t site, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	CHECK(s != NULL);
	if (s->state == SITE_EXPECT_PERSISTED && !round_masked(r)) { /* refusals and drops await nothing more */
		round_enter(r, s, SITE_EXPECT_ADDED);
		s->dropped = DROP_NONE;
		round_act(r, ROUND_ADD, site);
	}
	settle(r, s, now_ms);
}

void round_not_persisted(struct round *r, uint32_t site, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	CHECK(s != NULL);
	if (s->state == SITE_EXPECT_PERSISTED && !round_masked(r)) {
		round_enter(r, s, SITE_EXPECT_CONTRIBUTION);
		memset(&s->content, 0, sizeof s->content);
		if (r->state == ROUND_EXPECT_SUM) /* it was counted on: wait for it again */
			r->state = ROUND_EXPECT_CONTRIBUTIONS;
		if (s->dropped != DROP_NONE)
			round_dropped(r, site, s->dropped, now_ms);
	}
	settle(r, s, now_ms);
}

void round_added(struct round *r, uint32_t site, int64_t now_ms)
{
	struct round_site *s = round_find(r, site);

	CHECK(s != NULL && s->state == SITE_EXPECT_ADDED);
	round_enter(r, s, SITE_CONTRIBUTED);
	if (round_masked(r))
		round_site_group(r, s)->to_add--;
	settle(r, s, now_ms);
}

void round_tick(struct round *r, int64_t now_ms)
{
	settle(r, NULL, now_ms);
}

int64_t round_deadline_ms(const struct round *r)
{
	if (r->state != ROUND_EXPECT_CONTRIBUTIONS)
		return INT64_MAX;
	if (round_masked(r))
		return round_groups_deadline_ms(r);
	return !r->join_over && r->join_at_ms < r->close_at_ms ? r->join_at_ms : r->close_at_ms;
}

enum round_state round_state(const struct round *r)
{
	return r->state;
}

uint32_t round_quorum(const struct round *r)
{
	return r->quorum;
}

uint32_t round_contributions(const struct round *r)
{
	return r->in_state[SITE_CONTRIBUTED];
}

uint32_t round_site_count(const struct round *r)
{
	return r->site_count;
}

const struct round_site *round_site_at(const struct round *r, uint32_t index)
{
	CHECK(index < r->site_count);
	return &r->sites[index];
}

const struct round_site *round_site(const struct round *r, uint32_t number)
{
	return round_find(r, number);
}

bool round_succeeded(const struct round *r)
{
	if (r->state != ROUND_CLOSED)
		return false;
	return round_masked(r) ? round_groups_succeeded(r) : round_contributions(r) >= r->quorum;
}

const char *round_why(const struct round *r)
{
	return r->why.text;
}

const char *site_state_name(enum site_state s)
{
	static const char *const names[SITE_STATE_COUNT] = {
		"absent", "joined", "uploaded", "uploaded", "contributed", "refused", "dropped",
	};

	CHECK(s < SITE_STATE_COUNT);
	return names[s];
}

const char *drop_reason_name(enum drop_reason d)
{
	static const char *const names[DROP_REASON_COUNT] = {
		"",
		"revoked",
		"withdrawn",
		"unreadable",
		"in phase keys",
		"in phase shares",
		"in phase input",
		"with its group",
	};

	CHECK(d < DROP_REASON_COUNT);
	return names[d];
}
