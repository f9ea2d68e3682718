/*
 * Whole files, read and written so that a crash at any instant leaves either the old content or the new.
 *
 *   write NAME.new-XXXXXX (mode set first) -> fsync it -> rename over NAME -> fsync the folder
 *
 * A failed fsync is ERR_IO and must end the process: the kernel may have dropped the pages and would report the
 * next fsync as good. A crash in between leaves NAME.new-XXXXXX, which nobody reads and file_sweep removes.
 */
#ifndef COHORT_BASE_FILE_H
#define COHORT_BASE_FILE_H

#include "base/bytes.h"

/* Reads a whole regular file of at most `max` bytes into `out` (initialised here, freed by the caller even on
 * failure). ERR_NO_INPUT, ERR_LIMIT (names the size and the bound), ERR_IO. */
enum err file_read(struct buf *out, const char *path, size_t max, struct diag *why) MUST_USE;

/* Writes `data` to `path`, replacing what is there. `mode` such as 0600 is set before any byte is written.
 * ERR_CREATE when the folder does not take it, ERR_FULL, ERR_IO; after an error before the rename the old file is intact. */
enum err file_replace(const char *path, struct bytes data, unsigned mode, struct diag *why) MUST_USE;

/* As file_replace, but never over an existing file: ERR_CONFLICT then. */
enum err file_create(const char *path, struct bytes data, unsigned mode, struct diag *why) MUST_USE;

/* fsync of a file or folder by name. ERR_NO_INPUT when it cannot be opened, ERR_IO when the fsync fails. */
enum err file_sync(const char *path, struct diag *why) MUST_USE;

/* fsync of the folder that `path` lies in: after a rename or a removal made by hand. */
enum err file_sync_folder_of(const char *path, struct diag *why) MUST_USE;

/* Removes what crashed writers left in `folder` (NAME.new-XXXXXX). Only for a process that holds the folder's lock. */
enum err file_sweep(const char *folder, struct diag *why) MUST_USE;

#endif
