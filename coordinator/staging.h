/*
 * Staging: the contributions of one attempt while they arrive, until the round closes. One sparse file per attempt with a slot per
 * invited site, so that one fdatasync makes many uploads durable at once:
 *
 *     STATE/staging/STUDY.REVISION.ROUND.ATTEMPT
 *     | slot of site 0 | slot of site 1 | ...        each config.octets long, sites in the order of the plan
 *
 * An upload is a run of parts, hashed as they come; its octets are written at once and become durable with the next
 * staging_sync, which any thread may call. The file is made with the first octet.
 *
 *     staging_put:  (nothing) --first part--> arriving --last part, hash right--> complete     (the caller tells the campaign)
 *                                  \--last part, wrong hash--> (nothing)
 *
 * When the attempt is over its file becomes STUDY.spare and is taken for the next one: writing over blocks that a file has is
 * much cheaper than making new ones. What an older attempt left in a slot is never read: the database says which slots count,
 * and with which hash. Masked vectors leave no spare: what is gone cannot be read by who learns secrets later.
 *
 * An upload of more than one part needs a grant while it arrives; there are few (struct staging_grants, shared by all
 * studies), which bounds the parts in memory. A grant that was idle for STAGING_IDLE_MS goes to somebody else; what had
 * arrived stays, and the site goes on from there when it gets a grant again. After a restart of the coordinator
 * uploads that were not complete begin anew; complete ones that the database does not know are sent again.
 */
#ifndef COHORT_COORDINATOR_STAGING_H
#define COHORT_COORDINATOR_STAGING_H

#include "base/bytes.h"
#include "base/hash.h"
#include "base/limits.h"
#include "protocol/round_plan.h"

#include <stdbool.h>

#define STAGING_IDLE_MS                                                                                                \
	60000 /* a part of 1 MiB over 16 KiB/s, the slowest line that is served, takes 64 s: see IDLE in net */
#define STAGING_NAME_SIZE (NAME_SIZE + 48) /* three numbers and dots */
#define STAGING_SLICE (1u << 20) /* octets read at once: what adding needs in memory beside the sum */

struct staging_grants {
	uint32_t open, max;
};

struct staging;

struct staging_part {
	uint32_t slot; /* position of the site in the plan */
	uint64_t offset, total; /* total: checked by the caller against the layout */
	struct hash content; /* SHA-256 that the whole shall have */
	const struct bytes *pieces; /* the part's octets, as they came */
	size_t piece_count;
};

enum staging_verdict {
	STAGING_NEXT, /* stored, or repeated or misplaced: go on from *next */
	STAGING_COMPLETE, /* all octets are here, and the hash is right: to be synced */
	STAGING_BUSY, /* no grant is free */
	STAGING_LENGTH, /* the part passes the total, or is empty */
	STAGING_HASH, /* all octets were here, and were not what the hash says: forgotten */
	STAGING_WORDS, /* a word that no honest site sends (layout_check_words): forgotten */
	STAGING_FULL, /* the disk is full; what had arrived before stays */
	STAGING_BROKEN /* the disk fails: fatal */
};

struct staging_config {
	const char *folder, *study;
	uint32_t revision;
	const struct round_plan *plan;
	uint64_t octets; /* of one contribution */
	const struct layout *layout; /* its words are checked as they come; NULL: they are masked, and may be any */
	struct staging_grants *grants; /* borrowed; all else is copied */
};

/* Nothing is made on disk yet, unless a restart finds the file there. One owner more with staging_retain, one less with
 * staging_release, both in the loop's thread. */
struct staging *staging_open(const struct staging_config *config);
struct staging *staging_retain(struct staging *s);
void staging_release(struct staging *s); /* the last one closes the file; accepts NULL */

/* *next is where the upload stands, for STAGING_NEXT. `why` has words for all verdicts but NEXT and COMPLETE. */
enum staging_verdict staging_put(struct staging *s, const struct staging_part *part, int64_t now_ms, uint64_t *next,
                                 struct diag *why);
void staging_forget(struct staging *s, uint32_t slot); /* what has arrived of it; gives its grant back */
void staging_expire(struct staging *s, int64_t now_ms); /* takes idle grants back */

/* Any thread. Makes durable what staging_put has written before the call; ERR_IO is fatal. */
enum err staging_sync(struct staging *s, struct diag *why) MUST_USE;
/* Any thread. `n` octets of a complete slot from `offset`. ERR_IO when they cannot be read or are not there. */
enum err staging_read(const struct staging *s, uint32_t slot, uint64_t offset, uint8_t *out, size_t n,
                      struct diag *why) MUST_USE;

/* After a restart: is the slot what was accepted? Reads all of it. */
bool staging_holds(const struct staging *s, uint32_t slot, const struct hash *content);

/* The name of an attempt's file, without the folder. */
void staging_file_name(char out[STAGING_NAME_SIZE], const char *study, uint32_t revision,
                       const struct round_plan *plan);
/* The attempt is over: its file is kept as the spare, or removed with it, as masked vectors always are. What is open stays readable. */
void staging_end(struct staging *s, bool spare);

/* Removes all files of `folder` that `keep` does not want; not those whose name begins with a dot. */
void staging_sweep(const char *folder, bool (*keep)(void *context, const char *name), void *context);

#endif
