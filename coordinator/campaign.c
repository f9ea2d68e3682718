#include "coordinator/campaign_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers of the shell */

void campaign_computed(struct campaign *c, const struct outcome *outcome, int64_t now_ms)
{
	struct campaign_record *r = &c->record;

	if (c->state != CAMPAIGN_EXPECT_OUTCOME)
		return; /* stopped meanwhile */
	campaign_close(c, OUTCOME_DONE, outcome, now_ms);
	bool stale = campaign_judge(c, outcome);
	if (outcome->has_model)
		r->model = (struct campaign_model){outcome->model_sha256, outcome->model.len, r->step};
	if (outcome->clip > 0)
		r->clip = outcome->clip;
	if (isnan(r->best_value)) /* without validation figures the best model is the last */
		r->best = r->model;
	r->step++;
	if (stale || round_plan_asks(c->study, r->step) == 0)
		campaign_finish(c, PHASE_FINISHED);
	else
		campaign_plan_next(c);
	campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
}

void campaign_not_computed(struct campaign *c, const char *why, int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_OUTCOME)
		return;
	campaign_close(c, OUTCOME_ABANDONED, NULL, now_ms);
	campaign_fail(c, why);
	campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
}

static enum campaign_state campaign_end_state(const struct campaign *c)
{
	switch (c->record.phase) {
	case PHASE_FINISHED:
		return CAMPAIGN_FINISHED;
	case PHASE_STOPPED:
		return CAMPAIGN_STOPPED;
	default:
		return CAMPAIGN_FAILED;
	}
}

void campaign_persisted(struct campaign *c, uint64_t token, int64_t now_ms)
{
	bool waits = c->state == CAMPAIGN_EXPECT_OPENED || c->state == CAMPAIGN_EXPECT_CLOSED;

	if (!waits || token < c->awaited_token)
		return;
	round_free(c->round);
	c->round = NULL;
	c->reporting = false;
	if (c->record.open) {
		campaign_enter_round(c, now_ms);
		campaign_drop_leavers(c, now_ms);
		return;
	}
	campaign_act(c, CAMPAIGN_WAKE, 0);
	if (campaign_is_over(c)) {
		c->state = campaign_end_state(c);
	} else if (c->record.retry || c->pause) {
		c->pause = false;
		c->state = CAMPAIGN_EXPECT_RETRY;
		c->retry_at_ms = now_ms + campaign_pause_ms(c);
	} else {
		campaign_open_or_wait(c);
	}
}

/* ---- the operator */

enum err campaign_start(struct campaign *c, int64_t now_ms, struct diag *why)
{
	(void)now_ms;
	if (c->record.phase != PHASE_READY)
		return diag_set(why, ERR_CONFLICT, "study %s was started already; it is %s", c->study->name,
		                campaign_state_name(c));
	c->record.phase = PHASE_RUNNING;
	campaign_persist(c);
	campaign_open_or_wait(c);
	return OK;
}

static enum err must_run(const struct campaign *c, struct diag *why)
{
	if (c->record.phase == PHASE_RUNNING)
		return OK;
	return diag_set(why, ERR_CONFLICT, "study %s is not running; it is %s", c->study->name, campaign_state_name(c));
}

enum err campaign_pause(struct campaign *c, struct diag *why)
{
	enum err e = must_run(c, why);

	if (e == OK && !c->record.paused) {
		c->record.paused = true;
		campaign_persist(c);
	}
	return e;
}

enum err campaign_unpause(struct campaign *c, int64_t now_ms, struct diag *why)
{
	enum err e = must_run(c, why);

	(void)now_ms;
	if (e == OK && c->record.paused) {
		c->record.paused = false;
		campaign_persist(c);
		if (c->state == CAMPAIGN_EXPECT_SITES)
			campaign_open_or_wait(c);
	}
	return e;
}

enum err campaign_stop(struct campaign *c, int64_t now_ms, struct diag *why)
{
	if (campaign_is_over(c))
		return diag_set(why, ERR_CONFLICT, "study %s is over; it is %s", c->study->name,
		                campaign_state_name(c));
	if (c->state == CAMPAIGN_EXPECT_ROUND || c->state == CAMPAIGN_EXPECT_OUTCOME)
		campaign_close(c, OUTCOME_ABANDONED, NULL, now_ms);
	campaign_finish(c, PHASE_STOPPED);
	campaign_await(c, CAMPAIGN_EXPECT_CLOSED);
	return OK;
}

/* ---- the sites */

void campaign_answer(struct campaign *c, uint32_t site, enum site_answer answer, int64_t now_ms)
{
	if (!members_answer(&c->members, site, answer))
		return;
	queue_push(&c->actions,
	           &(struct campaign_action){.kind = CAMPAIGN_PERSIST_ANSWER, .site = site, .answer = answer});
	if (answer != ANSWER_APPROVED && c->state == CAMPAIGN_EXPECT_ROUND) {
		round_dropped(c->round, site, DROP_WITHDRAWN, now_ms);
		campaign_drain_round(c, now_ms);
	}
	if (c->state == CAMPAIGN_EXPECT_SITES)
		campaign_open_or_wait(c);
}

void campaign_revoked(struct campaign *c, uint32_t site, int64_t now_ms)
{
	if (!members_revoke(&c->members, site))
		return;
	if (c->state == CAMPAIGN_EXPECT_ROUND) {
		round_dropped(c->round, site, DROP_REVOKED, now_ms);
		campaign_drain_round(c, now_ms);
	}
	if (c->state == CAMPAIGN_EXPECT_SITES) /* masked: a roster without it may be in force already */
		campaign_open_or_wait(c);
}

void campaign_polled(struct campaign *c, uint32_t site, int64_t now_ms)
{
	if (c->state == CAMPAIGN_EXPECT_ROUND) {
		round_joined(c->round, site, now_ms);
		campaign_drain_round(c, now_ms);
	}
}

enum err campaign_refused(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt, enum refusal why,
                          int64_t now_ms)
{
	const struct round_site *s;

	if (c->state != CAMPAIGN_EXPECT_ROUND || !campaign_is_open(c, round, attempt))
		return ERR_PEER_STATE;
	s = round_site(c->round, site);
	if (s == NULL)
		return ERR_PEER_IDENTITY;
	if (s->state == SITE_REFUSED)
		return OK; /* a repeat */
	if (s->state > SITE_EXPECT_CONTRIBUTION)
		return ERR_PEER_STATE;
	round_refused(c->round, site, why, now_ms);
	campaign_drain_round(c, now_ms);
	return OK;
}

enum upload_verdict campaign_upload(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                    uint64_t octets, const struct hash *content, int64_t now_ms)
{
	enum upload_verdict verdict;

	if (!campaign_is_open(c, round, attempt))
		return campaign_wants(c, site, round, attempt, octets, content);
	if (round_masked(c->round)) /* nothing comes in clear */
		return UPLOAD_MALFORMED;
	verdict = campaign_told(c, round_upload(c->round, site, octets, content, now_ms));
	campaign_drain_round(c, now_ms);
	return verdict;
}

/* ---- answers to actions, and time */

void campaign_site_persisted(struct campaign *c, uint32_t site, bool stored, int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_ROUND)
		return;
	if (stored)
		round_persisted(c->round, site, now_ms);
	else
		round_not_persisted(c->round, site, now_ms);
	campaign_drain_round(c, now_ms);
}

void campaign_added(struct campaign *c, uint32_t site, int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_ROUND)
		return;
	round_added(c->round, site, now_ms);
	campaign_drain_round(c, now_ms);
}

void campaign_tick(struct campaign *c, int64_t now_ms)
{
	if (c->state == CAMPAIGN_EXPECT_ROUND) {
		round_tick(c->round, now_ms);
		campaign_drain_round(c, now_ms);
	} else if (c->state == CAMPAIGN_EXPECT_RETRY && now_ms >= c->retry_at_ms) {
		campaign_open_or_wait(c);
	}
}

int64_t campaign_deadline_ms(const struct campaign *c)
{
	if (c->state == CAMPAIGN_EXPECT_ROUND)
		return round_deadline_ms(c->round);
	return c->state == CAMPAIGN_EXPECT_RETRY ? c->retry_at_ms : INT64_MAX;
}

bool campaign_next(struct campaign *c, struct campaign_action *out)
{
	return queue_pop(&c->actions, out);
}

/* ---- birth, rebirth */

struct campaign *campaign_new(const struct campaign_config *config)
{
	struct campaign *c = mem_alloc(sizeof *c);

	c->config = *config;
	c->study = config->study;
	c->record.best_value = NAN;
	queue_init(&c->actions, sizeof(struct campaign_action));
	return c;
}

void campaign_free(struct campaign *c)
{
	if (c == NULL)
		return;
	campaign_record_free(&c->record);
	round_plan_free(&c->closed_plan);
	round_free(c->round);
	campaign_free_masks(c);
	queue_free(&c->actions);
	members_free(&c->members);
	free(c);
}

enum err campaign_restore(struct campaign **out, const struct campaign_config *config, const struct json *record,
                          int64_t now_ms, struct diag *why)
{
	struct campaign *c = campaign_new(config);
	enum err e = campaign_record_load(&c->record, record, why);

	if (e == OK)
		e = campaign_record_check(&c->record, c->study, why);
	if (e == OK && c->record.open)
		e = round_plan_layout_clipped(&c->layout, c->study, c->record.round.plan.asks,
		                              c->record.round.plan.site_count, c->record.round.plan.clip, why);
	if (e != OK) {
		campaign_free(c);
		*out = NULL;
		return e;
	}
	if (c->record.open && campaign_masks(c))
		c->lost = !campaign_make_masks(c, &c->record.round.plan, true);
	if (c->record.open && campaign_is_private(c))
		c->record.released = true; /* by whoever had joined: nobody knows any more */
	if (c->record.open)
		campaign_enter_round(c, now_ms);
	*out = c;
	return OK;
}

void campaign_restore_answer(struct campaign *c, uint32_t site, enum site_answer answer)
{
	members_answer(&c->members, site, answer);
}

void campaign_restore_site(struct campaign *c, const struct round_site *row)
{
	CHECK(c->state == CAMPAIGN_EXPECT_ROUND);
	round_restore(c->round, row);
}

void campaign_resume(struct campaign *c, int64_t now_ms)
{
	if (c->lost) {
		campaign_end_lost(c, now_ms);
	} else if (c->state == CAMPAIGN_EXPECT_ROUND) {
		if (round_masked(c->round))
			round_resume(c->round, now_ms);
		campaign_drop_leavers(c, now_ms);
	} else if (campaign_is_over(c)) {
		c->state = campaign_end_state(c);
	} else if (c->record.phase == PHASE_RUNNING) {
		campaign_open_or_wait(c);
	}
}

struct json *campaign_save(const struct campaign *c)
{
	return campaign_record_save(&c->record);
}
