/*
 * The office: all that the coordinator has on disk, opened. The daemon works in it and adds sockets, threads and timers; a command
 * works in it when no daemon runs. Whoever has it open holds STATE/lock.
 */
#ifndef COHORT_COORDINATOR_OFFICE_H
#define COHORT_COORDINATOR_OFFICE_H

#include "coordinator/course.h"

#define OFFICE_MODEL_ENDING ".safetensors"

struct office {
	const struct settings *settings;
	struct course_world world; /* points to the members around it */
	struct store *store;
	struct enrolled enrolled;
	struct buf roster; /* the file in force, as the authority signed it */
	struct roster listed; /* what it says */
	struct course **courses; /* by name; one per study, its newest revision */
	uint32_t count;
	struct hash *kept; /* models of revisions that were replaced; not deleted, nor offered */
	uint32_t kept_count;
	int lock;
};

enum office_for {
	OFFICE_FOR_COMMAND,
	OFFICE_FOR_DAEMON
}; /* the daemon verifies staged uploads and sweeps the folders */

/* Makes the state folders, takes the lock (trying for `patience_ms`), opens the store, reads the roster, restores the studies.
 * `settings` are borrowed (not copied) until office_close. What is written meanwhile is not committed yet. */
enum err office_open(struct office **out, const struct settings *settings, enum office_for what, int64_t patience_ms,
                     int64_t now_ms, struct diag *why) MUST_USE;
void office_close(struct office *o); /* accepts NULL; without commit; no course may have a runner */

/* The two clocks: `now_ms` is the caller's, Unix time is read. */
void office_clock(struct office *o, int64_t now_ms);

/* Reads the roster's file again, verifies the authority's signature, and takes it over: sites that left are dropped. The one in
 * force stays after an error. False in *changed when it is the same file. */
enum err office_read_roster(struct office *o, bool *changed, struct diag *why) MUST_USE;

struct course *office_course(const struct office *o, const char *study); /* NULL: no such study */

/* Would the roster's file be believed? Nothing is taken over. */
enum err office_check_roster(const struct settings *settings, struct diag *why) MUST_USE;

/* Which of the certificates that sites were last seen with are revoked, by serial number; after a new revocation list. */
void office_revocations(struct office *o, bool (*revoked)(void *context, const char *serial), void *context);

/* A contract's canonical bytes become a study. OK also when this very contract is there already (*fresh is false then).
 * ERR_CONFLICT: its revision is there with other content, or is older than the one in force, or that one is under way: a
 * revision is replaced only when it is ready, finished, stopped or failed. ERR_AGAIN: a round is being closed. */
enum err office_add_study(struct office *o, struct bytes canonical, struct course **out, bool *fresh,
                          struct diag *why) MUST_USE;

/* Commits, and tells the campaigns. True in *told when one was told anything: drain them again. An error is fatal. */
enum err office_commit(struct office *o, bool *told, struct diag *why) MUST_USE;

/* "STATE/models/SHA256.safetensors"; false when it is too long. */
void office_model_path(char *out, size_t size, const struct office *o, const struct hash *sha256);

/* Deletes model files that no study uses. Not while a model is being made: nothing refers to it yet. */
void office_sweep_models(struct office *o);

/* Deletes staged uploads of all attempts that are not open. */
void office_sweep_staging(struct office *o);

/* Writes when each site was last seen. */
void office_write_sites(struct office *o);

#endif
