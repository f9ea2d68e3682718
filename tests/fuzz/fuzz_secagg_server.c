/*
 * Any events in any order at the coordinator's core: messages of sites, right ones, right ones with octets changed, and any octets;
 * deadlines, sites that are gone, answers of the disk; from each point that a restart can begin at. Whatever comes, a sum that is
 * opened is the exact sum of the survivors' vectors.
 *
 *   world u8 (1: one site drops before its input) | rows u8 | then events: kind u8 and what follows it below
 */
#include "crypto/pack.h"
#include "tests/support/masked.h"

#include <stdlib.h>
#include <string.h>

#define SITES 4 /* t = m = 3 */
#define WORLDS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct masked worlds[WORLDS];
static bool ready;

static void begin(void)
{
	for (uint32_t k = 0; k < WORLDS; k++) {
		masked_init(&worlds[k], 6, SITES, 0, 0, 2, 20);
		if (k == 1)
			worlds[k].sites[2].lasts = SECAGG_INPUT;
		masked_begin(&worlds[k], 1);
		masked_run(&worlds[k]);
		CHECK(masked_exact(&worlds[k]));
	}
	ready = true;
}

static uint32_t number_of(const struct masked *w, uint32_t i)
{
	return i < SITES ? w->sites[i].number : 12; /* who is not invited */
}

/* ---- events */

static void say(struct masked *w, uint32_t i, enum secagg_phase phase, struct bytes octets)
{
	struct diag why = {{0}};
	struct hash y = {{0}};
	enum err e;

	if (phase == SECAGG_INPUT) {
		if (octets.len > 0)
			memcpy(y.b, octets.ptr, octets.len < HASH_SIZE ? octets.len : HASH_SIZE);
		e = secagg_server_input(w->server, number_of(w, i), octets, pack_size(w->words, w->plan.bits), &y,
		                        &why);
	} else {
		e = secagg_server_message(w->server, number_of(w, i), phase, octets, &why);
	}
	CHECK(e == OK || why.text[0] != 0);
	CHECK(e != OK || i < SITES);
}

static void edited(struct buf *octets, struct reader *r)
{
	for (uint32_t left = read_u8(r) % 8; left > 0; left--) {
		struct bytes place = read_bytes(r, 2);
		uint8_t change = read_u8(r);
		if (!r->failed && octets->len > 0)
			octets->ptr[(place.ptr[0] | place.ptr[1] << 8) % octets->len] ^= change;
	}
}

static void message(struct masked *w, struct reader *r, uint8_t kind)
{
	uint8_t who = read_u8(r);
	uint32_t i = who % 8 % (SITES + 1);
	enum secagg_phase phase = (enum secagg_phase)(who / 8 % SECAGG_PHASE_COUNT);
	struct buf octets;

	buf_init(&octets, 1u << 20);
	if (kind < 3 && i < SITES)
		buf_put(&octets, buf_bytes(&w->sites[i].outbox[phase]));
	if (kind == 1)
		edited(&octets, r);
	if (kind == 2) /* another length */
		octets.len = octets.len > 0 ? read_u8(r) * octets.len / 256 : 0;
	if (kind == 3)
		buf_put(&octets, read_bytes(r, read_u8(r)));
	say(w, i, phase, buf_bytes(&octets));
	buf_free(&octets);
}

static void listen(const struct masked *w)
{
	struct buf said = {0};

	for (uint32_t i = 0; i <= SITES; i++)
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
			secagg_server_say(w->server, (enum secagg_phase)p, number_of(w, i), &said);
			CHECK(said.len <= secagg_message_max(SITES, (enum secagg_phase)p));
			CHECK(said.len == 0 || i < SITES);
		}
	buf_free(&said);
}

/* The actions that came: `*rows` is the newest row that the disk is to hold. */
static void drain(const struct masked *w, uint64_t *rows, uint32_t *ends)
{
	struct secagg_server_action a;

	while (secagg_server_next(w->server, &a)) {
		if (a.kind == SECAGG_SERVER_PERSIST) {
			const struct secagg_row *row = secagg_server_row(w->server, a.row);
			CHECK(a.row == *rows + 1 && (row == NULL || row->number == a.row));
			*rows = a.row;
		}
		*ends += a.kind == SECAGG_SERVER_END;
	}
	CHECK(*ends <= 1);
}

static void check(const struct masked *w, enum secagg_server_state *before)
{
	enum secagg_server_state now = secagg_server_state(w->server);
	uint32_t survivors = 0;

	CHECK(now >= *before);
	CHECK((now == SECAGG_SERVER_FAILED) == (secagg_server_why(w->server)[0] != 0));
	for (uint32_t i = 0; i < SITES; i++)
		survivors += secagg_server_survives(w->server, w->sites[i].number);
	if (now >= SECAGG_SERVER_EXPECT_SIGNATURES && now <= SECAGG_SERVER_DONE)
		CHECK(survivors >= w->plan.quorum);
	*before = now;
}

static void run(struct masked *w, struct reader *r, uint64_t rows)
{
	enum secagg_server_state before = secagg_server_state(w->server);
	uint32_t ends = 0;

	drain(w, &rows, &ends);
	while (r->rest.len > 0 && !r->failed) {
		uint8_t kind = read_u8(r) % 8;
		if (kind < 4)
			message(w, r, kind);
		else if (kind == 4)
			secagg_server_close(w->server);
		else if (kind == 5)
			secagg_server_gone(w->server, number_of(w, read_u8(r) % (SITES + 1)));
		else if (kind == 6)
			secagg_server_persisted(w->server, rows);
		else
			listen(w);
		if (secagg_server_state(w->server) == SECAGG_SERVER_EXPECT_UNMASKED)
			masked_unmask(w);
		drain(w, &rows, &ends);
		check(w, &before);
	}
	CHECK(secagg_server_state(w->server) != SECAGG_SERVER_DONE || masked_exact(w));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(bytes_of(data, size));
	struct diag why = {{0}};

	if (!ready)
		begin();
	struct masked *w = &worlds[read_u8(&r) % WORLDS];
	uint32_t rows = read_u8(&r) % (w->row_count + 1);
	masked_server(w);
	for (uint32_t i = 0; i < rows; i++)
		CHECK(secagg_server_restore(w->server, &w->row_heads[i], NULL) == OK);
	if (rows < w->row_count && size > 2 && (data[0] & 2)) { /* the next row is damaged */
		struct buf octets;
		buf_init(&octets, 1u << 20);
		buf_put(&octets, w->row_heads[rows].octets);
		edited(&octets, &r);
		struct secagg_row row = w->row_heads[rows];
		row.phase = (enum secagg_phase)(((uint32_t)row.phase + read_u8(&r) % SECAGG_PHASE_COUNT) %
		                                SECAGG_PHASE_COUNT);
		row.octets = buf_bytes(&octets);
		enum err e = secagg_server_restore(w->server, &row, &why);
		CHECK(e == OK || (e == ERR_DATA && why.text[0] != 0));
		CHECK(e != OK || bytes_equal(row.octets, w->row_heads[rows].octets));
		buf_free(&octets);
		return 0; /* a store whose rows do not fit is not gone on with */
	}
	secagg_server_resume(w->server);
	run(w, &r, rows);
	return 0;
}
