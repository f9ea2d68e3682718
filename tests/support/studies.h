/*
 * Studies of real data, tests/studies/NAME.yaml, and the data that they are of, beside the project (tests/support/shared.h): a
 * test that asks for data is skipped where there are none. All of these studies are for simulation, without `expires`.
 *
 *   heart          four files, one per hospital              studies_heart
 *   heart_flamby   one file, column "site"                   shared_data("heart/heart_flamby13.csv")
 *   ist_public     one file, columns "site_country" (30) and "site_hosp" (423)   shared_data("ist_public.csv.gz")
 *   wdbc           one file without sites                    studies_wdbc
 *   digits         one file without sites                    studies_digits
 *   heart_private, ist_public_private, wdbc_private          the same data, mechanism distributed, as the references with privacy
 *
 * Whatever fails here fails the test.
 */
#ifndef COHORT_TESTS_SUPPORT_STUDIES_H
#define COHORT_TESTS_SUPPORT_STUDIES_H

#include "simulator/federation.h"
#include "tests/support/tempdir.h"

/* The study NAME, with the only occurrence of `old` replaced unless it is NULL. */
void studies_load(struct study *out, const char *name, const char *old, const char *new);

void studies_heart(struct tempdir *dir); /* links the hospitals' files into the folder, and nothing else */
const char *studies_wdbc(struct tempdir *dir); /* writes the file with a header; its path */
const char *studies_digits(struct tempdir *dir);

void studies_sites(struct federation *out, const struct study *s, const struct federation_options *options);

#endif
