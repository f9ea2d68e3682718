/*
 * A temporary folder for one test, below $TMPDIR or /tmp. Whatever fails here fails the test (fail_msg of cmocka); what a
 * failed test did not remove goes when its program ends.
 *
 *   struct tempdir t;
 *   tempdir_make(&t);
 *   tempdir_write(&t, "site.csv", "age\n7\n");
 *   ... csv_open(..., tempdir_path(&t, "site.csv"), ...) ...
 *   tempdir_remove(&t);
 */
#ifndef COHORT_TESTS_SUPPORT_TEMPDIR_H
#define COHORT_TESTS_SUPPORT_TEMPDIR_H

#include "base/bytes.h"
#include "base/limits.h"

struct tempdir {
	char path[PATH_SIZE];
	char **paths; /* handed out by tempdir_path */
	size_t path_count;
};

void tempdir_make(struct tempdir *t);
void tempdir_remove(struct tempdir *t); /* with all that is in it; never follows a link */

/* "FOLDER/name", valid until tempdir_remove. `name` may contain slashes; NULL gives the folder itself. */
const char *tempdir_path(struct tempdir *t, const char *name);

void tempdir_folder(struct tempdir *t, const char *name); /* creates a folder inside */
void tempdir_write(struct tempdir *t, const char *name, const char *text); /* mode 0600, replaced if it exists */
void tempdir_write_bytes(struct tempdir *t, const char *name, struct bytes data);
bool tempdir_exists(struct tempdir *t, const char *name);
size_t tempdir_count(struct tempdir *t, const char *name); /* entries of a folder, without . and .. */

/* The file's content, NUL-terminated (not counted); *len may be NULL. Valid until tempdir_remove. */
const char *tempdir_read(struct tempdir *t, const char *name, size_t *len);

#endif
