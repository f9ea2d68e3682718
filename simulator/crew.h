/*
 * The crew: a fixed number of threads that work through a list of items together and wait for the end. The caller is one of
 * them, so a crew of one starts no thread and a round of few items costs no switch.
 *
 *   crew_run(items 0 .. n-1) -> each item once, by whoever is free; which worker takes which item is left to chance, so
 *                               results must not depend on it (integer sums do not)
 */
#ifndef COHORT_SIMULATOR_CREW_H
#define COHORT_SIMULATOR_CREW_H

#include "base/err.h"

#include <stdint.h>

#define CREW_MAX 256 /* cores of the largest machines */

struct crew;

/* `workers` from 1 to CREW_MAX, the caller included. ERR_AGAIN when the system gives no more threads. */
enum err crew_new(struct crew **out, uint32_t workers, struct diag *why) MUST_USE;
void crew_free(struct crew *c); /* accepts NULL */
uint32_t crew_size(const struct crew *c);

/* Calls one(context, worker, item) for every item and returns when all have returned; worker < crew_size. */
void crew_run(struct crew *c, uint32_t items, void (*one)(void *context, uint32_t worker, uint32_t item),
              void *context);

#endif
