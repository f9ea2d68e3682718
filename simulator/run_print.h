/* A run in words, for a terminal: what was simulated, the headline figures, a row per site, where things are. */
#ifndef COHORT_SIMULATOR_RUN_PRINT_H
#define COHORT_SIMULATOR_RUN_PRINT_H

#include "simulator/run.h"

#include <stdio.h>

void run_print(FILE *out, const struct run *run, const char *directory); /* NULL: nothing was written */

#endif
