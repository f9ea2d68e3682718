#include "simulator/ranks.h"

#ifdef COHORT_MPI

#include <mpi.h>

#define PART ((size_t)1 << 28) /* MPI counts in int */

static int rank, count = 1;

void ranks_begin(void)
{
	MPI_Init(NULL, NULL);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &count);
}

void ranks_end(void)
{
	MPI_Finalize();
}

uint32_t ranks_count(void)
{
	return (uint32_t)count;
}

bool ranks_leads(void)
{
	return rank == 0;
}

bool ranks_has(uint32_t site_index)
{
	return site_index % (uint32_t)count == (uint32_t)rank;
}

/* MPI's default is to end all ranks when a call fails. */
static void sum(void *x, size_t n, size_t size, MPI_Datatype type)
{
	char *next = x;

	for (size_t part; n > 0 && count > 1; n -= part, next += part * size) {
		part = n < PART ? n : PART;
		MPI_Allreduce(MPI_IN_PLACE, next, (int)part, type, MPI_SUM, MPI_COMM_WORLD);
	}
}

void ranks_sum_integers(int64_t *x, size_t n)
{
	sum(x, n, sizeof *x, MPI_INT64_T);
}

void ranks_sum_reals(double *x, size_t n)
{
	sum(x, n, sizeof *x, MPI_DOUBLE);
}

bool ranks_any(bool here)
{
	int64_t so_many = here;

	ranks_sum_integers(&so_many, 1);
	return so_many > 0;
}

#else

void ranks_begin(void)
{
}

void ranks_end(void)
{
}

uint32_t ranks_count(void)
{
	return 1;
}

bool ranks_leads(void)
{
	return true;
}

bool ranks_has(uint32_t site_index)
{
	(void)site_index;
	return true;
}

void ranks_sum_integers(int64_t *x, size_t n)
{
	(void)x;
	(void)n;
}

void ranks_sum_reals(double *x, size_t n)
{
	(void)x;
	(void)n;
}

bool ranks_any(bool here)
{
	return here;
}

#endif
