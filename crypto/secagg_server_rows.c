/*
 * Durable rows: what the disk has, and the core that they make again after a restart, with nothing said on the way.
 */
#include "crypto/secagg_server_inside.h"

#include <string.h>

uint64_t secagg_server_add_row(struct secagg_server *s, enum secagg_phase phase, uint32_t site, struct bytes octets)
{
	if (s->row_count == s->row_room) {
		s->row_room = s->row_room == 0 ? 16 : 2 * s->row_room;
		s->rows = mem_resize(s->rows, s->row_room, sizeof *s->rows);
	}
	s->rows[s->row_count++] =
		(struct secagg_row){.number = s->next_row, .phase = phase, .site = site, .octets = octets};
	secagg_server_act(s, SECAGG_SERVER_PERSIST, phase, site, s->next_row);
	return s->next_row++;
}

const struct secagg_row *secagg_server_row(const struct secagg_server *s, uint64_t number)
{
	for (uint32_t i = 0; i < s->row_count; i++)
		if (s->rows[i].number == number)
			return &s->rows[i];
	return NULL;
}

static void row_durable(struct secagg_server *s, const struct secagg_row *row)
{
	if (row->site != 0) {
		s->sites[secagg_invited(&s->plan, row->site)].counts[row->phase] = true;
		if (row->phase == SECAGG_INPUT)
			secagg_server_act(s, SECAGG_SERVER_ACKNOWLEDGE, row->phase, row->site, 0);
		return;
	}
	if (row->phase == SECAGG_SHARES)
		secagg_server_begin_shares(s);
	else if (row->phase == SECAGG_INPUT)
		secagg_server_begin_inputs(s);
	else
		s->state = SECAGG_SERVER_EXPECT_SIGNATURES;
	secagg_server_act(s, SECAGG_SERVER_SEND, row->phase, 0, 0);
}

void secagg_server_persisted(struct secagg_server *s, uint64_t row)
{
	uint32_t done = 0;

	while (done < s->row_count && s->rows[done].number <= row && s->state != SECAGG_SERVER_FAILED)
		row_durable(s, &s->rows[done++]);
	s->row_count -= done;
	if (s->row_count > 0)
		memmove(s->rows, s->rows + done, s->row_count * sizeof *s->rows);
	secagg_server_settle(s);
}

/* ---- after a restart: the rows bring the core to where it was, with nothing said on the way */

static enum err restore_set(struct secagg_server *s, const struct secagg_row *row, struct diag *why)
{
	static const enum secagg_phase ends[] = {
		[SECAGG_SHARES] = SECAGG_KEYS, [SECAGG_INPUT] = SECAGG_SHARES, [SECAGG_SURVIVORS] = SECAGG_INPUT};
	const struct secagg_row *made;

	if (row->phase < SECAGG_SHARES || row->phase > SECAGG_SURVIVORS || secagg_server_takes(s) != ends[row->phase])
		return diag_set(why, ERR_DATA, "a set of phase %s stands out of turn", secagg_phase_name(row->phase));
	secagg_server_close(s);
	made = secagg_server_row(s, row->number);
	if (made == NULL || made->site != 0 || !bytes_equal(made->octets, row->octets))
		return diag_set(why, ERR_DATA, "the set of phase %s is not that of the messages before it",
		                secagg_phase_name(row->phase));
	return OK;
}

static enum err restore_message(struct secagg_server *s, const struct secagg_row *row, struct diag *why)
{
	if (row->phase > SECAGG_INPUT)
		return diag_set(why, ERR_DATA, "a message of phase %s is not kept", secagg_phase_name(row->phase));
	if (secagg_server_take(s, row->site, row->phase, row->octets, why) != OK)
		return ERR_DATA;
	if (secagg_server_row(s, row->number) == NULL)
		return diag_set(why, ERR_DATA, "site %u's message of phase %s stands twice", row->site,
		                secagg_phase_name(row->phase));
	return OK;
}

enum err secagg_server_restore(struct secagg_server *s, const struct secagg_row *row, struct diag *why)
{
	struct secagg_server_action said;
	enum err e;

	if (row->number != s->next_row)
		return diag_set(why, ERR_DATA, "row %llu is missing", (unsigned long long)s->next_row);
	e = row->site == 0 ? restore_set(s, row, why) : restore_message(s, row, why);
	if (e)
		return e;
	row_durable(s, &s->rows[0]);
	s->row_count = 0;
	while (queue_pop(&s->actions, &said))
		continue;
	return OK;
}

void secagg_server_resume(struct secagg_server *s)
{
	enum secagg_phase phase = secagg_server_takes(s);

	if (phase == SECAGG_INPUT || phase == SECAGG_SHARES || phase == SECAGG_SURVIVORS)
		secagg_server_act(s, SECAGG_SERVER_SEND, phase, 0, 0);
	for (uint32_t i = 0; i < s->plan.n && phase == SECAGG_INPUT; i++)
		if (s->sites[i].counts[SECAGG_INPUT])
			secagg_server_act(s, SECAGG_SERVER_ACKNOWLEDGE, phase, s->plan.sites[i].number, 0);
	secagg_server_settle(s);
}
