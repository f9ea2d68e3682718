#include "simulator/setting.h"

#include <stdbool.h>
#include <string.h>

/* As run.json calls them, with the two that sound like keys of its own. */
static const char *const options[] = {"data",     "site-column", "partition", "sites",  "synthetic", "sites-per-round",
                                      "dropout",  "slow",        "threads",   "policy", "seed",      "seeds",
                                      "baselines"};

/* '_' as '-'. */
static bool is_same(const char *option, const char *key, size_t length)
{
	if (strlen(option) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (option[i] != key[i] && !(option[i] == '-' && key[i] == '_'))
			return false;
	return true;
}

enum err setting_check(const char *option, const char *setting, struct diag *why)
{
	size_t length = strcspn(setting, "=");

	if (setting[length] == '=' && setting[length + 1] == '{')
		return OK; /* `data` and `sites` are maps of a study too */
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (is_same(options[i], setting, length))
			return diag_set(why, ERR_USAGE,
			                "%s %s: %s is an option of run, not a key of the study; write --%s", option,
			                setting, options[i], options[i]);
	return OK;
}

enum err setting_blame(struct diag *why, enum err e, const char *option, const char *const *settings, size_t count)
{
	for (size_t i = count; i > 0 && e != OK && e != ERR_NO_INPUT; i--)
		e = diag_prefix(why, e, "with %s %s", option, settings[i - 1]);
	return e;
}
