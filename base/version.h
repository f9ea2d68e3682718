/* The version, in one place: --version, run.json, packaging. */
#ifndef COHORT_BASE_VERSION_H
#define COHORT_BASE_VERSION_H

#define COHORT_VERSION "0.4.0"

#endif
