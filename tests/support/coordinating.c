#include "tests/support/coordinating.h"

#include "base/log.h"
#include "coordinator/daemon.h"
#include "tests/support/signed_roster.h"
#include "tests/support/small_study.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define START_LIMIT_MS 10000
#define END_LIMIT_MS 20000
#define LOOK_MS 5
#define ANSWER_MAX (4u << 20)

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the roster */

uint32_t coordinating_number(uint32_t site)
{
	return 11 + 7 * site; /* number, slot and index all differ */
}

static void make_identity(uint8_t public_key[KEYS_IDENTITY_PUBLIC_SIZE], uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                          uint32_t site)
{
	uint8_t seed[KEYS_SIZE] = {[0] = (uint8_t)(site + 1), [31] = 7};

	keys_identity(public_key, identity, seed);
}

void coordinating_identity(uint8_t identity[KEYS_IDENTITY_SECRET_SIZE], uint32_t site)
{
	uint8_t public_key[KEYS_IDENTITY_PUBLIC_SIZE];

	make_identity(public_key, identity, site);
}

static void signing_key(uint8_t out[KEYS_IDENTITY_PUBLIC_SIZE], uint32_t site)
{
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];

	make_identity(out, identity, site);
}

void coordinating_roster(struct coordinating *c, uint32_t version, uint32_t left_out)
{
	struct roster r = {.version = version, .federation = CREDENTIALS_FEDERATION};
	struct buf file;

	r.sites = mem_array(c->sites, sizeof *r.sites);
	for (uint32_t i = 0; i < c->sites; i++) {
		if (i == left_out)
			continue;
		struct roster_site *site = &r.sites[r.count++];
		site->number = coordinating_number(i);
		snprintf(site->name, sizeof site->name, "site-%u", i);
		signing_key(site->key, i);
	}
	signed_roster(&file, &c->authority, &r);
	tempdir_write_bytes(&c->dir, "roster.signed", buf_bytes(&file));
	buf_free(&file);
	free(r.sites);
}

/* ---- files */

static void make_site(struct coordinating *c, uint32_t site)
{
	char name[16];
	uint8_t key[32];

	snprintf(name, sizeof name, "site-%u", site);
	signing_key(key, site);
	const struct recipe r = recipe_site(CREDENTIALS_FEDERATION, name, key);
	credential_make(&c->dir, name, &r, &c->authority, &c->site_certificates[site]);
}

void coordinating_make(struct coordinating *c, uint32_t sites, const char *line, const char *settings)
{
	struct buf text;

	assert_true(sites <= COORDINATING_SITES_MAX);
	*c = (struct coordinating){.sites = sites};
	tempdir_make(&c->dir);
	credential_authority(&c->dir, "ca", &c->authority);
	credential_coordinator(&c->dir, "coordinator", &c->authority);
	credential_revocations(&c->dir, "crl", &c->authority, NULL, 3600);
	for (uint32_t i = 0; i < sites; i++)
		make_site(c, i);
	coordinating_roster(c, 1, UINT32_MAX);
	buf_init(&text, YAML_TEXT_MAX);
	small_study_yaml(&text, line);
	tempdir_write_bytes(&c->dir, "study.yaml", buf_bytes(&text));
	buf_clear(&text);
	buf_printf(&text,
	           "listen: \"127.0.0.1:0\"\n"
	           "credentials: {authority: ca.pem, certificate: coordinator.pem, key: coordinator.key}\n"
	           "revocation_list: crl.pem\n"
	           "roster: roster.signed\n"
	           "state: state\n%s",
	           settings);
	tempdir_write_bytes(&c->dir, "coordinator.yaml", buf_bytes(&text));
	buf_free(&text);
}

void coordinating_remove(struct coordinating *c)
{
	if (c->pid > 0)
		coordinating_end(c, SIGKILL);
	certificate_free(&c->authority);
	for (uint32_t i = 0; i < c->sites; i++)
		certificate_free(&c->site_certificates[i]);
	tempdir_remove(&c->dir);
}

/* ---- the process */

static void run_in_process(const char *config)
{
	static const int handled[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	struct settings settings;
	struct diag why = {{0}};
	enum err e;

	for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
		signal(handled[i], SIG_DFL); /* cmocka's handlers belong to the parent */
	log_init("cohort-coordinator", LOG_LEVEL_DEBUG);
	e = settings_load(&settings, config, &why);
	if (e == OK)
		e = daemon_run(&settings, &why);
	if (e != OK)
		fprintf(stderr, "%s\n", why.text);
	_exit(err_exit(e));
}

static void become_daemon(struct coordinating *c, const char *config, const char *log, const char *program)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(127);
	if (c->in_process)
		run_in_process(config);
	execl(program, program, "serve", "--config", config, (char *)NULL);
	_exit(127);
}

const char *coordinating_log(struct coordinating *c)
{
	return tempdir_read(&c->dir, "log", NULL);
}

bool coordinating_logged(struct coordinating *c, const char *words, int limit_ms)
{
	int64_t until = now_ms() + limit_ms;

	do {
		if (tempdir_exists(&c->dir, "log") && strstr(coordinating_log(c), words))
			return true;
		sleep_ms(LOOK_MS);
	} while (now_ms() < until);
	return false;
}

void coordinating_start(struct coordinating *c)
{
	char program[PATH_SIZE];
	const char *config = tempdir_path(&c->dir, "coordinator.yaml"), *log = tempdir_path(&c->dir, "log"), *at;

	assert_int_equal(c->pid, 0);
	assert_non_null(getenv("COHORT_BUILD"));
	snprintf(program, sizeof program, "%s/bin/cohort-coordinator", getenv("COHORT_BUILD"));
	unlink(log);
	fflush(NULL);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0)
		become_daemon(c, config, log, program);
	if (!coordinating_logged(c, "(port ", START_LIMIT_MS))
		fail_msg("the coordinator does not come up: %s", coordinating_log(c));
	at = strstr(coordinating_log(c), "(port ");
	c->port = (unsigned)strtoul(at + strlen("(port "), NULL, 10);
}

int coordinating_end(struct coordinating *c, int signal_number)
{
	int64_t until = now_ms() + END_LIMIT_MS;
	int status;
	pid_t ended;

	if (signal_number != 0)
		kill(c->pid, signal_number);
	while ((ended = waitpid(c->pid, &status, WNOHANG)) == 0 && now_ms() < until)
		sleep_ms(LOOK_MS);
	if (ended == 0)
		fail_msg("the coordinator does not end: %s", coordinating_log(c));
	assert_int_equal(ended, c->pid);
	c->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

PRINTF_LIKE(3, 0)
static void run_command(struct coordinating *c, struct program *p, const char *fmt, va_list args)
{
	char words[2 * PATH_SIZE];

	vsnprintf(words, sizeof words, fmt, args);
	program_run(p, "cohort-coordinator", "%s --config '%s'", words, tempdir_path(&c->dir, "coordinator.yaml"));
}

void coordinating_command(struct coordinating *c, struct program *p, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	run_command(c, p, fmt, args);
	va_end(args);
}

void coordinating_must(struct coordinating *c, const char *fmt, ...)
{
	struct program *p = mem_alloc(sizeof *p);
	va_list args;

	va_start(args, fmt);
	run_command(c, p, fmt, args);
	va_end(args);
	program_expect(p, 0, "");
	free(p);
}

/* ---- a site's requests */

void caller_session(struct caller *s, const char *hex)
{
	const struct entropy e = entropy_system();
	uint8_t random[16];

	entropy_fill(&e, random, sizeof random);
	hex_encode(s->session, bytes_of(random, sizeof random));
	if (hex != NULL)
		snprintf(s->session, sizeof s->session, "%s", hex);
	request_set_header(s->requester, "Cohort-Session", s->session);
}

void caller_mark(struct caller *s, uint32_t site, uint64_t counter, uint8_t head)
{
	uint8_t identity[KEYS_IDENTITY_SECRET_SIZE];
	struct ledger_mark m = {.counter = counter};
	struct buf message;

	s->mark[0] = '\0';
	if (counter == 0)
		return;
	memset(m.head.b, head, sizeof m.head.b);
	buf_init(&message, LEDGER_MARK_MESSAGE_MAX);
	ledger_mark_message(&message, CREDENTIALS_FEDERATION, coordinating_number(site), &m);
	coordinating_identity(identity, site);
	keys_sign(m.signature, identity, buf_bytes(&message));
	ledger_mark_write(s->mark, &m);
	buf_free(&message);
}

void caller_open(struct caller *s, struct coordinating *c, uint32_t site)
{
	char url[64], name[16];
	struct diag why = {{0}};

	snprintf(url, sizeof url, "https://127.0.0.1:%u", c->port);
	snprintf(name, sizeof name, "site-%u", site);
	const struct request_config config = {.url = url, .tls = credential_files(&c->dir, name), .proxy = ""};
	*s = (struct caller){0};
	buf_init(&s->body, ANSWER_MAX);
	if (request_open(&s->requester, &config, &why) != OK)
		fail_msg("%s", why.text);
	caller_session(s, NULL);
}

void caller_close(struct caller *s)
{
	request_close(s->requester);
	buf_free(&s->body);
	json_free(s->json);
	*s = (struct caller){0};
}

PRINTF_LIKE(4, 0)
static unsigned exchange(struct caller *s, const char *method, struct bytes body, const char *fmt, va_list args)
{
	char target[1024];
	struct diag why = {{0}};
	struct request q = {.method = method, .target = target, .wanted = LEDGER_MARK_HEADER};

	vsnprintf(target, sizeof target, fmt, args);
	if (s->mark[0] != '\0')
		q.header = (struct http_pair){LEDGER_MARK_HEADER, s->mark};
	if (body.len > 0) {
		q.content_type = "application/octet-stream";
		q.body = body;
	}
	json_free(s->json);
	s->json = NULL;
	if (request_send(s->requester, &q, &s->response, &s->body, &why) != OK) {
		print_message("%s %s: %s\n", method, target, why.text);
		return 0;
	}
	if (s->body.len > 0 && json_parse(&s->json, buf_bytes(&s->body), ANSWER_MAX, target, &why) != OK)
		s->json = NULL;
	return s->response.status;
}

unsigned caller_ask(struct caller *s, const char *method, const char *fmt, ...)
{
	va_list args;
	unsigned status;

	va_start(args, fmt);
	status = exchange(s, method, bytes_of(NULL, 0), fmt, args);
	va_end(args);
	return status;
}

unsigned caller_send(struct caller *s, const char *method, struct bytes body, const char *fmt, ...)
{
	va_list args;
	unsigned status;

	va_start(args, fmt);
	status = exchange(s, method, body, fmt, args);
	va_end(args);
	return status;
}
