/*
 * The end that recovery is made for: a disk that fails, a commit that failed. What is in memory can no longer be trusted to agree
 * with the disk, so nothing more is written or told to anybody; systemd starts the daemon again, and it goes on from the disk.
 */
#ifndef COHORT_COORDINATOR_FATAL_H
#define COHORT_COORDINATOR_FATAL_H

#include "base/err.h"

/* Logs the line and ends the process at once with exit code 74 (I/O). No handler runs, no answer leaves. */
_Noreturn void fatal(const struct diag *why);

#endif
