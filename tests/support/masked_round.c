#include "tests/support/masked_round.h"

#include "crypto/pack.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 5

/* ---- the world */

uint32_t masked_round_number(const struct masked_round *m, uint32_t i)
{
	return m->w.sites[i].number;
}

static uint32_t group_size(const struct masked_round *m)
{
	return m->w.n / m->groups;
}

/* Sites take turns among the groups, so that a group's sites are not neighbours. */
static void divide(struct masked_round *m, uint32_t colluders)
{
	for (uint32_t g = 0; g < m->groups; g++) {
		struct secagg_site *sites = mem_array(group_size(m), sizeof *sites);
		struct secagg_plan *plan = &m->plans[g];

		*plan = m->w.plan;
		plan->sites = sites;
		plan->n = group_size(m);
		for (uint32_t i = 0, k = 0; i < m->w.n; i++)
			if (i % m->groups == g) {
				sites[k++] = m->w.invited[i];
				m->group_of[i] = g;
			}
		plan->quorum = secagg_threshold(plan);
		if (plan->quorum < colluders + 2)
			plan->quorum = colluders + 2;
		m->sums[g] = mem_array(WORDS, sizeof(uint32_t));
	}
}

void masked_round_init(struct masked_round *m, uint64_t seed, uint32_t n, uint32_t groups, uint32_t colluders)
{
	memset(m, 0, sizeof *m);
	CHECK(n % groups == 0 && groups <= MASKED_GROUPS_MAX && n <= MASKED_SITES_MAX);
	masked_init(&m->w, seed, n, colluders, 0, WORDS, 32);
	m->words = WORDS;
	m->groups = groups;
	divide(m, colluders);
	queue_init(&m->writes, sizeof(struct masked_write));
}

void masked_round_forget(struct masked_round *m)
{
	for (uint32_t i = 0; i < m->row_count; i++)
		buf_free(&m->rows[i].octets);
	m->row_count = m->site_count = 0;
}

void masked_round_free(struct masked_round *m)
{
	if (m->campaign == NULL)
		round_free(m->round);
	masked_round_forget(m);
	queue_free(&m->writes);
	for (uint32_t g = 0; g < m->groups; g++) {
		free((void *)(uintptr_t)m->plans[g].sites);
		free(m->sums[g]);
	}
	masked_free(&m->w);
}

struct secagg_plan masked_round_plan(const struct masked_round *m, uint32_t i)
{
	return m->plans[m->group_of[i]];
}

void masked_round_empty(struct masked_round *m)
{
	for (uint32_t g = 0; g < m->groups; g++) {
		memset(m->sums[g], 0, m->words * sizeof(uint32_t));
		m->added[g] = 0;
	}
}

void masked_round_open(struct masked_round *m)
{
	uint32_t numbers[MASKED_SITES_MAX];
	struct round_config config = {
		.sites = numbers,
		.site_count = m->w.n,
		.quorum = m->plans[0].quorum,
		.octets = secagg_input_octets(&m->plans[0]),
		.join_ms = MASKED_JOIN_MS,
		.deadline_ms = MASKED_DEADLINE_MS,
		.phase_ms = MASKED_PHASE_MS,
		.masks = m->plans,
		.groups = m->groups,
		.attempt = m->w.attempt,
	};

	for (uint32_t i = 0; i < m->w.n; i++)
		numbers[i] = masked_round_number(m, i);
	round_free(m->round);
	m->round = round_open(&config, m->now_ms);
	m->closed = false;
	masked_round_empty(m);
}

void masked_round_begin(struct masked_round *m, uint32_t attempt)
{
	m->w.attempt.attempt = attempt;
	masked_round_forget(m);
	memset(m->lines, 0, sizeof m->lines);
	memset(m->unmasked, 0, sizeof m->unmasked);
	if (m->campaign == NULL)
		masked_round_open(m);
	for (uint32_t i = 0; i < m->w.n; i++) {
		if (m->w.sites[i].silent)
			continue;
		m->w.plan = masked_round_plan(m, i);
		m->w.sites[i].error = masked_open(&m->w, i, &m->w.sites[i].why);
		if (m->campaign == NULL && m->w.sites[i].lasts > 0)
			round_joined(m->round, masked_round_number(m, i), m->now_ms);
	}
}

/* ---- the coordinator */

static uint32_t index_of(const struct masked_round *m, uint32_t number)
{
	for (uint32_t i = 0; i < m->w.n; i++)
		if (masked_round_number(m, i) == number)
			return i;
	CHECK(false);
	return 0;
}

static void add(struct masked_round *m, uint32_t site)
{
	uint32_t i = index_of(m, site), g = m->group_of[i];

	if (m->never_add)
		return;
	pack_add(m->sums[g], m->w.sites[i].y, m->words, 32);
	m->added[g]++;
	if (m->campaign != NULL)
		campaign_added(m->campaign, site, m->now_ms);
	else
		round_added(m->round, site, m->now_ms);
}

static void tell_unmasked(struct masked_round *m, uint32_t g, uint32_t slice, enum err e, const struct diag *why)
{
	if (m->campaign != NULL)
		campaign_unmasked(m->campaign, g, slice, e, why, m->now_ms);
	else
		round_unmasked(m->round, g, slice, e, why, m->now_ms);
}

static void unmask(struct masked_round *m, uint32_t g)
{
	struct secagg_server *server = secagg_server_retain(round_server(m->round, g));
	struct diag why = {{0}};

	CHECK(m->added[g] == round_survivors(m->round, g));
	m->unmasked[g]++;
	if (m->lose_slices[g]) {
		diag_set(&why, ERR_PROTOCOL, "the shares of site 11 do not fit");
		tell_unmasked(m, g, 0, ERR_PROTOCOL, &why);
		secagg_server_free(server);
		return;
	}
	for (uint32_t k = secagg_server_slices(server); k-- > 0;) {
		struct secret masks = {0};
		uint32_t count;
		enum err e = secagg_server_masks(server, k, &masks, &count, &why);

		if (!e)
			mask_add(m->sums[g], 0, m->words, (const struct mask *)(const void *)masks.ptr, count);
		secret_free(&masks);
		tell_unmasked(m, g, k, e, &why);
		if (e)
			break;
	}
	secagg_server_free(server);
}

void masked_round_obey(struct masked_round *m, const struct round_action *a)
{
	switch (a->kind) {
	case ROUND_PERSIST:
		queue_push(&m->writes, &(struct masked_write){.site = a->site});
		break;
	case ROUND_PERSIST_ROW:
		queue_push(&m->writes, &(struct masked_write){.is_row = true, .group = a->group, .row = a->row});
		break;
	case ROUND_TELL:
		break;
	case ROUND_ADD:
		add(m, a->site);
		break;
	case ROUND_UNMASK:
		unmask(m, a->group);
		break;
	case ROUND_CLOSE:
		m->closed = true;
		break;
	}
}

static void store_row(struct masked_round *m, const struct masked_write *w, const struct secagg_row *row)
{
	struct masked_stored *stored = &m->rows[m->row_count++];

	CHECK(m->row_count <= MASKED_ROUND_ROWS_MAX);
	stored->group = w->group;
	stored->head = *row;
	buf_init(&stored->octets, 1u << 20);
	buf_put(&stored->octets, row->octets);
	stored->head.octets = buf_bytes(&stored->octets);
}

/* False: it is of an attempt that has ended. */
static bool store(struct masked_round *m, const struct masked_write *w)
{
	const struct secagg_row *row = w->is_row && m->round != NULL ? round_row(m->round, w->group, w->row) : NULL;

	if (w->is_record)
		m->store_record(m->office);
	else if (row != NULL)
		store_row(m, w, row);
	else if (!w->is_row && m->round != NULL)
		m->sites[m->site_count++] = *round_site(m->round, w->site);
	return w->is_record || row != NULL || (!w->is_row && m->round != NULL);
}

static void tell_written(struct masked_round *m, const struct masked_write *w)
{
	if (w->is_record)
		campaign_persisted(m->campaign, w->token, m->now_ms);
	else if (w->is_row && m->campaign != NULL)
		campaign_row_persisted(m->campaign, w->group, w->row, m->now_ms);
	else if (w->is_row)
		round_row_persisted(m->round, w->group, w->row, m->now_ms);
	else if (m->campaign != NULL)
		campaign_site_persisted(m->campaign, w->site, true, m->now_ms);
	else
		round_persisted(m->round, w->site, m->now_ms);
}

bool masked_round_commit(struct masked_round *m)
{
	struct masked_write w;

	if (!queue_pop(&m->writes, &w))
		return false;
	m->dead = ++m->commits == m->kill_at;
	bool stored = (!m->dead || !m->kill_before) && store(m, &w);
	if (stored && !m->dead)
		tell_written(m, &w);
	return true;
}

bool masked_round_turn(struct masked_round *m)
{
	struct round_action a;
	bool any = false;

	while (m->campaign == NULL && round_next(m->round, &a)) {
		any = true;
		masked_round_obey(m, &a);
	}
	while (!m->dead && masked_round_commit(m))
		any = true;
	return any;
}

void masked_round_die(struct masked_round *m)
{
	struct masked_write lost;

	m->dead = false;
	while (queue_pop(&m->writes, &lost))
		continue;
	for (uint32_t i = 0; i < m->w.n; i++) /* requests that got no answer are made again */
		for (int p = 0; p < SECAGG_PHASE_COUNT; p++) {
			if (m->lines[i].waits[p])
				m->w.sites[i].sends[p] = 1;
			m->lines[i].waits[p] = false;
		}
}

void masked_round_restart(struct masked_round *m)
{
	struct diag why = {{0}};

	masked_round_die(m);
	masked_round_open(m);
	for (uint32_t i = 0; i < m->row_count; i++)
		if (round_restore_row(m->round, m->rows[i].group, &m->rows[i].head, &why) != OK)
			CHECK(false);
	for (uint32_t i = 0; i < m->site_count; i++)
		round_restore(m->round, &m->sites[i]);
	round_resume(m->round, m->now_ms);
	for (uint32_t i = 0; i < m->w.n; i++)
		if (!m->w.sites[i].silent && m->w.sites[i].lasts > 0)
			round_joined(m->round, masked_round_number(m, i), m->now_ms);
}

void masked_round_step(struct masked_round *m)
{
	bool any = true;

	while (any) {
		any = false;
		for (uint32_t i = 0; i < m->w.n; i++)
			any |= masked_round_site(m, i);
		any |= masked_round_turn(m);
		if (m->dead) {
			masked_round_restart(m);
			any = true;
		}
	}
}

void masked_round_run(struct masked_round *m)
{
	masked_round_step(m);
	while (!m->closed) {
		int64_t next = round_deadline_ms(m->round);

		CHECK(next != INT64_MAX);
		if (next > m->now_ms)
			m->now_ms = next;
		round_tick(m->round, m->now_ms);
		masked_round_step(m);
	}
}

bool masked_round_exact(const struct masked_round *m, uint32_t group)
{
	for (uint32_t j = 0; j < m->words; j++) {
		uint32_t sum = 0;

		for (uint32_t i = 0; i < m->w.n; i++)
			if (m->group_of[i] == group &&
			    round_site(m->round, masked_round_number(m, i))->state == SITE_CONTRIBUTED)
				sum += m->w.sites[i].x[j];
		if (sum != m->sums[group][j])
			return false;
	}
	return true;
}

const char *masked_round_fate(const struct masked_round *m, uint32_t i)
{
	const struct round_site *s = round_site(m->round, masked_round_number(m, i));

	return s->state == SITE_DROPPED ? drop_reason_name(s->dropped) : site_state_name(s->state);
}
