/*
 * The agent: what `cohort-client run` does. One thread (a loop) looks after the members, one for each approved study:
 *
 *   every second:  STATE/approved, STATE/rejected  ->  members begin and end; rejections are told to the coordinator
 *
 *     approval appears ----> SEAT_RUNNING --member is over--> SEAT_OVER      (until its approval goes)
 *                              |  approval goes, or another extract was approved
 *                              v
 *                            SEAT_LEAVING --its threads have ended--> no seat
 *
 * It holds STATE/lock for as long as it runs, and answers commands on STATE/admin.sock:
 *
 *   GET /v1/status              {"process", "members": [{"study", "study_hash", "state", "doing", "round", "attempt", "step",
 *                               "trouble"}]}; state is "running", "over" or "leaving"
 *   GET /v1/ledger?study=NAME   client/records.h
 */
#ifndef COHORT_CLIENT_AGENT_H
#define COHORT_CLIENT_AGENT_H

#include "client/config.h"

#define AGENT_SOCKET "admin.sock" /* in the state folder */
#define AGENT_ANSWER_MAX (320u << 20) /* a ledger of three studies of ROUNDS_MAX rounds, 1000 bytes each */

/* Runs until SIGTERM or SIGINT (OK), or until it must not go on: ERR_IO when the ledger's disk failed, ERR_REFUSED when another
 * process of this hospital took over or the credentials do not hold, ERR_AGAIN when another one has the state folder. */
enum err agent_run(const struct client_config *config, struct diag *why) MUST_USE;

#endif
