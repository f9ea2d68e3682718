/*
 * The commands that give sites their certificates. `sign` enrols a site that is not in the book; `renew` never
 * enrols. Both read and check everything first; a refusal writes nothing.
 */
#ifndef COHORT_CERTS_SITES_H
#define COHORT_CERTS_SITES_H

#include "base/command.h"

int sites_sign(const struct command_line *line, struct diag *why);
int sites_renew(const struct command_line *line, struct diag *why);

#endif
