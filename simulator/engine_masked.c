/*
 * An attempt under masks: every message of every site, made by the client's core and taken by the coordinator's, in memory.
 *
 *     KEYS        all sites that take part       | crew: masked_sites_answer of each, then the campaign hears them in the order
 *     SHARES      told U1                        |       of sites
 *     INPUT       told U2: contributions are computed here, masked, added to the group's sum and forgotten
 *     SURVIVORS   told U3
 *     OPENING     told the signatures
 *     -           the campaign asks for the masks to be taken off: crew, slice by slice
 *
 * A phase in which somebody stays away ends at its deadline, on virtual time. A slow site falls silent after it has shared its
 * secrets, which is when dropping out costs the others most.
 */
#include "simulator/engine_inside.h"
#include "simulator/stopwatch.h"

#include <stdlib.h>
#include <string.h>

#define PHASE_MS 1000 /* virtual time from what a site is told to its answer */
#define HEARD_MAX ((size_t)SECAGG_OCTETS_PER_SITE * SIMULATED_SITES_MAX)

/* ---- the sites' side, in the crew */

struct phase_work {
	struct engine *engine;
	enum secagg_phase phase;
	struct buf *answers; /* per part; empty: it says nothing */
	const struct buf *u1; /* per group, as it was told in SHARES */
};

static bool takes_part(const struct engine_part *p, enum secagg_phase phase)
{
	if (p->fate == FATE_DROPS || p->refusal != REFUSAL_NONE || p->silent)
		return false;
	return p->fate == FATE_CONTRIBUTES || phase < SECAGG_INPUT;
}

/* Its words, and the check words behind them. */
static void read_words(uint32_t *x, const uint8_t *octets, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		x[i] = load_u32(octets + 4 * (size_t)i);
	masked_plan_check_words(x + words);
}

static void add(struct masked_sum *sum, const uint8_t *y)
{
	uint32_t words = masked_sum_words(sum);

	for (uint32_t first = 0; first < words; first += MASKED_SUM_PIECE) {
		uint32_t count = words - first < MASKED_SUM_PIECE ? words - first : MASKED_SUM_PIECE;

		masked_sum_add(sum, y + 4 * (size_t)first, first, count);
	}
}

static enum err contribute(const struct phase_work *c, struct engine_worker *w, struct engine_part *part,
                           struct buf *answer, struct diag *why)
{
	struct engine *e = c->engine;
	uint32_t words = campaign_layout(e->campaign)->words;

	engine_contribute(e, w, part);
	if (part->refusal != REFUSAL_NONE)
		return ERR_REFUSED;
	read_words(w->x, w->octets.ptr, words);
	enum err err = masked_sites_input(e->masked, part->site, buf_bytes(&c->u1[part->group]), buf_bytes(&w->heard),
	                                  w->x, w->y, answer, why);
	if (err != OK)
		return err;
	add(e->masked_sums[part->group], w->y);
	part->octets_up += pack_size(masked_sites_words(e->masked), MASKED_WORD_BITS);
	return OK;
}

static void answer_one(void *context, uint32_t worker, uint32_t item)
{
	const struct phase_work *c = context;
	struct engine *e = c->engine;
	struct engine_worker *w = &e->workers[worker];
	struct engine_part *part = &e->parts[item];
	const struct round_plan *plan = campaign_plan(e->campaign);
	struct diag why = {{0}};
	enum err err;

	if (!takes_part(part, c->phase))
		return;
	buf_clear(&w->heard);
	if (c->phase != SECAGG_KEYS &&
	    campaign_say(e->campaign, part->site, plan->round, plan->attempt, c->phase, &w->heard) != SAY_READY) {
		part->silent = true;
		return;
	}
	if (c->phase == SECAGG_INPUT)
		err = contribute(c, w, part, &c->answers[item], &why);
	else
		err = masked_sites_answer(e->masked, part->site, c->phase, buf_bytes(&w->heard), &c->answers[item],
		                          &why);
	part->silent = err != OK;
	part->octets_down += w->heard.len;
	part->octets_up += c->answers[item].len;
	if (err != OK)
		buf_clear(&c->answers[item]);
	if (err != OK && part->refusal == REFUSAL_NONE)
		engine_note_refusal(e, part, REFUSAL_PLAN, &why);
}

/* ---- the coordinator's side */

static bool is_open(const struct engine *e, const struct round_plan *plan)
{
	const struct round_plan *now = campaign_plan(e->campaign);

	return campaign_state(e->campaign) == CAMPAIGN_EXPECT_ROUND && now->round == plan->round &&
	       now->attempt == plan->attempt;
}

static void tell(struct engine *e, const struct phase_work *c, const struct round_plan *plan, uint32_t item)
{
	const struct engine_part *part = &e->parts[item];
	const struct buf *answer = &c->answers[item];
	struct diag why = {{0}};
	enum upload_verdict verdict;

	if (c->phase == SECAGG_KEYS && part->fate != FATE_DROPS)
		campaign_polled(e->campaign, part->site, e->now_ms);
	if (c->phase == SECAGG_KEYS && part->fate != FATE_DROPS && part->refusal != REFUSAL_NONE)
		(void)!campaign_refused(e->campaign, part->site, plan->round, plan->attempt, part->refusal, e->now_ms);
	if (answer->len == 0)
		return;
	if (c->phase == SECAGG_INPUT)
		verdict = campaign_input(e->campaign, part->site, plan->round, plan->attempt,
		                         4 * (uint64_t)masked_sites_words(e->masked),
		                         masked_sites_content(e->masked, part->site), answer->ptr + HASH_SIZE,
		                         e->now_ms, &why);
	else
		verdict = campaign_message(e->campaign, part->site, plan->round, plan->attempt, c->phase,
		                           buf_bytes(answer), e->now_ms, &why);
	CHECK(verdict != UPLOAD_MALFORMED && verdict != UPLOAD_CONFLICT); /* both sides are our own */
	engine_drain(e);
}

/* Somebody is told something in the phase after this one; after the last there is none. */
static bool goes_on(struct engine *e, const struct round_plan *plan, enum secagg_phase phase)
{
	struct buf *heard = &e->workers[0].heard;

	if (phase == SECAGG_OPENING)
		return false;
	for (uint32_t i = 0; i < plan->site_count; i++)
		if (takes_part(&e->parts[i], (enum secagg_phase)(phase + 1)))
			return campaign_say(e->campaign, e->parts[i].site, plan->round, plan->attempt,
			                    (enum secagg_phase)(phase + 1), heard) == SAY_READY;
	return false;
}

/* Who stays away is waited for, until the phase's deadline. */
static void pass_time(struct engine *e, const struct round_plan *plan, enum secagg_phase phase)
{
	while (is_open(e, plan) && !goes_on(e, plan, phase) && campaign_deadline_ms(e->campaign) != INT64_MAX) {
		e->now_ms = campaign_deadline_ms(e->campaign);
		campaign_tick(e->campaign, e->now_ms);
		engine_drain(e);
	}
}

/* U1 is the same for all of a group: it is asked for once. */
static void keep_u1(struct engine *e, const struct round_plan *plan, struct buf *u1)
{
	for (uint32_t i = 0; i < plan->site_count; i++) {
		const struct engine_part *part = &e->parts[i];

		if (u1[part->group].len == 0 && takes_part(part, SECAGG_SHARES))
			(void)campaign_say(e->campaign, part->site, plan->round, plan->attempt, SECAGG_SHARES,
			                   &u1[part->group]);
	}
}

static void play_phase(struct engine *e, const struct round_plan *plan, enum secagg_phase phase, struct buf *u1)
{
	struct phase_work c = {e, phase, mem_array(plan->site_count, sizeof *c.answers), u1};
	double began = stopwatch_seconds();

	for (uint32_t i = 0; i < plan->site_count; i++)
		buf_init(&c.answers[i], secagg_message_max(plan->site_count, phase));
	if (phase == SECAGG_SHARES)
		keep_u1(e, plan, u1);
	crew_run(e->crew, plan->site_count, answer_one, &c);
	if (phase == SECAGG_INPUT)
		engine_signal_end(e);
	e->masked_seconds[phase] += stopwatch_seconds() - began;
	began = stopwatch_seconds();
	e->now_ms += PHASE_MS;
	for (uint32_t i = 0; i < plan->site_count && is_open(e, plan); i++)
		tell(e, &c, plan, i);
	pass_time(e, plan, phase);
	e->masked_seconds[ENGINE_JUDGING] += stopwatch_seconds() - began;
	for (uint32_t i = 0; i < plan->site_count; i++)
		buf_free(&c.answers[i]);
	free(c.answers);
}

/* ---- an attempt */

static void make_room(struct engine *e)
{
	uint32_t words = masked_sites_words(e->masked);
	const struct layout *layout = campaign_layout(e->campaign);

	for (uint32_t i = 0; i < crew_size(e->crew); i++) {
		struct engine_worker *w = &e->workers[i];

		buf_clear(&w->octets);
		CHECK(buf_extend(&w->octets, layout_octets(layout)) != NULL);
		free(w->x);
		free(w->y);
		w->x = mem_array(words, sizeof *w->x);
		w->y = mem_array(words, 4);
	}
}

static void begin_sums(struct engine *e, const struct round_plan *plan)
{
	engine_masked_forget(e);
	e->masked_sum_count = masked_plan_groups(e->study, plan->site_count);
	e->masked_sums = mem_array(e->masked_sum_count, sizeof(struct masked_sum *));
	for (uint32_t g = 0; g < e->masked_sum_count; g++)
		e->masked_sums[g] = masked_sum_new(campaign_layout(e->campaign), MASKED_WORD_BITS);
	for (uint32_t i = 0; i < plan->site_count; i++)
		e->parts[i].group = round_group_of(campaign_round(e->campaign), e->parts[i].site);
}

void engine_masked_forget(struct engine *e)
{
	for (uint32_t g = 0; g < e->masked_sum_count; g++)
		masked_sum_free(e->masked_sums[g]);
	free(e->masked_sums);
	free(e->standing);
	e->masked_sums = NULL;
	e->standing = NULL;
	e->masked_sum_count = 0;
}

enum err engine_masked_play(struct engine *e, struct diag *why)
{
	struct round_plan plan = {0};
	enum err err = masked_sites_begin(e->masked, campaign_plan(e->campaign), campaign_layout(e->campaign), why);

	if (err != OK)
		return err;
	round_plan_copy(&plan, campaign_plan(e->campaign));
	begin_sums(e, &plan);
	make_room(e);
	struct buf *u1 = mem_array(e->masked_sum_count, sizeof *u1);
	uint32_t groups = e->masked_sum_count;
	for (uint32_t g = 0; g < groups; g++)
		buf_init(&u1[g], HEARD_MAX);
	for (int phase = 0; phase < SECAGG_PHASE_COUNT && is_open(e, &plan) && !engine_cancelled(e); phase++)
		play_phase(e, &plan, (enum secagg_phase)phase, u1);
	masked_sites_end(e->masked);
	for (uint32_t g = 0; g < groups; g++)
		buf_free(&u1[g]);
	free(u1);
	round_plan_free(&plan);
	return OK;
}

/* ---- what the campaign asks of its shell */

struct unmasking {
	struct engine *engine;
	const struct secagg_server *server;
	uint32_t group;
	enum err *found; /* per slice */
	struct diag *whys;
};

static void unmask_slice(void *context, uint32_t worker, uint32_t slice)
{
	const struct unmasking *c = context;
	struct masked_sum *sum = c->engine->masked_sums[c->group];
	struct secret masks = {0};
	uint32_t count, pieces = masked_sum_pieces(sum);

	c->found[slice] = secagg_server_masks(c->server, slice, &masks, &count, &c->whys[slice]);
	for (uint32_t i = 0; i < pieces && c->found[slice] == OK; i++) /* each begins elsewhere: a piece has one lock */
		masked_sum_unmask(sum, (i + worker) % pieces, (const struct mask *)(const void *)masks.ptr, count);
	secret_free(&masks);
}

void engine_masked_unmask(struct engine *e, uint32_t group)
{
	struct secagg_server *server = round_server(campaign_round(e->campaign), group);
	uint32_t slices = secagg_server_slices(server);
	struct unmasking c = {e, server, group, mem_array(slices, sizeof *c.found), mem_array(slices, sizeof *c.whys)};
	double began = stopwatch_seconds();

	crew_run(e->crew, slices, unmask_slice, &c);
	e->masked_seconds[ENGINE_UNMASKING] += stopwatch_seconds() - began;
	if (c.found[slices - 1] == OK) /* the group's last word */
		c.found[slices - 1] =
			masked_sum_judge(e->masked_sums[group], round_survivors(campaign_round(e->campaign), group),
		                         &c.whys[slices - 1]);
	for (uint32_t i = 0; i < slices; i++)
		campaign_unmasked(e->campaign, group, i, c.found[i], &c.whys[i], e->now_ms);
	free(c.found);
	free(c.whys);
}

static enum err read_group(void *context, uint32_t summand, uint32_t first, uint32_t words, int64_t *out,
                           struct diag *why)
{
	const struct engine *e = context;

	(void)why;
	masked_sum_read(out, e->masked_sums[e->standing[summand]], first, words);
	return OK;
}

enum err engine_masked_sum(struct engine *e, struct diag *why)
{
	const struct round *round = campaign_round(e->campaign);
	enum err err = OK;

	free(e->standing);
	e->standing = mem_array(e->masked_sum_count, sizeof *e->standing);
	e->group_summands = (struct summands){.read = read_group, .context = e};
	for (uint32_t g = 0; g < e->masked_sum_count && err == OK; g++) {
		if (!round_group_done(round, g))
			continue;
		e->standing[e->group_summands.count++] = g;
		err = masked_sum_finish(&e->sum, e->masked_sums[g], round_survivors(round, g), why);
	}
	e->sum.summands = &e->group_summands;
	return err;
}
