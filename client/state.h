/*
 * The hospital's state folder, and who may use it. The daemon holds the lock for as long as it runs; a command takes it for the
 * moment in which it reads the ledger itself, so that the database never has two users.
 *
 *   STATE/            0700, made when it is missing
 *   STATE/lock        flock; holds the number of the process that has it, for people
 *   STATE/admin.sock  where a running daemon answers commands
 */
#ifndef COHORT_CLIENT_STATE_H
#define COHORT_CLIENT_STATE_H

#include "base/err.h"
#include "base/limits.h"

/* Makes the folder when it is missing (its parent must exist). ERR_CREATE. */
enum err state_make(const char *state, struct diag *why) MUST_USE;

/* Takes the lock, without waiting: ERR_AGAIN when another process has it, with its number; ERR_CREATE when the folder does not
 * take the file. */
enum err state_lock(int *lock, const char *state, struct diag *why) MUST_USE;
void state_unlock(int lock); /* accepts -1 */

/* "STATE/name", or "STATE/folder/name"; ERR_CONFIG when that is too long for a path. */
enum err state_path(char path[PATH_SIZE], const char *state, const char *name, struct diag *why) MUST_USE;

/* A folder inside, made when it is missing. */
enum err state_folder(char path[PATH_SIZE], const char *state, const char *name, struct diag *why) MUST_USE;

#endif
