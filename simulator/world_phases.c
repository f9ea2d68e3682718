/*
 * The coordinator's counter under masks (runner_phases.c): messages of the phases, which wait for their rows to be committed, and sites that
 * listen for what comes next.
 */
#include "simulator/truth.h"

void phases_settle(struct world *w, struct letter *l, enum upload_verdict verdict)
{
	switch (verdict) {
	case UPLOAD_PENDING:
		desk_hold(w, l);
		break;
	case UPLOAD_ACCEPTED:
		truth_of_heard(w, l);
		desk_reply(w, l, REPLY_DONE);
		break;
	case UPLOAD_LATE:
		desk_reply(w, l, REPLY_LATE);
		break;
	case UPLOAD_AGAIN:
		desk_reply(w, l, REPLY_AGAIN);
		break;
	case UPLOAD_UNINVITED:
		desk_reply(w, l, REPLY_DROPPED);
		break;
	default:
		desk_reply(w, l, REPLY_REFUSED);
		break;
	}
}

/* Out of turn nothing is taken, whatever the site is told: signatures that come when enough are there are as good as taken. */
static bool is_in_turn(const struct world *w, const struct letter *l)
{
	static const enum secagg_server_state takes[SECAGG_PHASE_COUNT] = {
		[SECAGG_KEYS] = SECAGG_SERVER_EXPECT_KEYS,       [SECAGG_SHARES] = SECAGG_SERVER_EXPECT_SHARES,
		[SECAGG_INPUT] = SECAGG_SERVER_EXPECT_INPUTS,    [SECAGG_SURVIVORS] = SECAGG_SERVER_EXPECT_SIGNATURES,
		[SECAGG_OPENING] = SECAGG_SERVER_EXPECT_ANSWERS,
	};
	const struct round_plan *p = campaign_plan(w->office.campaign);
	const struct round *round = campaign_round(w->office.campaign);
	uint32_t group;

	if (campaign_state(w->office.campaign) != CAMPAIGN_EXPECT_ROUND || p->round != l->round ||
	    p->attempt != l->attempt)
		return false;
	group = round_group_of(round, world_number(l->site));
	return group != UINT32_MAX && secagg_server_state(round_server(round, group)) == takes[l->phase];
}

void phases_say(struct world *w, struct letter *l)
{
	struct diag why = {{0}};
	enum upload_verdict v;
	bool in_turn;

	if (l->damaged && l->phase == SECAGG_OPENING) { /* a share may look like any other: TLS keeps this from us */
		desk_close_one(w, l, true);
		return;
	}
	in_turn = is_in_turn(w, l);
	v = campaign_message(w->office.campaign, world_number(l->site), l->round, l->attempt, l->phase,
	                     buf_bytes(&l->body), office_now_ms(w), &why);
	if (v == UPLOAD_MALFORMED && !l->damaged)
		truth_violated(w, CHECK_FRESH, "a message of site %u is not taken: %s", world_number(l->site),
		               why.text);
	/* what ends the attempt by its lateness is not taken either, and waits for that end */
	in_turn = in_turn && campaign_state(w->office.campaign) == CAMPAIGN_EXPECT_ROUND;
	if (l->damaged && in_turn && (v == UPLOAD_PENDING || v == UPLOAD_ACCEPTED))
		truth_violated(w, CHECK_CLEAN, "a damaged message of site %u to round %llu was taken",
		               world_number(l->site), (unsigned long long)l->round);
	if (l->damaged)
		desk_close_one(w, l, true);
	else
		phases_settle(w, l, v);
}

static bool is_told(struct world *w, struct letter *l)
{
	enum say_verdict v;
	struct buf octets;

	buf_init(&octets, MODEL_FILE_MAX);
	v = campaign_say(w->office.campaign, world_number(l->site), l->round, l->attempt, l->phase, &octets);
	if (v == SAY_READY) {
		truth_of_told(w, l);
		buf_put(&desk_reply(w, l, REPLY_SAID)->body, buf_bytes(&octets));
	} else if (v == SAY_DROPPED || v == SAY_OVER || v == SAY_AGAIN) {
		desk_reply(w, l, v == SAY_DROPPED ? REPLY_DROPPED : v == SAY_OVER ? REPLY_LATE : REPLY_NOTHING);
	}
	buf_free(&octets);
	return v != SAY_WAIT;
}

void phases_listen(struct world *w, struct letter *l)
{
	if (!is_told(w, l))
		desk_hold(w, l);
}

void desk_tell(struct world *w)
{
	struct office *c = &w->office;

	for (uint32_t i = 0; i < c->held_count;) {
		if (c->held[i].letter->kind == LETTER_LISTEN && is_told(w, c->held[i].letter))
			(void)desk_let_go(c, i);
		else
			i++;
	}
}

void phases_give_roster(struct world *w, struct letter *l)
{
	desk_reply(w, l, REPLY_DONE);
}
