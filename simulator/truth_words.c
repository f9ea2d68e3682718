/* What must hold of what leaves a hospital, and of what a hospital is told. */
#include "simulator/truth.h"

/* ---- what leaves */

void truth_of_release(struct world *w, struct host *h, const struct release_record *r)
{
	struct hash content;

	if (r->round >= WORLD_ROUNDS_MAX) {
		truth_violated(w, CHECK_PROGRESS, "round %llu, and no end", (unsigned long long)r->round);
		return;
	}
	sha256_of(&content, buf_bytes(&h->staged));
	if (!hash_equal(&content, &r->content) || h->staged.len != r->octets)
		truth_violated(w, CHECK_FINAL, "site %u made other octets final for round %llu than its ledger says",
		               h->number, (unsigned long long)r->round);
	if (h->has_truth[r->round])
		truth_violated(w, CHECK_FINAL, "site %u made round %llu final twice%s", h->number,
		               (unsigned long long)r->round,
		               hash_equal(&h->truth[r->round], &r->content) ? "" : ", with two vectors");
	h->has_truth[r->round] = true;
	h->truth[r->round] = r->content;
	h->truth_round = r->round;
}

/* Are these the octets that the site made final for that round? */
static bool is_final(const struct host *h, const struct letter *l)
{
	struct hash content;

	if (l->round >= WORLD_ROUNDS_MAX || !h->has_truth[l->round])
		return false;
	if (h->sent_count > 0) {
		sha256_of(&content, buf_bytes(&l->body));
		return truth_sent_masked(h, l->round, l->attempt, &content);
	}
	if (h->truth_round == l->round)
		return bytes_equal(buf_bytes(&l->body), buf_bytes(&h->truth_vector));
	sha256_of(&content, buf_bytes(&l->body));
	return hash_equal(&content, &h->truth[l->round]);
}

void truth_of_upload(struct world *w, struct host *h, const struct letter *l)
{
	if (world_masked(w))
		truth_of_masked_upload(w, h, l);
	truth_of_leaving(w, h, l);
	if (!is_final(h, l))
		truth_violated(w, CHECK_FINAL, "site %u sends to round %llu what it has not made final", h->number,
		               (unsigned long long)l->round);
}

void truth_of_staged(struct world *w, const struct host *h, const struct letter *l)
{
	if (l->damaged || !is_final(h, l))
		truth_violated(w, CHECK_CLEAN, "a damaged contribution of site %u to round %llu was taken", h->number,
		               (unsigned long long)l->round);
}

/* ---- messages */

/* Where the clip follows the updates, it is the one that the newest sum made. */
static void clip_is_published(struct world *w, const struct round_plan *plan)
{
	const struct study *s = w->setting->study;
	double clip = w->published_clip > 0 ? w->published_clip : s->privacy.clip;

	if (round_plan_adapts(s) && (plan->asks & ASK_TRAIN) && plan->clip != clip)
		truth_violated(w, CHECK_MODEL, "round %llu clips at %.17g, and the newest sum made %.17g",
		               (unsigned long long)plan->round, plan->clip, clip);
}

/* The plan is the same in all attempts, and in all words about it. */
static void plan_is_one(struct world *w, const struct round_plan *plan)
{
	struct hash *first;
	struct hash now;

	if (plan->round >= WORLD_ROUNDS_MAX)
		return;
	first = &w->plans[plan->round];
	round_plan_hash(&now, plan);
	if (!hash_is_zero(first) && !hash_equal(first, &now))
		truth_violated(w, CHECK_NUMBERS, "round %llu has two plans", (unsigned long long)plan->round);
	if (hash_is_zero(first)) {
		truth_of_losses(w, plan);
		clip_is_published(w, plan);
	}
	*first = now;
	for (uint32_t i = 0; i < plan->site_count; i++)
		if (w->office.disk.answers[world_host(w, plan->sites[i])->index] == ANSWER_COUNT)
			truth_violated(w, CHECK_INVITED, "round %llu invites site %u, which has not answered",
			               (unsigned long long)plan->round, plan->sites[i]);
}

void truth_of_message(struct world *w, const struct message *m)
{
	uint64_t digest;
	struct buf text;

	buf_init(&text, MESSAGE_MAX);
	message_write(&text, m);
	digest = world_digest(buf_bytes(&text));
	if (m->seq >= TOLD_MAX)
		truth_violated(w, CHECK_PROGRESS, "message %llu, and no end", (unsigned long long)m->seq);
	else if (w->told[m->seq] != 0 && w->told[m->seq] != digest)
		truth_violated(w, CHECK_NUMBERS, "two messages have sequence number %llu", (unsigned long long)m->seq);
	else
		w->told[m->seq] = digest;
	if (!bytes_equal(buf_bytes(&text), buf_bytes(&w->told_texts[m->type])))
		truth_violated(w, CHECK_TOLD, "message %llu was told before its record was on disk",
		               (unsigned long long)m->seq);
	if (m->type == MESSAGE_ROUND)
		plan_is_one(w, &m->plan);
	buf_free(&text);
}

/* ---- what becomes of an upload */

static bool is_open_on_disk(const struct world *w, const struct letter *l)
{
	const struct json *record = w->office.disk.record, *round = json_get(record, "round");

	return json_kind(round) == JSON_IS_OBJECT && json_as_bool(json_get(record, "open")) &&
	       json_as_integer(json_get(round, "round")) == (int64_t)l->round &&
	       json_as_integer(json_get(round, "attempt")) == l->attempt;
}

static bool has_row(const struct world *w, const struct host *h, const struct letter *l)
{
	const struct office_disk *d = &w->office.disk;

	if (world_masked(w))
		return truth_has_masked(w, d, SECAGG_INPUT, h->number) && d->rows_round == l->round &&
		       d->rows_attempt == l->attempt;
	return d->has_row[h->index] && d->rows_round == l->round && d->rows_attempt == l->attempt &&
	       d->rows[h->index].state == SITE_CONTRIBUTED && hash_equal(&d->rows[h->index].content, &l->content);
}

/* Who took part is known of the newest end only, be it on disk or on its way there. */
static bool is_newest_end(const struct world *w, const struct world_end *end)
{
	return end != NULL && end == &w->out->ends[w->out->end_count - 1] &&
	       campaign_state(w->office.campaign) != CAMPAIGN_EXPECT_CLOSED;
}

void truth_of_verdict(struct world *w, struct host *h, const struct letter *l, enum upload_verdict v)
{
	const struct world_end *end = truth_find_end(w, l->round, l->attempt);

	if (v == UPLOAD_LATE && !world_masked(w) && is_open_on_disk(w, l)) /* under masks its phase may be over */
		truth_violated(w, CHECK_LATE, "site %u was late in round %llu.%u before its end was on disk", h->number,
		               (unsigned long long)l->round, l->attempt);
	if (v == UPLOAD_LATE && is_newest_end(w, end) && truth_took_part(end, h->number))
		truth_violated(w, CHECK_LATE, "site %u was late in round %llu.%u, whose sum it is in", h->number,
		               (unsigned long long)l->round, l->attempt);
	if (v != UPLOAD_ACCEPTED)
		return;
	if (end == NULL ? !has_row(w, h, l) : !truth_took_part(end, h->number))
		truth_violated(w, CHECK_ACKNOWLEDGED,
		               "site %u was acknowledged in round %llu.%u, and is not on disk, or not in its sum",
		               h->number, (unsigned long long)l->round, l->attempt);
	if (l->round > h->accepted_round || (l->round == h->accepted_round && l->attempt > h->accepted_attempt)) {
		h->accepted_round = l->round;
		h->accepted_attempt = l->attempt;
	}
}
