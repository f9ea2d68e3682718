/*
 * Sites that send anything at any time, an operator who changes their mind, a slow disk, and a coordinator that is
 * killed at any moment. Whatever comes, nothing aborts; nobody is added twice in an attempt, or without a row; and
 * nobody is told what is not on the disk.
 */
#include "tests/support/conduct.h"

#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define SITES 5 /* that come and go, and one that is never invited */
#define RUNS 150
#define STEPS 800
#define HELD_MAX 64

struct chaos {
	struct conductor c;
	struct rng rng;
	struct campaign_action held[HELD_MAX]; /* executed, not answered yet */
	uint32_t held_count;
	uint64_t round; /* the attempt at work */
	uint32_t attempt;
	bool added[SITES + 2]; /* in it */
};

static uint32_t pick(struct chaos *x, uint32_t n)
{
	return (uint32_t)rng_below(&x->rng, n);
}

/* ---- the shell */

/* As the shells do: what belongs to an attempt that is over is not answered any more. */
static void forget_older(struct chaos *x)
{
	const struct round_plan *p = campaign_plan(x->c.campaign);
	uint32_t kept = 0;

	if (campaign_state(x->c.campaign) != CAMPAIGN_EXPECT_ROUND ||
	    (p->round == x->round && p->attempt == x->attempt))
		return;
	x->round = p->round;
	x->attempt = p->attempt;
	for (uint32_t i = 0; i < x->held_count; i++)
		if (x->held[i].kind == CAMPAIGN_PERSIST)
			x->held[kept++] = x->held[i];
	x->held_count = kept;
	memset(x->added, 0, sizeof x->added);
}

static void note_add(struct chaos *x, uint32_t site)
{
	assert_int_equal(x->c.rows[site].state, SITE_CONTRIBUTED);
	assert_false(x->added[site]);
	x->added[site] = true;
}

static void check_compute(struct chaos *x)
{
	const struct round *r = campaign_round(x->c.campaign);

	assert_true(round_contributions(r) >= round_quorum(r));
	for (uint32_t i = 0; i < round_site_count(r); i++) {
		const struct round_site *s = round_site_at(r, i);

		assert_int_equal(s->state == SITE_CONTRIBUTED, x->added[s->number]);
	}
}

static void execute(struct chaos *x)
{
	struct campaign_action a;

	if (x->held_count == HELD_MAX || !campaign_next(x->c.campaign, &a))
		return;
	if (a.kind == CAMPAIGN_ADD)
		note_add(x, a.site);
	else if (a.kind == CAMPAIGN_COMPUTE)
		check_compute(x);
	if (a.kind == CAMPAIGN_PERSIST_SITE && pick(x, 8) == 0 &&
	    round_site(campaign_round(x->c.campaign), a.site)->state == SITE_EXPECT_PERSISTED) {
		campaign_site_persisted(x->c.campaign, a.site, false, x->c.now_ms); /* the disk is full */
		return;
	}
	conduct_do(&x->c, &a);
	x->held[x->held_count++] = a;
}

/* Records in the order of their commits, everything else in any. */
static void answer(struct chaos *x)
{
	uint32_t at;
	struct campaign_action a;

	if (x->held_count == 0)
		return;
	at = pick(x, x->held_count);
	for (uint32_t i = 0; i < at && x->held[at].kind == CAMPAIGN_PERSIST; i++)
		if (x->held[i].kind == CAMPAIGN_PERSIST)
			at = i;
	a = x->held[at];
	memmove(x->held + at, x->held + at + 1, (--x->held_count - at) * sizeof *x->held);
	conduct_answer(&x->c, &a);
	forget_older(x);
}

static void restart(struct chaos *x)
{
	x->held_count = 0;
	x->round = 0;
	memset(x->added, 0, sizeof x->added);
	conduct_restart(&x->c);
	forget_older(x);
}

/* ---- the sites */

static struct json *on_disk(const struct chaos *x)
{
	struct json *node = NULL;

	if (x->c.record.len > 0)
		assert_int_equal(json_parse(&node, buf_bytes(&x->c.record), 1u << 20, "record", NULL), OK);
	return node;
}

static void check_inbox(struct chaos *x, uint32_t site)
{
	const struct message *m[3];
	struct json *record;
	uint32_t count;

	(void)campaign_inbox(x->c.campaign, site, pick(x, 30), m, &count);
	if (count == 0)
		return;
	record = on_disk(x);
	assert_non_null(record);
	for (uint32_t i = 0; i < count; i++) {
		const struct json *stored = json_get(record, message_type_name(m[i]->type));

		assert_int_equal(json_as_integer(json_get(stored, "seq")), m[i]->seq);
	}
	json_free(record);
}

static bool is_open_on_disk(const struct chaos *x, uint64_t round, uint32_t attempt)
{
	struct json *record = on_disk(x);
	bool open = false;

	if (record != NULL && json_as_bool(json_get(record, "open"))) {
		const struct json *m = json_get(record, "round");

		open = json_as_integer(json_get(m, "round")) == (int64_t)round &&
		       json_as_integer(json_get(m, "attempt")) == attempt;
	}
	json_free(record);
	return open;
}

static void upload(struct chaos *x, uint32_t site)
{
	const struct round_plan *p = campaign_plan(x->c.campaign);
	uint64_t round = pick(x, 8) == 0 ? rng_u64(&x->rng) : p->round - pick(x, 8) / 7;
	uint32_t attempt = pick(x, 8) == 0 ? rng_u32(&x->rng) : p->attempt - pick(x, 8) / 7;
	uint64_t octets = layout_octets(campaign_layout(x->c.campaign)) - pick(x, 20) / 19;
	struct hash content = conduct_content(site, round + pick(x, 10) / 9);
	enum upload_verdict v = campaign_wants(x->c.campaign, site, round, attempt, octets, &content);

	if (v == UPLOAD_WANTED || pick(x, 4) == 0)
		v = campaign_upload(x->c.campaign, site, round, attempt, octets, &content, x->c.now_ms);
	if (v == UPLOAD_LATE)
		assert_false(is_open_on_disk(x, round, attempt));
	if (v == UPLOAD_ACCEPTED && is_open_on_disk(x, round, attempt))
		assert_int_equal(x->c.rows[site].state, SITE_CONTRIBUTED);
	if (site > SITES)
		assert_true(v == UPLOAD_UNINVITED || v == UPLOAD_LATE || v == UPLOAD_PENDING);
}

static void refuse(struct chaos *x, uint32_t site)
{
	const struct round_plan *p = campaign_plan(x->c.campaign);
	uint64_t round = pick(x, 4) == 0 ? rng_u64(&x->rng) : p->round;
	uint32_t attempt = pick(x, 4) == 0 ? rng_u32(&x->rng) : p->attempt;
	enum refusal why = (enum refusal)(1 + pick(x, REFUSAL_COUNT - 1));

	(void)!campaign_refused(x->c.campaign, site, round, attempt, why, x->c.now_ms);
}

static void site_speaks(struct chaos *x)
{
	uint32_t site = 1 + pick(x, SITES + 1);
	bool invited = site <= SITES; /* campaign_answer is for these alone */

	switch (pick(x, 16)) {
	case 0:
		if (invited)
			campaign_answer(x->c.campaign, site, (enum site_answer)pick(x, ANSWER_COUNT), x->c.now_ms);
		break;
	case 1:
		campaign_revoked(x->c.campaign, site, x->c.now_ms);
		break;
	case 2:
		if (pick(x, 4) == 0)
			refuse(x, site);
		break;
	case 3:
	case 4:
	case 5:
		if (invited)
			campaign_answer(x->c.campaign, site, ANSWER_APPROVED, x->c.now_ms);
		campaign_polled(x->c.campaign, site, x->c.now_ms);
		check_inbox(x, site);
		break;
	default:
		upload(x, site);
	}
}

/* ---- the operator, and time */

static void operator_speaks(struct chaos *x)
{
	struct diag why;

	switch (pick(x, 30)) {
	case 0:
		(void)!campaign_stop(x->c.campaign, x->c.now_ms, &why);
		break;
	case 1:
	case 2:
		(void)!campaign_pause(x->c.campaign, &why);
		break;
	case 3:
		x->c.impossible = "a sum that nobody can learn from";
		break;
	default:
		(void)!campaign_start(x->c.campaign, x->c.now_ms, &why);
		(void)!campaign_unpause(x->c.campaign, x->c.now_ms, &why);
	}
}

static void step(struct chaos *x)
{
	char words[200];
	uint32_t what = pick(x, 100);

	if (what < 1) {
		restart(x);
	} else if (what < 4) {
		operator_speaks(x);
	} else if (what < 8) {
		x->c.now_ms += pick(x, CONDUCT_JOIN_MS);
		campaign_tick(x->c.campaign, x->c.now_ms);
	} else if (what < 40) {
		site_speaks(x);
	} else if (what < 70) {
		execute(x);
	} else {
		answer(x);
	}
	campaign_waiting_for(x->c.campaign, words, sizeof words);
	assert_true(campaign_deadline_ms(x->c.campaign) > x->c.now_ms - CONDUCT_DEADLINE_MS);
}

static void test_chaos(void **state)
{
	static struct chaos x;
	uint64_t reports = 0, over = 0;

	(void)state;
	for (uint64_t run = 0; run < RUNS; run++) {
		memset(&x, 0, sizeof x);
		rng_seeded(&x.rng, run, "chaos");
		conduct_begin(&x.c, NULL);
		for (int i = 0; i < STEPS; i++)
			step(&x);
		reports += x.c.reports;
		over += campaign_state(x.c.campaign) >= CAMPAIGN_FINISHED;
		conduct_end(&x.c);
	}
	assert_true(reports > 2 * RUNS && over > RUNS / 10); /* rounds did end, and studies too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chaos),
	};

	return cmocka_run_group_tests_name("campaign_hostile", tests, NULL, NULL);
}
