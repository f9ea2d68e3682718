/* The commands at the start of a federation: init, coordinator. A refusal writes nothing. */
#ifndef COHORT_CERTS_SETUP_H
#define COHORT_CERTS_SETUP_H

#include "base/command.h"

int setup_init(const struct command_line *line, struct diag *why);
int setup_coordinator(const struct command_line *line, struct diag *why);

#endif
