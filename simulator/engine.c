/* The study's course: approvals, what the campaign asks of its shell, and what is remembered of each attempt. */
#include "simulator/engine_inside.h"
#include "simulator/ranks.h"
#include "simulator/stopwatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define JOIN_MS 30000 /* virtual; the daemon's defaults have no other meaning here than an order of events */
#define DEADLINE_MS 600000
#define PAUSE_MS 10000
#define FAILURES_MAX (3 * ATTEMPTS_MAX) /* attempts in a row without a quorum: with these settings none will have one */

/* ---- the coordinator's shell: what is asked is done at once */

static void compute(struct engine *e)
{
	struct diag why = {{0}};

	if (e->masked != NULL && engine_masked_sum(e, &why) != OK)
		campaign_discarded(e->campaign, why.text, e->now_ms);
	else
		engine_models_compute(e);
}

void engine_drain(struct engine *e)
{
	struct campaign_action a;

	while (campaign_next(e->campaign, &a)) {
		switch (a.kind) {
		case CAMPAIGN_PERSIST:
			if (campaign_report(e->campaign) != NULL)
				engine_tally(e, campaign_report(e->campaign));
			campaign_persisted(e->campaign, a.token, e->now_ms);
			break;
		case CAMPAIGN_PERSIST_SITE:
			campaign_site_persisted(e->campaign, a.site, true, e->now_ms);
			break;
		case CAMPAIGN_BEGIN:
			aggregate_begin(&e->sum, campaign_layout(e->campaign));
			break;
		case CAMPAIGN_ADD: /* it is in the sum already: engine_play */
			campaign_added(e->campaign, a.site, e->now_ms);
			break;
		case CAMPAIGN_PERSIST_ROW:
			campaign_row_persisted(e->campaign, a.group, a.row, e->now_ms);
			break;
		case CAMPAIGN_UNMASK:
			engine_masked_unmask(e, a.group);
			break;
		case CAMPAIGN_COMPUTE:
			compute(e);
			break;
		case CAMPAIGN_PERSIST_ANSWER:
		case CAMPAIGN_TELL: /* engine_masked.c asks */
		case CAMPAIGN_WAKE:
			break;
		}
	}
}

/* ---- the run */

/* The first two ways to have too few sites, in the words of who simulates; the campaign's own are an operator's. */
static enum err enough_sites(const struct engine *e, struct diag *why)
{
	uint32_t there = 0, sample = e->options.sites_per_round, least = e->contract->sites.min;

	for (uint32_t i = 0; i < e->federation->count; i++)
		there += !e->sites[i].excluded;
	if (there < least)
		return diag_set(why, ERR_REFUSED,
		                "%u site%s can take part and the study's sites.min is %u; take more sites, or say "
		                "--set sites.min=%u",
		                there, there == 1 ? "" : "s", least, there > 0 ? there : 1);
	if (sample > 0 && sample < least)
		return diag_set(why, ERR_REFUSED,
		                "--sites-per-round %u is below the study's sites.min, %u; ask more sites, or say --set "
		                "sites.min=%u",
		                sample, least, sample);
	enum err err = plan_check(&e->contract->sites, there, why);
	if (err == OK && sample > 0 && sample < there)
		err = plan_check(&e->contract->sites, sample, why);
	return err;
}

static enum err begin(struct engine *e, struct diag *why)
{
	const struct budget_limit limit = {e->policy.budget_epsilon, e->policy.budget_delta};
	enum refusal no = policy_judge_study(&e->policy, e->contract, 0, why);

	if (no == REFUSAL_NONE)
		no = budget_judge_study(&e->budget, e->contract, &limit, why);
	if (no != REFUSAL_NONE)
		return diag_prefix(why, ERR_REFUSED, "no hospital with this policy takes part");
	if (e->study == &e->clear) /* the contract was judged; the rounds are run without its masks */
		e->policy.masking_required = false;
	if (enough_sites(e, why) != OK)
		return ERR_REFUSED;
	for (uint32_t i = 0; i < e->federation->count; i++) {
		if (!e->sites[i].excluded)
			campaign_answer(e->campaign, i + 1, ANSWER_APPROVED, e->now_ms);
		engine_drain(e); /* or the actions of all would wait for memory together */
	}
	return campaign_start(e->campaign, e->now_ms, why);
}

static const struct engine_site *first_refusing(const struct engine *e)
{
	uint32_t i = 0;

	while (i < e->federation->count && (e->sites[i].excluded || e->sites[i].refusal == REFUSAL_NONE))
		i++;
	return i < e->federation->count ? &e->sites[i] : NULL;
}

static enum err no_quorum(const struct engine *e, struct diag *why)
{
	const struct engine_site *s = first_refusing(e);
	uint32_t asked = campaign_plan(e->campaign)->site_count, quorum = plan_quorum(&e->study->sites, asked);
	enum err err = s == NULL ? ERR_LIMIT : s->refusal == REFUSAL_MODEL ? ERR_DATA : ERR_REFUSED;

	if (e->refused > 0 && s != NULL)
		return diag_set(why, err, "%u of %u sites refuse round %llu, too many for its quorum of %u; %s: %s",
		                e->refused, asked, (unsigned long long)campaign_plan(e->campaign)->round, quorum,
		                s->rows.site, engine_refusal(s));
	return diag_set(why, ERR_LIMIT,
	                "%u attempts in a row ended without a quorum: the last asked %u sites and needed %u; lower "
	                "--dropout and --slow, or let the study lose more sites, as with --set sites.max_dropouts=20%%",
	                e->failures, asked, quorum);
}

/* No attempt is open: either the study is over, or time must pass, or no round can be opened at all. */
static enum err pass_time(struct engine *e, struct diag *why)
{
	int64_t next = campaign_deadline_ms(e->campaign);
	char words[TEXT_LINE_MAX];

	if (next != INT64_MAX) {
		e->now_ms = next > e->now_ms ? next : e->now_ms;
		campaign_tick(e->campaign, e->now_ms);
		return OK;
	}
	campaign_waiting_for(e->campaign, words, sizeof words);
	return diag_set(why, ERR_REFUSED, "no round can be opened: %s", words);
}

static enum err advance(struct engine *e, struct diag *why)
{
	if (e->hopeless || e->failures >= FAILURES_MAX)
		return no_quorum(e, why);
	return campaign_state(e->campaign) == CAMPAIGN_EXPECT_ROUND ? engine_play(e, why) : pass_time(e, why);
}

enum err engine_run(struct engine *e, void (*on_round)(void *context, const struct engine_round *round), void *context,
                    struct diag *why)
{
	enum err err = begin(e, why);

	e->on_round = on_round;
	e->context = context;
	e->began = stopwatch_seconds();
	while (err == OK) {
		engine_drain(e);
		if (campaign_state(e->campaign) >= CAMPAIGN_FINISHED)
			break;
		err = advance(e, why);
	}
	if (err == OK && e->failed)
		err = diag_set(why, e->failed, "%s", e->why.text);
	if (err == OK || err == ERR_CANCELLED) {
		enum err written = engine_models_finish(e, why);

		err = written != OK ? written : err;
	}
	return err;
}

/* ---- birth and end */

static struct policy permissive(void)
{
	struct policy p = {.evaluation_noised = true,
	                   .evaluation_masked = true,
	                   .epsilon_per_study = (double)INFINITY,
	                   .budget_epsilon = (double)INFINITY,
	                   .budget_delta = 1e-4,
	                   .threads = 1};

	for (int i = 0; i < PRIVACY_MECHANISM_COUNT; i++)
		p.mechanisms[i] = true;
	return p;
}

/* Training rows of the rarest class, UINT64_MAX of a numeric label: what a policy's min_positives is about. */
static uint64_t rarest(const struct study *s, const struct table *t)
{
	uint32_t classes = schema_classes(&s->schema);
	uint64_t *counts = mem_array(classes, sizeof *counts), least = UINT64_MAX;

	for (uint32_t i = 0; i < t->rows && classes > 0; i++)
		counts[t->classes[i]] += t->parts[i] == PART_TRAIN;
	for (uint32_t k = 0; k < classes; k++)
		least = counts[k] < least ? counts[k] : least;
	free(counts);
	return least;
}

/* Takes no part at all: whom the study does not invite, and whose policy wants more rows. */
static enum refusal judge_site(const struct engine *e, const struct federation_site *site, struct diag *why)
{
	if (!study_invites(e->study, site->name)) {
		diag_set(why, ERR_REFUSED, "the study does not invite it (sites.members)");
		return REFUSAL_NOT_APPROVED;
	}
	const struct table *t = &site->table;
	enum refusal no = policy_judge_count(e->study, t->part_rows[PART_TRAIN], t->part_patients[PART_TRAIN], why);

	if (no != REFUSAL_NONE || e->options.policy == NULL)
		return no;
	return policy_judge_data(&e->policy, t->part_rows[PART_TRAIN], rarest(e->study, t), why);
}

static void enter_sites(struct engine *e)
{
	e->sites = mem_array(e->federation->count, sizeof *e->sites);
	e->parts = mem_array(e->federation->count, sizeof *e->parts);
	for (uint32_t i = 0; i < e->federation->count; i++) {
		struct federation_site *from = &e->federation->sites[i];
		struct engine_site *s = &e->sites[i];
		struct diag why = {{0}};

		site_rows_init(&s->rows, e->study, &from->table, from->name);
		s->training_loss = NAN;
		s->refusal = judge_site(e, from, &why);
		s->excluded = s->refusal != REFUSAL_NONE;
		s->words = s->excluded ? mem_copy_text(why.text) : NULL;
	}
}

static void hire(struct engine *e)
{
	e->workers = mem_array(crew_size(e->crew), sizeof *e->workers);
	for (uint32_t i = 0; i < crew_size(e->crew); i++) {
		workspace_init(&e->workers[i].workspace, e->study);
		buf_init(&e->workers[i].octets, MODEL_FILE_MAX);
		buf_init(&e->workers[i].heard, (size_t)SECAGG_OCTETS_PER_SITE * e->federation->count + HASH_SIZE);
	}
}

/* A clear round of the same quorum: where plan_check passes, a masked one has no other (crypto/plan.h). */
static const struct study *without_masks(struct engine *e)
{
	struct sites_rule *rule = &e->clear.sites;

	e->clear = *e->contract;
	rule->masking = MASKING_OFF;
	if (rule->min < rule->max_colluders + 2)
		rule->min = rule->max_colluders + 2;
	return &e->clear;
}

static struct masked_sites *with_masks(const struct study *study, const struct federation *f)
{
	const char **names = mem_array(f->count, sizeof *names);

	for (uint32_t i = 0; i < f->count; i++)
		names[i] = f->sites[i].name;
	struct masked_sites *masked = masked_sites_new(study, names, f->count);
	free(names);
	return masked;
}

static const struct roster *roster(void *engine)
{
	return masked_sites_roster(((struct engine *)engine)->masked);
}

enum err engine_new(struct engine **out, const struct study *study, struct federation *federation,
                    const struct engine_options *options, struct diag *why)
{
	struct engine *e = mem_alloc(sizeof *e);
	struct campaign_config config = {
		.study = study,
		.join_ms = JOIN_MS,
		.deadline_ms = DEADLINE_MS,
		.pause_ms = PAUSE_MS,
		.sites_per_round = options->sites_per_round,
		.sample_seed = study->draws,
		.phase_ms = DEADLINE_MS,
	};
	enum err err = crew_new(&e->crew, options->threads, why);

	*out = e;
	if (err != OK) {
		free(e);
		*out = NULL;
		return err;
	}
	e->contract = e->study = study;
	if (study->sites.masking == MASKING_GROUPS || (study->sites.masking == MASKING_REQUIRED && options->masks))
		e->masked = with_masks(study, federation);
	else if (study->sites.masking == MASKING_REQUIRED)
		e->study = without_masks(e);
	config.study = e->study;
	config.world = e;
	config.roster = e->masked != NULL ? roster : NULL;
	e->federation = federation;
	e->options = *options;
	e->policy = options->policy != NULL ? *options->policy : permissive();
	e->campaign = campaign_new(&config);
	enter_sites(e);
	hire(e);
	return OK;
}

void engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	for (uint32_t i = 0; i < e->federation->count; i++) {
		site_rows_free(&e->sites[i].rows);
		free(e->sites[i].words);
	}
	for (uint32_t i = 0; i < crew_size(e->crew); i++) {
		workspace_free(&e->workers[i].workspace);
		buf_free(&e->workers[i].octets);
		aggregate_part_free(&e->workers[i].sum);
		buf_free(&e->workers[i].heard);
		free(e->workers[i].x);
		free(e->workers[i].y);
		free(e->workers[i].signal);
	}
	free(e->workers);
	free(e->sites);
	free(e->parts);
	budget_free(&e->budget);
	aggregate_free(&e->sum);
	engine_kept_free(&e->kept);
	engine_models_free(&e->models);
	engine_masked_forget(e);
	masked_sites_free(e->masked);
	campaign_free(e->campaign);
	crew_free(e->crew);
	free(e);
}

/* ---- looking */

struct bytes engine_model(const struct engine *e, struct hash *sha256, uint32_t *step)
{
	*sha256 = e->models.file_sha256;
	*step = e->models.file_step;
	return buf_bytes(&e->models.file);
}

const float *engine_first(const struct engine *e)
{
	return e->models.first;
}

const struct campaign *engine_campaign(const struct engine *e)
{
	return e->campaign;
}

const struct engine_site *engine_site(const struct engine *e, uint32_t index)
{
	CHECK(index < e->federation->count);
	return &e->sites[index];
}

bool engine_masked(const struct engine *e)
{
	return e->masked != NULL;
}

double engine_seconds(const struct engine *e, enum engine_part_of_time part)
{
	return e->masked_seconds[part];
}

uint64_t engine_updates(const struct engine *e)
{
	return e->updates;
}

const char *engine_refusal(const struct engine_site *s)
{
	return s->words != NULL ? s->words : refusal_text(s->refusal);
}

/* ---- rows */

struct encoding {
	struct engine *engine;
	const struct round_model *model;
};

static void encode_site(void *context, uint32_t worker, uint32_t item)
{
	const struct encoding *c = context;
	struct engine *e = c->engine;

	(void)worker;
	if (!hash_is_zero(&e->sites[item].rows.scaling_name))
		return; /* the scaling follows from the statistics, which are asked once */
	if (ranks_has(item))
		site_rows_encode(&e->sites[item].rows, c->model);
	table_drop_rows(&e->federation->sites[item].table);
}

void engine_encode(struct engine *e, const struct round_model *m)
{
	struct encoding c = {e, m};

	crew_run(e->crew, e->federation->count, encode_site, &c);
}
