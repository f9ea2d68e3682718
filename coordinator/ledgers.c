#include "coordinator/ledgers.h"

#include "base/log.h"
#include "crypto/keys.h"

_Static_assert(LEDGER_MARK_SIGNATURE_SIZE == KEYS_SIGNATURE_SIZE && ROSTER_KEY_SIZE == KEYS_IDENTITY_PUBLIC_SIZE,
               "marks are signed by the key that the roster names");

static bool is_signed(const struct office *o, const struct enrolled_site *site, const struct ledger_mark *mark)
{
	struct buf message;
	bool good;

	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, o->listed.federation, site->number, mark);
	good = keys_verify(site->key, buf_bytes(&message), mark->signature);
	buf_free(&message);
	return good;
}

static void keep(struct office *o, struct enrolled_site *site, const struct ledger_mark *mark)
{
	site->ledger = *mark;
	site->ledger_unwritten = true;
	o->enrolled.ledgers_unwritten = true;
}

enum err ledgers_take(struct office *o, struct enrolled_site *site, const struct ledger_mark *mark, struct diag *why)
{
	if (!is_signed(o, site, mark))
		return diag_set(why, ERR_PEER_MESSAGE, "the mark of %s's ledger is not signed by its key on the roster",
		                site->name);
	if (mark->counter > site->ledger.counter)
		keep(o, site, mark);
	else if (mark->counter == site->ledger.counter && !hash_equal(&mark->head, &site->ledger.head))
		log_warning("%s has signed two ledgers of %llu entries: which is the newest only the hospital can tell",
		            site->name, (unsigned long long)mark->counter);
	return OK;
}

void ledgers_check(struct office *o)
{
	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		struct enrolled_site *site = &o->enrolled.items[i];

		if (site->gone || site->ledger.counter == 0 || is_signed(o, site, &site->ledger))
			continue;
		log_notice("%s has another signing key than the one of its ledger's mark, which is forgotten",
		           site->name);
		keep(o, site, &(struct ledger_mark){0});
	}
}

void ledgers_write(struct office *o)
{
	if (!o->enrolled.ledgers_unwritten)
		return;
	for (uint32_t i = 0; i < o->enrolled.count; i++) {
		struct enrolled_site *site = &o->enrolled.items[i];

		if (site->ledger_unwritten)
			store_ledger_mark(o->store, site->number, &site->ledger);
		site->ledger_unwritten = false;
	}
	o->enrolled.ledgers_unwritten = false;
}
