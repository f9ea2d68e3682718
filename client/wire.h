/*
 * The wire, from the hospital's side: one function per endpoint of docs/PROTOCOL.md, over net/request. Each call blocks its thread
 * and may be cancelled with request_cancel. Nothing derived from patients passes here but what wire_send reads from a file that
 * release.c has made final.
 */
#ifndef COHORT_CLIENT_WIRE_H
#define COHORT_CLIENT_WIRE_H

#include "client/session.h"
#include "net/request.h"
#include "protocol/roster.h"

/* The coordinator's studies, as its JSON says: {"studies": [...]}, checked to be an object with that array. */
enum err wire_studies(struct requester *r, struct json **out, struct diag *why) MUST_USE;

/* The current contract of a study. ERR_NOT_FOUND when there is none for this site. */
enum err wire_contract(struct requester *r, const char *study, struct study *out, struct diag *why) MUST_USE;

/* The roster, its signature verified against `authority` (a PEM file). The caller compares its version with what it has seen. `file`
 * (NULL: not wanted) gets the octets as they came, for buf_free. */
enum err wire_roster(struct requester *r, const char *authority, struct roster *out, struct buf *file,
                     struct diag *why) MUST_USE;

/* The inbox after `after`, held for at most wait_s. The caller frees each message and the array. `missed`: see session_polled. `told`: the mark
 * of our ledger that the coordinator shows, not verified; counter 0: none.
 * ERR_CONFLICT: another session of this site is newer, or the contract approved is not the current one (`why` says which);
 * ERR_NOT_FOUND: no such study for us; ERR_UNREACHABLE, ERR_AGAIN: worth trying again; ERR_CANCELLED. */
enum err wire_poll(struct requester *r, const struct study *study, uint64_t after, unsigned wait_s,
                   struct message **messages, uint32_t *count, bool *missed, struct ledger_mark *told,
                   struct diag *why) MUST_USE;

#define WIRE_FOREVER_MS (INT64_C(1) << 40) /* until cancelled: the round's end cancels */

/* Brings a model's file to `path` (resumed, hash checked); tries again for `give_up_ms`. ERR_NOT_FOUND: it is gone. */
enum err wire_model(struct requester *r, const struct hash *model, uint64_t octets, const char *path,
                    int64_t give_up_ms, struct diag *why) MUST_USE;

/* Sends the final vector in `path` as the contribution to (round, attempt), part after part, until it is accepted, late or rejected;
 * tries again until cancelled. `signature`: of a masked one, KEYS_SIGNATURE_SIZE octets; NULL in a clear round. `mark`: of our ledger, as text;
 * NULL: none is said. */
enum err wire_send(struct requester *r, const char *study, uint64_t round, uint32_t attempt,
                   const struct release_record *record, const uint8_t *signature, const char *mark, const char *path,
                   enum sent *how, struct diag *why) MUST_USE;

/* The messages of a masked attempt. Both try again until cancelled. `why`: the coordinator's words with REJECTED and DROPPED. */

/* POSTs our message of a phase. Never NOTHING. */
enum err wire_say(struct requester *r, const char *study, uint64_t round, uint32_t attempt, enum secagg_phase phase,
                  struct bytes octets, enum masks_reply *reply, struct diag *why) MUST_USE;

/* GETs the coordinator's, held for at most wait_s. `octets` is initialised here, with secagg_message_max of `sites` as its bound, and
 * freed by the caller in any case. A coordinator that answers "nothing yet" at once is made to wait. ERR_LIMIT when it says more. */
enum err wire_listen(struct requester *r, const char *study, uint64_t round, uint32_t attempt, enum secagg_phase phase,
                     uint32_t sites, unsigned wait_s, struct buf *octets, enum masks_reply *reply,
                     struct diag *why) MUST_USE;

enum err wire_refuse(struct requester *r, const struct study *study, uint64_t round, uint32_t attempt,
                     enum refusal refusal, struct diag *why) MUST_USE;
enum err wire_answer(struct requester *r, const char *study, const struct hash *study_hash, enum site_answer answer,
                     struct diag *why) MUST_USE;

#endif
