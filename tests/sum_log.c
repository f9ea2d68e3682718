/*
 * A coordinator that writes down the sums that it makes, for tests: linked with the coordinator's own objects into
 * build/test/cohort-coordinator, as tests/secret_log.c is with the client's. A sum is what the round publishes; its check words have held.
 *
 *   COHORT_SUM_LOG=FILE     a line for each sum: the number of survivors, then the words of the contributions' sum
 */
#include "coordinator/masked_sum.h"

#include <stdio.h>
#include <stdlib.h>

/* NOLINTBEGIN: the linker's names */
enum err __real_masked_sum_finish(struct aggregate *out, const struct masked_sum *m, uint32_t survivors,
                                  struct diag *why) MUST_USE;
enum err __wrap_masked_sum_finish(struct aggregate *out, const struct masked_sum *m, uint32_t survivors,
                                  struct diag *why);
/* NOLINTEND */

enum err __wrap_masked_sum_finish(struct aggregate *out, const struct masked_sum *m, uint32_t survivors,
                                  struct diag *why)
{
	enum err e = __real_masked_sum_finish(out, m, survivors, why);
	const char *path = getenv("COHORT_SUM_LOG");
	FILE *f = e == OK && path != NULL ? fopen(path, "ae") : NULL;

	if (f == NULL)
		return e;
	fprintf(f, "%u", survivors);
	for (uint32_t i = 0; i < out->layout.words; i++)
		fprintf(f, " %lld", (long long)out->sums[i]);
	fprintf(f, "\n");
	CHECK(fclose(f) == 0);
	return e;
}
