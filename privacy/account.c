/* Two upper bounds, and the smaller one. */
#include "privacy/account.h"

#include "privacy/pld.h"
#include "privacy/rdp.h"

static bool is_gaussian(const struct account_steps *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].count > 0 && list[i].sampling_rate != 1)
			return false;
	return true;
}

void account_epsilon(struct account *out, const struct account_steps *list, size_t count, double delta)
{
	struct rdp sums = {{0}};

	for (size_t i = 0; i < count; i++)
		rdp_add(&sums, &list[i]);
	out->delta = delta;
	out->epsilon_rdp = rdp_epsilon(&sums, delta);
	out->epsilon_pld = pld_epsilon(list, count, delta);
	out->epsilon = out->epsilon_rdp;
	out->accountant = "rdp";
	if (out->epsilon_pld <= out->epsilon_rdp) {
		out->epsilon = out->epsilon_pld;
		out->accountant = is_gaussian(list, count) ? "gaussian" : "pld";
	}
}
