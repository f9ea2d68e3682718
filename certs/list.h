/* The commands that only look: list, show. They need no key. */
#ifndef COHORT_CERTS_LIST_H
#define COHORT_CERTS_LIST_H

#include "base/command.h"

int list_sites(const struct command_line *line, struct diag *why);
int list_request(const struct command_line *line, struct diag *why);

#endif
