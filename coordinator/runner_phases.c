/* What sites say in the phases of a masked attempt, and what they are told. */
#include "coordinator/runner_inside.h"

#include "base/limits.h"
#include "coordinator/answers.h"

#define OCTETS_TYPE "application/octet-stream"
_Static_assert((size_t)SITES_MAX *SECAGG_OCTETS_PER_SITE <= PART_MAX,
               "net/server.h takes bodies as long as a list of all sites");

static struct waiting waiting_of(enum waiting_kind kind, struct exchange *x, const struct runner_phase *p)
{
	return (struct waiting){
		.kind = kind,
		.x = x,
		.site = p->site,
		.session = p->session,
		.round = p->round,
		.attempt = p->attempt,
		.phase = p->phase,
	};
}

static void answer_no_part(struct runner *r, const struct waiting *w)
{
	answer_error(w->x, 403, 0, "this hospital has no part in phase %s of round %llu attempt %u of study %s",
	             secagg_phase_name(w->phase), (unsigned long long)w->round, w->attempt, r->course->study->name);
}

/* ---- what a site says */

/* The answer to a message that need not wait (any longer). */
static void answer_message(struct runner *r, const struct waiting *w, enum upload_verdict verdict,
                           const struct diag *why)
{
	switch (verdict) {
	case UPLOAD_ACCEPTED:
		answer_empty(w->x, 204);
		break;
	case UPLOAD_LATE:
		answer_late(w->x);
		break;
	case UPLOAD_CONFLICT:
		answer_error(w->x, 409, 0, "another message of phase %s was taken from this hospital",
		             secagg_phase_name(w->phase));
		break;
	case UPLOAD_AGAIN:
		answer_error(w->x, 425, 0, "what this hospital sent in the phase before %s is missing here: that first",
		             secagg_phase_name(w->phase));
		break;
	case UPLOAD_UNINVITED:
		answer_no_part(r, w);
		break;
	default:
		answer_error(w->x, 400, 0, "%s", why->text);
		break;
	}
}

/* Whether the body is no longer than any message of this phase is. It is looked at before it is copied together. */
static bool fits(const struct runner *r, const struct exchange *x, enum secagg_phase phase)
{
	const struct campaign *campaign = r->course->campaign;
	uint32_t sites = campaign_round_open(campaign) ? campaign_plan(campaign)->site_count : 0;

	return x->body_len <= secagg_message_max(sites, phase);
}

void runner_message(struct runner *r, struct exchange *x, const struct runner_phase *p)
{
	struct campaign *campaign = r->course->campaign;
	const struct waiting w = waiting_of(WAITING_MESSAGE, x, p);
	struct diag why = {{0}};
	struct bytes body = bytes_of(NULL, 0); /* of an attempt that is over nobody looks at it */

	if (fits(r, x, p->phase)) {
		body = server_body(x);
	} else if (campaign_round_open(campaign)) {
		answer_error(x, 400, 0, "%zu octets are more than any message of phase %s has", x->body_len,
		             secagg_phase_name(p->phase));
		return;
	}
	enum upload_verdict verdict = campaign_message(campaign, p->site, p->round, p->attempt, p->phase, body,
	                                               r->office->world.now_ms, &why);
	if (verdict == UPLOAD_PENDING)
		waiting_add(&r->waiting, &w);
	else
		answer_message(r, &w, verdict, &why);
}

void runner_messages_told(struct runner *r)
{
	const struct diag why = {"it did not become durable; send it again"};
	struct waiting *next;

	for (struct waiting *w = r->waiting; w != NULL; w = next) {
		const struct waiting message = *w;

		next = w->next;
		if (message.kind != WAITING_MESSAGE)
			continue;
		enum upload_verdict verdict = campaign_heard(r->course->campaign, message.site, message.round,
		                                             message.attempt, message.phase);
		if (verdict == UPLOAD_PENDING)
			continue;
		waiting_end(w);
		answer_message(r, &message, verdict, &why);
	}
}

/* ---- what a site is told */

static void answer_phase(struct runner *r, const struct waiting *w, enum say_verdict verdict, const struct buf *octets)
{
	switch (verdict) {
	case SAY_READY:
		answer_text(w->x, 200, OCTETS_TYPE, buf_bytes(octets), NULL);
		break;
	case SAY_DROPPED:
		answer_no_part(r, w);
		break;
	case SAY_OVER:
		answer_late(w->x);
		break;
	case SAY_WAIT:
	case SAY_AGAIN: /* a site that hears nothing says again what it said last */
		answer_empty(w->x, 204);
		break;
	}
}

/* What there is to say to this site now. Lists for many sites at once would fill the memory: some of them wait. */
static enum say_verdict say(struct runner *r, const struct waiting *w, struct buf *octets)
{
	enum say_verdict verdict;

	if (r->told >= TOLD_PER_SECOND_MAX)
		return SAY_WAIT;
	verdict = campaign_say(r->course->campaign, w->site, w->round, w->attempt, w->phase, octets);
	if (verdict == SAY_READY)
		r->told += octets->len;
	return verdict;
}

void runner_listen(struct runner *r, struct exchange *x, const struct runner_phase *p, int64_t until_ms)
{
	const struct waiting w = waiting_of(WAITING_PHASE, x, p);
	struct buf octets = {0};
	enum say_verdict verdict = say(r, &w, &octets);

	if (verdict == SAY_WAIT && until_ms > r->office->world.now_ms) {
		waiting_add(&r->waiting, &w);
		server_hold(x, until_ms);
	} else {
		answer_phase(r, &w, verdict, &octets);
	}
	buf_free(&octets);
}

void runner_tell(struct runner *r)
{
	struct buf octets = {0};
	struct waiting *next;

	for (struct waiting *w = r->waiting; w != NULL; w = next) {
		const struct waiting listener = *w;

		next = w->next;
		if (listener.kind != WAITING_PHASE)
			continue;
		enum say_verdict verdict = say(r, &listener, &octets);
		if (verdict == SAY_WAIT)
			continue;
		waiting_end(w);
		answer_phase(r, &listener, verdict, &octets);
	}
	buf_free(&octets);
}

void runner_tell_on(struct runner *r)
{
	bool too_much = r->told >= TOLD_PER_SECOND_MAX;

	r->told = 0;
	if (too_much)
		runner_tell(r);
}
