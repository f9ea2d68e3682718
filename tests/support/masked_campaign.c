#include "tests/support/masked_campaign.h"

#include "tests/support/small_study.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 2048 /* of the longest layout of the small study */

/* ---- life */

static const struct roster *roster_of(void *world)
{
	const struct masked_campaign *k = world;

	return k->no_roster ? NULL : &k->roster;
}

static void store_record(void *office);

static void make_roster(struct masked_campaign *k)
{
	struct roster *r = &k->roster;

	r->version = 1;
	snprintf(r->federation, sizeof r->federation, "hearts");
	r->count = k->m.w.n;
	r->sites = mem_array(r->count, sizeof *r->sites);
	for (uint32_t i = 0; i < r->count; i++) {
		r->sites[i].number = k->m.w.invited[i].number;
		memcpy(r->sites[i].key, k->m.w.invited[i].identity, ROSTER_KEY_SIZE);
	}
	sha256_of(&r->content, bytes_text("roster 1"));
}

void masked_campaign_init(struct masked_campaign *k, const char *study_line, uint32_t n)
{
	struct masked_round *m = &k->m;

	memset(k, 0, sizeof *k);
	small_study(&k->study, study_line);
	masked_round_init(m, 61, n, 1, 0);
	free((void *)(uintptr_t)m->plans[0].sites);
	m->plans[0].sites = NULL;
	make_roster(k);
	for (uint32_t i = 0; i < n; i++) {
		free(m->w.sites[i].x);
		m->w.sites[i].x = mem_array(WORDS_MAX, sizeof(uint32_t));
		k->answers[i] = ANSWER_COUNT;
	}
	for (uint32_t g = 0; g < MASKED_GROUPS_MAX; g++) {
		free(m->sums[g]);
		m->sums[g] = mem_array(WORDS_MAX, sizeof(uint32_t));
	}
	k->config = (struct campaign_config){.study = &k->study,
	                                     .join_ms = MASKED_JOIN_MS,
	                                     .deadline_ms = MASKED_DEADLINE_MS,
	                                     .phase_ms = MASKED_PHASE_MS,
	                                     .pause_ms = MASKED_CAMPAIGN_PAUSE_MS,
	                                     .roster = roster_of,
	                                     .world = k};
	k->campaign = m->campaign = campaign_new(&k->config);
	m->store_record = store_record;
	m->office = k;
	buf_init(&k->record, 1u << 20);
}

static void forget_plans(struct masked_campaign *k)
{
	for (uint32_t g = 0; g < k->made_count; g++) {
		masked_plan_free(&k->made[g]);
		k->m.plans[g].sites = NULL;
	}
	k->made_count = 0;
}

void masked_campaign_free(struct masked_campaign *k)
{
	forget_plans(k);
	for (uint32_t g = k->m.groups; g < MASKED_GROUPS_MAX; g++)
		free(k->m.sums[g]);
	campaign_free(k->campaign);
	k->m.round = NULL;
	masked_round_free(&k->m);
	free(k->roster.sites);
	buf_free(&k->record);
	study_free(&k->study);
}

void masked_campaign_roster(struct masked_campaign *k)
{
	char text[32];

	k->roster.version++;
	snprintf(text, sizeof text, "roster %u", k->roster.version);
	sha256_of(&k->roster.content, bytes_text(text));
	campaign_roster_changed(k->campaign, k->m.now_ms);
}

/* ---- the sites */

/* Every site makes the plans for itself. */
static void make_plans(struct masked_campaign *k, const struct round_plan *p)
{
	struct masked_round *m = &k->m;
	struct layout layout;
	struct diag why = {{0}};

	forget_plans(k);
	assert_int_equal(round_plan_layout_clipped(&layout, &k->study, p->asks, p->site_count, p->clip, &why), OK);
	m->groups = masked_plan_groups(&k->study, p->site_count);
	for (uint32_t g = 0; g < m->groups; g++) {
		if (masked_plan_make(&k->made[g], p, &k->study, &layout, &k->roster, g, &why) != OK)
			fail_msg("%s", why.text);
		m->plans[g] = k->made[g].plan;
		k->made_count++;
	}
	m->words = m->plans[0].words;
	assert_true(m->words <= WORDS_MAX);
	for (uint32_t i = 0; i < m->w.n; i++)
		m->group_of[i] = masked_plan_group_of(p, &k->study, masked_round_number(m, i));
}

/* What a site has to say in a round is the same in all its attempts. */
static void make_vector(struct masked_campaign *k, uint32_t i, uint64_t round)
{
	struct rng r;

	rng_seeded(&r, round * 100 + i, "vector");
	for (uint32_t j = 0; j < k->m.words; j++)
		k->m.w.sites[i].x[j] = rng_u32(&r);
}

/* With a round that is to fail everybody is back in the next attempt. */
static void choose_silent(struct masked_campaign *k, const struct round_plan *p)
{
	for (uint32_t i = 0; i < k->m.w.n && k->fail_round != 0; i++) {
		bool falls = p->round == k->fail_round && p->attempt == 1 && i < k->fail_sites;

		k->m.w.sites[i].lasts = falls ? k->fail_phase : SECAGG_PHASE_COUNT;
		k->m.w.sites[i].silent = false;
	}
}

static void begin_attempt(struct masked_campaign *k)
{
	const struct round_plan *p = campaign_plan(k->campaign);
	struct masked_round *m = &k->m;

	k->round = p->round;
	k->attempt = p->attempt;
	make_plans(k, p);
	m->w.attempt = (struct secagg_attempt){.federation = bytes_text(k->roster.federation),
	                                       .study = bytes_of(k->study.hash.b, HASH_SIZE),
	                                       .round = p->round,
	                                       .attempt = p->attempt,
	                                       .model = p->model};
	m->w.statistics = p->asks & ASK_STATISTICS;
	memset(m->lines, 0, sizeof m->lines);
	choose_silent(k, p);
	for (uint32_t i = 0; i < m->w.n; i++) {
		m->lines[i].out = !round_plan_invites(p, masked_round_number(m, i)) || m->w.sites[i].silent;
		if (m->lines[i].out)
			continue;
		make_vector(k, i, p->round);
		m->w.plan = masked_round_plan(m, i);
		if (masked_open(&m->w, i, &m->w.sites[i].why) == OK)
			continue;
		m->lines[i].out = true;
		k->not_opened++;
	}
}

static bool is_told_of_another(const struct masked_campaign *k)
{
	const struct round_plan *p = campaign_plan(k->campaign);

	return campaign_state(k->campaign) == CAMPAIGN_EXPECT_ROUND &&
	       (p->round != k->round || p->attempt != k->attempt);
}

static void poll_all(struct masked_campaign *k)
{
	for (uint32_t i = 0; i < k->m.w.n; i++)
		if (!k->m.w.sites[i].silent && !k->m.lines[i].out && k->m.w.sites[i].lasts > 0)
			campaign_polled(k->campaign, masked_round_number(&k->m, i), k->m.now_ms);
}

/* ---- the coordinator's shell */

static void note_report(struct masked_campaign *k, const struct round_report *r)
{
	struct seen_report *seen = &k->reports[k->report_count++];

	assert_true(k->report_count <= MASKED_CAMPAIGN_REPORTS_MAX);
	*seen = (struct seen_report){.round = r->plan->round,
	                             .attempt = r->plan->attempt,
	                             .asks = r->plan->asks,
	                             .outcome = r->outcome,
	                             .contributions = round_contributions(r->round)};
	snprintf(seen->why, sizeof seen->why, "%s", r->why);
}

static void store_record(void *office)
{
	struct masked_campaign *k = office;
	struct json *node = campaign_save(k->campaign);

	buf_clear(&k->record);
	json_write(&k->record, node, false);
	json_free(node);
	if (campaign_report(k->campaign) != NULL) {
		note_report(k, campaign_report(k->campaign));
		masked_round_forget(&k->m);
	}
}

void masked_campaign_compute(struct masked_campaign *k)
{
	const struct round_plan *p = campaign_plan(k->campaign);
	const struct round *round = campaign_round(k->campaign);
	struct outcome o = {0};

	if (k->hold)
		return;
	if (k->garbage) {
		k->garbage = false;
		campaign_discarded(k->campaign, "the check words do not hold", k->m.now_ms);
		return;
	}
	k->computed++;
	for (uint32_t g = 0; g < round_groups(round); g++)
		k->inexact += round_group_done(round, g) && !masked_round_exact(&k->m, g);
	if (p->asks & (ASK_STATISTICS | ASK_TRAIN)) {
		o.has_model = true;
		o.model_sha256 = (struct hash){{(uint8_t)p->step, 0xdd}};
		o.model.len = 1000 + p->step;
		o.clip = p->asks & ASK_TRAIN ? k->clip : 0;
	}
	if (p->asks & ASK_EVALUATE) {
		o.evaluated = true;
		o.validation = (struct metrics){50, .5, .5, .5, .5, .5, .5, .5, .5, .5, .5};
		o.test = o.validation;
	}
	campaign_computed(k->campaign, &o, k->m.now_ms);
}

static uint32_t index_of(const struct masked_campaign *k, uint32_t site)
{
	for (uint32_t i = 0; i < k->m.w.n; i++)
		if (masked_round_number(&k->m, i) == site)
			return i;
	fail_msg("no site %u", site);
	return 0;
}

static void obey(struct masked_campaign *k, const struct campaign_action *a)
{
	struct round_action round = {.site = a->site, .group = a->group, .row = a->row, .phase = a->phase};

	switch (a->kind) {
	case CAMPAIGN_PERSIST_ANSWER:
		k->answers[index_of(k, a->site)] = a->answer;
		return;
	case CAMPAIGN_PERSIST:
		queue_push(&k->m.writes, &(struct masked_write){.is_record = true, .token = a->token});
		return;
	case CAMPAIGN_BEGIN:
		masked_round_empty(&k->m);
		return;
	case CAMPAIGN_COMPUTE:
		masked_campaign_compute(k);
		return;
	case CAMPAIGN_TELL:
	case CAMPAIGN_WAKE:
		return;
	case CAMPAIGN_PERSIST_SITE:
		round.kind = ROUND_PERSIST;
		break;
	case CAMPAIGN_PERSIST_ROW:
		round.kind = ROUND_PERSIST_ROW;
		break;
	case CAMPAIGN_ADD:
		round.kind = ROUND_ADD;
		break;
	case CAMPAIGN_UNMASK:
		round.kind = ROUND_UNMASK;
		break;
	}
	masked_round_obey(&k->m, &round);
}

static void follow_round(struct masked_campaign *k)
{
	k->m.round = (struct round *)(uintptr_t)campaign_round(k->campaign);
}

bool masked_campaign_shell(struct masked_campaign *k)
{
	struct campaign_action a;
	bool any = false;

	while (campaign_next(k->campaign, &a)) {
		any = true;
		follow_round(k);
		if (is_told_of_another(k))
			begin_attempt(k);
		obey(k, &a);
	}
	follow_round(k);
	while (!k->m.dead && k->m.writes.count > 0 && masked_round_commit(&k->m)) {
		any = true;
		follow_round(k);
	}
	return any;
}

static void restore_attempt(struct masked_campaign *k)
{
	struct diag why = {{0}};

	for (uint32_t i = 0; i < k->m.row_count; i++)
		if (campaign_restore_row(k->campaign, k->m.rows[i].group, &k->m.rows[i].head, &why) != OK)
			fail_msg("%s", why.text);
	for (uint32_t i = 0; i < k->m.site_count; i++)
		campaign_restore_site(k->campaign, &k->m.sites[i]);
}

void masked_campaign_restart(struct masked_campaign *k)
{
	struct diag why = {{0}};
	struct json *node;

	masked_round_die(&k->m);
	campaign_free(k->campaign);
	if (k->record.len == 0) {
		k->campaign = campaign_new(&k->config);
	} else {
		assert_int_equal(json_parse(&node, buf_bytes(&k->record), 1u << 20, "record", &why), OK);
		if (campaign_restore(&k->campaign, &k->config, node, k->m.now_ms, &why) != OK)
			fail_msg("%s", why.text);
		json_free(node);
	}
	k->m.campaign = k->campaign;
	for (uint32_t i = 0; i < k->m.w.n; i++)
		if (k->answers[i] != ANSWER_COUNT)
			campaign_restore_answer(k->campaign, masked_round_number(&k->m, i), k->answers[i]);
	if (campaign_round_open(k->campaign))
		restore_attempt(k);
	campaign_resume(k->campaign, k->m.now_ms);
	follow_round(k);
}

/* ---- running */

bool masked_campaign_turn(struct masked_campaign *k)
{
	bool any = masked_campaign_shell(k);

	poll_all(k);
	for (uint32_t i = 0; i < k->m.w.n && campaign_round_open(k->campaign); i++)
		any |= masked_round_site(&k->m, i);
	any |= masked_campaign_shell(k);
	if (!k->m.dead)
		return any;
	masked_campaign_restart(k);
	return true;
}

void masked_campaign_step(struct masked_campaign *k)
{
	while (masked_campaign_turn(k))
		continue;
}

void masked_campaign_start(struct masked_campaign *k)
{
	struct diag why = {{0}};

	for (uint32_t i = 0; i < k->m.w.n; i++)
		campaign_answer(k->campaign, masked_round_number(&k->m, i), ANSWER_APPROVED, k->m.now_ms);
	assert_int_equal(campaign_start(k->campaign, k->m.now_ms, &why), OK);
}

/* False: nothing more is to happen. */
static bool pass_time(struct masked_campaign *k)
{
	int64_t next = campaign_deadline_ms(k->campaign);

	if (next == INT64_MAX)
		return false;
	if (next > k->m.now_ms)
		k->m.now_ms = next;
	campaign_tick(k->campaign, k->m.now_ms);
	return true;
}

void masked_campaign_run(struct masked_campaign *k, uint32_t reports)
{
	while (reports == 0 || k->report_count < reports)
		if (!masked_campaign_turn(k) && !pass_time(k))
			return;
}

const char *masked_campaign_story(const struct masked_campaign *k)
{
	static char text[1024];
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < k->report_count; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu.%u %s", i == 0 ? "" : ", ",
		                       (unsigned long long)k->reports[i].round, k->reports[i].attempt,
		                       outcome_name(k->reports[i].outcome));
	return text;
}
