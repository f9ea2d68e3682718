/*
 * The desk: what every command of cohort-client needs at hand. The configuration, the coordinator, and the ledger, which belongs to
 * the daemon while one runs: then the daemon is asked, otherwise the state folder is locked for the moment of reading.
 */
#ifndef COHORT_CLIENT_DESK_H
#define COHORT_CLIENT_DESK_H

#include "base/command.h"
#include "base/json.h"
#include "client/budget.h"
#include "client/config.h"

/* Loads the file that --config names. */
enum err desk_config(struct client_config *out, const struct command_line *line, struct diag *why) MUST_USE;

/* The command's operand STUDY, held against the grammar of names. ERR_USAGE. */
enum err desk_study(const char **out, const struct command_line *line, struct diag *why) MUST_USE;

/* A requester whose certificate is this hospital's. */
enum err desk_connect(struct requester **out, const struct client_config *c, struct diag *why) MUST_USE;

/* The contract of a command's STUDY: the one with `hash` (64 hexadecimal digits) or, when it is NULL, the newest fetched. */
enum err desk_contract(struct study *out, const struct client_config *c, const char *study, const char *hash,
                       struct diag *why) MUST_USE;

/* The contract in words (client/words.h), with what this hospital knows of the federation. */
void desk_words(struct buf *out, const struct study *s, const struct client_config *c);

/* What the ledger holds (client/records.h); `study` NULL: of all. Nothing is created; a hospital without a ledger has none. ERR_AGAIN
 * when another process has the state folder and does not answer. */
enum err desk_records(struct json **out, const struct client_config *c, const char *study, struct diag *why) MUST_USE;

/* What all studies of this hospital have spent; `out` is freed first. Errors as above. */
enum err desk_budget(struct budget *out, const struct client_config *c, struct diag *why) MUST_USE;

/* The entry of the ledger that is the newest statement of a loss (client/standing.h); 0: there is none. As desk_records. */
enum err desk_loss(uint64_t *out, const struct client_config *c, struct diag *why) MUST_USE;

/* The daemon's /v1/status; NULL with OK when none runs. */
enum err desk_daemon(struct json **out, const struct client_config *c, struct diag *why) MUST_USE;

/* The entry of one of their lists ("endings", "members") that is about this contract; NULL when there is none. */
const struct json *desk_entry(const struct json *root, const char *list, const struct hash *study_hash);

/* What this hospital has done about a contract, in one word: "new", "fetched", "approved", "rejected", "running", "finished" or
 * "stopped". `records` and `daemon` are of the two above. */
const char *desk_standing(const struct client_config *c, const struct json *records, const struct json *daemon,
                          const struct hash *study_hash);

#endif
