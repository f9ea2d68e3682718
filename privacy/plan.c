/* The closed list of mechanisms: names as the contract writes them, and which of them this version can keep. */
#include "privacy/plan.h"

#include <string.h>

static const char *const names[PRIVACY_MECHANISM_COUNT] = {
	[PRIVACY_NONE] = "none",
	[PRIVACY_DISTRIBUTED] = "distributed",
	[PRIVACY_LOCAL] = "local",
	[PRIVACY_SITE] = "site",
};

const char *privacy_mechanism_name(enum privacy_mechanism m)
{
	CHECK((unsigned)m < PRIVACY_MECHANISM_COUNT);
	return names[m];
}

bool privacy_mechanism_from(enum privacy_mechanism *out, const char *name)
{
	for (unsigned i = 0; i < PRIVACY_MECHANISM_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*out = (enum privacy_mechanism)i;
			return true;
		}
	}
	return false;
}

enum err privacy_plan_check(const struct privacy_plan *p, struct diag *why)
{
	if (p->mechanism != PRIVACY_NONE)
		return diag_set(
			why, ERR_DATA,
			"privacy.mechanism: %s is not built in this version, and a study must not promise it: write "
			"privacy: {mechanism: none}",
			privacy_mechanism_name(p->mechanism));
	return OK;
}
