/*
 * Put before the C library (LD_PRELOAD): fsync and fdatasync do what they do and then take 4 ms in all, as on a disk of that kind. Each
 * call waits for itself, so two at once take 4 ms too.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SYNC_NS 4000000

static int at_least(long call, int fd)
{
	struct timespec until;
	long result;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += SYNC_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	result = syscall(call, fd);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
	return (int)result;
}

int fsync(int fd)
{
	return at_least(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return at_least(SYS_fdatasync, fd);
}
