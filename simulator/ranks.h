/*
 * Ranks: processes that share a run's sites between them, started by `mpirun -n K cohort-sim run ...` when the program was
 * built with `make MPI=1`. Site i belongs to rank i mod K; every rank plays the same campaign and adds the same sums, so all
 * come to the same model, bit for bit that of one rank:
 *
 *   sums of contributions     integers, MPI_Allreduce
 *   what is known of a site   set by the rank that has it, zero elsewhere, so the sum of both is exact
 *
 * Built without MPI there is one rank, and these functions do nothing. The only file that knows MPI is ranks.c.
 */
#ifndef COHORT_SIMULATOR_RANKS_H
#define COHORT_SIMULATOR_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void ranks_begin(void); /* before anything else; once */
void ranks_end(void); /* after all else */

uint32_t ranks_count(void); /* 1 when nobody started more */
bool ranks_leads(void); /* this rank speaks and writes; exactly one does */
bool ranks_has(uint32_t site_index); /* the site is this rank's */

/* x[n] <- the sum over all ranks, which all call it with the same n. */
void ranks_sum_integers(int64_t *x, size_t n);
void ranks_sum_reals(double *x, size_t n);
bool ranks_any(bool here); /* true on any rank */

#endif
