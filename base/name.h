/*
 * Names of sites, studies and federations: one grammar for files, certificates, the roster and the wire. All of them
 * are safe as a folder name and as a part of a URI.
 */
#ifndef COHORT_BASE_NAME_H
#define COHORT_BASE_NAME_H

#include <stdbool.h>

bool name_is_site(const char *name); /* [A-Za-z0-9][A-Za-z0-9._-]{0,63} */
bool name_is_study(const char *name); /* [a-z0-9-]{1,64} */
bool name_is_federation(const char *name); /* [a-z0-9-]{1,64} */

/* Order of two names ignoring the case of ASCII letters, as strcmp; 0: one name to a person, so never two sites. */
int name_compare(const char *a, const char *b);

#endif
