/* Requests of sites that concern the campaign at work: polls, and parts of uploads. */
#include "coordinator/runner_inside.h"

#include "base/log.h"
#include "coordinator/answers.h"
#include "coordinator/events.h"
#include "coordinator/fatal.h"
#include "data/standardize.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_RETRY_S 2 /* a part takes about a second on a hospital's line, so a grant is soon free */
#define FULL_RETRY_S 60 /* a person must free some space */

/* ---- polls */

static bool has_message(const struct runner *r, uint32_t site, uint64_t after)
{
	const struct message *messages[3];
	uint32_t count;

	return !campaign_inbox(r->course->campaign, site, after, messages, &count) || count > 0;
}

static const struct ledger_mark *ledger_of(const struct office *o, uint32_t site)
{
	return &enrolled_number(&o->enrolled, site)->ledger;
}

/* A message in hand is what makes an approving poll a join. */
static void answer_poll(struct runner *r, struct exchange *x, uint32_t site, uint64_t after, bool approving)
{
	struct campaign *campaign = r->course->campaign;
	const struct message *messages[3];
	uint32_t count;

	if (approving)
		campaign_polled(campaign, site, r->office->world.now_ms);
	bool known = campaign_inbox(campaign, site, after, messages, &count);
	answer_inbox(x, known ? 200 : 410, messages, count, ledger_of(r->office, site));
}

void runner_poll(struct runner *r, struct exchange *x, const struct runner_poll *poll)
{
	struct campaign *campaign = r->course->campaign;
	int64_t now_ms = r->office->world.now_ms;
	const struct waiting w = {
		.kind = WAITING_POLL,
		.x = x,
		.site = poll->site,
		.session = poll->session,
		.after = poll->after,
		.approving = poll->approving,
	};

	if (poll->approving) {
		campaign_answer(campaign, poll->site, ANSWER_APPROVED, now_ms);
		campaign_polled(campaign, poll->site, now_ms);
	}
	if (poll->until_ms <= now_ms || has_message(r, poll->site, poll->after)) {
		answer_poll(r, x, poll->site, poll->after, poll->approving);
		return;
	}
	waiting_add(&r->waiting, &w);
	server_hold(x, poll->until_ms);
}

void runner_wake(struct runner *r)
{
	struct waiting *next;

	for (struct waiting *w = r->waiting; w != NULL; w = next) {
		struct waiting poll = *w;

		next = w->next;
		if (poll.kind != WAITING_POLL || !has_message(r, poll.site, poll.after))
			continue;
		waiting_end(w);
		answer_poll(r, poll.x, poll.site, poll.after, poll.approving);
	}
}

void runner_expired(struct office *o, struct exchange *x)
{
	const struct waiting w = *(const struct waiting *)x->owner;

	waiting_end(x->owner);
	if (w.kind == WAITING_PHASE)
		answer_empty(x, 204);
	else
		answer_inbox(x, 200, NULL, 0, ledger_of(o, w.site));
}

void runner_supersede(struct runner *r, uint32_t site, const struct session_id *session)
{
	waiting_supersede(&r->waiting, site, session);
}

/* ---- uploads */

static void note_late(struct runner *r, uint32_t site, uint64_t round, uint32_t attempt)
{
	const struct course_world *w = &r->office->world;

	if (store_late(w->store, r->course->id, round, attempt, site, w->wall_ms))
		events_late(w, r->course->study, round, attempt, site);
}

/* An upload that need not or may not come, or that waits for its commit. False: it is wanted. */
static bool answer_verdict(struct runner *r, const struct waiting *w, enum upload_verdict verdict)
{
	switch (verdict) {
	case UPLOAD_WANTED:
		return false;
	case UPLOAD_PENDING:
		waiting_add(&r->waiting, w);
		return true;
	case UPLOAD_ACCEPTED:
		answer_accepted(w->x);
		return true;
	case UPLOAD_LATE:
		note_late(r, w->site, w->round, w->attempt);
		answer_late(w->x);
		return true;
	case UPLOAD_CONFLICT:
		answer_error(w->x, 409, 0, "another contribution of this hospital was accepted for this attempt");
		return true;
	case UPLOAD_UNINVITED:
		answer_error(w->x, 403, 0, "this hospital takes no part in round %llu attempt %u of study %s",
		             (unsigned long long)w->round, w->attempt, r->course->study->name);
		return true;
	case UPLOAD_LENGTH:
		answer_error(w->x, 400, 0, "a contribution to this round has %llu octets, not %llu",
		             (unsigned long long)course_octets(r->course), (unsigned long long)w->octets);
		return true;
	case UPLOAD_MALFORMED: /* of messages, not of uploads */
	case UPLOAD_AGAIN:
		break;
	}
	return false;
}

enum err runner_judge_statistics(const struct aggregate *sum, const struct study *study, struct diag *why)
{
	const struct segment *segment = layout_find(&sum->layout, SEGMENT_STATISTICS);

	if (segment == NULL || segment->coding == CODING_NOISED) /* noise makes counts negative */
		return OK;
	double *values = mem_array(segment->items, sizeof *values);
	aggregate_values(values, sum, SEGMENT_STATISTICS);
	enum err e = statistics_possible(&study->schema, values, why);
	free(values);
	return e;
}

/* One site's statistics, complete in their slot: negative counts would cancel those of the others, and end the study for want of
 * rows. Under masks that shows in the sum only. */
static enum err judge_site(struct runner *r, uint32_t slot, struct diag *why)
{
	const struct layout *layout = campaign_layout(r->course->campaign);
	struct aggregate one = {0};
	size_t size = layout_octets(layout);

	if (layout_find(layout, SEGMENT_STATISTICS) == NULL)
		return OK;
	uint8_t *octets = mem_alloc(size);
	enum err e = staging_read(r->staging, slot, 0, octets, size, why);
	if (e != OK)
		fatal(why);
	aggregate_begin(&one, layout);
	aggregate_add(&one, bytes_of(octets, size));
	e = runner_judge_statistics(&one, r->course->study, why);
	aggregate_free(&one);
	free(octets);
	return e;
}

static enum upload_verdict take_clear(struct runner *r, const struct waiting *w, uint32_t slot, struct diag *why)
{
	if (judge_site(r, slot, why) != OK)
		return UPLOAD_MALFORMED;
	return campaign_upload(r->course->campaign, w->site, w->round, w->attempt, w->octets, &w->content,
	                       r->office->world.now_ms);
}

static void answer_complete(struct runner *r, const struct waiting *w, uint32_t slot, const uint8_t *signature)
{
	struct diag why = {{0}};
	enum upload_verdict v;

	if (course_masked(r->course))
		v = campaign_input(r->course->campaign, w->site, w->round, w->attempt, w->octets, &w->content,
		                   signature, r->office->world.now_ms, &why);
	else
		v = take_clear(r, w, slot, &why);
	if (v == UPLOAD_MALFORMED)
		answer_error(w->x, 400, 0, "%s", why.text);
	else
		answer_verdict(r, w, v == UPLOAD_WANTED ? UPLOAD_PENDING : v);
}

static void answer_staged(struct runner *r, const struct waiting *w, const struct runner_part *p, uint32_t slot,
                          enum staging_verdict verdict, uint64_t next, const struct diag *why)
{
	switch (verdict) {
	case STAGING_NEXT:
		answer_offset(w->x, next);
		break;
	case STAGING_COMPLETE:
		answer_complete(r, w, slot, p->signature);
		break;
	case STAGING_BUSY:
		answer_error(w->x, 503, BUSY_RETRY_S, "%s", why->text);
		break;
	case STAGING_LENGTH:
	case STAGING_HASH:
	case STAGING_WORDS:
		answer_error(w->x, 400, 0, "%s", why->text);
		break;
	case STAGING_FULL:
		answer_error(w->x, 507, FULL_RETRY_S, "the coordinator's disk is full; its operator must free space");
		log_warning("%s; uploads wait until there is space", why->text);
		break;
	case STAGING_BROKEN:
		fatal(why);
	}
}

void runner_part(struct runner *r, struct exchange *x, const struct runner_part *p)
{
	struct campaign *campaign = r->course->campaign;
	struct bytes pieces[SERVER_PIECES_MAX];
	struct staging_part part = {.offset = p->offset, .total = p->total, .content = p->content, .pieces = pieces};
	const struct waiting w = {
		.kind = WAITING_UPLOAD,
		.x = x,
		.site = p->site,
		.session = p->session,
		.round = p->round,
		.attempt = p->attempt,
		.octets = p->total,
		.content = p->content,
	};
	struct diag why = {{0}};
	uint64_t next;

	if (answer_verdict(r, &w, campaign_wants(campaign, p->site, p->round, p->attempt, p->total, &p->content)))
		return;
	CHECK(r->staging != NULL && course_slot(r->course, p->site, &part.slot));
	part.piece_count = server_body_pieces(x, pieces);
	enum staging_verdict v = staging_put(r->staging, &part, r->office->world.now_ms, &next, &why);
	answer_staged(r, &w, p, part.slot, v, next, &why);
}

static enum upload_verdict verdict_now(const struct runner *r, const struct waiting *w)
{
	const struct campaign *campaign = r->course->campaign;

	return course_masked(r->course)
	               ? campaign_heard(campaign, w->site, w->round, w->attempt, SECAGG_INPUT)
	               : campaign_wants(campaign, w->site, w->round, w->attempt, w->octets, &w->content);
}

void runner_told(struct runner *r)
{
	struct waiting *next;

	for (struct waiting *w = r->waiting; w != NULL; w = next) {
		struct waiting upload = *w;
		enum upload_verdict verdict;

		next = w->next;
		if (upload.kind != WAITING_UPLOAD)
			continue;
		verdict = verdict_now(r, &upload);
		if (verdict == UPLOAD_PENDING)
			continue;
		waiting_end(w);
		if (!answer_verdict(r, &upload, verdict))
			answer_offset(upload.x, 0); /* it did not become durable: once more */
	}
	runner_messages_told(r);
}
