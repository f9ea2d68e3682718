/* A hospital's honest shell: its disk, and its worker that does one thing at a time. */
#include "tests/support/masked_sessions_inside.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* ---- a hospital's disk */

static void store_release(struct masked_hospital *h)
{
	const struct release_record *r = session_to_persist(h->session);

	assert_non_null(r);
	assert_true(!h->has_newest || r->round > h->newest.round); /* one vector per round */
	h->newest = *r;
	h->has_newest = true;
	free(h->v);
	h->v = h->staged;
	h->staged = NULL;
}

static void persist(struct masked_hospital *h, uint64_t work)
{
	bool made, alive = masked_sessions_lives(h->world, true, &made);

	if (made)
		store_release(h);
	if (alive)
		session_persisted(h->session, work, REFUSAL_NONE);
	else
		masked_sessions_kill(h);
}

static void persist_masks(struct masked_hospital *h)
{
	bool made, alive = masked_sessions_lives(h->world, true, &made);

	if (made) {
		buf_clear(&h->record);
		buf_put(&h->record, session_masks_record(h->session));
	}
	if (alive)
		session_masks_persisted(h->session, REFUSAL_NONE);
	else
		masked_sessions_kill(h);
}

/* ---- a hospital's worker */

static void compute(struct masked_hospital *h, uint64_t work)
{
	uint32_t words = session_masked_plan(h->session)->words - MASKED_CHECK_WORDS;
	struct hash content;
	struct rng r;

	rng_seeded(&r, (h->world->seed * 64 + h->index) * 1024 + h->computed++, "vector");
	free(h->staged);
	h->staged = mem_array(words, sizeof *h->staged);
	for (uint32_t i = 0; i < words; i++)
		h->staged[i] = rng_u32(&r);
	sha256_of(&content, bytes_of(h->staged, words * sizeof *h->staged));
	session_computed(h->session, work, &content, 4 * (uint64_t)words, REFUSAL_NONE);
}

static void mask(struct masked_hospital *h, uint64_t work)
{
	const struct secagg_plan *plan = session_masked_plan(h->session);
	const struct release_record *v = session_to_mask(h->session);
	uint32_t *x = mem_array(plan->words, sizeof *x), count;
	const struct mask *masks = session_masks(h->session, &count);
	struct hash y;

	assert_non_null(v);
	assert_true(hash_equal(&v->content, &h->newest.content));
	assert_true(count > 0);
	memcpy(x, h->v, (plan->words - MASKED_CHECK_WORDS) * sizeof *x);
	masked_plan_check_words(x + plan->words - MASKED_CHECK_WORDS);
	buf_clear(&h->y);
	mask_input(buf_extend(&h->y, (size_t)secagg_input_octets(plan)), x, 0, plan->words, plan->bits, masks, count);
	sha256_of(&y, buf_bytes(&h->y));
	free(x);
	session_masked(h->session, work, &y, REFUSAL_NONE);
}

/* One thing per phase and attempt, however often and after whatever; and one answer per round. */
static void note_said(struct masked_hospital *h, enum secagg_phase phase, struct bytes octets)
{
	const struct round_plan *plan = session_plan(h->session);
	struct hash said;

	assert_true(octets.len > 0);
	sha256_of(&said, octets);
	assert_true(plan->round > h->spoke_round ||
	            (plan->round == h->spoke_round && plan->attempt >= h->spoke_attempt));
	if (plan->round != h->spoke_round || plan->attempt != h->spoke_attempt)
		memset(h->spoke, 0, sizeof h->spoke);
	assert_true(hash_is_zero(&h->spoke[phase]) || hash_equal(&h->spoke[phase], &said));
	h->spoke[phase] = said;
	h->spoke_round = plan->round;
	h->spoke_attempt = plan->attempt;
	buf_clear(&h->said[phase]);
	buf_put(&h->said[phase], octets);
	h->says[phase]++;
	if (phase != SECAGG_OPENING)
		return;
	assert_true(h->opened_round != plan->round || h->opened_attempt == plan->attempt);
	if (plan->asks & ASK_STATISTICS) {
		assert_true(h->statistics_round == 0 || h->statistics_round == plan->round);
		h->statistics_round = plan->round;
	}
	h->opened_round = plan->round;
	h->opened_attempt = plan->attempt;
}

static enum masks_reply reply_of(enum err e)
{
	return e == OK ? MASKS_YES : e == ERR_PEER_STATE ? MASKS_DROPPED : MASKS_REJECTED;
}

/* An answer to keys, shares and y means that they are durable. */
void masked_sessions_acknowledge(struct masked_sessions *w, struct masked_hospital *h)
{
	struct session_action job = h->job;
	enum secagg_phase phase = job.kind == SESSION_SEND ? SECAGG_INPUT : job.phase;

	if (h->session == NULL || !h->waits || secagg_server_reached(w->server, h->number) <= (uint32_t)phase)
		return;
	h->waits = false;
	h->job.kind = SESSION_POLL;
	if (job.kind == SESSION_SEND)
		session_sent(h->session, job.work, SENT_ACCEPTED);
	else
		session_said(h->session, job.work, MASKS_YES);
	masked_sessions_drain(w, h);
}

/* What a coordinator that was started again says to an answer: it has no signatures. */
static bool lacks_signatures(const struct masked_sessions *w, enum secagg_phase phase, enum err e)
{
	return e == ERR_PEER_STATE && phase == SECAGG_OPENING &&
	       secagg_server_state(w->server) < SECAGG_SERVER_EXPECT_ANSWERS;
}

static void say(struct masked_sessions *w, struct masked_hospital *h)
{
	struct session_action job = h->job;
	struct diag why = {{0}};
	enum err e = OK;

	note_said(h, job.phase, session_to_say(h->session, job.phase));
	if (!masked_sessions_ended(w))
		e = secagg_server_message(w->server, h->number, job.phase, buf_bytes(&h->said[job.phase]), &why);
	if (e == OK && !masked_sessions_ended(w) && job.phase < SECAGG_INPUT) {
		h->waits = true;
		masked_sessions_acknowledge(w, h);
		return;
	}
	h->job.kind = SESSION_POLL;
	session_said(h->session, job.work,
	             secagg_server_state(w->server) == SECAGG_SERVER_FAILED ? MASKS_OVER
	             : lacks_signatures(w, job.phase, e)                    ? MASKS_NOTHING
	                                                                    : reply_of(e));
}

/* What goes with y: its hash, and the signature. */
static void put_input(struct buf *out, struct masked_hospital *h)
{
	const struct release_record *r = session_content(h->session);
	struct hash y;

	sha256_of(&y, buf_bytes(&h->y));
	assert_non_null(r);
	assert_true(hash_equal(&r->content, &y) && r->octets == h->y.len);
	assert_false(hash_equal(&r->content, &h->newest.content));
	assert_non_null(session_input_signature(h->session));
	buf_init(out, SECAGG_INPUT_SIZE);
	buf_put(out, bytes_of(y.b, HASH_SIZE));
	buf_put(out, bytes_of(session_input_signature(h->session), KEYS_SIGNATURE_SIZE));
}

static void send(struct masked_sessions *w, struct masked_hospital *h)
{
	struct diag why = {{0}};
	struct buf input;
	struct hash y;

	put_input(&input, h);
	note_said(h, SECAGG_INPUT, buf_bytes(&input));
	sha256_of(&y, buf_bytes(&h->y));
	enum err e = secagg_server_input(w->server, h->number, buf_bytes(&input), h->y.len, &y, &why);
	buf_free(&input);
	if (e != OK && e != ERR_PEER_STATE && w->lie == NULL)
		fail_msg("%s", why.text);
	h->waits = e == OK && !w->forgets_to_acknowledge;
	if (h->waits) {
		masked_sessions_acknowledge(w, h);
		return;
	}
	h->job.kind = SESSION_POLL;
	session_sent(h->session, h->job.work, SENT_LATE);
}

/* False: there is nothing for it yet. */
static bool listen(struct masked_sessions *w, struct masked_hospital *h)
{
	enum secagg_phase phase = h->job.phase;
	struct session_action job = h->job;
	struct buf octets = {0};

	if (!w->told[phase] && !masked_sessions_ended(w))
		return false;
	h->job.kind = SESSION_POLL;
	if (w->told[phase])
		secagg_server_say(w->server, phase, h->number, &octets);
	if (octets.len > 0 && w->lie != NULL)
		w->lie(w, h, phase, &octets);
	session_heard(h->session, job.work,
	              octets.len > 0             ? MASKS_YES
	              : masked_sessions_ended(w) ? MASKS_OVER
	                                         : MASKS_DROPPED,
	              buf_bytes(&octets));
	buf_free(&octets);
	return true;
}

static void do_job(struct masked_sessions *w, struct masked_hospital *h)
{
	struct session_action job = h->job;

	if (job.kind == SESSION_SAY) {
		say(w, h);
		return;
	}
	if (job.kind == SESSION_SEND) {
		send(w, h);
		return;
	}
	h->job.kind = SESSION_POLL;
	if (job.kind == SESSION_ROSTER) {
		h->rosters++;
		session_roster(h->session, job.work, &w->roster, REFUSAL_NONE);
	} else if (job.kind == SESSION_FETCH) {
		session_model(h->session, job.work, REFUSAL_NONE);
	} else if (job.kind == SESSION_COMPUTE) {
		compute(h, job.work);
	} else {
		assert_int_equal(job.kind, SESSION_MASK);
		mask(h, job.work);
	}
}

static bool has_stopped(const struct masked_hospital *h)
{
	bool phases = h->stops_at == SESSION_EXPECT_SAID || h->stops_at == SESSION_EXPECT_HEARD;

	return h->stops && session_state(h->session) == h->stops_at &&
	       (!phases || session_phase(h->session) == h->stops_phase);
}

static bool may_leave(const struct masked_hospital *h)
{
	const struct session_action *job = &h->job;

	return job->kind == SESSION_SAY ? job->phase < h->lasts : job->kind != SESSION_SEND || h->lasts > SECAGG_INPUT;
}

/* The job that its worker is at; false when it can do nothing. */
bool masked_sessions_work(struct masked_sessions *w, struct masked_hospital *h)
{
	if (h->session == NULL || h->silent || h->waits || h->job.kind == SESSION_POLL || w->server == NULL)
		return false;
	if (has_stopped(h) || !may_leave(h) || (h->job.kind == SESSION_LISTEN && !listen(w, h)))
		return false;
	if (h->job.kind != SESSION_POLL)
		do_job(w, h);
	masked_sessions_drain(w, h);
	return true;
}

static void note_end_of_part(struct masked_hospital *h, const struct session_action *a)
{
	diag_set(&h->why, ERR_REFUSED, "%s", session_why(h->session));
	assert_true(h->why.text[0] != '\0');
	if (a->kind == SESSION_REFUSE) {
		h->refusals++;
		h->refusal = a->refusal;
	} else {
		h->leaves++;
		h->alarms += a->alarm;
	}
}

void masked_sessions_drain(struct masked_sessions *w, struct masked_hospital *h)
{
	struct session_action a;

	while (h->session != NULL && session_next(h->session, &a)) {
		switch (a.kind) {
		case SESSION_POLL:
		case SESSION_DISCARD:
		case SESSION_END:
			break;
		case SESSION_PERSIST:
			persist(h, a.work);
			break;
		case SESSION_PERSIST_MASKS:
			persist_masks(h);
			break;
		case SESSION_CANCEL:
			h->job.kind = SESSION_POLL;
			h->waits = false;
			break;
		case SESSION_REFUSE:
			if (w->server != NULL)
				secagg_server_gone(w->server, h->number);
			note_end_of_part(h, &a);
			break;
		case SESSION_LEAVE:
			note_end_of_part(h, &a);
			break;
		default:
			h->job = a;
			break;
		}
	}
}
