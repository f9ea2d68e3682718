/* A hospital's shell in the world: executes the session's actions, with a ledger that outlives it. */
#include "simulator/world_inside.h"

void host_restart(struct world *w, struct host *h)
{
	struct session_config config = {w->setting->study, &h->policy, h->number};

	session_free(h->session);
	contributor_free(&h->contributor);
	buf_clear(&h->staged);
	h->polling = false;
	h->work.kind = SESSION_POLL;
	contributor_init(&h->contributor, w->setting->study, &w->setting->tables[h->index], h->name);
	h->session = session_new(&config);
	if (h->has_record)
		session_restore(h->session, &h->record);
}

bool host_takes_part(const struct world *w, const struct host *h)
{
	return h->joined && !h->left && !w->plan->absent[h->index];
}

/* ---- actions */

static void persist(struct world *w, struct host *h)
{
	const struct release_record *r = session_to_persist(h->session);

	truth_of_release(w, h, r);
	h->record = *r;
	h->has_record = true;
	world_put(&h->vector, buf_bytes(&h->staged));
	world_put(&h->truth_vector, buf_bytes(&h->staged));
}

/* What is durable or immediate is done here; slow work is put in hand. */
static void execute(struct world *w, struct host *h, const struct session_action *a)
{
	const struct round_plan *p = session_plan(h->session);

	switch (a->kind) {
	case SESSION_POLL:
		h->polling = true;
		break;
	case SESSION_FETCH:
	case SESSION_COMPUTE:
	case SESSION_SEND:
		h->work = *a;
		break;
	case SESSION_PERSIST:
		persist(w, h);
		break;
	case SESSION_REFUSE:
		(void)!campaign_refused(w->campaign, h->number, p->round, p->attempt, a->refusal, w->now_ms);
		break;
	case SESSION_CANCEL:
		h->work.kind = SESSION_POLL;
		break;
	case SESSION_DISCARD:
		if (h->has_record && h->record.round <= a->round)
			buf_clear(&h->vector);
		break;
	case SESSION_END:
		h->over = true;
		break;
	}
}

static bool drain(struct world *w, struct host *h)
{
	struct session_action a;
	uint32_t count = w->out->site_actions[h->index];

	if (!session_next(h->session, &a))
		return false;
	w->out->site_actions[h->index]++;
	if (world_crashes(w, CRASH_SITE, h->index, count, CRASH_BEFORE)) {
		host_restart(w, h);
		return true;
	}
	execute(w, h, &a);
	if (world_crashes(w, CRASH_SITE, h->index, count, CRASH_AFTER))
		host_restart(w, h);
	else if (a.kind == SESSION_PERSIST)
		session_persisted(h->session, a.work, REFUSAL_NONE);
	return true;
}

/* ---- requests */

static bool poll_inbox(struct world *w, struct host *h)
{
	const struct message *inbox[3];
	struct message copy[3];
	uint32_t count;
	bool kept;
	struct diag why = {{0}};

	if (world_loses(w))
		return true;
	campaign_answer(w->campaign, h->number, ANSWER_APPROVED, w->now_ms);
	campaign_polled(w->campaign, h->number, w->now_ms);
	kept = campaign_inbox(w->campaign, h->number, session_seq(h->session), inbox, &count);
	if (kept && count == 0)
		return false; /* held */
	for (uint32_t i = 0; i < count; i++) {
		truth_of_message(w, inbox[i]);
		copy[i] = *inbox[i];
	}
	if (world_loses(w))
		return true;
	h->polling = false;
	if (session_polled(h->session, copy, count, !kept, 0, &why) != OK)
		world_violate(w, why.text, 0);
	return true;
}

static void sent(struct host *h, enum sent how)
{
	uint64_t work = h->work.work;

	h->work.kind = SESSION_POLL;
	session_sent(h->session, work, how);
}

static bool send_vector(struct world *w, struct host *h)
{
	const struct round_plan *p = session_plan(h->session);
	const struct release_record *r = session_content(h->session);
	enum upload_verdict verdict;

	if (h->vector.len == 0) { /* discarded: its round was closed */
		sent(h, SENT_REJECTED);
		return true;
	}
	truth_of_upload(w, h);
	if (world_loses(w))
		return true;
	verdict = campaign_wants(w->campaign, h->number, p->round, p->attempt, r->octets, &r->content);
	if (verdict == UPLOAD_WANTED) {
		world_put(&w->uploads[h->index], buf_bytes(&h->vector));
		verdict = campaign_upload(w->campaign, h->number, p->round, p->attempt, r->octets, &r->content,
		                          w->now_ms);
	}
	truth_of_verdict(w, h, verdict);
	if (verdict == UPLOAD_WANTED || verdict == UPLOAD_PENDING || world_loses(w))
		return false;
	sent(h, verdict == UPLOAD_ACCEPTED ? SENT_ACCEPTED : verdict == UPLOAD_LATE ? SENT_LATE : SENT_REJECTED);
	return true;
}

static bool compute(struct world *w, struct host *h)
{
	const struct round_plan *p = session_plan(h->session);
	struct contribution_report report;
	struct diag why = {{0}};
	struct hash content;
	uint64_t work = h->work.work;

	h->work.kind = SESSION_POLL;
	if (contribution_compute(&h->contributor, &h->staged, &report, p, world_model(w, &p->model), NULL, &why) !=
	    OK) {
		world_violate(w, why.text, p->round);
		session_computed(h->session, work, NULL, 0, REFUSAL_INTERNAL);
		return true;
	}
	sha256_of(&content, buf_bytes(&h->staged));
	session_computed(h->session, work, &content, h->staged.len, REFUSAL_NONE);
	return true;
}

static bool fetch(struct world *w, struct host *h)
{
	uint64_t work = h->work.work;

	if (world_loses(w))
		return true;
	h->work.kind = SESSION_POLL;
	session_model(h->session, work,
	              world_model(w, &session_plan(h->session)->model).len > 0 ? REFUSAL_NONE : REFUSAL_MODEL);
	return true;
}

/* Joining is the first poll; withdrawing is told again until it is on the coordinator's disk. */
static bool come_or_go(struct world *w, struct host *h)
{
	const struct world_plan *p = w->plan;
	uint32_t rounds = w->out->round_count;

	h->joined |= rounds >= p->joins_after[h->index];
	if (p->leaves_after[h->index] == 0 || rounds < p->leaves_after[h->index])
		return false;
	h->left |= w->answers[h->index] == ANSWER_WITHDRAWN;
	if (!h->left)
		campaign_answer(w->campaign, h->number, ANSWER_WITHDRAWN, w->now_ms);
	return true;
}

bool host_step(struct world *w, struct host *h)
{
	if (come_or_go(w, h) || !host_takes_part(w, h))
		return false;
	if (drain(w, h))
		return true;
	if (h->over)
		return false;
	if (h->polling && rng_below(&w->rng, 2) == 0)
		return poll_inbox(w, h);
	switch (h->work.kind) {
	case SESSION_FETCH:
		return fetch(w, h);
	case SESSION_COMPUTE:
		return compute(w, h);
	case SESSION_SEND:
		return send_vector(w, h);
	default:
		return false;
	}
}
