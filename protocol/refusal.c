/* The list of refusals: each code's word on the wire and its sentence. */
#include "protocol/refusal.h"

#include "base/err.h"

#include <string.h>

static const struct {
	const char *name, *text;
} refusals[REFUSAL_COUNT] = {
	[REFUSAL_NONE] = {"none", "takes part"},
	[REFUSAL_NOT_APPROVED] = {"not_approved", "the hospital has not approved this contract"},
	[REFUSAL_EXPIRED] = {"expired", "the study's last day has passed"},
	[REFUSAL_PLAN] = {"plan", "the round's plan is not what the contract says"},
	[REFUSAL_MODEL] = {"model", "the model does not fit its hash or the contract"},
	[REFUSAL_POLICY_MASKING] = {"policy_masking", "the hospital's policy wants stronger masking"},
	[REFUSAL_POLICY_MECHANISM] = {"policy_mechanism", "the hospital's policy does not list the privacy mechanism"},
	[REFUSAL_POLICY_EVALUATION] = {"policy_evaluation",
                                       "the hospital's policy does not list this release of evaluations"},
	[REFUSAL_POLICY_EPSILON] = {"policy_epsilon", "the study wants a larger epsilon than the hospital's policy"},
	[REFUSAL_POLICY_SITES] = {"policy_sites",
                                  "fewer sites, or fewer that it knows, than the hospital's policy wants"},
	[REFUSAL_BUDGET] = {"budget", "the hospital's privacy budget does not allow it"},
	[REFUSAL_LEDGER] = {"ledger", "the hospital's ledger is an older copy, or has lost entries"},
	[REFUSAL_DATA_CHANGED] = {"data_changed", "the hospital's extract is not the one it approved with"},
	[REFUSAL_DATA_UNREADABLE] = {"data_unreadable", "the hospital's extract cannot be read"},
	[REFUSAL_DATA_SMALL] = {"data_small", "the hospital has fewer rows or positives than its policy wants"},
	[REFUSAL_WEIGHT_CAP] = {"weight_cap", "the hospital has more patients or rows than the contract's cap"},
	[REFUSAL_INTERNAL] = {"internal", "something failed at the hospital: its log says what"},
};

const char *refusal_name(enum refusal r)
{
	CHECK((unsigned)r < REFUSAL_COUNT);
	return refusals[r].name;
}

const char *refusal_text(enum refusal r)
{
	CHECK((unsigned)r < REFUSAL_COUNT);
	return refusals[r].text;
}

bool refusal_from(enum refusal *out, const char *name)
{
	for (unsigned i = REFUSAL_NONE + 1; i < REFUSAL_COUNT; i++) {
		if (strcmp(refusals[i].name, name) == 0) {
			*out = (enum refusal)i;
			return true;
		}
	}
	return false;
}
