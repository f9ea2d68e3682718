/*
 * A hospital's program (member.c, ledger.c, agent.c): the session's actions are drained all at once, what is final is on disk before
 * anything else happens, and the work that is left is begun when all is drained.
 */
#include "simulator/truth.h"

#include <string.h>

#define COMPUTE_MS 5 /* training takes less, unless it is slow */

enum during host_during(const struct host *h)
{
	static const enum during at[SECAGG_PHASE_COUNT] = {[SECAGG_KEYS] = DURING_AT_KEYS,
	                                                   [SECAGG_SHARES] = DURING_AT_SHARES,
	                                                   [SECAGG_INPUT] = DURING_AT_INPUT,
	                                                   [SECAGG_SURVIVORS] = DURING_AT_SURVIVORS,
	                                                   [SECAGG_OPENING] = DURING_AT_OPENING};

	if (h->over || h->leaving)
		return DURING_OVER;
	if (h->session == NULL)
		return DURING_JOINING;
	switch (session_state(h->session)) {
	case SESSION_EXPECT_ROUND:
		return session_plan(h->session)->round == 0 && !h->has_record ? DURING_JOINING : DURING_BETWEEN;
	case SESSION_EXPECT_ROSTER:
	case SESSION_EXPECT_MODEL:
		return DURING_FETCHING;
	case SESSION_EXPECT_VECTOR:
		return DURING_COMPUTING;
	case SESSION_EXPECT_PERSISTED:
		return DURING_PERSISTING;
	case SESSION_EXPECT_MASKS_PERSISTED:
		return DURING_RECORDING;
	case SESSION_EXPECT_SAID:
	case SESSION_EXPECT_HEARD:
		return at[session_phase(h->session)];
	case SESSION_EXPECT_MASKED:
		return DURING_AT_INPUT;
	case SESSION_EXPECT_ACKNOWLEDGED:
		return DURING_SENDING;
	case SESSION_EXPECT_CLOSED:
		return DURING_ACKNOWLEDGED;
	default:
		return DURING_OVER;
	}
}

bool host_takes_part(const struct world *w, const struct host *h)
{
	return h->joined && !h->leaving && !h->revoked && !w->plan->absent[h->index];
}

/* ---- birth, death, rebirth */

void host_start(struct world *w, struct host *h)
{
	struct session_config config = {
		.study = w->setting->study, .policy = &h->policy, .self = h->number, .budget = &h->budget};

	if (h->up || !host_takes_part(w, h))
		return;
	world_note(w, h->index, "starts", h->boot, 0, 0);
	h->up = true;
	if (h->over) { /* the study's end is in the ledger; its model can be fetched by hand */
		h->done = true;
		return;
	}
	secrets_configure(w, h, &config);
	contributor_init(&h->contributor, w->setting->study, &w->setting->tables[h->index], h->name);
	books_configure(w, h);
	h->session = session_new(&config);
	if (h->has_record)
		session_restore(h->session, &h->record);
	session_restore_masks(h->session, buf_bytes(&h->record_of_masks));
	host_drain(w, h);
}

void host_stop(struct host *h)
{
	session_free(h->session);
	h->session = NULL;
	contributor_free(&h->contributor);
	round_plan_free(&h->chore.plan);
	h->chore.action = (struct session_action){0};
	h->chore.bare = false;
	buf_clear(&h->chore.say);
	buf_clear(&h->masked);
	memset(h->lanes, 0, sizeof h->lanes);
	h->computing = h->computing_given_up = 0;
	buf_clear(&h->staged);
}

void host_crash(struct world *w, struct host *h)
{
	struct event e;

	world_note(w, h->index, "dies", h->boot, 0, 0);
	host_stop(h);
	h->up = false;
	h->boot++;
	e = world_event(w, EVENT_START, h->index,
	                1 + (int64_t)world_below(w, w->plan->silent ? GIVE_UP_MS + HOLD_MS : DOWN_MS));
	agenda_add(&w->agenda, &e);
}

bool host_dies(struct world *w, struct host *h)
{
	if (books_set_back(w, h))
		return true;
	if (!world_befalls(w, FAULT_CRASH, SIDE_SITE, h->index))
		return false;
	host_crash(w, h);
	return true;
}

void host_free(struct host *h)
{
	host_stop(h);
	buf_free(&h->chore.say);
	secrets_free(h);
	books_free(h);
	buf_free(&h->staged);
	buf_free(&h->vector);
	buf_free(&h->model);
	buf_free(&h->truth_vector);
}

/* ---- what is made final */

static void store(struct world *w, struct host *h, const struct release_record *r)
{
	truth_of_release(w, h, r);
	books_enter(w, h, r);
	h->record = *r;
	h->has_record = true;
	world_put(&h->vector, buf_bytes(&h->staged));
	world_put(&h->truth_vector, buf_bytes(&h->staged));
	truth_of_spent(w, h, r);
}

/* False: the program has died of it. */
static bool persist(struct world *w, struct host *h, enum refusal *refusal)
{
	const struct release_record *r = session_to_persist(h->session);

	*refusal = REFUSAL_NONE;
	if (world_befalls(w, FAULT_FULL, SIDE_SITE, h->index)) {
		*refusal = REFUSAL_INTERNAL;
		return true;
	}
	if (world_befalls(w, FAULT_SYNC, SIDE_SITE, h->index)) {
		if (world_below(w, 2) == 0)
			store(w, h, r);
		host_crash(w, h);
		return false;
	}
	store(w, h, r);
	return true;
}

/* ---- the session's actions */

static void give_chore(struct host *h, const struct session_action *a)
{
	wire_cancel(h);
	h->chore.action = *a;
	h->chore.bare = true;
}

static void refuse(struct world *w, struct host *h, const struct session_action *a)
{
	const struct round_plan *p = session_plan(h->session);

	truth_of_refusal(w, h, a->refusal);
	h->said[h->said_count++ % SAID_MAX] = (struct said){p->round, p->attempt, a->refusal};
	give_chore(h, a);
}

/* What is given up may be ready just now. */
static void cancel(struct world *w, struct host *h)
{
	struct event e = world_event(w, EVENT_JOB, h->index, (int64_t)world_below(w, 2 * COMPUTE_MS));

	wire_cancel(h);
	if (h->computing != 0) {
		h->computing_given_up = e.number = h->computing;
		h->computing_given_up_work = h->chore.action.work;
		agenda_add(&w->agenda, &e);
	}
	h->computing = 0;
	h->chore.bare = false;
	h->chore.action.kind = SESSION_POLL;
}

/* False: the program has died of it. */
static bool execute(struct world *w, struct host *h, const struct session_action *a, enum refusal *refusal)
{
	switch (a->kind) {
	case SESSION_POLL:
		wire_poll(w, h);
		break;
	case SESSION_FETCH:
	case SESSION_COMPUTE:
	case SESSION_SEND:
	case SESSION_ROSTER:
	case SESSION_MASK:
	case SESSION_SAY:
	case SESSION_LISTEN:
		give_chore(h, a);
		break;
	case SESSION_PERSIST_MASKS:
		return secrets_persist(w, h, refusal);
	case SESSION_LEAVE:
		if (a->alarm)
			truth_violated(w, CHECK_TOLD, "site %u leaves a round in alarm: %s", h->number,
			               session_why(h->session));
		break;
	case SESSION_PERSIST:
		return persist(w, h, refusal);
	case SESSION_REFUSE:
		refuse(w, h, a);
		break;
	case SESSION_CANCEL:
		cancel(w, h);
		break;
	case SESSION_DISCARD:
		if (h->has_record && h->record.round <= a->round)
			buf_clear(&h->vector);
		break;
	case SESSION_END:
		h->over = true;
		give_chore(h, a);
		break;
	}
	return true;
}

/* Only after the last action does the session speak of the chore that is left. */
static void begin_chore(struct world *w, struct host *h)
{
	struct chore *c = &h->chore;
	struct event e = world_event(w, EVENT_JOB, h->index, 1 + (int64_t)world_below(w, COMPUTE_MS));

	c->bare = false;
	if (c->action.kind != SESSION_END)
		round_plan_copy(&c->plan, session_plan(h->session));
	if (c->action.kind == SESSION_SEND)
		c->content = *session_content(h->session);
	if (c->action.kind == SESSION_SEND && world_masked(w))
		memcpy(c->signature, session_input_signature(h->session), sizeof c->signature);
	buf_clear(&c->say);
	if (c->action.kind == SESSION_SAY)
		buf_put(&c->say, session_to_say(h->session, c->action.phase));
	if (c->action.kind != SESSION_COMPUTE && c->action.kind != SESSION_MASK) {
		wire_work(w, h);
		return;
	}
	if (c->action.kind == SESSION_COMPUTE && world_befalls(w, FAULT_SLOW, SIDE_SITE, h->index))
		e.at_ms += world_config(w).deadline_ms + (int64_t)world_below(w, (uint64_t)world_config(w).deadline_ms);
	h->computing = e.number = ++w->jobs;
	agenda_add(&w->agenda, &e);
}

void host_drain(struct world *w, struct host *h)
{
	static const char *const names[] = {"polls",
	                                    "fetches",
	                                    "computes",
	                                    "makes final",
	                                    "sends",
	                                    "refuses",
	                                    "cancels",
	                                    "discards",
	                                    "hears the end",
	                                    "asks for the roster",
	                                    "writes the masks' record",
	                                    "masks",
	                                    "says its part",
	                                    "listens",
	                                    "leaves"};
	struct session_action a;

	while (session_next(h->session, &a)) {
		uint32_t step = w->out->site_steps[h->index]++;
		enum refusal refusal;

		world_note(w, h->index, names[a.kind], session_plan(h->session)->round,
		           session_plan(h->session)->attempt, a.refusal);
		if (world_crashes(w, SIDE_SITE, h->index, step, CRASH_BEFORE)) {
			host_crash(w, h);
			return;
		}
		if (!execute(w, h, &a, &refusal))
			return;
		if (world_crashes(w, SIDE_SITE, h->index, step, CRASH_AFTER)) {
			host_crash(w, h);
			return;
		}
		if (a.kind == SESSION_PERSIST)
			session_persisted(h->session, a.work, refusal);
		else if (a.kind == SESSION_PERSIST_MASKS)
			session_masks_persisted(h->session, refusal);
	}
	if (h->chore.bare)
		begin_chore(w, h);
}

/* ---- training */

/* Its answer came after all, but nobody waits for it. */
static void computed_in_vain(struct world *w, struct host *h)
{
	const struct hash nothing = {{0}};

	h->computing_given_up = 0;
	session_computed(h->session, h->computing_given_up_work, &nothing, 1, REFUSAL_NONE);
	session_masked(h->session, h->computing_given_up_work, &nothing, REFUSAL_NONE);
	host_drain(w, h);
}

static enum refusal compute(struct world *w, struct host *h, struct hash *content)
{
	const struct round_plan *p = &h->chore.plan;
	struct contribution_report report;
	struct diag why = {{0}};
	uint64_t drawn = h->drawn;
	struct bytes model = hash_is_zero(&p->model) ? bytes_of(NULL, 0) : buf_bytes(&h->model);

	if (contribution_compute(&h->contributor, &h->staged, &report, p, model, NULL, &why) != OK) {
		truth_violated(w, CHECK_MODEL, "site %u cannot compute round %llu: %s", h->number,
		               (unsigned long long)p->round, why.text);
		return REFUSAL_INTERNAL;
	}
	sha256_of(content, buf_bytes(&h->staged));
	truth_of_computed(w, h, p, content, h->drawn - drawn);
	return REFUSAL_NONE;
}

void host_computed(struct world *w, struct host *h, uint64_t number)
{
	struct hash content = {{0}};
	enum refusal refusal;

	if (number == h->computing_given_up && number != 0)
		computed_in_vain(w, h);
	if (number != h->computing || host_dies(w, h))
		return;
	h->computing = 0;
	if (h->chore.action.kind == SESSION_MASK) {
		world_note(w, h->index, "has masked", h->chore.plan.round, h->chore.plan.attempt, 0);
		secrets_mask(w, h);
		return;
	}
	refusal = compute(w, h, &content);
	world_note(w, h->index, "has computed", h->chore.plan.round, h->chore.plan.attempt,
	           world_digest(buf_bytes(&h->staged)));
	session_computed(h->session, h->chore.action.work, &content, h->staged.len, refusal);
	host_drain(w, h);
}
