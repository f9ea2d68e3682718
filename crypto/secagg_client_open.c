/*
 * Before anything is sent: is this attempt one that this site may take part in? What was used once (round, attempt) is not used
 * again, since fresh keys over another vector, or two answers over two sets of survivors, give vectors away by subtraction.
 */
#include "crypto/secagg_client_inside.h"

#include <stdlib.h>
#include <string.h>

static void copy_plan(struct secagg_client *c, const struct secagg_client_config *config)
{
	const struct secagg_plan *p = &config->plan;
	struct secagg_site *sites = mem_array(p->n, sizeof *sites);
	uint8_t *octets = mem_array(p->octets.len + 1, 1);

	memcpy(sites, p->sites, p->n * sizeof *sites);
	if (p->octets.len > 0)
		memcpy(octets, p->octets.ptr, p->octets.len);
	c->plan = *p;
	c->plan.sites = sites;
	c->plan.octets = bytes_of(octets, p->octets.len);
	c->known = mem_array(p->n, sizeof *c->known);
	for (uint32_t i = 0; i < p->n; i++) /* a hospital knows itself */
		c->known[i] = p->sites[i].number == config->self || (config->known != NULL && config->known[i]);
}

static void hash_invited(struct hash *out, const struct secagg_plan *plan)
{
	uint8_t *numbers = mem_array(plan->n, 4);

	for (uint32_t i = 0; i < plan->n; i++)
		store_u32(numbers + 4 * (size_t)i, plan->sites[i].number);
	sha256_of(out, bytes_of(numbers, 4 * (size_t)plan->n));
	free(numbers);
}

static struct secagg_client *create(const struct secagg_client_config *config)
{
	struct secagg_client *c = mem_alloc(sizeof *c);
	const struct secagg_attempt *a = &config->attempt;

	copy_plan(c, config);
	c->self = config->self;
	c->min_known = config->min_known;
	c->statistics = config->statistics;
	c->signer = config->signer;
	c->entropy = config->entropy;
	c->shared = config->shared;
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_init(&c->sent[p], secagg_message_max(c->plan.n, (enum secagg_phase)p));
	queue_init(&c->actions, sizeof(struct secagg_client_action));
	c->past = (struct secagg_past){.round = a->round, .attempt = a->attempt, .model = a->model};
	keys_plan_hash(&c->past.plan, c->plan.octets);
	hash_invited(&c->past.invited, &c->plan);
	keys_ctx(&c->ctx, &(struct keys_context){.federation = a->federation,
	                                         .study_hash = a->study,
	                                         .round = a->round,
	                                         .attempt = a->attempt,
	                                         .model = a->model,
	                                         .plan = c->past.plan});
	return c;
}

static enum err check_config(const struct secagg_client_config *config, struct diag *why)
{
	enum err e = secagg_plan_check(&config->plan, why);

	if (e)
		return e;
	if (!bytes_equal(config->offered, config->plan.octets))
		return diag_set(why, ERR_REFUSED,
		                "the plan that the coordinator offers is not the one that the approved study gives");
	if (secagg_invited(&config->plan, config->self) == UINT32_MAX)
		return diag_set(why, ERR_REFUSED, "site %u, this one, is not among the plan's", config->self);
	return OK;
}

/* An earlier attempt of the same round: everything that a vector was made for must be as it was. */
static enum err check_same_round(const struct secagg_past *now, const struct secagg_past *past, struct diag *why)
{
	const char *what = NULL;

	if (now->attempt <= past->attempt)
		return diag_set(why, ERR_REFUSED, "attempt %u of round %llu was taken part in already (newest: %u)",
		                now->attempt, (unsigned long long)now->round, past->attempt);
	if (past->opened)
		return diag_set(why, ERR_REFUSED,
		                "round %llu was opened in attempt %u: a second sum of it would tell the sites apart",
		                (unsigned long long)now->round, past->attempt);
	if (!hash_equal(&now->plan, &past->plan))
		what = "plan";
	else if (!hash_equal(&now->model, &past->model))
		what = "model";
	else if (!hash_equal(&now->invited, &past->invited))
		what = "list of invited sites";
	if (what != NULL)
		return diag_set(why, ERR_REFUSED, "attempt %u of round %llu has another %s than attempt %u",
		                now->attempt, (unsigned long long)now->round, what, past->attempt);
	return OK;
}

static enum err check_past(struct secagg_client *c, struct bytes record, struct diag *why)
{
	struct reader r;
	struct secagg_past past;
	uint8_t phase;
	enum err e;

	if (record.len == 0)
		return OK;
	e = secagg_client_read_past(&past, &r, &phase, record, why);
	if (e)
		return e;
	if (c->past.round < past.round)
		return diag_set(why, ERR_REFUSED, "round %llu is over: the newest is %llu",
		                (unsigned long long)c->past.round, (unsigned long long)past.round);
	if (c->statistics && past.statistics_opened)
		return diag_set(why, ERR_REFUSED,
		                "a statistics round of this study was opened before: a new one needs a new revision");
	if (c->past.round == past.round)
		e = check_same_round(&c->past, &past, why);
	c->past.statistics_opened = past.statistics_opened;
	return e;
}

/* Fresh keys, and what the others are told of them. */
static void draw(struct secagg_client *c)
{
	struct buf message;

	c->keys = keys_secrets_new(&c->locked);
	keys_draw(c->keys, &c->own.adv, &c->ctx, c->self, &c->entropy);
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_adv(&message, &c->ctx, &c->own.adv);
	buf_put(&c->sent[SECAGG_KEYS], bytes_of(c->own.adv.b, KEYS_ADV_SIZE));
	secagg_client_sign(c, &c->sent[SECAGG_KEYS], &message);
	memcpy(c->own.signature, c->sent[SECAGG_KEYS].ptr + KEYS_ADV_SIZE, KEYS_SIGNATURE_SIZE);
	buf_free(&message);
}

enum err secagg_client_open(struct secagg_client **out, const struct secagg_client_config *config, struct bytes record,
                            struct diag *why)
{
	struct secagg_client *c = NULL;
	enum err e = check_config(config, why);

	*out = NULL;
	if (e)
		return e;
	c = create(config);
	e = check_past(c, record, why);
	if (e) {
		secagg_client_free(c);
		return e;
	}
	draw(c);
	secagg_client_await(c, SECAGG_CLIENT_EXPECT_KEYS_PERSISTED);
	*out = c;
	return OK;
}

/* What the restarted site does first: the message that may not have arrived. */
static void resume(struct secagg_client *c)
{
	if (c->state == SECAGG_CLIENT_EXPECT_INPUT)
		secagg_client_act(c, SECAGG_CLIENT_MASK, SECAGG_INPUT);
	else if (c->state == SECAGG_CLIENT_EXPECT_SIGNATURES)
		secagg_client_act(c, SECAGG_CLIENT_SEND, SECAGG_SURVIVORS);
	else
		secagg_client_act(c, SECAGG_CLIENT_SEND, SECAGG_OPENING);
}

enum err secagg_client_resume(struct secagg_client **out, const struct secagg_client_config *config,
                              struct bytes record, struct diag *why)
{
	struct secagg_client *c = NULL;
	enum err e = check_config(config, why);

	*out = NULL;
	if (e)
		return e;
	if (record.len == 0)
		return diag_set(why, ERR_REFUSED, "no attempt is on record: there is nothing to go on with");
	c = create(config);
	e = secagg_client_read(c, record, why);
	if (e) {
		secagg_client_free(c);
		return e;
	}
	secagg_client_write(c);
	resume(c);
	*out = c;
	return OK;
}

void secagg_client_free(struct secagg_client *c)
{
	if (c == NULL)
		return;
	secret_free(&c->locked);
	secret_free(&c->receiving);
	secret_free(&c->shares);
	secret_free(&c->masks);
	secret_free(&c->record);
	secagg_members_free(&c->members);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++)
		buf_free(&c->sent[p]);
	queue_free(&c->actions);
	free(c->u2);
	free(c->u3);
	free(c->known);
	free((void *)(uintptr_t)c->plan.sites);
	free((void *)(uintptr_t)c->plan.octets.ptr);
	free(c);
}
