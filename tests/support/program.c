#include "tests/support/program.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMAND_MAX (8 * PATH_SIZE)

static void take_file(char *out, FILE *f)
{
	rewind(f);
	out[fread(out, 1, PROGRAM_OUTPUT_MAX - 1, f)] = '\0';
	fclose(f);
}

static void become(const char *command, FILE *out, FILE *err)
{
	char bin[PATH_SIZE];
	const char *build = getenv("COHORT_BUILD");

	if (!build || !realpath(build, bin))
		_exit(127);
	strncat(bin, "/bin", sizeof(bin) - strlen(bin) - 1);
	setenv("BIN", bin, 1);
	if (!freopen("/dev/null", "r", stdin) || dup2(fileno(out), STDOUT_FILENO) < 0 ||
	    dup2(fileno(err), STDERR_FILENO) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void run(struct program *p, const char *command)
{
	int status = 0;
	FILE *out = tmpfile(), *err = tmpfile();

	assert_non_null(getenv("COHORT_BUILD"));
	assert_true(out && err);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		become(command, out, err);
	assert_int_equal(waitpid(child, &status, 0), child);
	*p = (struct program){.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
	                      .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0};
	take_file(p->out, out);
	take_file(p->err, err);
}

void program_run(struct program *p, const char *name, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list args;

	int length = snprintf(command, sizeof(command), "exec \"$BIN/%s\" ", name);
	va_start(args, fmt);
	length += vsnprintf(command + length, sizeof(command) - (size_t)length, fmt, args);
	va_end(args);
	assert_true(length > 0 && (size_t)length < sizeof(command));
	run(p, command);
}

void program_shell(struct program *p, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list args;

	va_start(args, fmt);
	int length = vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	assert_true(length > 0 && (size_t)length < sizeof(command));
	run(p, command);
}

void program_expect(const struct program *p, int exit_code, const char *words)
{
	if (p->exit_code != exit_code || !strstr(p->err, words))
		fail_msg("exit %d (signal %d), expected %d and \"%s\"; stderr: %s", p->exit_code, p->signal, exit_code,
		         words, p->err);
}

char *program_snapshot(const char *folder)
{
	struct program *p = malloc(sizeof(*p));

	assert_non_null(p);
	program_shell(p, "cd '%s' && find . \\( -type f -exec sha256sum {} + -o -type d -print \\) | sort", folder);
	assert_int_equal(p->exit_code, 0);
	char *text = strdup(p->out);
	free(p);
	return text;
}
