/*
 * Events and the table of what each state permits. Handlers judge and answer; here it is decided whether a message comes in turn,
 * is a repeat, or ends this site's part, and that nothing is sent before it is on disk.
 */
#include "crypto/secagg_client_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

#define NO_PHASE SECAGG_PHASE_COUNT

typedef enum err handler(struct secagg_client *c, struct bytes octets, struct diag *why);

/* A state: the message that it awaits, if any, and its handler; the state after the disk's answer, and what is sent then. */
static const struct row {
	const char *awaits;
	enum secagg_phase message;
	handler *handle;
	enum secagg_client_state persisted;
	enum secagg_phase send;
} table[SECAGG_CLIENT_STATE_COUNT] = {
	[SECAGG_CLIENT_EXPECT_KEYS_PERSISTED] = {"the disk", NO_PHASE, NULL, SECAGG_CLIENT_EXPECT_U1, SECAGG_KEYS},
	[SECAGG_CLIENT_EXPECT_U1] = {"the keys of all", SECAGG_SHARES, secagg_client_on_u1, 0, NO_PHASE},
	[SECAGG_CLIENT_EXPECT_SHARES_PERSISTED] = {"the disk", NO_PHASE, NULL, SECAGG_CLIENT_EXPECT_U2, SECAGG_SHARES},
	[SECAGG_CLIENT_EXPECT_U2] = {"the shares of all", SECAGG_INPUT, secagg_client_on_u2, 0, NO_PHASE},
	[SECAGG_CLIENT_EXPECT_INPUT] = {"the masked vector", NO_PHASE, NULL, 0, NO_PHASE},
	[SECAGG_CLIENT_EXPECT_INPUT_PERSISTED] = {"the disk", NO_PHASE, NULL, SECAGG_CLIENT_EXPECT_U3, SECAGG_INPUT},
	[SECAGG_CLIENT_EXPECT_U3] = {"the survivors", SECAGG_SURVIVORS, secagg_client_on_u3, 0, NO_PHASE},
	[SECAGG_CLIENT_EXPECT_U3_PERSISTED] = {"the disk", NO_PHASE, NULL, SECAGG_CLIENT_EXPECT_SIGNATURES,
                                               SECAGG_SURVIVORS},
	[SECAGG_CLIENT_EXPECT_SIGNATURES] = {"the signatures of all", SECAGG_OPENING, secagg_client_on_signatures, 0,
                                             NO_PHASE},
	[SECAGG_CLIENT_EXPECT_ANSWER_PERSISTED] = {"the disk", NO_PHASE, NULL, SECAGG_CLIENT_ANSWERED, SECAGG_OPENING},
	[SECAGG_CLIENT_ANSWERED] = {"the end", NO_PHASE, NULL, 0, NO_PHASE},
	[SECAGG_CLIENT_OUT] = {"nothing", NO_PHASE, NULL, 0, NO_PHASE},
};

void secagg_client_act(struct secagg_client *c, enum secagg_client_action_kind kind, enum secagg_phase phase)
{
	queue_push(&c->actions, &(struct secagg_client_action){.kind = kind, .phase = phase});
}

void secagg_client_await(struct secagg_client *c, enum secagg_client_state persisted)
{
	c->state = persisted;
	secagg_client_write(c);
	secagg_client_act(c, SECAGG_CLIENT_PERSIST, NO_PHASE);
}

void secagg_client_sign(struct secagg_client *c, struct buf *to, const struct buf *message)
{
	uint8_t signature[KEYS_SIGNATURE_SIZE];

	CHECK(!message->failed);
	c->signer.sign(c->signer.context, signature, buf_bytes(message));
	buf_put(to, bytes_of(signature, sizeof signature));
}

/* Silent from here on: no secret is left, in memory or, once the disk has answered, there. */
static void leave(struct secagg_client *c)
{
	struct secagg_client_action dropped;

	secret_free(&c->locked);
	c->keys = NULL;
	secret_free(&c->receiving);
	secret_free(&c->shares);
	secret_free(&c->masks);
	c->mask_count = 0;
	secret_free(&c->record);
	for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
		secret_wipe(c->sent[p].ptr, c->sent[p].len);
		buf_clear(&c->sent[p]);
	}
	while (queue_pop(&c->actions, &dropped))
		continue;
	secagg_client_await(c, SECAGG_CLIENT_OUT);
}

/* An answer that is on disk goes out again, as it was. A masked vector does not once U3 is signed: it has arrived. */
static void repeat(struct secagg_client *c, enum secagg_phase phase)
{
	bool idle = table[c->state].message != NO_PHASE || c->state == SECAGG_CLIENT_ANSWERED;

	if (idle && c->sent[phase].len > 0 && (phase != SECAGG_INPUT || c->state == SECAGG_CLIENT_EXPECT_U3))
		secagg_client_act(c, SECAGG_CLIENT_SEND, phase);
}

static enum err take(struct secagg_client *c, enum secagg_phase phase, struct bytes octets, struct diag *why)
{
	const struct row *row = &table[c->state];

	if (row->message != phase)
		return diag_set(why, ERR_PROTOCOL, "a message of phase %s while this site awaits %s",
		                secagg_phase_name(phase), row->awaits);
	if (octets.len > secagg_message_max(c->plan.n, phase))
		return diag_set(why, ERR_PROTOCOL, "a message of phase %s has %zu octets, more than %u sites can need",
		                secagg_phase_name(phase), octets.len, c->plan.n);
	sha256_of(&c->content[phase], octets);
	c->heard[phase] = true;
	enum err e = row->handle(c, octets, why);
	if (e)
		leave(c);
	return e;
}

enum err secagg_client_message(struct secagg_client *c, enum secagg_phase phase, struct bytes octets, struct diag *why)
{
	struct hash content;

	CHECK(phase > SECAGG_KEYS && phase < SECAGG_PHASE_COUNT);
	if (c->state == SECAGG_CLIENT_OUT)
		return diag_set(why, ERR_PROTOCOL, "a message of phase %s to a site that is out of this attempt",
		                secagg_phase_name(phase));
	if (!c->heard[phase])
		return take(c, phase, octets, why);
	sha256_of(&content, octets);
	if (hash_equal(&content, &c->content[phase])) {
		repeat(c, phase);
		return OK;
	}
	leave(c);
	return diag_set(
		why, ERR_PROTOCOL,
		"the coordinator sent two different messages of phase %s in one attempt: it tells sites different "
		"things",
		secagg_phase_name(phase));
}

void secagg_client_persisted(struct secagg_client *c)
{
	const struct row *row = &table[c->state];

	if (row->send == NO_PHASE) /* the last record, of a site that is out */
		return;
	c->state = row->persisted;
	secagg_client_act(c, SECAGG_CLIENT_SEND, row->send);
}

/* The keys of the masks are made once and cover one vector: a second one under the same keys would show the difference. */
static enum err mask_again(struct secagg_client *c, const struct hash *y, struct diag *why)
{
	if (!hash_equal(y, &c->y)) {
		leave(c);
		return diag_set(why, ERR_REFUSED, "the vector masked again after the restart is not the one of before");
	}
	c->state = SECAGG_CLIENT_EXPECT_U3;
	secagg_client_act(c, SECAGG_CLIENT_SEND, SECAGG_INPUT);
	return OK;
}

enum err secagg_client_masked(struct secagg_client *c, const struct hash *y, struct diag *why)
{
	struct buf message;

	if (c->state != SECAGG_CLIENT_EXPECT_INPUT)
		return c->state == SECAGG_CLIENT_OUT
		               ? OK
		               : diag_set(why, ERR_INTERNAL, "a masked vector that nobody asked for");
	if (!hash_is_zero(&c->y))
		return mask_again(c, y, why);
	c->y = *y;
	buf_init(&message, KEYS_MESSAGE_MAX);
	keys_message_input(&message, &c->members.sid, &c->u2h, c->self, &c->y);
	buf_put(&c->sent[SECAGG_INPUT], bytes_of(c->y.b, HASH_SIZE));
	secagg_client_sign(c, &c->sent[SECAGG_INPUT], &message);
	buf_free(&message);
	secagg_client_await(c, SECAGG_CLIENT_EXPECT_INPUT_PERSISTED);
	return OK;
}

void secagg_client_acknowledged(struct secagg_client *c)
{
	c->acknowledged = true;
}

void secagg_client_closed(struct secagg_client *c)
{
	if (c->state != SECAGG_CLIENT_OUT)
		leave(c);
}

bool secagg_client_next(struct secagg_client *c, struct secagg_client_action *out)
{
	return queue_pop(&c->actions, out);
}

enum secagg_client_state secagg_client_state(const struct secagg_client *c)
{
	return c->state;
}

struct bytes secagg_client_record(const struct secagg_client *c)
{
	return bytes_of(c->record.ptr, c->record.len);
}

struct bytes secagg_client_sent(const struct secagg_client *c, enum secagg_phase phase)
{
	return buf_bytes(&c->sent[phase]);
}

const struct mask *secagg_client_masks(const struct secagg_client *c, uint32_t *count)
{
	*count = c->mask_count;
	return (const struct mask *)(const void *)c->masks.ptr;
}

const struct hash *secagg_client_sid(const struct secagg_client *c)
{
	return &c->members.sid;
}

const struct hash *secagg_client_input(const struct secagg_client *c)
{
	return &c->y;
}
