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

/* Would the last plan's sites be invited again? All who approve, or a sample each of whom approves; so too under privacy, where
 * another number would cost more than to go on without those who approve by now. */
static bool same_sites(const struct campaign *c, const uint32_t *approved, uint32_t count)
{
	const struct round_plan *p = &c->record.round.plan;
	uint32_t found = 0;

	if (p->site_count != campaign_invited(c, count) && !campaign_is_private(c))
		return false;
	for (uint32_t i = 0; i < count && found < p->site_count; i++)
		found += approved[i] == p->sites[found];
	return found == p->site_count;
}

/* Whether the failed attempt may be tried again: all attempts of a round have the same plan. */
static bool may_retry(const struct campaign *c, const uint32_t *approved, uint32_t count)
{
	const struct campaign_record *r = &c->record;
	bool same = c->study->sites.masking == MASKING_GROUPS || same_sites(c, approved, count);

	return r->retry && r->round.plan.attempt < ATTEMPTS_MAX && same && campaign_same_roster(c);
}

/* Under groups those of the first round again. */
static void invite(struct campaign *c, struct round_plan *p, const uint32_t *approved, uint32_t count)
{
	if (c->study->sites.masking == MASKING_GROUPS && p->site_count > 0)
		return;
	free(p->sites);
	p->site_count = campaign_invited(c, count);
	p->sites = campaign_sample(approved, count, p->site_count, &c->config.sample_seed, p->round);
}

/* Of the next round, where it has one of its own. */
static double next_clip(const struct campaign *c)
{
	bool trains = round_plan_asks(c->study, c->record.step) & ASK_TRAIN;

	if (!round_plan_adapts(c->study) || !trains)
		return 0;
	return c->record.clip > 0 ? c->record.clip : c->study->privacy.clip;
}

/* The next attempt's plan, of the last one's. */
static void plan_attempt(struct campaign *c, struct round_plan *p, const uint32_t *approved, uint32_t count)
{
	struct campaign_record *r = &c->record;

	if (may_retry(c, approved, count)) {
		p->attempt++;
		return;
	}
	p->round++;
	invite(c, p, approved, count);
	p->attempt = 1;
	p->step = r->step;
	p->asks = round_plan_asks(c->study, r->step);
	p->study_hash = c->study->hash;
	p->model = r->model.sha256;
	p->model_octets = r->model.octets;
	p->clip = next_clip(c);
}

static void announce(struct campaign *c)
{
	struct campaign_record *r = &c->record;

	r->round.type = MESSAGE_ROUND;
	r->round.seq = ++r->seq;
	snprintf(r->round.study, sizeof r->round.study, "%s", c->study->name);
	r->open = true;
	r->retry = false;
}

static bool may_open(struct campaign *c, uint32_t invited, struct diag *why)
{
	return c->record.phase == PHASE_RUNNING && !c->record.paused &&
	       plan_check(&c->study->sites, invited, why) == OK && study_check_robust(c->study, invited, why) == OK &&
	       campaign_groups_approve(c, &c->refused);
}

/* How long a plan's contributions are, how they are masked (which enters it), and what another number costs. */
static bool may_go(struct campaign *c, struct round_plan *next)
{
	const struct round_plan *last = &c->record.round.plan;
	bool again = c->record.round.seq != 0 && last->step == next->step;
	struct diag why = {{0}};

	if (round_plan_layout_clipped(&c->layout, c->study, next->asks, next->site_count, next->clip, &why) != OK) {
		campaign_fail(c, why.text);
		return false;
	}
	if (campaign_masks(c) && !campaign_make_masks(c, next, false))
		return false;
	if (next->round == last->round)
		return true;
	if (again && !campaign_give_up(c)) {
		campaign_free_masks(c);
		return false;
	}
	c->record.released = false;
	return true;
}

/* Plans the next attempt if enough sites approve. A layout that n sites could overflow ends the study. */
bool campaign_plan_next(struct campaign *c)
{
	struct diag why = {{0}};
	struct round_plan next = {0};
	uint32_t count;
	const uint32_t *approved = members_approved(&c->members, &count);

	c->refused = (struct diag){{0}};
	if (count == 0 || !may_open(c, campaign_invited(c, count), &why))
		return false;
	round_plan_copy(&next, &c->record.round.plan);
	plan_attempt(c, &next, approved, count);
	if (!may_go(c, &next)) {
		round_plan_free(&next);
		return false;
	}
	round_plan_free(&c->record.round.plan);
	c->record.round.plan = next;
	announce(c);
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

	struct secagg_plan *masks = mem_array(c->plan_count + (size_t)1, sizeof *masks);

	if (c->plan_count > 0)
		campaign_put_masks(c, &config, masks);
	c->round = round_open(&config, now_ms);
	free(masks);
	campaign_free_masks(c);
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
		.why = c->no_sum.text,
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
		c->report.validation_margin = result->validation_margin;
		c->report.test_margin = result->test_margin;
		c->report.weight = result->weight;
	}
	c->reporting = true;
	c->record.open = false;
	if (outcome != OUTCOME_DONE)
		campaign_note_released(c);
}

void campaign_end_without_sum(struct campaign *c, const char *why, bool opened, int64_t now_ms)
{
	bool statistics = c->record.round.plan.asks & ASK_STATISTICS;
	struct diag words;

	diag_set(&c->no_sum, ERR_PROTOCOL, "%s", why);
	campaign_close(c, opened ? OUTCOME_ABANDONED : OUTCOME_FAILED, NULL, now_ms);
	c->record.retry = !opened;
	c->pause = opened;
	if (opened && statistics) {
		diag_set(&words, ERR_PROTOCOL,
		         "the sum of the statistics is lost (%s), and hospitals answer statistics once: start a new "
		         "revision of the study",
		         why);
		campaign_fail(c, words.text);
	} else if (opened) {
		(void)campaign_give_up(c);
	}
	campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
}

static void round_closed(struct campaign *c, int64_t now_ms)
{
	diag_set(&c->no_sum, OK, "%s", round_why(c->round));
	if (!round_succeeded(c->round)) {
		campaign_end_without_sum(c, round_why(c->round), round_opened(c->round), now_ms);
		return;
	}
	c->state = CAMPAIGN_EXPECT_OUTCOME;
	campaign_act(c, CAMPAIGN_COMPUTE, 0);
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
			round_closed(c, now_ms);
			break;
		}
	}
}
