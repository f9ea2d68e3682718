/* One attempt: its plan is judged, fates are drawn, the crew computes, and the campaign hears of it in the order of sites. */
#include "simulator/engine_inside.h"

#include "client/session.h"
#include "simulator/private_draws.h"
#include "simulator/ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHARED 6 /* numbers that ranks tell one another of a site */
#define TRAINING_MS 1000 /* virtual time from the invitation to an upload */

/* ---- judging the plan: the client's own session, for the first site invited */

/* The newest reason stays. Only who refuses has words at all, and not its own name in front of them. */
static void note_refusal(struct engine_site *s, enum refusal refusal, const struct diag *why)
{
	size_t name = strlen(s->rows.site);
	bool named = strncmp(why->text, s->rows.site, name) == 0 && why->text[name] == ' ';

	s->refusal = refusal;
	free(s->words);
	s->words = why->text[0] != '\0' ? mem_copy_text(why->text + (named ? name + 1 : 0)) : NULL;
}

/* Feeds the open attempt to a new session and hears whether it would compute: what it refuses here every site refuses. */
static enum refusal judge(struct engine *e, const struct round_plan *plan, struct diag *why)
{
	struct session_config config = {
		.study = e->study,
		.policy = &e->policy,
		.self = plan->sites[0],
		.budget = &e->budget,
		.entropy = entropy_system(), /* for keys that it draws and nobody uses */
	};
	if (e->masked != NULL) {
		config.roster = masked_sites_roster(e->masked);
		config.signer = masked_sites_signer(e->masked, plan->sites[0]);
	}
	struct session *s = session_new(&config);
	const struct message *inbox[3];
	enum refusal refusal = REFUSAL_NONE;
	struct session_action a;
	uint32_t count;

	CHECK(campaign_inbox(e->campaign, plan->sites[0], 0, inbox, &count) && count > 0);
	/* the newest is the round itself; the end of the one before it is of no interest to a session that begins here */
	if (session_polled(s, inbox[count - 1], 1, false, 0, why) != OK)
		refusal = REFUSAL_PLAN;
	while (session_next(s, &a))
		if (a.kind == SESSION_REFUSE) {
			refusal = a.refusal;
			diag_set(why, ERR_REFUSED, "%s", session_why(s));
		}
	session_free(s);
	return refusal;
}

/* ---- computing */

static enum refusal refusal_for(enum err e)
{
	switch (e) {
	case OK:
		return REFUSAL_NONE;
	case ERR_LIMIT:
		return REFUSAL_WEIGHT_CAP;
	case ERR_DATA:
		return REFUSAL_MODEL;
	default:
		return REFUSAL_INTERNAL;
	}
}

void engine_note_refusal(struct engine *e, struct engine_part *part, enum refusal refusal, const struct diag *why)
{
	part->refusal = refusal;
	note_refusal(engine_site_numbered(e, part->site), refusal, why);
}

void engine_contribute(struct engine *e, struct engine_worker *w, struct engine_part *part)
{
	struct site_rows *rows = &engine_site_numbered(e, part->site)->rows;
	struct contribution_report report;
	struct diag why = {{0}};
	const struct round_plan *plan = campaign_plan(e->campaign);
	struct private_draws draws;
	if (e->study->privacy.mechanism != PRIVACY_NONE) /* a hash for each update, which others need not pay */
		private_draws_begin(&draws, &e->study->draws, plan->round, part->site);
	struct entropy entropy = private_draws_entropy(&draws);
	struct contribution_terms terms = {plan, &e->models.newest, &entropy, e->options.cancel};
	enum err err = contribution_fill(w->octets.ptr, &report, rows, &w->workspace, &terms, &why);

	if (err != OK) {
		engine_note_refusal(e, part, refusal_for(err), &why);
		return;
	}
	part->weight = report.weight;
	part->loss = report.training_loss;
	part->saturated = report.saturated;
	part->units = report.clipped.units;
	part->clipped = report.clipped.clipped;
	if (part->fate == FATE_CONTRIBUTES)
		engine_signal_take(e, w);
}

static void compute(void *context, uint32_t worker, uint32_t item)
{
	struct engine *e = context;
	struct engine_worker *w = &e->workers[worker];
	struct engine_part *part = &e->parts[item];

	if (part->fate == FATE_DROPS || part->refusal != REFUSAL_NONE || !ranks_has(part->site - 1))
		return;
	engine_contribute(e, w, part);
	if (part->fate != FATE_CONTRIBUTES || part->refusal != REFUSAL_NONE)
		return;
	aggregate_part_add(&w->sum, buf_bytes(&w->octets));
	engine_kept_take(e, item, w->octets.ptr);
}

bool engine_cancelled(const struct engine *e)
{
	return ranks_any(e->options.cancel != NULL && atomic_load(e->options.cancel));
}

/* What each rank knows of its sites, to all. */
static void share_parts(struct engine *e, uint32_t count)
{
	double *known;

	if (ranks_count() == 1)
		return;
	known = mem_array((size_t)count * SHARED, sizeof *known);
	for (uint32_t i = 0; i < count; i++) {
		const struct engine_part *p = &e->parts[i];
		const double mine[SHARED] = {p->refusal,           p->weight,        p->loss,
		                             (double)p->saturated, (double)p->units, (double)p->clipped};

		if (ranks_has(p->site - 1))
			memcpy(known + (size_t)i * SHARED, mine, sizeof mine);
	}
	ranks_sum_reals(known, (size_t)count * SHARED);
	for (uint32_t i = 0; i < count; i++) {
		const double *all = known + (size_t)i * SHARED;
		struct engine_part *p = &e->parts[i];

		p->refusal = (enum refusal)all[0];
		p->weight = all[1];
		p->loss = all[2];
		p->saturated = (uint64_t)all[3];
		p->units = (uint64_t)all[4];
		p->clipped = (uint64_t)all[5];
	}
	free(known);
}

/* The noise in it goes by how many were added. */
static void share_sum(struct engine *e)
{
	int64_t added = e->sum.added;

	ranks_sum_integers(e->sum.sums, e->sum.layout.words);
	ranks_sum_integers(&added, 1);
	e->sum.added = (uint32_t)added;
}

static void compute_all(struct engine *e, const struct round_plan *plan)
{
	const struct layout *layout = campaign_layout(e->campaign);

	for (uint32_t i = 0; i < crew_size(e->crew); i++) {
		aggregate_part_begin(&e->workers[i].sum, layout);
		buf_clear(&e->workers[i].octets);
		CHECK(buf_extend(&e->workers[i].octets, layout_octets(layout)) != NULL);
	}
	crew_run(e->crew, plan->site_count, compute, e);
	for (uint32_t i = 0; i < crew_size(e->crew); i++)
		aggregate_join(&e->sum, &e->workers[i].sum);
	share_sum(e);
	share_parts(e, plan->site_count);
	engine_signal_end(e);
	engine_kept_end(e, plan);
}

/* ---- telling the campaign */

/* The campaign compares contents and never reads them: the site's number in this attempt stands for its octets. */
static struct hash content_of(const struct round_plan *plan, uint32_t site)
{
	struct hash h = {{0}};

	store_u32(h.b, site);
	store_u64(h.b + 4, plan->round);
	return h;
}

static void upload(struct engine *e, uint32_t site)
{
	const struct round_plan *plan = campaign_plan(e->campaign);
	struct hash content = content_of(plan, site);

	(void)campaign_upload(e->campaign, site, plan->round, plan->attempt,
	                      layout_octets(campaign_layout(e->campaign)), &content, e->now_ms);
	engine_drain(e);
}

static void tell_site(struct engine *e, const struct engine_part *part)
{
	const struct round_plan *plan = campaign_plan(e->campaign);
	uint32_t site = part->site;

	if (part->fate == FATE_DROPS)
		return;
	campaign_polled(e->campaign, site, e->now_ms);
	if (part->refusal != REFUSAL_NONE) {
		if (engine_site_numbered(e, site)->refusal != part->refusal) /* another rank's: it has the words */
			note_refusal(engine_site_numbered(e, site), part->refusal, &(struct diag){{0}});
		(void)!campaign_refused(e->campaign, site, plan->round, plan->attempt, part->refusal, e->now_ms);
		engine_drain(e);
	} else if (part->fate == FATE_CONTRIBUTES) {
		upload(e, site);
	}
}

static bool is_open(const struct engine *e, uint64_t round, uint32_t attempt)
{
	const struct round_plan *plan = campaign_plan(e->campaign);

	return campaign_state(e->campaign) == CAMPAIGN_EXPECT_ROUND && plan->round == round && plan->attempt == attempt;
}

/* Any of the sites may close the attempt, by contributing as the last or by refusing as one too many; the plan is another then. */
static void tell_all(struct engine *e)
{
	const struct round_plan *plan = campaign_plan(e->campaign);
	uint64_t round = plan->round;
	uint32_t attempt = plan->attempt, count = plan->site_count;

	for (uint32_t i = 0; i < count && is_open(e, round, attempt); i++)
		tell_site(e, &e->parts[i]);
	while (is_open(e, round, attempt)) {
		e->now_ms = campaign_deadline_ms(e->campaign);
		campaign_tick(e->campaign, e->now_ms);
		engine_drain(e);
	}
}

/* When a round begins, the one before it is paid for. */
static void pay(struct engine *e, const struct round_plan *plan)
{
	struct budget_debit debit;

	if (plan->round == e->paid_round)
		return;
	if (e->paid_round > 0) {
		budget_debit_of(&debit, e->study, e->paid_asks);
		budget_spend(&e->budget, &e->study->hash, &debit);
	}
	e->paid_round = plan->round;
	e->paid_asks = plan->asks;
}

static void begin_parts(struct engine *e, const struct round_plan *plan)
{
	struct diag why = {{0}};
	enum fate *fates = mem_array(plan->site_count, sizeof *fates);
	enum refusal refusal;

	pay(e, plan);
	engine_signal_begin(e, plan);
	refusal = judge(e, plan, &why);
	fates_draw(fates, plan, &e->study->draws, e->options.dropout, e->options.slow);
	for (uint32_t i = 0; i < plan->site_count; i++) {
		e->parts[i] =
			(struct engine_part){.site = plan->sites[i], .fate = fates[i], .refusal = refusal, .loss = NAN};
		if (refusal != REFUSAL_NONE && fates[i] != FATE_DROPS)
			note_refusal(engine_site_numbered(e, plan->sites[i]), refusal, &why);
	}
	free(fates);
}

enum err engine_play(struct engine *e, struct diag *why)
{
	const struct round_plan *plan = campaign_plan(e->campaign);
	enum err err = engine_models_begin(e, plan, why);

	if (err == OK)
		err = engine_kept_begin(e, plan, why);
	if (err != OK)
		return err;
	uint64_t round = plan->round;
	begin_parts(e, plan);
	if (e->masked != NULL)
		err = engine_masked_play(e, why);
	else
		compute_all(e, plan);
	if (err == OK && engine_cancelled(e))
		err = diag_set(why, ERR_CANCELLED, "interrupted in round %llu", (unsigned long long)round);
	if (err != OK)
		return err;
	if (e->masked == NULL) {
		e->now_ms += TRAINING_MS;
		tell_all(e);
	}
	return e->failed ? diag_set(why, e->failed, "%s", e->why.text) : OK;
}
