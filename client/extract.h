/*
 * The extract: a study's rows as they lie in the hospital's file, loaded once and watched. An approval is bound to the bytes that
 * were looked at; when the file changes, the policy says whether a person is asked again or the new rows are taken.
 */
#ifndef COHORT_CLIENT_EXTRACT_H
#define COHORT_CLIENT_EXTRACT_H

#include "client/approval.h"
#include "client/config.h"
#include "data/table.h"

#include <sys/stat.h>

struct extract {
	const struct client_config *config; /* borrowed */
	const struct study *study;
	struct hash approved; /* fingerprint of the approval */
	struct table table;
	bool loaded;
	struct timespec modified; /* of the file that was read, with its size and number: what a change is seen by */
	off_t size;
	ino_t inode;
};

void extract_init(struct extract *x, const struct client_config *config, const struct study *study,
                  const struct hash *approved);
void extract_free(struct extract *x); /* accepts a zeroed one */

/* Makes x->table the rows of the file as it is now. `changed` is true when the table was loaded (again). REFUSAL_NONE, or
 * REFUSAL_DATA_CHANGED (the policy asks a person; the old rows are gone), REFUSAL_DATA_UNREADABLE; in words in `why`. */
enum refusal extract_refresh(struct extract *x, bool *changed, struct diag *why) MUST_USE;

#endif
