/*
 * Any octets as a message of the coordinator to a site, in each phase, and as the record that a site goes on from after a restart. Most
 * are right ones with a few octets changed, so that what stands behind signatures and seals is reached too; keys can be signed
 * anew by their owners, as an enrolled site that lies could.
 *
 *   what u8 | edits u8 | for each: place u16, xor u8 | rest
 *   what: phase in the low three bits (0: a record); 8: the octets are the rest instead; 16: sign keys anew; 32: the rest behind
 */
#include "tests/support/masked.h"

#include <stdlib.h>
#include <string.h>

#define SITES 4 /* t = m = 3 */
#define SELF 1
#define ALL ((1ull << SITES) - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct masked w;
static struct buf right[SECAGG_PHASE_COUNT], records[SECAGG_PHASE_COUNT];

/* The right message of a phase to one site. */
static void write_right(struct buf *out, enum secagg_phase phase, uint32_t to)
{
	buf_clear(out);
	if (phase == SECAGG_SHARES)
		masked_u1(out, &w, ALL);
	else if (phase == SECAGG_INPUT)
		masked_u2(out, &w, ALL, ALL, to);
	else if (phase == SECAGG_SURVIVORS)
		masked_set(out, ALL, ALL);
	else
		masked_signatures(out, &w, ALL);
}

static void begin(void)
{
	struct buf list;

	masked_init(&w, 5, SITES, 0, 0, 2, 20);
	buf_init(&list, 1u << 20);
	for (uint32_t i = 0; i < SITES; i++)
		CHECK(masked_open(&w, i, NULL) == OK);
	for (int p = SECAGG_SHARES; p < SECAGG_PHASE_COUNT; p++) {
		buf_init(&right[p], 1u << 20);
		write_right(&right[p], (enum secagg_phase)p, SELF);
		for (uint32_t i = 0; i < SITES; i++) {
			write_right(&list, (enum secagg_phase)p, i);
			CHECK(masked_tell(&w, i, (enum secagg_phase)p, buf_bytes(&list)) == OK);
		}
		buf_init(&records[p], 1u << 20);
		buf_put(&records[p], buf_bytes(&w.sites[SELF].disk));
	}
	buf_free(&list);
}

static void forget(void)
{
	struct masked_site *s = &w.sites[SELF];

	for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
		buf_clear(&s->outbox[p]);
		s->sends[p] = 0;
	}
	s->contradicted = false;
	buf_clear(&s->disk);
}

/* Site SELF awaits the message of this phase. */
static void reach(enum secagg_phase phase)
{
	struct masked_site *s = &w.sites[SELF];

	forget();
	if (phase <= SECAGG_INPUT) {
		CHECK(masked_open(&w, SELF, NULL) == OK);
		if (phase == SECAGG_INPUT)
			CHECK(masked_tell(&w, SELF, SECAGG_SHARES, buf_bytes(&right[SECAGG_SHARES])) == OK);
		return;
	}
	buf_put(&s->disk, buf_bytes(&records[phase - 1]));
	masked_restart(&w, SELF);
	CHECK(s->error == OK && s->sends[phase] == 0);
}

/* ---- what the input makes */

static void edit(struct buf *octets, struct reader *r)
{
	for (uint32_t left = read_u8(r) % 16; left > 0; left--) {
		struct bytes place = read_bytes(r, 2);
		uint8_t change = read_u8(r);
		if (!r->failed && octets->len > 0)
			octets->ptr[(place.ptr[0] | place.ptr[1] << 8) % octets->len] ^= change;
	}
}

static void sign_anew(struct buf *list)
{
	struct keys_context context = {.federation = w.attempt.federation,
	                               .study_hash = w.attempt.study,
	                               .round = w.attempt.round,
	                               .attempt = w.attempt.attempt,
	                               .model = w.attempt.model};
	struct hash ctx;
	struct buf message;

	keys_plan_hash(&context.plan, w.plan.octets);
	keys_ctx(&ctx, &context);
	buf_init(&message, KEYS_MESSAGE_MAX);
	for (uint32_t i = 0; i < SITES && (i + 1) * SECAGG_KEYS_SIZE <= list->len; i++) {
		struct signed_adv *a = (struct signed_adv *)(void *)(list->ptr + i * (size_t)SECAGG_KEYS_SIZE);
		keys_message_adv(&message, &ctx, &a->adv);
		keys_sign(a->signature, w.sites[i].identity_secret, buf_bytes(&message));
	}
	buf_free(&message);
}

static void make(struct buf *out, struct bytes base, uint8_t what, struct reader *r)
{
	buf_put(out, base);
	edit(out, r);
	if (what & 8)
		buf_clear(out);
	if (what & (8 | 32))
		buf_put(out, r->rest);
}

/* ---- what must hold */

static uint32_t count_set(struct bytes bitmap)
{
	return bitmap.len == 0 ? 0 : (uint32_t)__builtin_popcount(bitmap.ptr[0]);
}

/* A message that was accepted has what no message may be without. */
static void check_accepted(enum secagg_phase phase, struct bytes octets)
{
	if (phase == SECAGG_SHARES)
		CHECK(octets.len % SECAGG_KEYS_SIZE == 0 && octets.len / SECAGG_KEYS_SIZE >= w.plan.quorum &&
		      memmem(octets.ptr, octets.len, right[SECAGG_SHARES].ptr + SELF * SECAGG_KEYS_SIZE,
		             SECAGG_KEYS_SIZE) != NULL);
	else if (phase == SECAGG_OPENING)
		CHECK(octets.len / SECAGG_SIGNER_ITEM >= w.plan.quorum);
	else
		CHECK(count_set(octets) >= w.plan.quorum && (octets.ptr[0] >> SELF & 1) && octets.ptr[0] <= ALL);
}

static void check_message(enum secagg_phase phase, struct bytes octets)
{
	struct masked_site *s = &w.sites[SELF];
	bool same = bytes_equal(octets, buf_bytes(&right[phase]));
	bool read = octets.len <= secagg_message_max(SITES, phase); /* a shell reads no more */

	s->why.text[0] = 0;
	if (masked_tell(&w, SELF, phase, octets) == OK) {
		check_accepted(phase, octets);
		CHECK(s->sends[phase] == 1);
	} else {
		CHECK(!same && s->why.text[0] != 0 && s->sends[phase] == 0);
	}
	enum err e = masked_tell(&w, SELF, phase, buf_bytes(&right[phase]));
	CHECK((same || !read) == (e == OK) && !s->contradicted);
	CHECK((secagg_client_state(s->client) == SECAGG_CLIENT_OUT) == (e != OK));
}

/* The hash at its end is made to fit. Whatever goes on from it may be told anything. */
static void check_record(struct buf *record, uint8_t what)
{
	struct masked_site *s = &w.sites[SELF];
	struct secagg_record_summary summary;
	struct diag why;

	if (record->len >= HASH_SIZE && !(what & 16)) {
		struct hash sum;
		sha256_of(&sum, bytes_of(record->ptr, record->len - HASH_SIZE));
		memcpy(record->ptr + record->len - HASH_SIZE, sum.b, HASH_SIZE);
	}
	enum err read = secagg_record_read(&summary, buf_bytes(record), &why);
	forget();
	buf_put(&s->disk, buf_bytes(record));
	masked_restart(&w, SELF);
	/* it may have gone on, and stopped at a vector that is not the one of before */
	CHECK(s->error == OK || s->client == NULL || secagg_client_state(s->client) == SECAGG_CLIENT_OUT);
	CHECK(s->client == NULL || (read == OK && summary.resumable));
	for (int p = SECAGG_SHARES; p < SECAGG_PHASE_COUNT && s->client != NULL; p++)
		(void)masked_tell(&w, SELF, (enum secagg_phase)p, buf_bytes(&right[p]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(bytes_of(data, size));
	uint8_t what = read_u8(&r);
	enum secagg_phase phase = (enum secagg_phase)(what % 8 % SECAGG_PHASE_COUNT);
	struct buf octets;

	if (w.n == 0)
		begin();
	buf_init(&octets, 1u << 20);
	if (phase == SECAGG_KEYS) {
		make(&octets, buf_bytes(&records[SECAGG_INPUT + what / 64 % 3]), what, &r);
		check_record(&octets, what);
	} else {
		make(&octets, buf_bytes(&right[phase]), what, &r);
		if (phase == SECAGG_SHARES && (what & 16))
			sign_anew(&octets);
		reach(phase);
		check_message(phase, buf_bytes(&octets));
	}
	buf_free(&octets);
	return 0;
}
