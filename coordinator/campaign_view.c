/*
 * Looking at a campaign: what it waits for, what its sites are told. Nothing here changes it.
 */
#include "coordinator/campaign_state.h"
#include "protocol/study_robust.h"

#include <stdio.h>

/* ---- uploads */

static bool has_contributed(const struct message *closed, uint32_t site, uint64_t round, uint32_t attempt)
{
	if (closed->plan.round != round || closed->plan.attempt != attempt)
		return false;
	for (uint32_t i = 0; i < closed->participant_count; i++)
		if (closed->participants[i] == site)
			return true;
	return false;
}

/* Its end is not on disk yet: a crash would open it again, so nobody is told that it is over. */
bool campaign_is_closing(const struct campaign *c, uint64_t round, uint32_t attempt)
{
	return c->reporting && c->closed_plan.round == round && c->closed_plan.attempt == attempt;
}

/* An attempt that is not open: was there ever one of this number, and is this site in its sum? */
enum upload_verdict campaign_past(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt)
{
	const struct round_plan *p = &c->record.round.plan;

	if (has_contributed(&c->record.closed, site, round, attempt))
		return UPLOAD_ACCEPTED; /* its acknowledgement was lost */
	if (campaign_is_closing(c, round, attempt))
		return UPLOAD_PENDING;
	if (round < p->round || (round == p->round && attempt < p->attempt))
		return UPLOAD_LATE;
	if (round == p->round && attempt == p->attempt && !c->record.open)
		return UPLOAD_LATE;
	return UPLOAD_UNINVITED;
}

enum upload_verdict campaign_wants(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                   uint64_t octets, const struct hash *content)
{
	if (!campaign_is_open(c, round, attempt))
		return campaign_past(c, site, round, attempt);
	return campaign_told(c, round_wants(c->round, site, octets, content));
}

/* ---- the inbox */

static bool invited(const struct campaign *c, uint32_t site)
{
	return round_plan_invites(&c->record.round.plan, site);
}

/* The newest sequence number that is no longer kept: a site that has seen less has missed something. */
static uint64_t forgotten(const struct campaign_record *r)
{
	uint64_t oldest = r->seq + 1;

	if (r->closed.seq != 0 && r->closed.seq < oldest)
		oldest = r->closed.seq;
	if (r->open && r->round.seq < oldest)
		oldest = r->round.seq;
	if (r->finished.seq != 0 && r->finished.seq < oldest)
		oldest = r->finished.seq;
	return oldest - 1;
}

bool campaign_inbox(const struct campaign *c, uint32_t site, uint64_t after, const struct message *out[3],
                    uint32_t *count)
{
	const struct campaign_record *r = &c->record;
	bool durable = c->state != CAMPAIGN_EXPECT_OPENED && c->state != CAMPAIGN_EXPECT_CLOSED;
	bool known = true;

	*count = 0;
	if (!durable) /* the messages follow from a record that a crash could still undo */
		return true;
	if (after > r->seq) { /* from the time before an older copy of our database was restored */
		after = 0;
		known = false;
	}
	if (r->closed.seq > after)
		out[(*count)++] = &r->closed;
	if (r->open && r->round.seq > after && invited(c, site))
		out[(*count)++] = &r->round;
	if (r->finished.seq > after)
		out[(*count)++] = &r->finished;
	return known && (after == 0 || after >= forgotten(r));
}

/* ---- figures */

enum campaign_state campaign_state(const struct campaign *c)
{
	return c->state;
}

const char *campaign_state_name(const struct campaign *c)
{
	switch (c->record.phase) {
	case PHASE_READY:
		return "ready";
	case PHASE_RUNNING:
		break;
	case PHASE_FINISHED:
		return "finished";
	case PHASE_STOPPED:
		return "stopped";
	default:
		return "failed";
	}
	if (c->record.paused)
		return "paused";
	return c->state == CAMPAIGN_EXPECT_SITES || c->state == CAMPAIGN_EXPECT_RETRY ? "waiting" : "running";
}

static void waiting_for_sites(const struct campaign *c, char *out, size_t size)
{
	uint32_t approved = members_approved_count(&c->members), least = c->study->sites.min;
	struct diag why = {{0}};

	if (c->record.paused)
		snprintf(out, size, "the operator: cohort-coordinator study resume %s", c->study->name);
	else if (approved < least)
		snprintf(out, size, "%u more hospital%s to approve (%u of %u)", least - approved,
		         least - approved == 1 ? "" : "s", approved, least);
	else if (plan_check(&c->study->sites, campaign_invited(c, approved), &why) != OK ||
	         study_check_robust(c->study, campaign_invited(c, approved), &why) != OK)
		snprintf(out, size, "%s", why.text);
	else
		snprintf(out, size, "%s", c->refused.text);
}

static void waiting_for_round(const struct campaign *c, char *out, size_t size)
{
	if (round_masked(c->round))
		round_waits_for(c->round, out, size);
	else
		snprintf(out, size, "contributions: %u of %u hospitals, at least %u", round_contributions(c->round),
		         round_site_count(c->round), round_quorum(c->round));
}

static void waiting_for_retry(const struct campaign *c, char *out, size_t size)
{
	if (c->no_sum.text[0] == '\0')
		snprintf(out, size, "the next attempt: too few hospitals contributed to the last");
	else
		snprintf(out, size, "another %s: %s", c->record.retry ? "attempt" : "round", c->no_sum.text);
}

void campaign_waiting_for(const struct campaign *c, char *out, size_t size)
{
	out[0] = '\0';
	switch (c->state) {
	case CAMPAIGN_READY:
		snprintf(out, size, "the operator: cohort-coordinator study start %s", c->study->name);
		break;
	case CAMPAIGN_EXPECT_SITES:
		waiting_for_sites(c, out, size);
		break;
	case CAMPAIGN_EXPECT_ROUND:
		waiting_for_round(c, out, size);
		break;
	case CAMPAIGN_EXPECT_RETRY:
		waiting_for_retry(c, out, size);
		break;
	default:
		break;
	}
}

const char *campaign_failure(const struct campaign *c)
{
	return c->record.failure;
}

bool campaign_over(const struct campaign *c)
{
	return campaign_is_over(c);
}

uint32_t campaign_step(const struct campaign *c)
{
	return c->record.model.step;
}

bool campaign_round_open(const struct campaign *c)
{
	return c->record.open;
}

const struct round_plan *campaign_plan(const struct campaign *c)
{
	return &c->record.round.plan;
}

const struct layout *campaign_layout(const struct campaign *c)
{
	return &c->layout;
}

const struct round *campaign_round(const struct campaign *c)
{
	return c->round;
}

const struct round_report *campaign_report(const struct campaign *c)
{
	return c->reporting ? &c->report : NULL;
}

struct hash campaign_model(const struct campaign *c, uint64_t *octets)
{
	*octets = c->record.model.octets;
	return c->record.model.sha256;
}

struct hash campaign_best(const struct campaign *c, uint64_t *octets, uint32_t *step)
{
	*octets = c->record.best.octets;
	*step = c->record.best.step;
	return c->record.best.sha256;
}

uint32_t campaign_approved(const struct campaign *c)
{
	return members_approved_count(&c->members);
}

bool campaign_site_answer(const struct campaign *c, uint32_t site, enum site_answer *out)
{
	const struct member *m = members_find(&c->members, site);

	if (m == NULL)
		return false;
	*out = m->answer;
	return true;
}
