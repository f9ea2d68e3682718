/*
 * Events of the coordinator's core, its life, and looking at it.
 */
#include "crypto/secagg_server_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

/* ---- messages */

static void store(struct secagg_server *s, struct server_site *site, enum secagg_phase phase, struct bytes octets)
{
	if (phase == SECAGG_OPENING) {
		CHECK(octets.len <= s->answers.len - s->answers_used);
		site->answer = (struct secret){s->answers.ptr + s->answers_used, octets.len};
		memcpy(site->answer.ptr, octets.ptr, octets.len);
		s->answers_used += octets.len;
		return;
	}
	site->message[phase] = mem_alloc(octets.len);
	memcpy(site->message[phase], octets.ptr, octets.len);
	site->length[phase] = octets.len;
}

static bool is_repeat(const struct server_site *site, enum secagg_phase phase, struct bytes octets)
{
	if (phase != SECAGG_OPENING)
		return bytes_equal(octets, bytes_of(site->message[phase], site->length[phase]));
	struct secret other = {(uint8_t *)(uintptr_t)octets.ptr, octets.len};
	return secret_equal(&site->answer, &other); /* holds shares */
}

/* In turn, from a site that the phase speaks to, and not a repeat (then *known). ERR_PEER_*. */
static enum err check_turn(const struct secagg_server *s, uint32_t index, enum secagg_phase phase, struct bytes octets,
                           bool *known, struct diag *why)
{
	const struct server_site *site = &s->sites[index];
	uint32_t number = s->plan.sites[index].number;

	*known = false;
	if (secagg_server_has_sent(site, phase) && (phase != SECAGG_OPENING || site->answer.ptr != NULL)) {
		*known = is_repeat(site, phase, octets);
		return *known ? OK
		              : diag_set(why, ERR_CONFLICT, "site %u: sent another message of phase %s before", number,
		                         secagg_phase_name(phase));
	}
	if (secagg_server_takes(s) != phase)
		return diag_set(why, ERR_PEER_STATE, "site %u: a message of phase %s comes too late or too early",
		                number, secagg_phase_name(phase));
	if (!secagg_server_takes_part(s, index, phase))
		return diag_set(why, ERR_PEER_STATE, "site %u: dropped out before phase %s", number,
		                secagg_phase_name(phase));
	if (octets.len > secagg_message_max(s->plan.n, phase))
		return diag_set(why, ERR_PEER_LIMIT, "site %u: %zu octets in phase %s", number, octets.len,
		                secagg_phase_name(phase));
	return OK;
}

enum err secagg_server_take(struct secagg_server *s, uint32_t number, enum secagg_phase phase, struct bytes octets,
                            struct diag *why)
{
	uint32_t index = secagg_invited(&s->plan, number);
	bool known;
	enum err e;

	if (index == UINT32_MAX)
		return diag_set(why, ERR_PEER_IDENTITY, "site %u: not invited to this round", number);
	e = check_turn(s, index, phase, octets, &known, why);
	if (e || known)
		return e;
	e = secagg_server_judge(s, index, phase, octets, why);
	if (e)
		return e;
	struct server_site *site = &s->sites[index];
	store(s, site, phase, octets);
	if (phase <= SECAGG_INPUT)
		secagg_server_add_row(s, phase, number, bytes_of(site->message[phase], octets.len));
	else
		site->counts[phase] = true;
	return OK;
}

enum err secagg_server_message(struct secagg_server *s, uint32_t site, enum secagg_phase phase, struct bytes octets,
                               struct diag *why)
{
	enum err e;

	CHECK(phase != SECAGG_INPUT && phase < SECAGG_PHASE_COUNT);
	e = secagg_server_take(s, site, phase, octets, why);
	if (!e)
		secagg_server_settle(s);
	return e;
}

enum err secagg_server_input(struct secagg_server *s, uint32_t site, struct bytes octets, uint64_t length,
                             const struct hash *content, struct diag *why)
{
	struct hash claimed;
	enum err e;

	if (length != secagg_input_octets(&s->plan))
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: a vector of %llu octets, the plan's has %llu", site,
		                (unsigned long long)length, (unsigned long long)secagg_input_octets(&s->plan));
	if (octets.len == SECAGG_INPUT_SIZE)
		memcpy(claimed.b, octets.ptr, HASH_SIZE);
	if (octets.len != SECAGG_INPUT_SIZE || !hash_equal(&claimed, content))
		return diag_set(why, ERR_PEER_MESSAGE, "site %u: the vector that arrived is not the one it signed",
		                site);
	e = secagg_server_take(s, site, SECAGG_INPUT, octets, why);
	if (!e)
		secagg_server_settle(s);
	return e;
}

void secagg_server_gone(struct secagg_server *s, uint32_t site)
{
	uint32_t index = secagg_invited(&s->plan, site);

	if (index == UINT32_MAX)
		return;
	s->sites[index].gone = true;
	secagg_server_settle(s);
}

/* ---- unmasking */

void secagg_server_unmasked(struct secagg_server *s, uint32_t slice, enum err e, const struct diag *why)
{
	if (s->state != SECAGG_SERVER_EXPECT_UNMASKED || s->slice_done[slice])
		return;
	if (e) {
		if (why != NULL)
			s->why = *why;
		secagg_server_end(s, SECAGG_SERVER_FAILED);
		return;
	}
	s->slice_done[slice] = true;
	if (--s->slices_open == 0)
		secagg_server_end(s, SECAGG_SERVER_DONE);
}

/* ---- life, and looking */

enum err secagg_server_open(struct secagg_server **out, const struct secagg_attempt *attempt,
                            const struct secagg_plan *plan, struct diag *why)
{
	enum err e = secagg_plan_check(plan, why);
	struct secagg_server *s;
	struct keys_context context = {.federation = attempt->federation,
	                               .study_hash = attempt->study,
	                               .round = attempt->round,
	                               .attempt = attempt->attempt,
	                               .model = attempt->model};

	*out = NULL;
	if (e)
		return e;
	s = mem_alloc(sizeof *s);
	s->holders_left = 1;
	keys_plan_hash(&context.plan, plan->octets);
	keys_ctx(&s->ctx, &context);
	struct secagg_site *sites = mem_array(plan->n, sizeof *sites);
	memcpy(sites, plan->sites, plan->n * sizeof *sites);
	s->plan = *plan;
	s->plan.sites = sites;
	s->plan.octets = bytes_of(NULL, 0); /* in ctx already */
	s->sites = mem_array(plan->n, sizeof *s->sites);
	for (uint32_t i = 0; i < plan->n; i++)
		s->sites[i].rank = UINT32_MAX;
	s->next_row = 1;
	queue_init(&s->actions, sizeof(struct secagg_server_action));
	*out = s;
	return OK;
}

struct secagg_server *secagg_server_retain(struct secagg_server *s)
{
	s->holders_left++;
	return s;
}

void secagg_server_free(struct secagg_server *s)
{
	if (s == NULL || --s->holders_left > 0)
		return;
	secagg_server_unprepare(s);
	secagg_server_forget_answers(s);
	for (uint32_t i = 0; i < s->plan.n; i++)
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
			free(s->sites[i].message[p]);
	free(s->sites);
	secagg_members_free(&s->members);
	queue_free(&s->actions);
	free(s->rows);
	free(s->u1);
	free(s->u2);
	free(s->u3);
	free((void *)(uintptr_t)s->plan.sites);
	free(s);
}

bool secagg_server_next(struct secagg_server *s, struct secagg_server_action *out)
{
	return queue_pop(&s->actions, out);
}

enum secagg_server_state secagg_server_state(const struct secagg_server *s)
{
	return s->state;
}

const char *secagg_server_why(const struct secagg_server *s)
{
	return s->why.text;
}

const struct hash *secagg_server_sid(const struct secagg_server *s)
{
	return &s->members.sid;
}

uint32_t secagg_server_reached(const struct secagg_server *s, uint32_t site)
{
	uint32_t index = secagg_invited(&s->plan, site), reached = 0;

	while (index != UINT32_MAX && reached < SECAGG_PHASE_COUNT && s->sites[index].counts[reached])
		reached++;
	return reached;
}

bool secagg_server_survives(const struct secagg_server *s, uint32_t site)
{
	uint32_t rank = s->members.count == 0 ? UINT32_MAX : secagg_members_rank(&s->members, site);

	return s->u3 != NULL && rank != UINT32_MAX && bitmap_has(s->u3, rank);
}

bool secagg_server_doubted(const struct secagg_server *s, uint32_t site)
{
	uint32_t rank = s->members.count == 0 ? UINT32_MAX : secagg_members_rank(&s->members, site);

	return s->doubted != NULL && rank != UINT32_MAX && atomic_load(&s->doubted[rank]);
}
