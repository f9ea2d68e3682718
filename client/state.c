#include "client/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err make_folder(const char *path, struct diag *why)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return OK;
	return diag_set(why, ERR_CREATE, "cannot create %s: %s", path, strerror(errno));
}

enum err state_make(const char *state, struct diag *why)
{
	return make_folder(state, why);
}

enum err state_path(char path[PATH_SIZE], const char *state, const char *name, struct diag *why)
{
	size_t len = strlen(state);
	const char *between = len > 0 && state[len - 1] == '/' ? "" : "/"; /* `state: state/` is how people write it */
	int n = snprintf(path, PATH_SIZE, "%s%s%s", state, between, name);

	if (n < 0 || n >= PATH_SIZE)
		return diag_set(why, ERR_CONFIG, "the path of the state folder is too long: %s", state);
	return OK;
}

enum err state_folder(char path[PATH_SIZE], const char *state, const char *name, struct diag *why)
{
	enum err e = state_path(path, state, name, why);

	return e == OK ? make_folder(path, why) : e;
}

/* Who has it, for the message: the number that the holder wrote, "another process" while it has not yet. */
static enum err taken(int fd, const char *state, struct diag *why)
{
	char number[16] = "";
	ssize_t n = pread(fd, number, sizeof number - 1, 0);

	number[n > 0 ? strcspn(number, "\n") : 0] = '\0';
	return diag_set(why, ERR_AGAIN,
	                "%s is in use by %s%s; stop `cohort-client run` there, or give this one another state folder",
	                state, number[0] != '\0' ? "process " : "another process", number);
}

enum err state_lock(int *lock, const char *state, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = state_path(path, state, "lock", why);
	int fd;

	*lock = -1;
	if (e != OK)
		return e;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return diag_set(why, ERR_CREATE, "%s: cannot be opened: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		e = taken(fd, state, why);
		close(fd);
		return e;
	}
	if (ftruncate(fd, 0) == 0) /* the number is a courtesy: that it cannot be written is no reason to stop */
		(void)!dprintf(fd, "%d\n", (int)getpid());
	*lock = fd;
	return OK;
}

void state_unlock(int lock)
{
	if (lock >= 0)
		close(lock);
}
