/* The commands that publish what the book says: revoke, crl, roster. */
#ifndef COHORT_CERTS_PUBLISH_H
#define COHORT_CERTS_PUBLISH_H

#include "base/command.h"

int publish_revoke(const struct command_line *line, struct diag *why);
int publish_crl(const struct command_line *line, struct diag *why);
int publish_roster(const struct command_line *line, struct diag *why);

#endif
