/*
 * What a site keeps of an attempt. The head is the past of the study; the body is what the next message needs after a
 * restart, and no more.
 *
 *   version u8 | phase u8 | flags u8 | round u64 | attempt u32 | plan, model, invited: hashes
 *   | ctx | sid | C(y)
 *   phase INPUT and later:   |U1| u32 | numbers u32 ... | for SHARES .. OPENING: heard u8, content hash
 *                            | for INPUT .. OPENING: F(message) | bitmap U2
 *   INPUT:                   mask count u32 | for each: key 32, subtract u8 | shares
 *   SURVIVORS:               bitmap U3 | shares            shares: for each v of U2 whose shares are held, ascending: sigma 32, beta 32
 *   OPENING:                 bitmap U3
 * and at the end the SHA-256 of all that: a flipped bit must not make an opened round one that was not.
 * phase RECORD_OVER has no body. Written into locked memory, since it holds shares and keys; the shell makes the file 0600.
 */
#include "crypto/secagg_client_inside.h"

#include "crypto/bitmap.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_VERSION 1
#define RECORD_OVER 255
#define FLAG_OPENED 1
#define FLAG_STATISTICS_OPENED 2

/* The record's phase: the newest message that is, or is to be, on disk. */
static uint8_t phase_of(enum secagg_client_state state)
{
	switch (state) {
	case SECAGG_CLIENT_EXPECT_KEYS_PERSISTED:
	case SECAGG_CLIENT_EXPECT_U1:
		return SECAGG_KEYS;
	case SECAGG_CLIENT_EXPECT_SHARES_PERSISTED:
	case SECAGG_CLIENT_EXPECT_U2:
		return SECAGG_SHARES;
	case SECAGG_CLIENT_EXPECT_INPUT:
	case SECAGG_CLIENT_EXPECT_INPUT_PERSISTED:
	case SECAGG_CLIENT_EXPECT_U3:
		return SECAGG_INPUT;
	case SECAGG_CLIENT_EXPECT_U3_PERSISTED:
	case SECAGG_CLIENT_EXPECT_SIGNATURES:
		return SECAGG_SURVIVORS;
	case SECAGG_CLIENT_EXPECT_ANSWER_PERSISTED:
	case SECAGG_CLIENT_ANSWERED:
		return SECAGG_OPENING;
	default:
		return RECORD_OVER;
	}
}

static void put_hash(struct buf *b, const struct hash *h)
{
	buf_put(b, bytes_of(h->b, HASH_SIZE));
}

static void write_head(struct buf *b, const struct secagg_client *c, uint8_t phase)
{
	buf_put_u8(b, RECORD_VERSION);
	buf_put_u8(b, phase);
	buf_put_u8(b, (uint8_t)((c->past.opened ? FLAG_OPENED : 0) |
	                        (c->past.statistics_opened ? FLAG_STATISTICS_OPENED : 0)));
	buf_put_u64(b, c->past.round);
	buf_put_u32(b, c->past.attempt);
	put_hash(b, &c->past.plan);
	put_hash(b, &c->past.model);
	put_hash(b, &c->past.invited);
	put_hash(b, &c->ctx);
	put_hash(b, &c->members.sid);
	put_hash(b, &c->y);
}

static void write_talk(struct buf *b, const struct secagg_client *c)
{
	const struct secagg_members *m = &c->members;

	buf_put_u32(b, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		buf_put_u32(b, m->numbers[i]);
	for (int p = SECAGG_SHARES; p <= SECAGG_OPENING; p++) {
		buf_put_u8(b, c->heard[p]);
		put_hash(b, &c->content[p]);
	}
	for (int p = SECAGG_INPUT; p <= SECAGG_OPENING; p++)
		buf_put_field(b, buf_bytes(&c->sent[p]));
	buf_put(b, bytes_of(c->u2, bitmap_size(m->count)));
}

static void write_masks(struct buf *b, const struct secagg_client *c)
{
	uint32_t count;
	const struct mask *masks = secagg_client_masks(c, &count);

	buf_put_u32(b, count);
	for (uint32_t i = 0; i < count; i++) {
		buf_put(b, bytes_of(masks[i].key, KEYS_SIZE));
		buf_put_u8(b, masks[i].subtract);
	}
}

static void write_shares(struct buf *b, const struct secagg_client *c)
{
	for (uint32_t v = 0; v < c->members.count; v++)
		if (bitmap_has(c->u2, v) && secagg_members_holds(&c->members, c->rank, v)) {
			buf_put(b, bytes_of(secagg_client_share(c, v)->sigma.b, SHAMIR_SCALAR_SIZE));
			buf_put(b, bytes_of(secagg_client_share(c, v)->beta.b, SHAMIR_SCALAR_SIZE));
		}
}

/*
 * More than any record: the numbers of U1 and two sets of it, and for each whose shares are held a mask, two shares and an answer.
 * Under a graph these are few, and locked memory for all of thousands of sites would be cleared and wiped for nothing.
 */
static size_t record_max(const struct secagg_client *c)
{
	size_t n = c->members.count, held = graph_degree(&c->members.graph) + (size_t)1;

	return 1024 + n * (4 + 1) + held * (KEYS_SIZE + 1 + 2 * SHAMIR_SCALAR_SIZE + SECAGG_ANSWER_ITEM);
}

void secagg_client_write(struct secagg_client *c)
{
	uint8_t phase = phase_of(c->state);
	struct secret record;

	/* the buf borrows locked memory as large as it may become, so that it never moves and leaves no copy behind */
	secret_new(&record, record_max(c) + 1);
	struct buf b = {.ptr = record.ptr, .cap = record.len, .max = record.len - 1};
	write_head(&b, c, phase);
	if (phase >= SECAGG_INPUT && phase <= SECAGG_OPENING)
		write_talk(&b, c);
	if (phase == SECAGG_INPUT)
		write_masks(&b, c);
	if (phase == SECAGG_SURVIVORS || phase == SECAGG_OPENING)
		buf_put(&b, bytes_of(c->u3, bitmap_size(c->members.count)));
	if (phase == SECAGG_INPUT || phase == SECAGG_SURVIVORS)
		write_shares(&b, c);
	struct hash sum;
	sha256_of(&sum, buf_bytes(&b));
	put_hash(&b, &sum);
	CHECK(!b.failed && b.ptr == record.ptr);
	secret_free(&c->record);
	c->record = (struct secret){record.ptr, b.len}; /* the room behind it is wiped with it */
}

/* ---- reading */

static void read_hash(struct hash *out, struct reader *r)
{
	struct bytes b = read_bytes(r, HASH_SIZE);

	*out = (struct hash){0};
	if (b.len == HASH_SIZE)
		memcpy(out->b, b.ptr, HASH_SIZE);
}

static enum err damaged(struct diag *why)
{
	return diag_set(why, ERR_DATA, "the record of the last attempt is damaged: restore the ledger from its backup");
}

/* `r` reads the record without its hash, which has been compared. */
static bool intact(struct reader *r, struct bytes record)
{
	struct hash sum;

	if (record.len < HASH_SIZE)
		return false;
	*r = reader_of(bytes_of(record.ptr, record.len - HASH_SIZE));
	sha256_of(&sum, r->rest);
	return memcmp(sum.b, record.ptr + record.len - HASH_SIZE, HASH_SIZE) == 0;
}

enum err secagg_client_read_past(struct secagg_past *out, struct reader *r, uint8_t *phase, struct bytes record,
                                 struct diag *why)
{
	uint8_t version, flags;

	*r = (struct reader){0};
	if (!intact(r, record))
		return damaged(why);
	version = read_u8(r);
	*phase = read_u8(r);
	flags = read_u8(r);
	*out = (struct secagg_past){.opened = flags & FLAG_OPENED, .statistics_opened = flags & FLAG_STATISTICS_OPENED};
	out->round = read_u64(r);
	out->attempt = read_u32(r);
	read_hash(&out->plan, r);
	read_hash(&out->model, r);
	read_hash(&out->invited, r);
	if (r->failed || version != RECORD_VERSION || flags > (FLAG_OPENED | FLAG_STATISTICS_OPENED) ||
	    (*phase >= SECAGG_PHASE_COUNT && *phase != RECORD_OVER))
		return damaged(why);
	return OK;
}

enum err secagg_record_read(struct secagg_record_summary *out, struct bytes record, struct diag *why)
{
	struct reader r;
	struct secagg_past past;
	uint8_t phase;
	enum err e = secagg_client_read_past(&past, &r, &phase, record, why);

	*out = (struct secagg_record_summary){0};
	if (e)
		return e;
	*out = (struct secagg_record_summary){
		.round = past.round,
		.attempt = past.attempt,
		.opened = past.opened,
		.statistics_opened = past.statistics_opened,
		.resumable = phase >= SECAGG_INPUT && phase <= SECAGG_OPENING,
	};
	return OK;
}

/* The head is the same in every phase; the body is left out. */
enum err secagg_record_close(struct secret *out, struct bytes record, struct diag *why)
{
	struct reader r;
	struct secagg_past past;
	uint8_t phase;
	enum err e = secagg_client_read_past(&past, &r, &phase, record, why);

	*out = (struct secret){0};
	if (e)
		return e;
	(void)read_bytes(&r, 3 * HASH_SIZE); /* ctx, sid, C(y) */
	if (r.failed)
		return damaged(why);
	size_t head = (size_t)(r.rest.ptr - record.ptr);
	struct hash sum;
	secret_new(out, head + HASH_SIZE);
	memcpy(out->ptr, record.ptr, head);
	out->ptr[1] = RECORD_OVER;
	sha256_of(&sum, bytes_of(out->ptr, head));
	memcpy(out->ptr + head, sum.b, HASH_SIZE);
	return OK;
}

static enum err read_members(struct secagg_client *c, struct reader *r, const struct hash *sid, struct diag *why)
{
	uint32_t count = read_u32(r), *numbers;
	enum err e = OK;

	if (r->failed || count > c->plan.n)
		return damaged(why);
	numbers = mem_array(count + (size_t)1, sizeof *numbers);
	for (uint32_t i = 0; i < count; i++)
		numbers[i] = read_u32(r);
	e = r->failed ? damaged(why) : secagg_members_restore(&c->members, &c->plan, sid, numbers, count, why);
	free(numbers);
	if (!e)
		c->rank = secagg_members_rank(&c->members, c->self);
	if (!e && c->rank == UINT32_MAX)
		e = damaged(why);
	return e;
}

static enum err read_set(struct secagg_client *c, uint8_t **out, struct reader *r, struct diag *why)
{
	struct bytes set = read_bytes(r, bitmap_size(c->members.count));

	if (r->failed || !bitmap_valid(set, c->members.count))
		return damaged(why);
	*out = mem_alloc(set.len);
	memcpy(*out, set.ptr, set.len);
	return OK;
}

static void read_talk(struct secagg_client *c, struct reader *r)
{
	for (int p = SECAGG_SHARES; p <= SECAGG_OPENING; p++) {
		c->heard[p] = read_u8(r) == 1;
		read_hash(&c->content[p], r);
	}
	for (int p = SECAGG_INPUT; p <= SECAGG_OPENING; p++)
		buf_put(&c->sent[p], read_field(r, c->sent[p].max));
}

static void read_masks(struct secagg_client *c, struct reader *r)
{
	uint32_t count = read_u32(r);

	if (r->failed || count > c->members.count || count == 0) {
		r->failed = true;
		return;
	}
	secret_new(&c->masks, count * sizeof(struct mask));
	c->mask_count = count;
	struct mask *masks = (struct mask *)(void *)c->masks.ptr;
	for (uint32_t i = 0; i < count; i++) {
		struct bytes key = read_bytes(r, KEYS_SIZE);
		if (key.len == KEYS_SIZE)
			memcpy(masks[i].key, key.ptr, KEYS_SIZE);
		masks[i].subtract = read_u8(r) == 1;
	}
}

static void read_scalar(struct scalar *out, struct reader *r)
{
	struct bytes b = read_bytes(r, SHAMIR_SCALAR_SIZE);

	if (b.len != SHAMIR_SCALAR_SIZE)
		return;
	memcpy(out->b, b.ptr, SHAMIR_SCALAR_SIZE);
	if (!shamir_canonical(out))
		r->failed = true;
}

static void read_shares(struct secagg_client *c, struct reader *r)
{
	secret_new(&c->shares, c->members.count * sizeof(struct seal_shares));
	struct seal_shares *shares = (struct seal_shares *)(void *)c->shares.ptr;
	for (uint32_t v = 0; v < c->members.count; v++)
		if (bitmap_has(c->u2, v) && secagg_members_holds(&c->members, c->rank, v)) {
			read_scalar(&shares[v].sigma, r);
			read_scalar(&shares[v].beta, r);
		}
}

static enum err read_body(struct secagg_client *c, struct reader *r, uint8_t phase, struct diag *why)
{
	enum err e = read_set(c, &c->u2, r, why);

	if (!e && phase == SECAGG_INPUT)
		read_masks(c, r);
	if (!e && phase >= SECAGG_SURVIVORS)
		e = read_set(c, &c->u3, r, why);
	if (!e && phase <= SECAGG_SURVIVORS)
		read_shares(c, r);
	if (!e && !reader_done(r))
		e = damaged(why);
	if (!e)
		keys_u2h(&c->u2h, &c->members.sid, bytes_of(c->u2, bitmap_size(c->members.count)));
	return e;
}

/* Everything of the attempt but its past, which the caller has compared with the configuration; `c->ctx` is the attempt's. */
enum err secagg_client_read(struct secagg_client *c, struct bytes record, struct diag *why)
{
	static const enum secagg_client_state states[SECAGG_PHASE_COUNT] = {
		[SECAGG_INPUT] = SECAGG_CLIENT_EXPECT_INPUT,
		[SECAGG_SURVIVORS] = SECAGG_CLIENT_EXPECT_SIGNATURES,
		[SECAGG_OPENING] = SECAGG_CLIENT_ANSWERED,
	};
	struct reader r;
	struct hash ctx, sid;
	uint8_t phase;
	enum err e = secagg_client_read_past(&c->past, &r, &phase, record, why);

	if (e)
		return e;
	read_hash(&ctx, &r);
	read_hash(&sid, &r);
	read_hash(&c->y, &r);
	if (!hash_equal(&ctx, &c->ctx))
		return diag_set(why, ERR_REFUSED, "the attempt in the record is of another study, plan or model");
	if (phase < SECAGG_INPUT || phase > SECAGG_OPENING)
		return diag_set(why, ERR_REFUSED,
		                "restarted before the masked vector was on disk, or after the end: out of "
		                "this attempt");
	e = read_members(c, &r, &sid, why);
	if (e)
		return e;
	read_talk(c, &r);
	e = read_body(c, &r, phase, why);
	c->state = states[phase];
	return e;
}
