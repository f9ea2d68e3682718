#include "tests/support/conduct.h"

#include "protocol/inbox.h"
#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MODEL_OCTETS 1000 /* of the first model; each later one is longer by one */

struct hash conduct_content(uint32_t site, uint64_t round)
{
	struct hash h = {{(uint8_t)site, (uint8_t)(site >> 8), (uint8_t)round, 0xcc}};

	return h;
}

struct hash conduct_made(uint32_t step)
{
	struct hash h = {{(uint8_t)step, 0xdd}};

	return h;
}

void conduct_begin(struct conductor *c, const char *study_line)
{
	memset(c, 0, sizeof *c);
	small_study(&c->study, study_line);
	c->config = (struct campaign_config){.study = &c->study,
	                                     .join_ms = CONDUCT_JOIN_MS,
	                                     .deadline_ms = CONDUCT_DEADLINE_MS,
	                                     .pause_ms = CONDUCT_PAUSE_MS};
	c->campaign = campaign_new(&c->config);
	buf_init(&c->record, 1u << 20);
	for (uint32_t i = 0; i <= CONDUCT_SITES_MAX; i++)
		c->answers[i] = ANSWER_COUNT;
	for (uint32_t i = 0; i < CONDUCT_STEPS_MAX; i++)
		c->validation[i] = NAN;
}

void conduct_end(struct conductor *c)
{
	campaign_free(c->campaign);
	buf_free(&c->record);
	study_free(&c->study);
}

void conduct_restart(struct conductor *c)
{
	struct diag why = {{0}};
	struct json *node;

	campaign_free(c->campaign);
	if (c->record.len == 0) {
		c->campaign = campaign_new(&c->config);
	} else {
		assert_int_equal(json_parse(&node, buf_bytes(&c->record), 1u << 20, "record", &why), OK);
		if (campaign_restore(&c->campaign, &c->config, node, c->now_ms, &why) != OK)
			fail_msg("%s", why.text);
		json_free(node);
	}
	for (uint32_t i = 1; i <= CONDUCT_SITES_MAX; i++)
		if (c->answers[i] != ANSWER_COUNT)
			campaign_restore_answer(c->campaign, i, c->answers[i]);
	for (uint32_t i = 1; i <= CONDUCT_SITES_MAX && campaign_round_open(c->campaign); i++)
		if (c->rows[i].number != 0)
			campaign_restore_site(c->campaign, &c->rows[i]);
	campaign_resume(c->campaign, c->now_ms);
}

/* ---- one action */

static void store_record(struct conductor *c)
{
	struct json *node = campaign_save(c->campaign);
	const struct round_report *r = campaign_report(c->campaign);
	const struct round_plan *p = campaign_plan(c->campaign);

	buf_clear(&c->record);
	json_write(&c->record, node, false);
	json_free(node);
	if (r != NULL) {
		c->reports++;
		c->outcome = r->outcome;
		c->model = r->model;
		c->evaluated = r->evaluated;
		c->took_ms = r->ended_ms - r->started_ms;
	}
	if (p->round != c->rows_round || p->attempt != c->rows_attempt || !campaign_round_open(c->campaign))
		memset(c->rows, 0, sizeof c->rows);
	c->rows_round = p->round;
	c->rows_attempt = p->attempt;
}

static void store_row(struct conductor *c, uint32_t site)
{
	struct round_site *row = &c->rows[site];

	assert_int_equal(row->number, 0); /* one row per site and attempt */
	*row = *round_site(campaign_round(c->campaign), site);
	if (row->state == SITE_EXPECT_PERSISTED)
		row->state = SITE_CONTRIBUTED;
}

void conduct_do(struct conductor *c, const struct campaign_action *a)
{
	c->seen[a->kind]++;
	if (a->kind == CAMPAIGN_PERSIST_ANSWER)
		c->answers[a->site] = a->answer;
	else if (a->kind == CAMPAIGN_PERSIST_SITE)
		store_row(c, a->site);
	else if (a->kind == CAMPAIGN_PERSIST)
		store_record(c);
}

static void compute(struct conductor *c)
{
	const struct round_plan *p = campaign_plan(c->campaign);
	struct outcome o = {0};

	if (c->impossible != NULL) {
		campaign_not_computed(c->campaign, c->impossible, c->now_ms);
		return;
	}
	if (p->asks & (ASK_STATISTICS | ASK_TRAIN)) {
		o.has_model = true;
		o.model_sha256 = conduct_made(p->step);
		o.model.len = MODEL_OCTETS + p->step;
		o.weight = p->asks & ASK_TRAIN ? 100 : 0;
	}
	if (p->asks & ASK_EVALUATE) {
		double v = c->validation[p->step - 1];

		o.evaluated = true;
		o.validation = (struct metrics){50, v, v, v, v, v, v, v, v, v, v};
		o.test = (struct metrics){50, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
	}
	campaign_computed(c->campaign, &o, c->now_ms);
}

void conduct_answer(struct conductor *c, const struct campaign_action *a)
{
	if (a->kind == CAMPAIGN_PERSIST_SITE)
		campaign_site_persisted(c->campaign, a->site, true, c->now_ms);
	else if (a->kind == CAMPAIGN_PERSIST)
		campaign_persisted(c->campaign, a->token, c->now_ms);
	else if (a->kind == CAMPAIGN_ADD)
		campaign_added(c->campaign, a->site, c->now_ms);
	else if (a->kind == CAMPAIGN_COMPUTE)
		compute(c);
}

/* ---- many */

void conduct(struct conductor *c)
{
	struct campaign_action a;

	while (campaign_next(c->campaign, &a)) {
		conduct_do(c, &a);
		conduct_answer(c, &a);
	}
}

void conduct_until(struct conductor *c, enum campaign_action_kind kind, struct campaign_action *out)
{
	while (campaign_next(c->campaign, out)) {
		if (out->kind == kind)
			return;
		conduct_do(c, out);
		conduct_answer(c, out);
	}
	fail_msg("action %d never came", kind);
}

void conduct_to(struct conductor *c, int64_t now_ms)
{
	while (c->now_ms < now_ms) {
		int64_t next = campaign_deadline_ms(c->campaign);

		c->now_ms = next > c->now_ms && next < now_ms ? next : now_ms;
		campaign_tick(c->campaign, c->now_ms);
		conduct(c);
	}
}

void conduct_approve(struct conductor *c, uint32_t count)
{
	for (uint32_t site = 1; site <= count; site++)
		campaign_answer(c->campaign, site, ANSWER_APPROVED, c->now_ms);
	conduct(c);
}

void conduct_start(struct conductor *c)
{
	struct diag why = {{0}};

	if (campaign_start(c->campaign, c->now_ms, &why) != OK)
		fail_msg("%s", why.text);
	conduct(c);
}

enum upload_verdict conduct_upload(struct conductor *c, uint32_t site)
{
	const struct round_plan *p = campaign_plan(c->campaign);
	struct hash content = conduct_content(site, p->round);

	return campaign_upload(c->campaign, site, p->round, p->attempt, layout_octets(campaign_layout(c->campaign)),
	                       &content, c->now_ms);
}

void conduct_contribute(struct conductor *c, uint32_t site)
{
	campaign_polled(c->campaign, site, c->now_ms);
	assert_int_equal(conduct_upload(c, site), UPLOAD_WANTED);
	conduct(c);
}

void conduct_round(struct conductor *c, uint32_t count)
{
	unsigned before = c->reports;

	for (uint32_t site = 1; site <= count; site++)
		campaign_polled(c->campaign, site, c->now_ms);
	for (uint32_t site = 1; site <= count; site++)
		assert_int_equal(conduct_upload(c, site), UPLOAD_WANTED);
	conduct(c);
	assert_int_equal(c->reports, before + 1);
}

void conduct_again(struct conductor *c, const char *study_line)
{
	conduct_end(c);
	conduct_begin(c, study_line);
}

void conduct_reach(struct conductor *c, enum campaign_state to)
{
	struct campaign_action a;
	struct diag why = {{0}};

	conduct_again(c, NULL);
	conduct_approve(c, to == CAMPAIGN_EXPECT_SITES ? 1 : CONDUCT_SITES);
	if (to == CAMPAIGN_FAILED)
		c->impossible = "one class";
	if (to == CAMPAIGN_EXPECT_OPENED)
		assert_int_equal(campaign_start(c->campaign, c->now_ms, &why), OK);
	else if (to != CAMPAIGN_READY)
		conduct_start(c);
	if (to == CAMPAIGN_EXPECT_OUTCOME || to == CAMPAIGN_EXPECT_CLOSED) {
		for (uint32_t site = 1; site <= CONDUCT_SITES; site++)
			conduct_upload(c, site);
		conduct_until(c, CAMPAIGN_COMPUTE, &a);
		if (to == CAMPAIGN_EXPECT_CLOSED)
			conduct_answer(c, &a);
	} else if (to == CAMPAIGN_EXPECT_RETRY) {
		conduct_to(c, c->now_ms + CONDUCT_DEADLINE_MS);
	} else if (to == CAMPAIGN_FINISHED) {
		while (campaign_state(c->campaign) != CAMPAIGN_FINISHED)
			conduct_round(c, CONDUCT_SITES);
	} else if (to == CAMPAIGN_STOPPED) {
		assert_int_equal(campaign_stop(c->campaign, c->now_ms, &why), OK);
		conduct(c);
	} else if (to == CAMPAIGN_FAILED) {
		conduct_round(c, CONDUCT_SITES);
	}
	assert_int_equal(campaign_state(c->campaign), to);
}

const char *conduct_inbox(const struct conductor *c, uint32_t site, uint64_t after)
{
	static char text[1 << 16];
	const struct message *messages[3];
	struct message copy[3];
	struct buf json;
	uint32_t count;
	bool kept = campaign_inbox(c->campaign, site, after, messages, &count);

	for (uint32_t i = 0; i < count; i++)
		copy[i] = *messages[i];
	buf_init(&json, sizeof text);
	inbox_write(&json, copy, count);
	snprintf(text, sizeof text, "%s%s", kept ? "" : "410 ", buf_text(&json));
	buf_free(&json);
	return text;
}
