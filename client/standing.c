#include "client/standing.h"

#include "crypto/keys.h"

#define HEX_SHOWN 16 /* digits of a head that a person compares */
#define RESTORE                                                                                                        \
	"put the newest state folder back; if it is lost for good, read \"Backup\" in HOSPITAL.md about "              \
	"`cohort-client ledger --accept-loss %llu`"

_Static_assert(LEDGER_MARK_SIGNATURE_SIZE == KEYS_SIGNATURE_SIZE && ROSTER_KEY_SIZE == KEYS_IDENTITY_PUBLIC_SIZE,
               "marks are signed by the key that the roster names");

static bool is_ours(const struct standing *s, const struct roster *roster, uint32_t self)
{
	const struct roster_site *entry = roster_number(roster, self);
	struct buf message;
	bool good;

	if (entry == NULL)
		return false;
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, roster->federation, self, &s->told);
	good = keys_verify(entry->key, buf_bytes(&message), s->told.signature);
	buf_free(&message);
	return good;
}

static enum standing_verdict say_older(const struct standing *s, struct diag *why)
{
	unsigned long long told = s->told.counter, ours = s->counter;

	diag_set(why, ERR_REFUSED,
	         "this hospital's ledger has %llu entries, and the coordinator shows this hospital's signature on "
	         "%llu: it is an older copy, "
	         "nothing more is released; " RESTORE,
	         ours, told, told);
	return STANDING_OLDER;
}

static enum standing_verdict say_other(const struct standing *s, struct diag *why)
{
	unsigned long long told = s->told.counter, ours = s->counter;
	char theirs_hex[HASH_HEX_SIZE], ours_hex[HASH_HEX_SIZE];

	hash_hex(theirs_hex, &s->told.head);
	hash_hex(ours_hex, &s->ours);
	diag_set(why, ERR_REFUSED,
	         "this hospital's ledger has %llu entries, and entry %llu is not the one that the coordinator shows "
	         "this hospital's signature "
	         "on (%.*s, not %.*s): it is another ledger, nothing more is released; " RESTORE,
	         ours, told, HEX_SHOWN, ours_hex, HEX_SHOWN, theirs_hex, ours > told ? ours : told);
	return STANDING_OTHER;
}

enum standing_verdict standing_look(const struct standing *s, const struct roster *roster, uint32_t self,
                                    struct diag *why)
{
	if (s->told.counter == 0)
		return STANDING_GOOD;
	if (!is_ours(s, roster, self)) {
		diag_set(why, ERR_PROTOCOL,
		         "the coordinator shows a mark of %llu ledger entries that this hospital's key has not signed "
		         "(the ledger has "
		         "%llu): it is not believed; ask the coordinator's people, and keep the log",
		         (unsigned long long)s->told.counter, (unsigned long long)s->counter);
		return STANDING_FORGED;
	}
	if (s->told.counter < s->lost) /* stated: those entries may be anything */
		return STANDING_GOOD;
	if (s->told.counter > s->counter)
		return say_older(s, why);
	return hash_equal(&s->told.head, &s->ours) ? STANDING_GOOD : say_other(s, why);
}

/* What lost entries may have spent is taken for spent. */
enum refusal standing_judge_study(uint64_t lost, const struct study *study, struct diag *why)
{
	if (lost == 0 || study->privacy.mechanism == PRIVACY_NONE)
		return REFUSAL_NONE;
	diag_set(why, ERR_REFUSED,
	         "entry %llu of the ledger states that entries are lost: what they spent is not known, so nothing is "
	         "left of the budget",
	         (unsigned long long)lost);
	return REFUSAL_BUDGET;
}

/* And what they may have answered, for answered. */
static enum refusal judge_round(const struct standing *s, const struct round_plan *plan, struct diag *why)
{
	unsigned long long lost = s->lost;

	if (s->lost == 0)
		return REFUSAL_NONE;
	if (s->released_before || (!s->released_since && plan->step > 0)) {
		diag_set(why, ERR_REFUSED,
		         "entry %llu of the ledger states that entries are lost, and this study was under way by then: "
		         "its rounds may "
		         "have been answered; ask for a new revision",
		         lost);
		return REFUSAL_LEDGER;
	}
	return REFUSAL_NONE;
}

enum refusal standing_judge(const struct standing *s, const struct roster *roster, uint32_t self,
                            const struct study *study, const struct round_plan *plan, struct diag *why)
{
	enum standing_verdict verdict = standing_look(s, roster, self, why);
	enum refusal no;

	if (verdict == STANDING_OLDER || verdict == STANDING_OTHER)
		return REFUSAL_LEDGER;
	if (verdict == STANDING_FORGED && why != NULL) /* the shell has said it; it refuses nothing */
		why->text[0] = '\0';
	no = standing_judge_study(s->lost, study, why);
	return no == REFUSAL_NONE ? judge_round(s, plan, why) : no;
}
