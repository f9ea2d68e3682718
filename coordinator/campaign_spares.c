/*
 * What a study under privacy has paid for, and what a lost round costs it.
 *
 * A hospital books a release when it makes one, whatever becomes of the round: one for each round number, however many attempts.
 * So a number that is given up after some site may have made its contribution has spent what it cost, and the number that asks the
 * same again costs it once more. The contract has paid for
 *
 *     training      `spare_rounds` of such losses; with the next the study fails
 *     statistics    none: the study fails
 *     evaluation    none, when it is noised: the study finishes, without figures
 *
 * A site may have made its contribution once it has joined: it computes while the others come. Of an attempt that a
 * restarted coordinator opens again nobody knows who had. What was lost is counted in the record, in the transaction that gives the
 * number up. Since numbers are dear, an attempt that fails is tried again with its sites even when others approve by now, and
 * the pauses between attempts double, up to RETRY_PAUSE_MAX_MS: 16 attempts last over a weekend, not an hour.
 */
#include "coordinator/campaign_state.h"

#include <stdio.h>

#define RETRY_PAUSE_MAX_MS (6 * 3600 * 1000) /* nobody waits longer for a hospital that is back */

bool campaign_is_private(const struct campaign *c)
{
	return c->study->privacy.mechanism != PRIVACY_NONE;
}

static bool may_have_released(const struct round_site *site)
{
	if (site->state == SITE_DROPPED)
		return !site->absent;
	return site->state != SITE_EXPECT_JOIN && site->state != SITE_REFUSED;
}

void campaign_note_released(struct campaign *c)
{
	if (!campaign_is_private(c))
		return;
	for (uint32_t i = 0; i < round_site_count(c->round); i++)
		c->record.released |= may_have_released(round_site_at(c->round, i));
}

int64_t campaign_pause_ms(const struct campaign *c)
{
	int64_t pause_ms = c->config.pause_ms;

	for (uint32_t i = 1; campaign_is_private(c) && c->record.retry && i < c->record.round.plan.attempt; i++)
		pause_ms = pause_ms < RETRY_PAUSE_MAX_MS / 2 ? 2 * pause_ms : RETRY_PAUSE_MAX_MS;
	return pause_ms > c->config.pause_ms ? pause_ms : c->config.pause_ms;
}

static void lose_training(struct campaign *c)
{
	uint32_t spare = c->study->privacy.spare_rounds;
	struct diag words;

	if (c->record.lost < spare) {
		c->record.lost++;
		return;
	}
	if (spare == 0)
		diag_set(
			&words, ERR_REFUSED,
			"a training round is lost, and no spare round was paid for: sites would refuse; a new revision "
			"must pay for some (privacy.spare_rounds)");
	else
		diag_set(&words, ERR_REFUSED,
		         "the %u spare round%s used up: sites would refuse; a new revision must pay for more "
		         "(privacy.spare_rounds)",
		         spare, spare == 1 ? " is" : "s are");
	campaign_fail(c, words.text);
}

bool campaign_give_up(struct campaign *c)
{
	unsigned asks = c->record.round.plan.asks;

	if (!campaign_is_private(c) || !c->record.released)
		return true;
	c->record.released = false;
	if (asks & ASK_TRAIN)
		lose_training(c);
	else if (asks & ASK_STATISTICS)
		campaign_fail(c, "the round of the statistics is lost, and it was paid for once: start a new revision "
		                 "of the study");
	else if (c->study->evaluation == EVALUATION_NOISED)
		campaign_finish(c, PHASE_FINISHED);
	return !campaign_is_over(c);
}

bool campaign_lacks_figures(const struct campaign *c)
{
	return c->study->evaluation == EVALUATION_NOISED && c->record.phase == PHASE_FINISHED &&
	       round_plan_asks(c->study, c->record.step) == ASK_EVALUATE;
}

void campaign_spares(const struct campaign *c, uint32_t *lost, uint32_t *left)
{
	*lost = c->record.lost;
	*left = c->study->privacy.spare_rounds - c->record.lost;
}

uint32_t campaign_releases(const struct campaign *c)
{
	return c->record.step + c->record.lost;
}
