/*
 * What must hold of masked attempts: who sees what of whom. Each site's messages are remembered over all its boots, by attempt;
 * docs/SECURE-AGGREGATION.md says what two different ones would give away.
 */
#include "simulator/truth.h"

#include <stdlib.h>
#include <string.h>

/* ---- what a site sends */

static struct sent_masked *attempt_of(struct host *h, const struct letter *l)
{
	for (uint32_t i = h->sent_count; i > 0; i--)
		if (h->sent[i - 1].round == l->round && h->sent[i - 1].attempt == l->attempt)
			return &h->sent[i - 1];
	h->sent = mem_resize(h->sent, h->sent_count + 1, sizeof *h->sent);
	h->sent[h->sent_count] = (struct sent_masked){.round = l->round, .attempt = l->attempt};
	return &h->sent[h->sent_count++];
}

bool truth_sent_masked(const struct host *h, uint64_t round, uint32_t attempt, const struct hash *y)
{
	for (uint32_t i = 0; i < h->sent_count; i++)
		if (h->sent[i].round == round && h->sent[i].attempt == attempt)
			return hash_equal(&h->sent[i].said[SECAGG_INPUT], y);
	return false;
}

/* The same octets as ever in this attempt, and no others: in its key, in its vector, in its answer. */
static void says_the_same(struct world *w, const struct host *h, struct sent_masked *s, enum secagg_phase phase,
                          const struct hash *content)
{
	enum check check = phase == SECAGG_OPENING || phase == SECAGG_SURVIVORS ? CHECK_OPENED : CHECK_FRESH;

	if (!hash_is_zero(&s->said[phase]) && !hash_equal(&s->said[phase], content))
		truth_violated(w, check, "site %u sent two messages of phase %s in round %llu.%u", h->number,
		               secagg_phase_name(phase), (unsigned long long)s->round, s->attempt);
	s->said[phase] = *content;
}

static void keys_are_fresh(struct world *w, const struct host *h, struct sent_masked *s, const struct letter *l)
{
	if (l->body.len < 4 + KEYS_SIZE)
		return;
	memcpy(s->c_pk, l->body.ptr + 4, KEYS_SIZE); /* adv: site u32, c_pk */
	for (uint32_t i = 0; i < h->sent_count; i++)
		if (&h->sent[i] != s && memcmp(h->sent[i].c_pk, s->c_pk, KEYS_SIZE) == 0)
			truth_violated(w, CHECK_FRESH, "site %u used a key of round %llu.%u again in %llu.%u",
			               h->number, (unsigned long long)h->sent[i].round, h->sent[i].attempt,
			               (unsigned long long)s->round, s->attempt);
}

static void opens_once(struct world *w, const struct host *h, struct sent_masked *s)
{
	s->statistics = h->record.round == s->round && (h->record.asks & ASK_STATISTICS) != 0;
	for (uint32_t i = 0; i < h->sent_count; i++) {
		const struct sent_masked *other = &h->sent[i];

		if (other == s || hash_is_zero(&other->said[SECAGG_OPENING]))
			continue;
		if (other->round == s->round || (other->statistics && s->statistics))
			truth_violated(w, CHECK_OPENED, "site %u opens round %llu.%u after %llu.%u", h->number,
			               (unsigned long long)s->round, s->attempt, (unsigned long long)other->round,
			               other->attempt);
	}
}

void truth_of_say(struct world *w, struct host *h, const struct letter *l)
{
	struct sent_masked *s = attempt_of(h, l);
	struct hash content;

	truth_of_leaving(w, h, l);
	sha256_of(&content, buf_bytes(&l->body));
	says_the_same(w, h, s, l->phase, &content);
	if (l->phase == SECAGG_KEYS)
		keys_are_fresh(w, h, s, l);
	if (l->phase == SECAGG_OPENING)
		opens_once(w, h, s);
}

void truth_of_masked_upload(struct world *w, struct host *h, const struct letter *l)
{
	struct sent_masked *s = attempt_of(h, l);

	says_the_same(w, h, s, SECAGG_INPUT, &l->content);
	for (uint32_t i = 0; i < h->sent_count; i++)
		if (&h->sent[i] != s && hash_equal(&h->sent[i].said[SECAGG_INPUT], &l->content))
			truth_violated(w, CHECK_FRESH,
			               "site %u sends the masked vector of round %llu.%u in another attempt", h->number,
			               (unsigned long long)h->sent[i].round, h->sent[i].attempt);
}

/* ---- what an attempt that failed has shown */

void truth_of_failed(struct world *w, const struct world_end *end)
{
	for (uint32_t i = 0; i < w->setting->site_count; i++) {
		const struct host *h = &w->hosts[i];

		for (uint32_t k = 0; k < h->sent_count; k++)
			if (h->sent[k].round == end->round && h->sent[k].attempt == end->attempt &&
			    !hash_is_zero(&h->sent[k].said[SECAGG_OPENING]))
				truth_violated(w, CHECK_SEALED, "round %llu.%u failed, and site %u has opened it",
				               (unsigned long long)end->round, end->attempt, h->number);
	}
}

/* ---- rows, and what follows from them */

bool truth_has_masked(const struct world *w, const struct office_disk *d, enum secagg_phase phase, uint32_t site)
{
	for (uint32_t at = d->masked_begin; at < d->masked_end; at++)
		if (w->office.masked_rows[at].row.phase == phase && w->office.masked_rows[at].row.site == site)
			return true;
	return false;
}

/* Numbers ascend in a group without a gap, a site has one row in a phase, and a set is written once. */
void truth_of_masked_row(struct world *w, uint32_t group, const struct secagg_row *row)
{
	const struct office_disk *d = &w->office.cache;
	uint64_t last = 0;

	for (uint32_t at = d->masked_begin; at < d->masked_end; at++) {
		const struct masked_row *m = &w->office.masked_rows[at];

		if (m->group != group)
			continue;
		last = m->row.number;
		if (m->row.phase == row->phase && m->row.site == row->site)
			truth_violated(w, CHECK_ONCE, "%s %u has two rows in phase %s",
			               row->site != 0 ? "site" : "group", row->site != 0 ? row->site : group,
			               secagg_phase_name(row->phase));
	}
	if (row->number != last + 1)
		truth_violated(w, CHECK_KEPT, "row %llu of group %u is written after row %llu",
		               (unsigned long long)row->number, group, (unsigned long long)last);
}

/* U1, U2 and U3 are on disk before anybody hears of them; signatures follow from U3. */
void truth_of_told(struct world *w, const struct letter *l)
{
	enum secagg_phase set = l->phase < SECAGG_SURVIVORS ? l->phase : SECAGG_SURVIVORS;
	const struct office_disk *d = &w->office.disk;

	if (d->rows_round != l->round || d->rows_attempt != l->attempt || !truth_has_masked(w, d, set, 0))
		truth_violated(w, CHECK_TOLD, "site %u is told phase %s of round %llu.%u before it is on disk",
		               world_number(l->site), secagg_phase_name(l->phase), (unsigned long long)l->round,
		               l->attempt);
}

void truth_of_heard(struct world *w, const struct letter *l)
{
	const struct office_disk *d = &w->office.disk;

	if (l->phase > SECAGG_SHARES)
		return; /* kept by nobody */
	if (d->rows_round == l->round && d->rows_attempt == l->attempt &&
	    !truth_has_masked(w, d, l->phase, world_number(l->site)))
		truth_violated(
			w, CHECK_ACKNOWLEDGED,
			"the message of site %u in phase %s of round %llu.%u was acknowledged and is not on disk",
			world_number(l->site), secagg_phase_name(l->phase), (unsigned long long)l->round, l->attempt);
}
