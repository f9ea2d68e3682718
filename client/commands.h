/*
 * The commands of cohort-client, one function each (base/command.h); the table in client/main.c is their command line. They print
 * answers on stdout and words on stderr, return the exit code, and write nothing when they refuse.
 */
#ifndef COHORT_CLIENT_COMMANDS_H
#define COHORT_CLIENT_COMMANDS_H

#include "base/command.h"

int commands_request(const struct command_line *line, struct diag *why); /* commands_enrol.c */

int commands_studies(const struct command_line *line, struct diag *why); /* commands_contract.c */
int commands_fetch(const struct command_line *line, struct diag *why);
int commands_show(const struct command_line *line, struct diag *why);

int commands_check(const struct command_line *line, struct diag *why); /* commands_check.c */

int commands_approve(const struct command_line *line, struct diag *why); /* commands_answer.c */
int commands_reject(const struct command_line *line, struct diag *why);

int commands_run(const struct command_line *line, struct diag *why); /* commands_run.c */

int commands_ledger(const struct command_line *line, struct diag *why); /* commands_ledger.c */
int commands_ledger_loss(const struct command_line *line,
                         struct diag *why); /* its --accept-loss: commands_ledger_loss.c */
int commands_outbound(const struct command_line *line, struct diag *why); /* commands_outbound.c */
int commands_figures(const struct command_line *line, struct diag *why); /* commands_figures.c */
int commands_status(const struct command_line *line, struct diag *why); /* commands_status.c */
int commands_export(const struct command_line *line, struct diag *why); /* commands_export.c */

int commands_privacy_epsilon(const struct command_line *line, struct diag *why); /* commands_privacy.c */
int commands_privacy_noise(const struct command_line *line, struct diag *why);

#endif
