/* What must hold in every world, whatever was lost, killed or ordered. */
#include "simulator/world_inside.h"

#include <stdio.h>
#include <string.h>

void world_violate(struct world *w, const char *what, uint64_t round)
{
	if (w->out->violation[0] == '\0')
		snprintf(w->out->violation, sizeof w->out->violation, "seed %llu, round %llu: %.200s",
		         (unsigned long long)w->plan->seed, (unsigned long long)round, what);
}

/* ---- sums and ends */

static bool takes_part(const struct world_round *r, uint32_t number)
{
	for (uint32_t i = 0; i < r->participant_count; i++)
		if (r->participants[i] == number)
			return true;
	return false;
}

static void list_participants(struct world_round *out, const struct round_report *r)
{
	*out = (struct world_round){.round = r->plan->round, .attempt = r->plan->attempt, .outcome = r->outcome};
	for (uint32_t i = 0; i < round_site_count(r->round); i++) {
		const struct round_site *s = round_site_at(r->round, i);

		if (s->state == SITE_CONTRIBUTED && r->outcome == OUTCOME_DONE)
			out->participants[out->participant_count++] = s->number;
	}
}

void truth_of_sum(struct world *w, const struct round_report *r)
{
	const struct layout *l = &w->aggregate.layout;
	struct world_round now;

	list_participants(&now, r);
	for (uint32_t k = 0; k < l->words; k++) {
		int64_t sum = 0;

		for (uint32_t i = 0; i < now.participant_count; i++) {
			const struct host *h = world_host(w, now.participants[i]);

			if (h->record.round != now.round || h->truth_vector.len != layout_octets(l)) {
				world_violate(w, "a participant has not released this round", now.round);
				return;
			}
			sum += (int32_t)load_u32(h->truth_vector.ptr + 4 * (size_t)k);
		}
		if (sum != w->aggregate.sums[k]) {
			world_violate(w, "the sum is not the sum of the participants", now.round);
			return;
		}
	}
	if (now.participant_count != w->aggregate.added)
		world_violate(w, "somebody was counted twice", now.round);
}

static bool is_same(const struct world_round *a, const struct world_round *b)
{
	return a->round == b->round && a->attempt == b->attempt && a->outcome == b->outcome &&
	       a->participant_count == b->participant_count &&
	       memcmp(a->participants, b->participants, sizeof a->participants) == 0;
}

void truth_of_end(struct world *w, const struct round_report *r)
{
	struct world_result *out = w->out;
	const struct world_round *last = out->round_count > 0 ? &out->rounds[out->round_count - 1] : NULL;
	struct world_round now;

	list_participants(&now, r);
	if (w->end_stored && is_same(last, &now))
		return; /* an order came while its end was being stored: it is in both records */
	if (last != NULL && last->round == now.round && last->attempt >= now.attempt)
		world_violate(w, "a closed attempt was closed again", now.round);
	if (last != NULL && now.round < last->round)
		world_violate(w, "a round number went backwards", now.round);
	for (uint32_t i = 0; i < w->setting->site_count && now.outcome == OUTCOME_DONE; i++) {
		const struct host *h = &w->hosts[i];

		if (h->accepted_round == now.round && h->accepted_attempt == now.attempt &&
		    !takes_part(&now, h->number))
			world_violate(w, "an acknowledged contribution was not counted", now.round);
	}
	CHECK(out->round_count < WORLD_ROUNDS_MAX);
	out->rounds[out->round_count++] = now;
}

/* ---- what leaves a site */

void truth_of_release(struct world *w, struct host *h, const struct release_record *r)
{
	CHECK(r != NULL && r->round < WORLD_ROUNDS_MAX);
	if (h->has_truth[r->round] && !hash_equal(&h->truth[r->round], &r->content))
		world_violate(w, "two vectors were made final for one round", r->round);
	if (h->has_truth[r->round])
		world_violate(w, "a final vector was computed again", r->round);
	h->has_truth[r->round] = true;
	h->truth[r->round] = r->content;
}

void truth_of_upload(struct world *w, const struct host *h)
{
	uint64_t round = session_plan(h->session)->round;
	struct hash sent;

	sha256_of(&sent, buf_bytes(&h->vector));
	if (!h->has_truth[round] || !hash_equal(&sent, &h->truth[round]))
		world_violate(w, "what was sent is not the vector that was made final", round);
}

/* ---- what a site is told */

static bool is_on_disk(const struct world *w, const struct message *m, struct bytes text)
{
	const struct json *stored = w->record != NULL ? json_get(w->record, message_type_name(m->type)) : NULL;
	struct buf of_record;
	bool same;

	if (stored == NULL)
		return false;
	buf_init(&of_record, MESSAGE_MAX);
	json_write(&of_record, stored, false);
	same = bytes_equal(buf_bytes(&of_record), text);
	buf_free(&of_record);
	return same;
}

void truth_of_message(struct world *w, const struct message *m)
{
	struct hash now;
	struct buf text;

	buf_init(&text, MESSAGE_MAX);
	message_write(&text, m);
	sha256_of(&now, buf_bytes(&text));
	CHECK(m->seq < WORLD_TOLD_MAX);
	if (!hash_is_zero(&w->told[m->seq]) && !hash_equal(&w->told[m->seq], &now))
		world_violate(w, "two messages with one sequence number", m->plan.round);
	if (!is_on_disk(w, m, buf_bytes(&text)))
		world_violate(w, "a message was told before its record was on disk", m->plan.round);
	w->told[m->seq] = now;
	buf_free(&text);
}

static bool is_open_on_disk(const struct world *w, const struct round_plan *p)
{
	const struct json *round = w->record != NULL ? json_get(w->record, "round") : NULL;

	return round != NULL && json_kind(round) == JSON_IS_OBJECT && json_as_bool(json_get(w->record, "open")) &&
	       json_as_integer(json_get(round, "round")) == (int64_t)p->round &&
	       json_as_integer(json_get(round, "attempt")) == p->attempt;
}

static const struct world_round *find_end(const struct world *w, const struct round_plan *p)
{
	for (uint32_t i = 0; i < w->out->round_count; i++)
		if (w->out->rounds[i].round == p->round && w->out->rounds[i].attempt == p->attempt)
			return &w->out->rounds[i];
	return NULL;
}

/* Who took part is known of the newest end only, be it on disk or on its way there. */
static bool is_newest_end(const struct world *w, const struct world_round *end)
{
	return end != NULL && end == &w->out->rounds[w->out->round_count - 1] &&
	       campaign_state(w->campaign) != CAMPAIGN_EXPECT_CLOSED;
}

void truth_of_verdict(struct world *w, struct host *h, enum upload_verdict v)
{
	const struct round_plan *p = session_plan(h->session);
	const struct world_round *end = find_end(w, p);
	bool has_row = w->has_row[h->index] && w->rows_round == p->round && w->rows_attempt == p->attempt &&
	               w->rows[h->index].state == SITE_CONTRIBUTED;

	if (v == UPLOAD_LATE && is_open_on_disk(w, p))
		world_violate(w, "a site was late before the end was on disk", p->round);
	if (v == UPLOAD_LATE && is_newest_end(w, end) && takes_part(end, h->number))
		world_violate(w, "a site was late whose contribution is in the sum", p->round);
	if (v != UPLOAD_ACCEPTED)
		return;
	if (end == NULL ? !has_row : !takes_part(end, h->number))
		world_violate(w, "an upload was acknowledged that is not on disk, or not in the sum", p->round);
	h->accepted_round = p->round;
	h->accepted_attempt = p->attempt;
}
