/*
 * A campaign's masked rounds: their plans, which follow from the roster in force; messages of sites by the number of the attempt; and
 * what becomes of an attempt whose roster is gone after a restart.
 */
#include "coordinator/campaign_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- plans */

static const struct roster *roster_of(const struct campaign *c)
{
	return c->config.roster != NULL ? c->config.roster(c->config.world) : NULL;
}

void campaign_free_masks(struct campaign *c)
{
	for (uint32_t g = 0; g < c->plan_count; g++)
		masked_plan_free(&c->plans[g]);
	free(c->plans);
	c->plans = NULL;
	c->plan_count = 0;
}

static enum err make_all(struct campaign *c, const struct round_plan *p, const struct roster *roster, struct diag *why)
{
	uint32_t groups = masked_plan_groups(c->study, p->site_count);
	enum err e = OK;

	CHECK(groups > 0); /* plan_check */
	campaign_free_masks(c);
	c->plans = mem_array(groups, sizeof *c->plans);
	for (c->plan_count = 0; c->plan_count < groups && e == OK; c->plan_count++)
		e = masked_plan_make(&c->plans[c->plan_count], p, c->study, &c->layout, roster, c->plan_count, why);
	if (e != OK)
		campaign_free_masks(c);
	return e;
}

bool campaign_make_masks(struct campaign *c, struct round_plan *p, bool again)
{
	const struct roster *roster = roster_of(c);

	if (roster == NULL) {
		diag_set(&c->refused, ERR_REFUSED, "the authority's roster: none is in force yet");
		return false;
	}
	if (!again)
		p->roster = roster->content;
	snprintf(c->federation, sizeof c->federation, "%s", roster->federation);
	return make_all(c, p, roster, &c->refused) == OK;
}

bool campaign_same_roster(const struct campaign *c)
{
	const struct roster *roster = roster_of(c);

	return !campaign_masks(c) || (roster != NULL && hash_equal(&roster->content, &c->record.round.plan.roster));
}

static int compare_quorums(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Fewest sites in the sum of a round that succeeds: those of the smallest groups that are more than half. */
static uint32_t least_sites(const struct campaign *c)
{
	uint32_t *quorums = mem_array(c->plan_count, sizeof *quorums), sum = 0;

	for (uint32_t g = 0; g < c->plan_count; g++)
		quorums[g] = c->plans[g].plan.quorum;
	qsort(quorums, c->plan_count, sizeof *quorums, compare_quorums);
	for (uint32_t g = 0; g <= c->plan_count / 2; g++)
		sum += quorums[g];
	free(quorums);
	return sum;
}

void campaign_put_masks(struct campaign *c, struct round_config *config, struct secagg_plan *masks)
{
	const struct round_plan *p = &c->record.round.plan;

	for (uint32_t g = 0; g < c->plan_count; g++)
		masks[g] = c->plans[g].plan;
	config->masks = masks;
	config->groups = c->plan_count;
	config->quorum = least_sites(c);
	config->octets = secagg_input_octets(&masks[0]);
	config->phase_ms = c->config.phase_ms;
	config->attempt = (struct secagg_attempt){
		.federation = bytes_text(c->federation),
		.study = bytes_of(c->study->hash.b, HASH_SIZE),
		.round = p->round,
		.attempt = p->attempt,
		.model = p->model,
	};
}

/* ---- groups */

static uint32_t approving(const struct campaign *c, const uint32_t *sites, uint32_t count)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++) {
		const struct member *m = members_find(&c->members, sites[i]);

		found += m != NULL && !m->revoked && m->answer == ANSWER_APPROVED;
	}
	return found;
}

bool campaign_groups_approve(const struct campaign *c, struct diag *why)
{
	const struct round_plan *p = &c->record.round.plan;
	uint32_t n = p->site_count, groups = masked_plan_groups(c->study, n), good = 0;

	if (c->study->sites.masking != MASKING_GROUPS || n == 0)
		return true; /* the first round invites those who approve */
	uint32_t *sites = mem_array(n, sizeof *sites);
	memcpy(sites, p->sites, n * sizeof *sites);
	plan_groups(sites, n, groups, &c->study->hash);
	for (uint32_t g = 0; g < groups; g++) {
		uint32_t begin = plan_group_begin(n, groups, g), end = plan_group_begin(n, groups, g + 1);

		good += approving(c, sites + begin, end - begin) >= plan_quorum(&c->study->sites, end - begin);
	}
	free(sites);
	if (2 * good > groups)
		return true;
	diag_set(why, ERR_REFUSED,
	         "hospitals to approve again: enough do in %u of %u groups, more than half are needed", good, groups);
	return false;
}

/* ---- after a restart */

enum err campaign_restore_row(struct campaign *c, uint32_t group, const struct secagg_row *row, struct diag *why)
{
	CHECK(c->state == CAMPAIGN_EXPECT_ROUND);
	if (c->lost) {
		c->lost_opened |= row->site == 0 && row->phase == SECAGG_SURVIVORS;
		return OK;
	}
	if (!round_masked(c->round))
		return diag_set(why, ERR_DATA, "a row of masks, but the round is not masked");
	return round_restore_row(c->round, group, row, why);
}

void campaign_end_lost(struct campaign *c, int64_t now_ms)
{
	struct diag why;

	c->lost = false;
	diag_set(&why, ERR_PROTOCOL, "the attempt could not go on after a restart: %s", c->refused.text);
	campaign_end_without_sum(c, why.text, c->lost_opened, now_ms);
}

void campaign_unreadable(struct campaign *c, const char *why, int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_ROUND)
		return;
	round_fail(c->round, why);
	campaign_drain_round(c, now_ms);
}

/* ---- what sites send */

static bool is_masked(const struct campaign *c, struct diag *why)
{
	if (round_masked(c->round))
		return true;
	diag_set(why, ERR_PEER_MESSAGE, "round %llu is not masked", (unsigned long long)c->record.round.plan.round);
	return false;
}

enum upload_verdict campaign_message(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                     enum secagg_phase phase, struct bytes octets, int64_t now_ms, struct diag *why)
{
	if (!campaign_is_open(c, round, attempt))
		return campaign_past(c, site, round, attempt);
	if (!is_masked(c, why))
		return UPLOAD_MALFORMED;
	enum upload_verdict verdict = campaign_told(c, round_message(c->round, site, phase, octets, now_ms, why));
	campaign_drain_round(c, now_ms);
	return verdict;
}

enum upload_verdict campaign_input(struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt, uint64_t octets,
                                   const struct hash *content, const uint8_t *signature, int64_t now_ms,
                                   struct diag *why)
{
	if (!campaign_is_open(c, round, attempt))
		return campaign_past(c, site, round, attempt);
	if (!is_masked(c, why))
		return UPLOAD_MALFORMED;
	enum upload_verdict verdict =
		campaign_told(c, round_input(c->round, site, octets, content, signature, now_ms, why));
	campaign_drain_round(c, now_ms);
	return verdict;
}

enum upload_verdict campaign_heard(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                                   enum secagg_phase phase)
{
	if (!campaign_is_open(c, round, attempt))
		return campaign_past(c, site, round, attempt);
	return round_masked(c->round) ? campaign_told(c, round_heard(c->round, site, phase)) : UPLOAD_UNINVITED;
}

enum say_verdict campaign_say(const struct campaign *c, uint32_t site, uint64_t round, uint32_t attempt,
                              enum secagg_phase phase, struct buf *out)
{
	buf_free(out);
	buf_init(out, 0);
	if (campaign_is_open(c, round, attempt))
		return round_masked(c->round) ? round_say(c->round, site, phase, out) : SAY_DROPPED;
	if (campaign_is_closing(c, round, attempt))
		return SAY_WAIT;
	return campaign_past(c, site, round, attempt) == UPLOAD_UNINVITED ? SAY_DROPPED : SAY_OVER;
}

/* ---- answers to actions */

void campaign_row_persisted(struct campaign *c, uint32_t group, uint64_t row, int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_ROUND)
		return;
	round_row_persisted(c->round, group, row, now_ms);
	campaign_drain_round(c, now_ms);
}

void campaign_unmasked(struct campaign *c, uint32_t group, uint32_t slice, enum err e, const struct diag *why,
                       int64_t now_ms)
{
	if (c->state != CAMPAIGN_EXPECT_ROUND)
		return;
	round_unmasked(c->round, group, slice, e, why, now_ms);
	campaign_drain_round(c, now_ms);
}

void campaign_discarded(struct campaign *c, const char *why, int64_t now_ms)
{
	if (c->state == CAMPAIGN_EXPECT_OUTCOME)
		campaign_end_without_sum(c, why, true, now_ms);
}

void campaign_roster_changed(struct campaign *c, int64_t now_ms)
{
	(void)now_ms;
	if (c->state == CAMPAIGN_EXPECT_SITES && campaign_masks(c))
		campaign_open_or_wait(c);
}
