/*
 * What the server costs: CPU per update of a small model, and memory per idle connection.
 *
 * An update is the four requests of a clear round whose vector fits one part: a poll, a model of 10,000 floats, an
 * upload of the same size, a poll. CPU time is that of the server's thread alone; its clients are other threads.
 */
#include "base/secret.h"
#include "tests/bench/figure.h"
#include "tests/support/served.h"
#include "tests/support/wire.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OCTETS 40000 /* 10,000 floats */
#define CLIENTS 4
#define UPDATES 500 /* per client: about a second in all */
#define WARM_UP 20
#define SITES 64
#define GOAL_PER_CPU_S 2000
#define GOAL_IDLE_KIB 22

static struct served s;
static struct tls_files files;

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_net: %s\n", what);
	exit(1);
}

static void update(struct wire *w, const char *body)
{
	must(wire_get(w, "/hello") == 200, "poll");
	must(wire_get(w, "/file?name=model") == 200 && w->body_len == OCTETS, "model");
	must(wire_printf(w, "PUT /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", OCTETS) &&
	             wire_write(w, body, OCTETS) && wire_answer(w) == 404,
	     "upload");
	must(wire_get(w, "/hello") == 200, "poll");
}

static void *run_client(void *context)
{
	struct wire *w = context;
	char *body = calloc(1, OCTETS);

	for (int i = 0; i < UPDATES; i++)
		update(w, body);
	free(body);
	return NULL;
}

static double server_seconds(void)
{
	clockid_t clock;
	struct timespec ts;

	must(pthread_getcpuclockid(s.thread, &clock) == 0 && clock_gettime(clock, &ts) == 0, "clock");
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

static void measure_updates(void)
{
	struct wire w[CLIENTS];
	pthread_t threads[CLIENTS];
	char *body = calloc(1, OCTETS);

	tempdir_write_bytes(&s.dir, "model", bytes_of(body, OCTETS));
	for (int i = 0; i < CLIENTS; i++) {
		must(wire_open(&w[i], s.port, &files, 0), "connect");
		for (int k = 0; k < WARM_UP; k++)
			update(&w[i], body);
	}
	double start = server_seconds();
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&threads[i], NULL, run_client, &w[i]);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
	figure("net_updates_per_cpu_s", CLIENTS * UPDATES / (server_seconds() - start), "1/s", GOAL_PER_CPU_S);
	for (int i = 0; i < CLIENTS; i++)
		wire_close(&w[i]);
	free(body);
}

/* In a process of its own, so that only the server's half is counted. */
static pid_t open_idle(void)
{
	int ready[2];
	char octet;

	must(pipe(ready) == 0, "pipe");
	pid_t child = fork();
	if (child == 0) {
		static struct wire w[SITES][CONNECTIONS_PER_SITE_MAX];
		for (int i = 0; i < SITES; i++)
			for (int k = 0; k < CONNECTIONS_PER_SITE_MAX; k++) {
				char name[16];
				snprintf(name, sizeof name, "site-%d", i);
				const struct tls_files site = credential_files(&s.dir, name);
				if (!wire_open(&w[i][k], s.port, &site, 0) || wire_get(&w[i][k], "/hello") != 200)
					_exit(1);
			}
		must(write(ready[1], "r", 1) == 1, "ready");
		pause();
	}
	close(ready[1]);
	must(read(ready[0], &octet, 1) == 1, "idle connections");
	close(ready[0]);
	return child;
}

static void measure_idle(void)
{
	for (int i = 0; i < SITES; i++) {
		char name[16];
		snprintf(name, sizeof name, "site-%d", i);
		credential_site(&s.dir, name, &s.ca, NULL);
	}
	size_t before = mallinfo2().uordblks;
	pid_t child = open_idle();
	unsigned n = served_figures(&s).connections;
	must(n == SITES * CONNECTIONS_PER_SITE_MAX, "idle connections");
	figure("net_idle_connection_kib", (double)(mallinfo2().uordblks - before) / 1024 / n, "KiB", GOAL_IDLE_KIB);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	secret_init();
	served_start(&s);
	files = credential_files(&s.dir, "st-mary");
	measure_updates();
	measure_idle();
	served_stop(&s);
	return 0;
}
