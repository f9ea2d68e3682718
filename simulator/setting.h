/* What a person sets on the command line, "KEY=VALUE" of --set and --grid, in refusals. */
#ifndef COHORT_SIMULATOR_SETTING_H
#define COHORT_SIMULATOR_SETTING_H

#include "base/err.h"

/* ERR_USAGE when the key is not the study's but an option of `run`, such as partition. `option`: "--set" or "--grid". */
enum err setting_check(const char *option, const char *setting, struct diag *why) MUST_USE;

/* After a study with settings was refused: names them before the words, the first one first. Returns `e`. */
enum err setting_blame(struct diag *why, enum err e, const char *option, const char *const *settings, size_t count);

#endif
