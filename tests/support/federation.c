#include "tests/support/federation_inside.h"

#include "protocol/study.h"
#include "tests/support/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PORT_FIRST 20000 /* below the ports that the kernel gives to outgoing connections (32768 and up) */
#define PORT_COUNT 12000
#define STOP_LIMIT_MS 10000
#define LOOK_EVERY_MS 5
#define COMMAND_MAX 2048
#define LOG_SHOWN 4000 /* bytes of a log's end, in the words of a failed test */

static struct program said; /* too large for a stack */

int64_t federation_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void federation_pause(void)
{
	struct timespec t = {0, LOOK_EVERY_MS * 1000000};

	nanosleep(&t, NULL);
}

/* ---- what is said when something fails */

static const char *name_of(const struct federation *f, int who)
{
	return who == FEDERATION_COORDINATOR ? "coordinator" : f->names[who];
}

static pid_t *pid_of(struct federation *f, int who)
{
	return who == FEDERATION_COORDINATOR ? &f->coordinator : &f->sites[who];
}

static void show_log(struct federation *f, int who)
{
	char path[NAME_SIZE + 8];
	const char *text;
	size_t len;

	snprintf(path, sizeof path, "%s/log", name_of(f, who));
	if (!tempdir_exists(&f->dir, path))
		return;
	text = tempdir_read(&f->dir, path, &len);
	/* print_error cuts at 1,024 bytes */
	fprintf(stderr, "---- the end of %s\n%s\n", path, len > LOG_SHOWN ? text + len - LOG_SHOWN : text);
}

void federation_fail(struct federation *f, const char *words)
{
	for (int who = FEDERATION_COORDINATOR; who < (int)f->count; who++)
		show_log(f, who);
	federation_remove(f);
	fail_msg("%s", words);
}

const char *federation_command(struct federation *f, const char *fmt, ...)
{
	char line[COMMAND_MAX];
	va_list args;

	va_start(args, fmt);
	assert_true(vsnprintf(line, sizeof line, fmt, args) < (int)sizeof line);
	va_end(args);
	program_shell(&said, "cd '%s' && %s", f->dir.path, line);
	if (said.exit_code != 0) {
		print_error("---- %s\nexit %d\n%s%s\n", line, said.exit_code, said.out, said.err);
		federation_fail(f, "a command failed");
	}
	return said.out;
}

/* ---- making */

static bool port_is_free(unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	bool is_free;

	inet_pton(AF_INET, "127.0.0.1", &at.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	is_free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;
	close(fd);
	return is_free;
}

/* Test programs that run side by side look in different places first. */
static unsigned free_port(void)
{
	static unsigned tried;

	for (unsigned i = 0; i < PORT_COUNT; i++) {
		unsigned port = PORT_FIRST + ((unsigned)getpid() * 131 + tried++) % PORT_COUNT;

		if (port_is_free(port))
			return port;
	}
	fail_msg("no free port");
	return 0;
}

static void write_file(struct federation *f, const char *folder, const char *name, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

static void write_file(struct federation *f, const char *folder, const char *name, const char *fmt, ...)
{
	char path[2 * NAME_SIZE], *text;
	va_list args;

	va_start(args, fmt);
	assert_true(vasprintf(&text, fmt, args) >= 0);
	va_end(args);
	snprintf(path, sizeof path, "%s/%s", folder, name);
	tempdir_write(&f->dir, path, text);
	free(text);
}

void federation_settings(struct federation *f, const char *more)
{
	write_file(f, "coordinator", "coordinator.yaml",
	           "listen: \"127.0.0.1:%u\"\n"
	           "credentials: {authority: ca.pem, certificate: coordinator.pem, key: coordinator.key}\n"
	           "roster: roster.signed\n"
	           "state: state\n"
	           "%s",
	           f->port, more);
}

static void write_site(struct federation *f, const char *name, const char *source)
{
	write_file(f, name, "client.yaml",
	           "site: %s\n"
	           "coordinator: https://127.0.0.1:%u\n"
	           "proxy: none\n"
	           "sources: {%s: {csv: data.csv}}\n",
	           name, f->port, source);
	write_file(f, name, "policy.yaml",
	           "masking: off\n"
	           "mechanisms: [none]\n"
	           "evaluation: [noised, masked, none]\n"
	           "min_sites: 2\n"
	           "min_rows: 0\n"
	           "min_positives: 0\n"
	           "cell_min: 0\n");
}

/* Name, source and hash of the study; the hash is computed here, so that what is approved is not what a program under test says. */
static void read_study(struct federation *f, const char *yaml, char source[NAME_SIZE])
{
	struct diag why = {{0}};
	struct study s;

	if (study_parse(&s, bytes_text(yaml), "study.yaml", false, &why) != OK)
		fail_msg("%s", why.text);
	snprintf(f->study, sizeof f->study, "%s", s.name);
	snprintf(source, NAME_SIZE, "%s", s.schema.source);
	hash_hex(f->study_hash, &s.hash);
	study_free(&s);
}

void federation_make(struct federation *f, const char *study_yaml, const char *const *names, uint32_t count)
{
	char source[NAME_SIZE];

	assert_true(count <= FEDERATION_SITES_MAX);
	memset(f, 0, sizeof *f);
	read_study(f, study_yaml, source);
	tempdir_make(&f->dir);
	tempdir_write(&f->dir, "study.yaml", study_yaml);
	tempdir_folder(&f->dir, "coordinator");
	f->port = free_port();
	f->count = count;
	snprintf(f->socket, sizeof f->socket, "%.*s/coordinator/state/admin.sock", (int)(PATH_SIZE / 2), f->dir.path);
	federation_command(f, "\"$BIN/cohort-ca\" init ca --federation test && cp ca/ca.pem coordinator/ &&"
	                      " \"$BIN/cohort-ca\" coordinator ca --host 127.0.0.1 --out coordinator");
	federation_settings(f, "");
	for (uint32_t i = 0; i < count; i++) {
		const char *name = names[i];

		snprintf(f->names[i], sizeof f->names[i], "%s", name);
		federation_command(f,
		                   "\"$BIN/cohort-client\" request --out %s --site %s && cp ca/ca.pem %s/ &&"
		                   " \"$BIN/cohort-ca\" sign ca %s/site.csr --out %s/site.pem",
		                   name, name, name, name, name);
		write_site(f, name, source);
	}
	federation_command(f, "\"$BIN/cohort-ca\" roster ca && cp ca/roster.signed coordinator/");
}

void federation_remove(struct federation *f)
{
	for (int who = (int)f->count - 1; who >= FEDERATION_COORDINATOR; who--)
		federation_kill(f, who);
	tempdir_remove(&f->dir);
}

/* ---- processes */

static void become(struct federation *f, int who, const char *const *argv, pid_t parent)
{
	char path[PATH_SIZE];
	int log;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	snprintf(path, sizeof path, "%.*s/%s/log", (int)(PATH_SIZE / 2), f->dir.path, name_of(f, who));
	log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0 ||
	    !freopen("/dev/null", "r", stdin))
		_exit(127);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void start(struct federation *f, int who, const char *const *argv)
{
	pid_t parent = getpid(), *pid = pid_of(f, who);

	assert_int_equal(*pid, 0);
	fflush(NULL);
	*pid = fork();
	assert_true(*pid >= 0);
	if (*pid == 0)
		become(f, who, argv, parent);
}

/* What the next program is to write down, and where. */
static void set_logs(const struct federation *f, int who)
{
	char path[PATH_SIZE], round[16];

	snprintf(path, sizeof path, "%.*s/%s/%s", (int)(PATH_SIZE / 2), f->dir.path, name_of(f, who),
	         who == FEDERATION_COORDINATOR ? "sums" : "secrets");
	setenv(who == FEDERATION_COORDINATOR ? "COHORT_SUM_LOG" : "COHORT_SECRET_LOG", path, 1);
	snprintf(round, sizeof round, "%u", who == FEDERATION_COORDINATOR ? 0 : f->stops[who]);
	setenv("COHORT_SECRET_STOP", round, 1);
}

void federation_start(struct federation *f, int who)
{
	bool coordinator = who == FEDERATION_COORDINATOR;
	char program[PATH_SIZE], config[PATH_SIZE + 2 * NAME_SIZE];
	const char *argv[] = {program, coordinator ? "serve" : "run", "--config", config, NULL};

	if (f->logged)
		set_logs(f, who);
	snprintf(program, sizeof program, "%s/%s/%s", getenv("COHORT_BUILD"), f->logged ? "test" : "bin",
	         coordinator ? "cohort-coordinator" : "cohort-client");
	snprintf(config, sizeof config, "%s/%s/%s", f->dir.path, name_of(f, who),
	         coordinator ? "coordinator.yaml" : "client.yaml");
	start(f, who, argv);
}

void federation_start_foreign(struct federation *f, int site, const char *const *argv)
{
	f->may_end[site] = true;
	start(f, site, argv);
}

void federation_kill(struct federation *f, int who)
{
	pid_t *pid = pid_of(f, who);

	if (*pid == 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

void federation_stop(struct federation *f, int who)
{
	pid_t *pid = pid_of(f, who), ended = 0;
	int64_t limit = federation_now_ms() + STOP_LIMIT_MS;
	char words[256];
	int status = 0;

	assert_int_equal(kill(*pid, SIGTERM), 0);
	while ((ended = waitpid(*pid, &status, WNOHANG)) == 0 && federation_now_ms() < limit)
		federation_pause();
	if (ended == *pid)
		*pid = 0;
	if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	snprintf(words, sizeof words, "%s: SIGTERM, then %s, wait status 0x%x", name_of(f, who),
	         ended > 0 ? "an end that is not good" : "no end", (unsigned)status);
	federation_fail(f, words);
}

void federation_check_alive(struct federation *f)
{
	for (int who = FEDERATION_COORDINATOR; who < (int)f->count; who++) {
		pid_t *pid = pid_of(f, who);
		char words[256];
		int status;

		if (*pid == 0 || waitpid(*pid, &status, WNOHANG) != *pid)
			continue;
		*pid = 0;
		if (who >= 0 && f->may_end[who] && status == 0)
			continue;
		snprintf(words, sizeof words, "%s ended by itself (wait status 0x%x)", name_of(f, who),
		         (unsigned)status);
		federation_fail(f, words);
	}
}

/* ---- commands */

void federation_add_study(struct federation *f)
{
	federation_command(f, "\"$BIN/cohort-coordinator\" study add study.yaml --config coordinator/coordinator.yaml");
}

void federation_approve(struct federation *f, int site)
{
	const char *name = f->names[site];

	federation_command(f,
	                   "\"$BIN/cohort-client\" fetch %s --config %s/client.yaml &&"
	                   " \"$BIN/cohort-client\" approve %s --hash %s --config %s/client.yaml",
	                   f->study, name, f->study, f->study_hash, name);
}

void federation_start_study(struct federation *f)
{
	federation_command(f, "\"$BIN/cohort-coordinator\" study start %s --config coordinator/coordinator.yaml",
	                   f->study);
}

void federation_begin(struct federation *f)
{
	federation_start(f, FEDERATION_COORDINATOR);
	federation_ready(f);
	federation_add_study(f);
	for (int i = 0; i < (int)f->count; i++) {
		federation_approve(f, i);
		federation_start(f, i);
	}
	federation_wait_approved(f, f->count);
	federation_start_study(f);
}
