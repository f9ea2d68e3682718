/*
 * The extract: a study's rows as they lie in the hospital's file, loaded once and watched. An approval is bound to the bytes that
 * were looked at; when the file changes, the policy says whether a person is asked again or the new rows are taken.
 *
 *   stamp (size, inode, time of change), fingerprint and rows are of the same bytes: the stamp is taken before and after reading
 */
#ifndef COHORT_CLIENT_EXTRACT_H
#define COHORT_CLIENT_EXTRACT_H

#include "base/hash.h"
#include "client/config.h"
#include "data/table.h"

#include <sys/stat.h>

/* What a change of a file is seen by without reading it. */
struct extract_stamp {
	struct timespec modified;
	off_t size;
	ino_t inode;
};

struct extract {
	const struct client_config *config; /* borrowed */
	const struct study *study;
	struct hash approved; /* fingerprint of the approval */
	struct table table;
	bool loaded; /* `table` holds the rows of the file with this stamp */
	bool refused; /* the file with this stamp is not the approved one */
	struct extract_stamp stamp;
};

/* Reads the study's file: its rows, and the stamp that they were read under. ERR_AGAIN when it changes meanwhile; those of
 * client_config_source and table_load. On failure `out` is zeroed. */
enum err extract_read(struct table *out, struct extract_stamp *stamp, const struct client_config *config,
                      const struct study *study, struct diag *why) MUST_USE;

/* The fingerprint of the same bytes: ERR_AGAIN when the file has another stamp by now. */
enum err extract_fingerprint(struct hash *out, const struct extract_stamp *stamp, const struct client_config *config,
                             const struct study *study, struct diag *why) MUST_USE;

void extract_init(struct extract *x, const struct client_config *config, const struct study *study,
                  const struct hash *approved);
void extract_free(struct extract *x); /* accepts a zeroed one */

/* Makes x->table the rows of the file as it is now. `changed` is true when the rows held before are gone. REFUSAL_NONE, or
 * REFUSAL_DATA_CHANGED (the policy asks a person), REFUSAL_DATA_UNREADABLE; in words in `why`, without any cell of
 * the file: the daemon logs them. Under privacy what a row holds is no reason to refuse: it leaves by itself; and a file that is no table of
 * the study counts as one without rows. The log says so. There a changed file is refused whatever the policy says when the study
 * evaluates and no patient id decides who is evaluated. */
enum refusal extract_refresh(struct extract *x, bool *changed, struct diag *why) MUST_USE;

#endif
