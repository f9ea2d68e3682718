/*
 * The coordinator's counter: what becomes of a request (api_*.c, runner_requests.c, staging.c). A poll without news and an upload
 * that is not durable yet are held; everything else is answered in the turn that handles it, and leaves after that turn's
 * commit.
 */
#include "simulator/truth.h"

#include "data/standardize.h"
#include "protocol/inbox.h"

#include <stdlib.h>
#include <string.h>

static const char *const letter_names[LETTER_KIND_COUNT] = {
	"is asked for news", "is asked for a model",    "gets a contribution", "gets a refusal",
	"gets an answer",    "is asked for the roster", "gets a message",      "is listened to"};

/* ---- answers */

/* Takes the request. `body` is appended by the caller before the turn is over. */
struct letter *desk_reply(struct world *w, struct letter *request, enum reply how)
{
	struct office *c = &w->office;
	struct letter *l = post_letter(w, request->site, request->kind);

	CHECK(c->leaving_count < 2 * HELD_MAX);
	l->request = request->request;
	l->reply = how;
	l->content = request->content;
	if (l->kind == LETTER_POLL)
		l->mark = c->cache.marks[l->site];
	c->leaving[c->leaving_count++] = l;
	post_free(request);
	return l;
}

void desk_answer(struct world *w)
{
	struct office *c = &w->office;
	uint32_t count = c->leaving_count;

	c->leaving_count = 0;
	for (uint32_t i = 0; i < count; i++)
		post_send(w, c->leaving[i]);
}

void desk_close_one(struct world *w, struct letter *l, bool broken)
{
	if (broken && w->hosts[l->site].up)
		post_broken(w, l->site, l->request);
	post_free(l);
}

void desk_close(struct world *w, bool broken)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < c->arrived_count; i++)
		desk_close_one(w, c->arrived[i], broken);
	for (uint32_t i = 0; i < c->held_count; i++)
		desk_close_one(w, c->held[i].letter, broken);
	for (uint32_t i = 0; i < c->leaving_count; i++)
		desk_close_one(w, c->leaving[i], broken);
	c->arrived_count = c->held_count = c->leaving_count = 0;
}

static bool waits_for_commit(const struct letter *l)
{
	return l->kind == LETTER_UPLOAD || l->kind == LETTER_SAY;
}

void desk_hold(struct world *w, struct letter *l)
{
	struct office *c = &w->office;
	struct event e = world_event(w, EVENT_HOLD, COORDINATOR, HOLD_MS);

	if (c->held_count == HELD_MAX) {
		desk_close_one(w, l, true);
		return;
	}
	c->held[c->held_count++] = (struct held){l};
	e.number = l->request;
	if (!waits_for_commit(l))
		agenda_add(&w->agenda, &e);
}

struct letter *desk_let_go(struct office *c, uint32_t i)
{
	struct letter *l = c->held[i].letter;

	c->held_count--;
	memmove(c->held + i, c->held + i + 1, (c->held_count - i) * sizeof *c->held);
	return l;
}

/* ---- polls */

static bool has_news(const struct world *w, const struct letter *l)
{
	const struct message *messages[3];
	uint32_t count;

	return !campaign_inbox(w->office.campaign, world_number(l->site), l->after, messages, &count) || count > 0;
}

static void join(struct world *w, const struct letter *l)
{
	struct office *c = &w->office;

	c->joined[l->site] |= campaign_state(c->campaign) == CAMPAIGN_EXPECT_ROUND;
	c->awaited[l->site] |= office_during(w) == DURING_COLLECTING;
	campaign_polled(c->campaign, world_number(l->site), office_now_ms(w));
}

static void answer_poll(struct world *w, struct letter *l)
{
	const struct message *messages[3];
	struct message copies[3];
	struct letter *answer;
	uint32_t count;
	bool kept;

	join(w, l);
	kept = campaign_inbox(w->office.campaign, world_number(l->site), l->after, messages, &count);
	for (uint32_t i = 0; i < count; i++) {
		truth_of_message(w, messages[i]);
		copies[i] = *messages[i];
	}
	answer = desk_reply(w, l, kept ? REPLY_INBOX : REPLY_MISSED);
	inbox_write(&answer->body, copies, count);
}

static void poll(struct world *w, struct letter *l)
{
	campaign_answer(w->office.campaign, world_number(l->site), ANSWER_APPROVED, office_now_ms(w));
	join(w, l);
	if (has_news(w, l))
		answer_poll(w, l);
	else
		desk_hold(w, l);
}

void desk_wake(struct world *w)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < c->held_count;) {
		if (c->held[i].letter->kind == LETTER_POLL && has_news(w, c->held[i].letter))
			answer_poll(w, desk_let_go(c, i));
		else
			i++;
	}
}

void desk_expire(struct world *w, uint64_t request)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < c->held_count; i++) {
		if (waits_for_commit(c->held[i].letter) || c->held[i].letter->request != request)
			continue;
		office_wants_turn(w, 0);
		if (c->held[i].letter->kind == LETTER_LISTEN) {
			desk_reply(w, desk_let_go(c, i), REPLY_NOTHING);
			return;
		}
		inbox_write(&desk_reply(w, desk_let_go(c, i), REPLY_INBOX)->body, NULL, 0);
		return;
	}
}

/* ---- models */

/* As course_uses_model: the newest, the best, the open round's. */
static bool offers(const struct world *w, const struct hash *sha256)
{
	const struct campaign *c = w->office.campaign;
	uint64_t octets;
	uint32_t step;
	const struct hash newest = campaign_model(c, &octets), best = campaign_best(c, &octets, &step);

	return hash_equal(&newest, sha256) || hash_equal(&best, sha256) ||
	       (campaign_round_open(c) && hash_equal(&campaign_plan(c)->model, sha256));
}

static void give_model(struct world *w, struct letter *l)
{
	bool offered = offers(w, &l->content);
	struct bytes file = office_model(w, &l->content);

	if (offered && file.len == 0)
		truth_violated(w, CHECK_MODEL, "a model that a record names is not on the disk");
	if (offered)
		buf_put(&desk_reply(w, l, REPLY_MODEL)->body, file);
	else
		desk_reply(w, l, REPLY_REFUSED);
}

/* ---- contributions */

static bool is_possible(const struct world *w, struct bytes octets)
{
	const struct layout *layout = campaign_layout(w->office.campaign);
	const struct segment *segment = layout_find(layout, SEGMENT_STATISTICS);
	struct aggregate one = {0};
	double *values;
	enum err e;

	if (layout_check_words(layout, 0, octets.ptr, layout->words, NULL) != OK)
		return false;
	if (segment == NULL || segment->coding == CODING_NOISED)
		return true;
	values = mem_array(segment->items, sizeof *values);
	aggregate_begin(&one, layout);
	aggregate_add(&one, octets);
	aggregate_values(values, &one, SEGMENT_STATISTICS);
	e = statistics_possible(&w->setting->study->schema, values, NULL);
	aggregate_free(&one);
	free(values);
	return e == OK;
}

static bool stage(struct world *w, const struct letter *l)
{
	struct slot *slot = &w->office.slots[l->site];
	struct hash found;

	slot->complete = false;
	sha256_of(&found, buf_bytes(&l->body));
	if (l->body.len != l->octets || !hash_equal(&found, &l->content))
		return false;
	if (!world_masked(w) && !is_possible(w, buf_bytes(&l->body)))
		return false;
	world_put(&slot->octets, buf_bytes(&l->body));
	slot->content = l->content;
	slot->complete = true;
	truth_of_staged(w, &w->hosts[l->site], l);
	return true;
}

/* An upload that need not or may not come, or that waits for its commit. Takes it, unless it is wanted. */
static bool settles(struct world *w, struct letter *l, enum upload_verdict verdict)
{
	truth_of_verdict(w, &w->hosts[l->site], l, verdict);
	switch (verdict) {
	case UPLOAD_WANTED:
		return false;
	case UPLOAD_PENDING:
		desk_hold(w, l);
		break;
	case UPLOAD_ACCEPTED:
		desk_reply(w, l, REPLY_ACCEPTED);
		break;
	case UPLOAD_LATE:
		desk_reply(w, l, REPLY_LATE);
		break;
	default:
		desk_reply(w, l, REPLY_REFUSED);
		break;
	}
	return true;
}

/* Of a vector that is staged. */
static enum upload_verdict take(struct world *w, const struct letter *l)
{
	struct campaign *c = w->office.campaign;
	struct diag why = {{0}};
	enum upload_verdict v;

	if (!world_masked(w))
		return campaign_upload(c, world_number(l->site), l->round, l->attempt, l->octets, &l->content,
		                       office_now_ms(w));
	v = campaign_input(c, world_number(l->site), l->round, l->attempt, l->octets, &l->content, l->signature,
	                   office_now_ms(w), &why);
	if (v == UPLOAD_MALFORMED || v == UPLOAD_AGAIN)
		truth_violated(w, CHECK_FRESH, "the vector of site %u is not taken: %s", world_number(l->site),
		               why.text);
	return v;
}

static enum upload_verdict wants(const struct world *w, const struct letter *l)
{
	return campaign_wants(w->office.campaign, world_number(l->site), l->round, l->attempt, l->octets, &l->content);
}

static void upload(struct world *w, struct letter *l)
{
	enum upload_verdict verdict;

	books_take(w, l);
	if (settles(w, l, wants(w, l)))
		return;
	if (disk_can_fail(w, FAULT_FULL) && world_befalls(w, FAULT_FULL, SIDE_COORDINATOR, l->site)) {
		desk_reply(w, l, REPLY_BUSY);
		return;
	}
	if (!stage(w, l)) {
		if (world_masked(w) &&
		    l->damaged) /* TLS keeps it from us; a hospital that is refused would ask a person */
			desk_close_one(w, l, true);
		else
			desk_reply(w, l, REPLY_REFUSED);
		return;
	}
	verdict = take(w, l);
	if (verdict == UPLOAD_WANTED)
		w->office.joined[l->site] = w->office.awaited[l->site] = true;
	settles(w, l, verdict == UPLOAD_WANTED ? UPLOAD_PENDING : verdict);
}

/* What became of an upload or a message that waits for a commit. */
static enum upload_verdict heard(const struct world *w, const struct letter *l)
{
	enum secagg_phase phase = l->kind == LETTER_UPLOAD ? SECAGG_INPUT : l->phase;

	if (!world_masked(w))
		return wants(w, l);
	return campaign_heard(w->office.campaign, world_number(l->site), l->round, l->attempt, phase);
}

void desk_told(struct world *w)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < c->held_count;) {
		enum upload_verdict verdict;

		if (!waits_for_commit(c->held[i].letter) || (verdict = heard(w, c->held[i].letter)) == UPLOAD_PENDING) {
			i++;
			continue;
		}
		struct letter *l = desk_let_go(c, i);
		if (l->kind == LETTER_SAY)
			phases_settle(w, l, verdict);
		else if (!settles(w, l, verdict))
			desk_reply(w, l, REPLY_OFFSET); /* it did not become durable: once more */
	}
}

/* ---- messages of sites */

static bool is_for_us(const struct world *w, const struct message *m, enum message_type type)
{
	return m->type == type && strcmp(m->study, w->setting->study->name) == 0 &&
	       hash_equal(&m->plan.study_hash, &w->setting->study->hash);
}

static void take_refusal(struct world *w, struct letter *l)
{
	struct message m = {0};
	enum err e = message_parse(&m, buf_bytes(&l->body), "a site", NULL);

	if (e == OK && (!is_for_us(w, &m, MESSAGE_REFUSAL) || m.plan.round != l->round || m.plan.attempt != l->attempt))
		e = ERR_PEER_MESSAGE;
	if (e == OK)
		e = campaign_refused(w->office.campaign, world_number(l->site), m.plan.round, m.plan.attempt, m.refusal,
		                     office_now_ms(w));
	message_free(&m);
	desk_reply(w, l, e == OK ? REPLY_DONE : REPLY_REFUSED);
}

static void take_answer(struct world *w, struct letter *l)
{
	struct message m = {0};
	bool ours = message_parse(&m, buf_bytes(&l->body), "a site", NULL) == OK && is_for_us(w, &m, MESSAGE_ANSWER);

	if (ours)
		campaign_answer(w->office.campaign, world_number(l->site), m.answer, office_now_ms(w));
	message_free(&m);
	desk_reply(w, l, ours ? REPLY_DONE : REPLY_REFUSED);
}

/* ---- a request */

void desk_receive(struct world *w, struct letter *l)
{
	struct office *c = &w->office;

	if (!c->up || c->revoked[l->site] || c->arrived_count == HELD_MAX) {
		desk_close_one(w, l, true);
		return;
	}
	c->arrived[c->arrived_count++] = l;
	office_wants_turn(w, (int64_t)world_below(w, 3));
}

void desk_handle(struct world *w, struct letter *l)
{
	static void (*const handlers[LETTER_KIND_COUNT])(struct world *, struct letter *) = {
		poll, give_model, upload, take_refusal, take_answer, phases_give_roster, phases_say, phases_listen};

	world_note(w, COORDINATOR, letter_names[l->kind], world_number(l->site), l->request,
	           world_digest(buf_bytes(&l->body)));
	handlers[l->kind](w, l);
}
