#include "coordinator/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS 20 /* a command that reads the status is gone by then */

static enum err held_by_another(int fd, const char *path, struct diag *why)
{
	char holder[32] = "";
	ssize_t n = pread(fd, holder, sizeof holder - 1, 0);

	if (n < 0)
		n = 0;
	holder[n] = '\0';
	holder[strcspn(holder, "\n")] = '\0';
	return diag_set(why, ERR_AGAIN,
	                "%s: another cohort-coordinator%s%s works on this state directory; stop it, or use another "
	                "`state:`",
	                path, holder[0] ? " with process id " : "", holder);
}

static void write_holder(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	/* Only words for a person: a disk that is full does not matter here. */
	if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
		return;
}

enum err lock_take(int *fd, const char *path, int64_t patience_ms, struct diag *why)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return diag_set(why, ERR_CREATE, "%s: cannot be opened: %s", path, strerror(errno));
	while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || patience_ms <= 0) {
			enum err e = errno == EWOULDBLOCK ? held_by_another(*fd, path, why)
			                                  : diag_set(why, ERR_CREATE, "%s: cannot be locked: %s", path,
			                                             strerror(errno));
			close(*fd);
			*fd = -1;
			return e;
		}
		nanosleep(&pause, NULL);
		patience_ms -= RETRY_MS;
	}
	write_holder(*fd);
	return OK;
}

void lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}
