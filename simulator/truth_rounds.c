/* What must hold of sums, of ends, and of the records that tell them. */
#include "simulator/truth.h"

#include <stdlib.h>
#include <string.h>

bool truth_took_part(const struct world_end *end, uint32_t number)
{
	for (uint32_t i = 0; i < end->participant_count; i++)
		if (end->participants[i] == number)
			return true;
	return false;
}

const struct world_end *truth_find_end(const struct world *w, uint64_t round, uint32_t attempt)
{
	for (uint32_t i = w->out->end_count; i > 0; i--)
		if (w->out->ends[i - 1].round == round && w->out->ends[i - 1].attempt == attempt)
			return &w->out->ends[i - 1];
	return NULL;
}

static bool same_participants(const struct world_end *a, const struct world_end *b)
{
	return a->participant_count == b->participant_count &&
	       memcmp(a->participants, b->participants, sizeof a->participants) == 0;
}

static bool is_same(const struct world_end *a, const struct world_end *b)
{
	return a->round == b->round && a->attempt == b->attempt && a->outcome == b->outcome && same_participants(a, b);
}

static void list(struct world_end *out, const struct round_plan *plan, enum round_outcome outcome,
                 const struct round *round)
{
	*out = (struct world_end){.round = plan->round, .attempt = plan->attempt, .outcome = outcome};
	out->statistics = (plan->asks & ASK_STATISTICS) != 0;
	for (uint32_t i = 0; i < round_site_count(round) && outcome == OUTCOME_DONE; i++)
		if (round_site_at(round, i)->state == SITE_CONTRIBUTED)
			out->participants[out->participant_count++] = round_site_at(round, i)->number;
}

void truth_list(struct world_end *out, const struct round_report *r)
{
	list(out, r->plan, r->outcome, r->round);
}

/* ---- sums */

void truth_of_sum(struct world *w, const struct round_plan *plan, const struct round *round)
{
	const struct aggregate *sum = &w->office.sum;
	const struct layout *l = &sum->layout;
	struct world_end *now = &w->made;

	list(now, plan, OUTCOME_DONE, round);
	for (uint32_t i = 0; i < now->participant_count; i++) {
		const struct host *h = world_host(w, now->participants[i]);

		if (h->truth_round == now->round && h->truth_vector.len == layout_octets(l))
			continue;
		truth_violated(w, CHECK_SUM, "site %u takes part in round %llu, which it has not released", h->number,
		               (unsigned long long)now->round);
		return;
	}
	for (uint32_t k = 0; k < l->words; k++) {
		int64_t exact = 0;

		for (uint32_t i = 0; i < now->participant_count; i++) {
			const struct host *h = world_host(w, now->participants[i]);

			exact += (int32_t)load_u32(h->truth_vector.ptr + 4 * (size_t)k);
		}
		if (exact != sum->sums[k]) {
			truth_violated(w, CHECK_SUM, "word %u of round %llu is %lld, its participants make %lld", k,
			               (unsigned long long)now->round, (long long)sum->sums[k], (long long)exact);
			return;
		}
	}
	if (now->participant_count != sum->added)
		truth_violated(w, CHECK_ONCE, "round %llu has %u participants and %u summands",
		               (unsigned long long)now->round, now->participant_count, sum->added);
}

/* The same again, of the model and the moments that were published last: a restart must not have changed them. */
void truth_of_outcome(struct world *w, const struct round_plan *plan, const struct outcome *o)
{
	struct outcome again = {0};
	struct diag why = {{0}};

	if (!hash_equal(&plan->model, &w->published_model))
		truth_violated(w, CHECK_MODEL, "round %llu is not about the newest model",
		               (unsigned long long)plan->round);
	else if (outcome_compute(&again, w->setting->study, plan, &w->office.sum, office_model(w, &plan->model),
	                         w->published_moments, &why) != OK ||
	         again.has_model != o->has_model || !hash_equal(&again.model_sha256, &o->model_sha256))
		truth_violated(w, CHECK_MODEL, "round %llu made another model than its sum gives",
		               (unsigned long long)plan->round);
	w->made_model = again.model_sha256;
	w->made_clip = again.clip;
	free(w->made_moments);
	w->made_moments = again.moments;
	again.moments = NULL;
	outcome_free(&again);
}

/* The sum that was made is published. */
static void publish(struct world *w)
{
	w->progress_ms = w->now_ms;
	if (w->made_clip > 0)
		w->published_clip = w->made_clip;
	if (hash_is_zero(&w->made_model))
		return;
	w->published_model = w->made_model;
	free(w->published_moments);
	w->published_moments = w->made_moments;
	w->made_moments = NULL;
}

/* ---- ends */

/* The contract's own words, worked out again (docs/PROTOCOL.md, section 2). */
static uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* Of n sites that make one sum. */
static uint32_t quorum_of(const struct sites_rule *rule, uint32_t n)
{
	uint32_t stay_away = rule->dropouts_percent ? n * rule->max_dropouts / 100 : rule->max_dropouts;
	uint32_t quorum = most(stay_away < n ? n - stay_away : 0, rule->min);

	if (rule->masking != MASKING_OFF)
		quorum = most(quorum, most((n + rule->max_colluders) / 2 + 1, rule->max_colluders + 2));
	return most(quorum, 1);
}

/* Of a round: under groups more than half of them must come through, and each has a quorum of its own. */
static uint32_t quorum_of_round(const struct study *s, uint32_t invited)
{
	uint32_t groups = s->sites.masking == MASKING_GROUPS ? invited / s->sites.group : 1;

	return s->sites.masking == MASKING_GROUPS ? (groups / 2 + 1) * quorum_of(&s->sites, invited / groups)
	                                          : quorum_of(&s->sites, invited);
}

static bool has_said(const struct host *h, const struct round_plan *plan, enum refusal refusal)
{
	for (uint32_t i = 0; i < SAID_MAX; i++)
		if (h->said[i].round == plan->round && h->said[i].attempt == plan->attempt &&
		    h->said[i].refusal == refusal)
			return true;
	return false;
}

/* In the open attempt; before a restart, if its keys are on disk. */
static bool was_seen(const struct world *w, const struct host *h)
{
	return w->office.joined[h->index] || truth_has_masked(w, &w->office.cache, SECAGG_KEYS, h->number);
}

/* It fell out in this phase: what it sent before has its rows, what it should have sent has none, and it had its time. */
static bool is_true_phase(const struct world *w, const struct round_report *r, const struct round_site *s,
                          enum secagg_phase phase)
{
	const struct office_disk *d = &w->office.cache;
	const struct campaign_config config = world_config(w);
	int64_t open_ms = w->now_ms - w->office.opened_ms;
	int64_t least_ms = phase == SECAGG_SHARES ? config.phase_ms : config.deadline_ms;

	for (int p = 0; p < (int)phase; p++)
		if (!truth_has_masked(w, d, (enum secagg_phase)p, s->number))
			return false;
	if (r->outcome != OUTCOME_DONE)
		return true;
	return !truth_has_masked(w, d, phase, s->number) &&
	       (open_ms >= least_ms || !w->office.awaited[world_host((struct world *)(uintptr_t)w, s->number)->index]);
}

static bool is_true_drop(const struct world *w, const struct host *h, const struct round_report *r,
                         const struct round_site *s)
{
	enum drop_reason dropped = s->dropped;

	if (dropped >= DROP_IN_KEYS && dropped <= DROP_IN_INPUT)
		return (w->office.joined[h->index] || truth_has_masked(w, &w->office.cache, SECAGG_KEYS, s->number)) &&
		       is_true_phase(w, r, s, (enum secagg_phase)(SECAGG_KEYS + (dropped - DROP_IN_KEYS)));
	if (dropped == DROP_GROUP)
		return w->setting->study->sites.masking == MASKING_GROUPS;
	if (dropped == DROP_REVOKED)
		return w->office.revoked[h->index];
	return dropped == DROP_WITHDRAWN && h->leaving;
}

/* NULL, or what is wrong about what is said of a site that did not take part. */
static const char *false_reason(struct world *w, const struct round_report *r, const struct round_site *s)
{
	const struct host *h = world_host(w, s->number);
	const struct office *c = &w->office;
	const struct campaign_config config = world_config(w);
	int64_t open_ms = w->now_ms - c->opened_ms;

	switch (s->state) {
	case SITE_REFUSED:
		return has_said(h, r->plan, s->refusal) ? NULL : "refused, which it has not said";
	case SITE_DROPPED:
		return is_true_drop(w, h, r, s) ? NULL : "dropped without a true reason";
	case SITE_EXPECT_JOIN:
		if (c->joined[h->index])
			return "absent, though it has joined";
		return r->outcome != OUTCOME_DONE || c->past_joining || (s->absent && open_ms >= config.join_ms)
		               ? NULL
		               : "not waited for, though it could still join";
	case SITE_EXPECT_CONTRIBUTION:
		if (!was_seen(w, h))
			return "joined, though nobody has seen it";
		return r->outcome != OUTCOME_DONE || open_ms >= config.deadline_ms || !c->awaited[h->index]
		               ? NULL
		               : "not waited for, though the deadline was not over";
	case SITE_CONTRIBUTED:
		return NULL;
	default:
		return r->outcome != OUTCOME_DONE ? NULL : "on its way into a sum that was made without it";
	}
}

void truth_of_report(struct world *w, const struct round_report *r)
{
	struct world_end now;
	uint32_t quorum = quorum_of_round(w->setting->study, r->plan->site_count);

	truth_list(&now, r);
	if (r->outcome == OUTCOME_DONE && now.participant_count < quorum)
		truth_violated(w, CHECK_QUORUM, "round %llu has %u participants, and its quorum is %u",
		               (unsigned long long)now.round, now.participant_count, quorum);
	if (round_site_count(r->round) != r->plan->site_count)
		truth_violated(w, CHECK_NAMED, "round %llu invited %u sites and speaks of %u",
		               (unsigned long long)now.round, r->plan->site_count, round_site_count(r->round));
	for (uint32_t i = 0; i < round_site_count(r->round); i++) {
		const struct round_site *s = round_site_at(r->round, i);
		bool told =
			w->office.end_stored || w->office.has_end; /* an order came while its end was being stored */
		const char *wrong = told ? NULL : false_reason(w, r, s);

		if (wrong != NULL)
			truth_violated(w, CHECK_NAMED, "round %llu.%u says of site %u: %s",
			               (unsigned long long)now.round, now.attempt, s->number, wrong);
	}
}

static void acknowledged_are_counted(struct world *w, const struct world_end *end)
{
	for (uint32_t i = 0; i < w->setting->site_count && end->outcome == OUTCOME_DONE; i++) {
		const struct host *h = &w->hosts[i];

		if (h->accepted_round == end->round && h->accepted_attempt == end->attempt &&
		    !truth_took_part(end, h->number))
			truth_violated(w, CHECK_ACKNOWLEDGED,
			               "site %u was acknowledged and not counted in round %llu.%u", h->number,
			               (unsigned long long)end->round, end->attempt);
	}
}

void truth_of_end(struct world *w, const struct world_end *end)
{
	struct world_result *out = w->out;
	const struct world_end *last = out->end_count > 0 ? &out->ends[out->end_count - 1] : NULL;

	if (w->office.end_stored && last != NULL && is_same(last, end))
		return; /* an order came while its end was being stored: it is in both records */
	if (last != NULL && (end->round < last->round || (end->round == last->round && end->attempt <= last->attempt)))
		truth_violated(w, CHECK_NUMBERS, "round %llu.%u ended after %llu.%u", (unsigned long long)end->round,
		               end->attempt, (unsigned long long)last->round, last->attempt);
	if (end->outcome == OUTCOME_DONE &&
	    (end->round != w->made.round || end->attempt != w->made.attempt || !same_participants(end, &w->made)))
		truth_violated(w, CHECK_SUM, "round %llu.%u published participants whose sum was not made",
		               (unsigned long long)end->round, end->attempt);
	acknowledged_are_counted(w, end);
	if (end->outcome == OUTCOME_FAILED)
		truth_of_failed(w, end);
	if (out->end_count == WORLD_ENDS_MAX) {
		truth_violated(w, CHECK_PROGRESS, "%u attempts have ended, and no end", out->end_count);
		return;
	}
	if (end->outcome == OUTCOME_DONE)
		publish(w);
	world_note(w, COORDINATOR, outcome_name(end->outcome), end->round, end->attempt, end->participant_count);
	out->ends[out->end_count++] = *end;
}

/* ---- records */

static void keep_texts(struct world *w)
{
	for (int t = MESSAGE_ROUND; t <= MESSAGE_FINISHED; t++) {
		const struct json *m = json_get(w->office.disk.record, message_type_name((enum message_type)t));

		if (w->told_texts[t].max == 0)
			buf_init(&w->told_texts[t], MESSAGE_MAX);
		buf_clear(&w->told_texts[t]);
		if (json_kind(m) == JSON_IS_OBJECT)
			json_write(&w->told_texts[t], m, false);
	}
}

static uint64_t number_of(const struct json *object, const char *key)
{
	const struct json *node = json_kind(object) == JSON_IS_OBJECT ? json_get(object, key) : NULL;

	return node != NULL ? (uint64_t)json_as_integer(node) : 0;
}

void truth_of_record(struct world *w)
{
	const struct json *record = w->office.disk.record, *closed = json_get(record, "closed");
	const struct world_end *last = w->out->end_count > 0 ? &w->out->ends[w->out->end_count - 1] : NULL;
	struct hash model = {{0}};
	const struct json *named = json_get(json_get(record, "model"), "sha256");

	keep_texts(w);
	if (number_of(closed, "round") != (last != NULL ? last->round : 0) ||
	    number_of(closed, "attempt") != (last != NULL ? last->attempt : 0))
		truth_violated(w, CHECK_KEPT, "the record's last end is %llu.%llu, which is not the last one published",
		               (unsigned long long)number_of(closed, "round"),
		               (unsigned long long)number_of(closed, "attempt"));
	if (named != NULL && json_kind(named) == JSON_IS_STRING && !hash_from_hex(&model, json_as_string(named)))
		truth_violated(w, CHECK_KEPT, "the record names no model");
	if (!hash_equal(&model, &w->published_model))
		truth_violated(w, CHECK_MODEL, "the record's model is not the one that the last sum made");
	if (!hash_is_zero(&model) && office_model(w, &model).len == 0)
		truth_violated(w, CHECK_MODEL, "the record names a model that is not on disk");
}
