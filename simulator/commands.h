/*
 * The commands of cohort-sim, one function each (base/command.h); the table in simulator/main.c is their command line. They
 * print answers on stdout and words on stderr, return the exit code, and write nothing when they refuse.
 */
#ifndef COHORT_SIMULATOR_COMMANDS_H
#define COHORT_SIMULATOR_COMMANDS_H

#include "base/command.h"

int commands_run(const struct command_line *line, struct diag *why); /* commands_run.c */

int commands_new(const struct command_line *line, struct diag *why); /* commands_new.c */
extern const struct command_option commands_new_options[];
extern const char commands_new_help[];

int commands_plot(const struct command_line *line, struct diag *why); /* commands_plot.c */
extern const struct command_option commands_plot_options[];
extern const char commands_plot_help[];

int commands_faults(const struct command_line *line, struct diag *why); /* commands_faults.c */

int commands_sweep(const struct command_line *line, struct diag *why); /* commands_sweep.c */
extern const struct command_option commands_sweep_options[];
extern const char commands_sweep_help[];

#endif
