/*
 * The commands of cohort-ca cut off or failing at every system call that changes the disk. The calls are replaced
 * here, at link time; a command runs in a child process, and afterwards the parent looks at what is left:
 *
 *     the book can be read      every certificate that exists stands in it      the next command works
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/secret.h"
#include "certs/folder.h"
#include "certs/publish.h"
#include "certs/setup.h"
#include "certs/sites.h"
#include "tests/support/tempdir.h"

#define CRASHED 99
#define CALLS_MAX 80 /* more than any command makes: it must have ended well by then */

static struct {
	bool watching;
	int calls, at; /* made so far; the one that goes wrong */
	int error; /* its errno; 0: the process ends before it */
} fault;

static bool fails(void)
{
	if (!fault.watching || fault.calls++ != fault.at)
		return false;
	if (fault.error == 0)
		_exit(CRASHED);
	errno = fault.error;
	return true;
}

int fsync(int fd)
{
	return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	return fails() ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
	return fails() ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int mkdir(const char *path, mode_t mode)
{
	return fails() ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

ssize_t write(int fd, const void *data, size_t length)
{
	return fails() ? -1 : syscall(SYS_write, fd, data, length);
}

static struct tempdir t;

static const char *at(const char *name)
{
	return tempdir_path(&t, name);
}

/* ---- commands without main.c's table */

static const struct command_option options[] = {
	{"json", NULL, "", false},       {"out", "FILE", "", false}, {"federation", "NAME", "", false},
	{"fingerprint", "F", "", false}, {"host", "H", "", true},    {NULL, NULL, NULL, false},
};
static const struct command any = {.name = "any", .operands = "", .options = options};

struct job {
	int (*run)(const struct command_line *line, struct diag *why);
	const char *operand;
	const char *host, *out;
};

static int run_job(const struct job *job, struct diag *why)
{
	struct command_line line = {.command = &any, .operands = {at("ca"), job->operand}, .operand_count = 2};
	if (job->host)
		line.given[line.given_count++] = (struct command_given){&options[4], job->host};
	if (job->out)
		line.given[line.given_count++] = (struct command_given){&options[1], job->out};
	return job->run(&line, why);
}

/* In a child whose `call`-th call goes wrong; the exit code, and what it says with an error. */
static int run_with_fault(const struct job *job, int call, int error)
{
	int status = 0;

	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct diag why = {0};
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		fault.at = call;
		fault.error = error;
		fault.watching = true;
		int code = run_job(job, &why);
		fault.watching = false;
		_exit(code != 0 && why.text[0] == '\0' ? 1 : code); /* 1: a failure without a word */
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void good(const struct job *job)
{
	struct diag why = {0};
	int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);

	fflush(NULL);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	int code = run_job(job, &why);
	fflush(NULL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(out);
	close(err);
	close(null);
	if (code)
		fail_msg("exit %d: %s", code, why.text);
}

/* ---- what must hold afterwards */

static void must_be_in_book(const struct registry *r, const char *path)
{
	struct buf pem;
	struct identity id;
	struct diag why = {0};

	if (file_read(&pem, path, PEM_MAX, &why) || identity_from_pem(&id, buf_bytes(&pem), &why))
		fail_msg("%s: %s", path, why.text);
	buf_free(&pem);
	for (size_t i = 0; i < r->certificate_count; i++)
		if (strcmp(r->certificates[i].leaf.serial, id.serial) == 0)
			return;
	fail_msg("%s exists, but its serial %s is not in the book", path, id.serial);
}

static void must_be_sound(void)
{
	struct folder f;
	struct diag why = {0};
	char path[PATH_SIZE + 300];

	if (folder_look(&f, at("ca"), (int64_t)time(NULL), &why))
		fail_msg("%s", why.text);
	DIR *dir = opendir(at("ca/certs"));
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.' || strstr(entry->d_name, ".new-"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", at("ca/certs"), entry->d_name);
		must_be_in_book(&f.registry, path);
	}
	closedir(dir);
	if (tempdir_exists(&t, "ca/coordinator/coordinator.pem"))
		must_be_in_book(&f.registry, at("ca/coordinator/coordinator.pem"));
	if (tempdir_exists(&t, "site.pem"))
		must_be_in_book(&f.registry, at("site.pem"));
	folder_close(&f);
}

static const struct job init = {setup_init, NULL, NULL, NULL};

static void make_requests(void)
{
	struct enrol_request q;
	struct diag why = {0};
	assert_int_equal(enrol_create(&q, at("a"), "a", NULL, &why), OK);
	assert_int_equal(enrol_create(&q, at("b"), "b", NULL, &why), OK);
}

/* Runs the job with its call 0, 1, 2 ... going wrong, each time in a fresh folder, until none is left to go wrong. */
static void every_call(const struct job *job, bool signed_before, int error)
{
	for (int call = 0;; call++) {
		assert_true(call < CALLS_MAX);
		tempdir_make(&t);
		make_requests();
		const struct job sign_a = {sites_sign, at("a/site.csr"), NULL, NULL};
		const struct job sign_b = {sites_sign, at("b/site.csr"), NULL, NULL};
		struct job here = *job;
		if (here.operand && strchr(here.operand, '/'))
			here.operand = at(here.operand);
		if (here.out)
			here.out = at(here.out);
		good(&init);
		if (signed_before)
			good(&sign_a);
		int code = run_with_fault(&here, call, error);
		if (error == 0)
			assert_true(code == 0 || code == CRASHED);
		else
			assert_true(code == 0 || code > 1);
		must_be_sound();
		good(&sign_b); /* the next command finds a folder that works */
		const struct job crl = {publish_crl, NULL, NULL, NULL}, roster = {publish_roster, NULL, NULL, NULL};
		good(&crl);
		good(&roster);
		tempdir_remove(&t);
		if (code == 0)
			break;
	}
}

static void sign_is_safe(void **state)
{
	(void)state;
	const struct job job = {sites_sign, "a/site.csr", NULL, "site.pem"};
	every_call(&job, false, 0);
	every_call(&job, false, EIO);
}

static void renew_is_safe(void **state)
{
	(void)state;
	const struct job job = {sites_renew, "a", NULL, "site.pem"};
	every_call(&job, true, 0);
	every_call(&job, true, ENOSPC);
}

static void coordinator_is_safe(void **state)
{
	(void)state;
	const struct job job = {setup_coordinator, NULL, "a.org", NULL};
	every_call(&job, false, 0);
	every_call(&job, false, EIO);
}

static void revoke_is_safe(void **state)
{
	(void)state;
	const struct job job = {publish_revoke, "a", NULL, NULL};
	every_call(&job, true, 0);
	every_call(&job, true, EIO);
}

/* After an error there is a key with its certificate or neither, so the command can be given again. */
static void a_failed_coordinator_leaves_no_lone_key(void **state)
{
	(void)state;
	const struct job job = {setup_coordinator, NULL, "a.org", NULL};
	for (int call = 0, code = 1; code != 0; call++) {
		tempdir_make(&t);
		good(&init);
		code = run_with_fault(&job, call, EIO);
		bool key = tempdir_exists(&t, "ca/coordinator/coordinator.key");
		bool certificate = tempdir_exists(&t, "ca/coordinator/coordinator.pem");
		assert_int_equal(key, certificate);
		if (!key)
			good(&job);
		tempdir_remove(&t);
	}
}

/* A revocation that was cut off is finished by running it again, wherever it was cut. */
static void a_cut_revocation_is_finished(void **state)
{
	(void)state;
	const struct job revoke = {publish_revoke, "a", NULL, NULL};
	for (int call = 0, code = CRASHED; code == CRASHED; call++) {
		struct folder f;
		struct diag why = {0};
		tempdir_make(&t);
		make_requests();
		const struct job sign = {sites_sign, at("a/site.csr"), NULL, NULL};
		good(&init);
		good(&sign);
		code = run_with_fault(&revoke, call, 0);
		good(&revoke);
		assert_int_equal(folder_look(&f, at("ca"), (int64_t)time(NULL), &why), OK);
		assert_int_equal(f.registry.roster_version, 3);
		assert_true(f.registry.sites[0].revoked_s > 0 && f.registry.certificates[0].revoked_s > 0);
		assert_true(tempdir_exists(&t, "ca/crl.pem") && tempdir_exists(&t, "ca/roster.signed"));
		folder_close(&f);
		tempdir_remove(&t);
	}
}

/* A new authority appears whole or not at all. */
static void init_is_all_or_nothing(void **state)
{
	(void)state;
	static const int errors[] = {0, EIO, ENOSPC};
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (int call = 0, code = 1; code != 0; call++) {
			assert_true(call < CALLS_MAX);
			tempdir_make(&t);
			code = run_with_fault(&init, call, errors[i]);
			if (tempdir_exists(&t, "ca"))
				must_be_sound();
			else
				good(&init);
			tempdir_remove(&t);
		}
	}
}

/* An error, unlike a crash, also takes back what it made. */
static void a_failed_init_leaves_nothing(void **state)
{
	(void)state;
	for (int call = 0, code = 1; code != 0; call++) {
		tempdir_make(&t);
		code = run_with_fault(&init, call, ENOSPC);
		if (code != 0 && !tempdir_exists(&t, "ca"))
			assert_int_equal(tempdir_count(&t, NULL), 0);
		tempdir_remove(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sign_is_safe),           cmocka_unit_test(renew_is_safe),
		cmocka_unit_test(coordinator_is_safe),    cmocka_unit_test(a_failed_coordinator_leaves_no_lone_key),
		cmocka_unit_test(revoke_is_safe),         cmocka_unit_test(a_cut_revocation_is_finished),
		cmocka_unit_test(init_is_all_or_nothing), cmocka_unit_test(a_failed_init_leaves_nothing),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
