/* Has a file changed since the last look? By its inode, size and time of change: cheap enough for every second. */
#ifndef COHORT_COORDINATOR_WATCH_H
#define COHORT_COORDINATOR_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct watch {
	const char *path; /* borrowed; NULL: never changes */
	ino_t inode;
	off_t size;
	struct timespec changed;
};

void watch_begin(struct watch *w, const char *path);
bool watch_changed(struct watch *w); /* once per change; a file that vanished has not changed */

#endif
