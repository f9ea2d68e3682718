/* The monotonic clock, for shells: cores are handed `now_ms`. */
#ifndef COHORT_BASE_CLOCK_H
#define COHORT_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in milliseconds, rounded down: since some moment in the past, the same for all processes of a boot. May be called in
 * a signal handler. */
int64_t clock_monotonic_ms(void);

#endif
