/*
 * How a campaign opens and closes its rounds: planning the next attempt, entering it, and writing down how it ended.
 */
#include "coordinator/campaign_state.h"
#include "protocol/study_robust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- small helpers */

void campaign_act(struct campaign *c, enum campaign_action_kind kind, uint32_t site)
{
	queue_push(&c->actions, &(struct campaign_action){.kind = kind, .site = site});
}

void campaign_persist(struct campaign *c)
{
	c->token++;
	queue_push(&c->actions, &(struct campaign_action){.kind = CAMPAIGN_PERSIST, .token = c->token});
}

void campaign_await(struct campaign *c, enum campaign_state state)
{
	campaign_persist(c);
	c->awaited_token = c->token;
	c->state = state;
}

/* ---- the end of a study */

void campaign_finish(struct campaign *c, enum campaign_phase phase)
{
	struct campaign_record *r = &c->record;
	struct message *m = &r->finished;

	r->phase = phase;
	r->open = r->retry = false;
	message_free(m);
	m->type = MESSAGE_FINISHED;
	m->seq = ++r->seq;
	snprintf(m->study, sizeof m->study, "%s", c->study->name);
	m->plan.study_hash = c->study->hash;
	m->model = r->best.sha256;
	m->model_octets = r->best.octets;
	m->complete = phase == PHASE_FINISHED;
}

void campaign_fail(struct campaign *c, const char *why)
{
	struct diag line; /* plain text, or the record could not be read again */

	diag_set(&line, ERR_DATA, "%s", why);
	memcpy(c->record.failure, line.text, sizeof line.text);
	campaign_finish(c, PHASE_FAILED);
}

/* ---- opening */

/* Would the last plan's sites be invited again? All who approve, or a sample each of whom approves. */
static bool same_sites(const struct campaign *c, const uint32_t *approved, uint32_t count)
{
	const struct round_plan *p = &c->record.round.plan;
	uint32_t found = 0;

	if (p->site_count != campaign_invited(c, count))
		return false;
	for (uint32_t i = 0; i < count && found < p->site_count; i++)
		found += approved[i] == p->sites[found];
	return found == p->site_count;
}

/* Makes the record's plan the next attempt's. */
static void next_attempt(struct campaign *c, const uint32_t *approved, uint32_t count)
{
	struct campaign_record *r = &c->record;
	struct round_plan *p = &r->round.plan;

	if (r->retry && p->attempt < ATTEMPTS_MAX && same_sites(c, approved, count)) {
		p->attempt++;
	} else {
		free(p->sites);
		p->round++;
		p->site_count = campaign_invited(c, count);
		p->sites = campaign_sample(approved, count, p->site_count, &c->config.sample_seed, p->round);
		p->attempt = 1;
		p->step = r->step;
		p->asks = round_plan_asks(c->study, r->step);
		p->study_hash = c->study->hash;
		p->model = r->model.sha256;
		p->model_octets = r->model.octets;
	}
	r->round.type = MESSAGE_ROUND;
	r->round.seq = ++r->seq;
	snprintf(r->round.study, sizeof r->round.study, "%s", c->study->name);
	r->open = true;
	r->retry = false;
}

static bool may_open(const struct campaign *c, uint32_t invited, struct diag *why)
{
	return c->record.phase == PHASE_RUNNING && !c->record.paused &&
	       plan_check(&c->study->sites, invited, why) == OK && study_check_robust(c->study, invited, why) == OK;
}

/* Plans the next attempt if enough sites approve. A layout that n sites could overflow ends the study. */
bool campaign_plan_next(struct campaign *c)
{
	struct diag why = {{0}};
	uint32_t count;
	const uint32_t *approved = members_approved(&c->members, &count);
	uint32_t invited = campaign_invited(c, count);

	if (count == 0 || !may_open(c, invited, &why))
		return false;
	if (round_plan_layout(&c->layout, c->study, round_plan_asks(c->study, c->record.step), invited, &why) != OK) {
		campaign_fail(c, why.text);
		return false;
	}
	next_attempt(c, approved, count);
	return true;
}

/* From EXPECT_SITES or after a pause: opens if it can. */
void campaign_open_or_wait(struct campaign *c)
{
	c->state = CAMPAIGN_EXPECT_SITES;
	if (campaign_plan_next(c))
		campaign_await(c, CAMPAIGN_EXPECT_OPENED);
	else if (campaign_is_over(c))
		campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
}

void campaign_enter_round(struct campaign *c, int64_t now_ms)
{
	const struct round_plan *p = &c->record.round.plan;
	struct round_config config = {
		.sites = p->sites,
		.site_count = p->site_count,
		.quorum = plan_quorum(&c->study->sites, p->site_count),
		.octets = layout_octets(&c->layout),
		.join_ms = c->config.join_ms,
		.deadline_ms = c->config.deadline_ms,
	};

	c->round = round_open(&config, now_ms);
	c->started_ms = now_ms;
	c->state = CAMPAIGN_EXPECT_ROUND;
	campaign_act(c, CAMPAIGN_BEGIN, 0);
	campaign_act(c, CAMPAIGN_WAKE, 0);
}

void campaign_drop_leavers(struct campaign *c, int64_t now_ms)
{
	const struct round_plan *p = &c->record.round.plan;

	for (uint32_t i = 0; i < p->site_count; i++) {
		const struct member *m = members_find(&c->members, p->sites[i]);

		if (m != NULL && m->revoked)
			round_dropped(c->round, m->site, DROP_REVOKED, now_ms);
		else if (m == NULL || m->answer != ANSWER_APPROVED)
			round_dropped(c->round, p->sites[i], DROP_WITHDRAWN, now_ms);
	}
	round_tick(c->round, now_ms);
	campaign_drain_round(c, now_ms);
}

/* ---- closing */

static uint32_t *contributors(const struct round *round, uint32_t *count)
{
	uint32_t *sites = mem_array(round_site_count(round), sizeof *sites);

	*count = 0;
	for (uint32_t i = 0; i < round_site_count(round); i++)
		if (round_site_at(round, i)->state == SITE_CONTRIBUTED)
			sites[(*count)++] = round_site_at(round, i)->number;
	return sites;
}

/* Writes the closed message and the report of the open attempt; the round itself is kept until both are durable. */
void campaign_close(struct campaign *c, enum round_outcome outcome, const struct outcome *result, int64_t now_ms)
{
	struct message *m = &c->record.closed;

	round_plan_copy(&c->closed_plan, &c->record.round.plan);
	message_free(m);
	m->type = MESSAGE_CLOSED;
	m->seq = ++c->record.seq;
	snprintf(m->study, sizeof m->study, "%s", c->study->name);
	m->plan.study_hash = c->study->hash;
	m->plan.round = c->closed_plan.round;
	m->plan.attempt = c->closed_plan.attempt;
	m->outcome = outcome;
	c->report = (struct round_report){
		.plan = &c->closed_plan,
		.outcome = outcome,
		.round = c->round,
		.started_ms = c->started_ms,
		.ended_ms = now_ms,
	};
	if (outcome == OUTCOME_DONE)
		m->participants = contributors(c->round, &m->participant_count);
	if (result != NULL && result->has_model) {
		m->model = result->model_sha256;
		m->model_octets = result->model.len;
		c->report.model = result->model_sha256;
		c->report.model_octets = result->model.len;
	}
	if (result != NULL) {
		c->report.evaluated = result->evaluated;
		c->report.validation = result->validation;
		c->report.test = result->test;
		c->report.validation_calibration = result->validation_calibration;
		c->report.test_calibration = result->test_calibration;
		c->report.weight = result->weight;
	}
	c->reporting = true;
	c->record.open = false;
}

static void round_failed(struct campaign *c, int64_t now_ms)
{
	campaign_close(c, OUTCOME_FAILED, NULL, now_ms);
	c->record.retry = true;
	campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
}

static void act_on_group(struct campaign *c, const struct round_action *a)
{
	enum campaign_action_kind kind = a->kind == ROUND_PERSIST_ROW ? CAMPAIGN_PERSIST_ROW
	                                 : a->kind == ROUND_TELL      ? CAMPAIGN_TELL
	                                                              : CAMPAIGN_UNMASK;

	queue_push(&c->actions,
	           &(struct campaign_action){.kind = kind, .group = a->group, .row = a->row, .phase = a->phase});
}

void campaign_drain_round(struct campaign *c, int64_t now_ms)
{
	struct round_action a;

	while (round_next(c->round, &a)) {
		switch (a.kind) {
		case ROUND_PERSIST:
			campaign_act(c, CAMPAIGN_PERSIST_SITE, a.site);
			break;
		case ROUND_ADD:
			campaign_act(c, CAMPAIGN_ADD, a.site);
			break;
		case ROUND_PERSIST_ROW:
		case ROUND_TELL:
		case ROUND_UNMASK:
			act_on_group(c, &a);
			break;
		case ROUND_CLOSE:
			if (round_contributions(c->round) < round_quorum(c->round)) {
				round_failed(c, now_ms);
			} else {
				c->state = CAMPAIGN_EXPECT_OUTCOME;
				campaign_act(c, CAMPAIGN_COMPUTE, 0);
			}
			break;
		}
	}
}
