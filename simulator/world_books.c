/*
 * A hospital's books in a private study (client/ledger_*.c, coordinator/ledgers.c): what its releases cost, the chain of its entries and
 * the signed mark of it that the coordinator keeps and shows; and what becomes of a hospital whose state was set back to an older copy,
 * until somebody puts the newest one back.
 */
#include "simulator/truth.h"

#define COPY_EVERY 2 /* before one entry in so many a copy of the state is made, in place of the last one */
#define SET_BACK_MS 3000 /* within which the newest state is put back */

bool world_private(const struct world *w)
{
	return w->setting->study->privacy.mechanism != PRIVACY_NONE;
}

/* ---- the budget */

/* Just enough for so many releases, the statistics and the training rounds after them; q = 1, so divergence is linear in the order. */
static double limit_of(const struct world *w, uint32_t releases)
{
	const struct policy *p = w->setting->policy;
	struct rdp sums = {0};
	double cost = 0;

	for (uint32_t k = 0; k < releases; k++)
		cost += truth_cost(w->setting->study, k == 0 ? ASK_STATISTICS : ASK_TRAIN);
	for (size_t i = 0; i < RDP_ORDERS; i++)
		sums.sums[i] = cost * rdp_orders[i];
	return budget_epsilon_of(&sums, p->budget_delta) * (1 + 1e-9); /* sums are rounded up */
}

static void fill(void *context, uint8_t *out, size_t len)
{
	struct host *h = context;

	h->drawn += len;
	rng_octets(&h->noise, out, len);
}

void books_begin(struct world *w, struct host *h)
{
	if (!world_private(w))
		return;
	rng_seeded(&h->noise, w->plan->seed * WORLD_SITES_MAX + h->index, "noise");
	h->knows_roster = true; /* it signs its marks by it, also where no mask needs one */
	if (w->plan->affords[h->index] > 0)
		h->policy.budget_epsilon = limit_of(w, w->plan->affords[h->index]);
	buf_init(&h->older.vector, MODEL_FILE_MAX);
	buf_init(&h->older.record_of_masks, MODEL_FILE_MAX);
	buf_init(&h->newest.vector, MODEL_FILE_MAX);
	buf_init(&h->newest.record_of_masks, MODEL_FILE_MAX);
}

void books_configure(struct world *w, struct host *h)
{
	if (world_private(w))
		h->contributor.entropy = (struct entropy){fill, h};
}

static void free_copy(struct ledger_copy *c)
{
	budget_free(&c->budget);
	buf_free(&c->vector);
	buf_free(&c->record_of_masks);
}

void books_free(struct host *h)
{
	budget_free(&h->budget);
	free_copy(&h->older);
	free_copy(&h->newest);
}

/* ---- copies */

static void copy_state(struct ledger_copy *to, const struct host *h)
{
	to->has_record = h->has_record;
	to->record = h->record;
	to->entries = h->entries;
	budget_copy(&to->budget, &h->budget);
	world_put(&to->vector, buf_bytes(&h->vector));
	world_put(&to->record_of_masks, buf_bytes(&h->record_of_masks));
}

static void restore_state(struct host *h, const struct ledger_copy *from)
{
	h->has_record = from->has_record;
	h->record = from->record;
	h->entries = from->entries;
	budget_copy(&h->budget, &from->budget);
	world_put(&h->vector, buf_bytes(&from->vector));
	world_put(&h->record_of_masks, buf_bytes(&from->record_of_masks));
}

/* ---- entries and marks */

void books_enter(struct world *w, struct host *h, const struct release_record *r)
{
	struct hash *head;

	if (!world_private(w))
		return;
	if (w->plan->odds.of[FAULT_RESTORE][SIDE_SITE] > 0 && (!h->has_older || world_below(w, COPY_EVERY) == 0)) {
		copy_state(&h->older, h);
		h->has_older = true;
	}
	budget_spend(&h->budget, &r->study_hash, &r->debit);
	CHECK(h->entries + 1 < WORLD_ROUNDS_MAX);
	head = &h->heads[++h->entries];
	const struct bytes fields[] = {bytes_of(h->heads[h->entries - 1].b, HASH_SIZE),
	                               bytes_of(r->content.b, HASH_SIZE)};
	hash_fields(head, NULL, "COHRTlhd", fields, sizeof fields / sizeof *fields);
}

void books_sign(struct world *w, struct host *h, struct ledger_mark *out)
{
	if (!world_private(w))
		return;
	out->counter = h->entries;
	out->head = h->heads[h->entries];
	session_sign_mark(h->session, out);
}

void books_hear(struct world *w, struct host *h, const struct ledger_mark *told)
{
	struct standing s = {.counter = h->entries, .head = h->heads[h->entries], .told = *told};

	if (!world_private(w))
		return;
	if (told->counter <= h->entries)
		s.ours = h->heads[told->counter];
	session_ledger(h->session, &s);
}

/* At the coordinator: the highest stays, and is on disk with the next commit. */
void books_take(struct world *w, const struct letter *l)
{
	struct ledger_mark *kept = &w->office.cache.marks[l->site];

	if (l->mark.counter > kept->counter)
		*kept = l->mark;
}

/* ---- set back */

static bool can_be_set_back(const struct world *w, const struct host *h)
{
	return h->up && !h->set_back && h->has_older && !h->over && !h->leaving && !h->revoked && h->session != NULL &&
	       h->older.entries < w->office.disk.marks[h->index].counter;
}

bool books_set_back(struct world *w, struct host *h)
{
	struct event e = world_event(w, EVENT_PUT_BACK, h->index, 1);

	if (!can_be_set_back(w, h) || !world_befalls(w, FAULT_RESTORE, SIDE_SITE, h->index))
		return false;
	e.at_ms += (int64_t)world_below(w, SET_BACK_MS);
	copy_state(&h->newest, h);
	restore_state(h, &h->older);
	h->set_back = true;
	host_crash(w, h);
	agenda_add(&w->agenda, &e);
	return true;
}

void books_put_back(struct world *w, struct host *h)
{
	if (!h->set_back)
		return;
	world_note(w, h->index, "has its newest state", h->newest.entries, 0, 0);
	restore_state(h, &h->newest);
	h->set_back = false;
	if (h->up && !h->over && !h->leaving)
		host_crash(w, h);
}
