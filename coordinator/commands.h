/* The commands of cohort-coordinator; main.c has their table. Each returns the exit code and leaves what went wrong in `why`. */
#ifndef COHORT_COORDINATOR_COMMANDS_H
#define COHORT_COORDINATOR_COMMANDS_H

#include "base/command.h"
#include "coordinator/inquiry.h"

#define COMMANDS_FOUND_BAD 1 /* exit code: checked, and found bad */
#define COMMANDS_CONFIG "coordinator.yaml" /* where --config is not given: in the current folder */

int commands_serve(const struct command_line *line, struct diag *why);
int commands_study_add(const struct command_line *line, struct diag *why);
int commands_study_list(const struct command_line *line, struct diag *why);
int commands_study_start(const struct command_line *line, struct diag *why);
int commands_study_pause(const struct command_line *line, struct diag *why);
int commands_study_resume(const struct command_line *line, struct diag *why);
int commands_study_stop(const struct command_line *line, struct diag *why);
int commands_sites(const struct command_line *line, struct diag *why);
int commands_status(const struct command_line *line, struct diag *why);
int commands_rounds(const struct command_line *line, struct diag *why);
int commands_events(const struct command_line *line, struct diag *why);
int commands_export(const struct command_line *line, struct diag *why);

/* ---- inside */

/* Reads --config and asks one question; `q` stays open for more. commands_done closes both and gives the exit code. */
struct commands_state {
	struct settings settings;
	struct inquiry inquiry;
};
enum err commands_ask(struct commands_state *s, const struct command_line *line, struct json **answer,
                      enum http_method method, struct bytes body, struct diag *why, const char *target, ...)
	PRINTF_LIKE(7, 8) MUST_USE;
int commands_done(struct commands_state *s, enum err e);

int64_t commands_now_ms(void); /* Unix time */

#endif
