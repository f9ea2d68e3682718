/* A child process whose end and whose words are looked at. It runs no handler of atexit: those belong to the parent. */
#include "tests/support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Both ends of a channel: [0] is read here, [1] becomes the child's stderr. */
static void open_channel(int fd[2], bool terminal)
{
	if (!terminal) {
		assert_int_equal(pipe(fd), 0);
		return;
	}
	fd[0] = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(fd[0] >= 0);
	assert_int_equal(grantpt(fd[0]), 0);
	assert_int_equal(unlockpt(fd[0]), 0);
	fd[1] = open(ptsname(fd[0]), O_RDWR | O_NOCTTY);
	assert_true(fd[1] >= 0);
}

static void read_output(struct child *c, int fd)
{
	size_t len = 0;
	char rest[512];

	for (;;) {
		size_t room = sizeof c->output - 1 - len;
		ssize_t n = read(fd, room ? c->output + len : rest, room ? room : sizeof rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* a pseudo-terminal ends with EIO */
			break;
		len += room ? (size_t)n : 0;
	}
	c->output[len] = '\0';
}

void child_run(struct child *c, bool terminal, void (*run)(void *context), void *context)
{
	int fd[2], status;

	*c = (struct child){.exit_code = -1};
	open_channel(fd, terminal);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		/* cmocka's handlers would turn a signal into a failed test of this copy of it */
		static const int handled[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
		for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
			signal(handled[i], SIG_DFL);
		run(context);
		_exit(0);
	}
	close(fd[1]);
	read_output(c, fd[0]);
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	if (WIFEXITED(status))
		c->exit_code = WEXITSTATUS(status);
	else
		c->signal = WTERMSIG(status);
}

void child_expect_check(const char *condition, void (*run)(void *context), void *context)
{
	struct child c;

	child_run(&c, false, run, context);
	assert_int_equal(c.signal, SIGABRT);
	assert_non_null(strstr(c.output, "check failed: "));
	assert_non_null(strstr(c.output, condition));
}
