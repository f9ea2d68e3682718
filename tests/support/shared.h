/*
 * Real data beside the project: ../shared/data as seen from the repository's root, where tests are started. It may be
 * absent.
 */
#ifndef COHORT_TESTS_SUPPORT_SHARED_H
#define COHORT_TESTS_SUPPORT_SHARED_H

/* "../shared/data/name", valid until the next call but three. When there is no such file the test is skipped (cmocka's
 * skip(), with the line that tests/run counts). */
const char *shared_data(const char *name);

#endif
