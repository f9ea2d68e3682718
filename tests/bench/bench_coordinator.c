/*
 * What a round costs the coordinator: the real program, durable uploads and all, with trivial clients over mutual TLS on loopback.
 *
 *   coordinator_updates_per_s       50 clients, 10,000 floats: wall                                     goal 1,000
 *   coordinator_updates_per_cpu_s   the same, per second of the program's CPU time                      goal 2,000
 *   coordinator_large_update_cpu    1,000,000 floats: CPU per update, against the same octets both ways over bare OpenSSL
 *                                   plus one SHA-256                                                     goal 1.6
 *   coordinator_requests            HTTP requests of one site in one round of the small ones               goal 4
 *   coordinator_memory_growth       most resident memory with 50 large clients against 20: uploads in flight bound it  goal 1
 *   coordinator_start_ms, _rss_kib  from exec to listening; resident memory then                         goals 50, 16384
 */
#include "base/secret.h"
#include "tests/bench/figure.h"
#include "tests/support/hospital.h"
#include "tests/support/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SMALL_CLIENTS 50
#define SMALL_HIDDEN 1111 /* 7 inputs: 9 * 1111 + 1 = 10,000 parameters */
#define LARGE_CLIENTS 50
#define LARGE_HIDDEN 111111 /* 1,000,000 parameters */
#define ROUNDS 30
#define GOAL_PER_S 1000
#define GOAL_PER_CPU_S 2000
#define GOAL_REQUESTS 4
#define FEW_CLIENTS 20 /* more than UPLOADS_IN_FLIGHT_MAX: from there on memory must not grow */
#define GOAL_START_MS 50
#define GOAL_RSS_KIB 16384
#define BUSY_NS 100000000 /* before asking for a grant again */
#define RANGE (1 << 20) /* octets of a model in one request */

static const char study_text[] = "cohort: 1\nstudy: small\npurpose: A figure\nexpires: 2199-12-31\n"
				 "data:\n"
				 "  features:\n"
				 "    - {name: x, min: -4, max: 4}\n"
				 "    - {name: y, min: -4, max: 4}\n"
				 "    - {name: kind, levels: [a, b, c]}\n"
				 "  label: {name: label, type: binary, positive: \"1\"}\n"
				 "model: {layers: [%s]}\n"
				 "training: {rounds: %d, local: {epochs: 1, batch: 8, optimizer: sgd}}\n"
				 "evaluation: {release: none}\n"
				 "sites: {min: 2, max_dropouts: 0, cell_min: 1}\n"
				 "masking: off\nprivacy: {mechanism: none}\n";

struct client {
	struct wire wire;
	pthread_t thread;
	uint32_t site;
	uint64_t seq;
	unsigned requests;
	struct bench *bench;
};

struct bench {
	struct coordinating c;
	struct study study;
	char hash[HASH_HEX_SIZE];
	struct client clients[SMALL_CLIENTS];
	uint32_t count;
	struct buf contribution; /* of a training round: no update, and a weight */
	char content[HASH_HEX_SIZE];
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench_coordinator: %s\n", what);
	exit(1);
}

static double wall_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

/* User and system time of the coordinator so far. */
static double coordinator_seconds(const struct bench *b)
{
	char path[64], text[1024];
	unsigned long user, system;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)b->c.pid);
	FILE *f = fopen(path, "r");
	must(f != NULL && fgets(text, sizeof text, f) != NULL, "no /proc");
	fclose(f);
	must(sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2,
	     "no times in /proc");
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* ---- a trivial client */

static int ask(struct client *c, const char *method, const char *more, size_t body, const char *target)
{
	c->requests++;
	return wire_printf(&c->wire,
	                   "%s %s HTTP/1.1\r\nHost: x\r\nCohort-Session: %032x\r\n%sContent-Length: %zu\r\n\r\n",
	                   method, target, c->site + 1, more, body);
}

/* Polls until a round is open, which it returns; 0 when the study is over. */
static unsigned long poll_round(struct client *c, char *model, size_t *model_octets)
{
	for (;;) {
		char target[256];
		const char *at;

		snprintf(target, sizeof target, "/v1/studies/small/inbox?after=%llu&wait=20&approved=%s",
		         (unsigned long long)c->seq, c->bench->hash);
		must(ask(c, "GET", "", 0, target) && wire_answer(&c->wire) == 200, "poll");
		for (at = c->wire.body; (at = strstr(at, "\"seq\":")) != NULL; at++)
			c->seq = strtoull(at + 6, NULL, 10);
		if (strstr(c->wire.body, "\"type\":\"finished\""))
			return 0;
		at = strstr(c->wire.body, "\"type\":\"round\"");
		if (at == NULL)
			continue;
		must(sscanf(strstr(at, "\"model\":"), "\"model\":\"%64[0-9a-f]\",\"model_octets\":%zu", model,
		            model_octets) == 2,
		     "model");
		return strtoul(strstr(at, "\"round\":") + 8, NULL, 10);
	}
}

static void fetch(struct client *c, const char *model, size_t octets)
{
	char target[128], range[64];

	snprintf(target, sizeof target, "/v1/models/%s", model);
	for (size_t at = 0; at < octets; at += RANGE) {
		snprintf(range, sizeof range, "Range: bytes=%zu-%zu\r\n", at,
		         at + RANGE < octets ? at + RANGE - 1 : octets - 1);
		must(ask(c, "GET", range, 0, target) && wire_answer(&c->wire) == 206, "model");
	}
}

static void upload(struct client *c, unsigned long round)
{
	const struct timespec busy = {.tv_nsec = BUSY_NS};
	const struct buf *all = &c->bench->contribution;
	char target[512];
	size_t at = 0;

	while (at < all->len) {
		size_t most = at == 0 && all->len > PART_MAX ? GRANT_PART_MAX : PART_MAX;
		size_t n = all->len - at < most ? all->len - at : most;
		snprintf(target, sizeof target,
		         "/v1/studies/small/rounds/%lu/attempts/1/contribution?offset=%zu&octets=%zu&sha256=%s", round,
		         at, all->len, c->bench->content);
		must(ask(c, "PUT", "", n, target) && wire_write(&c->wire, all->ptr + at, n), "upload");
		int status = wire_answer(&c->wire);
		must(status == 200 || (status == 503 && at == 0), "upload");
		if (status == 503)
			nanosleep(&busy, NULL);
		else
			at += n;
	}
	must(strstr(c->wire.body, "accepted") != NULL, "not accepted");
}

static void *run_client(void *context)
{
	struct client *c = context;
	char model[HASH_HEX_SIZE];
	size_t octets = 0;
	unsigned long round;

	while ((round = poll_round(c, model, &octets)) != 0) {
		fetch(c, model, octets);
		upload(c, round);
	}
	return NULL;
}

/* ---- setting it up */

/* The statistics of the first round come from real rows; after it the clients are trivial. */
static void first_round(struct bench *b)
{
	struct hospital *h = mem_array(b->count, sizeof *h);

	for (uint32_t i = 0; i < b->count; i++) {
		hospital_open(&h[i], &b->c, i);
		must(hospital_poll(&h[i], 0) == 200, "approve");
	}
	coordinating_must(&b->c, "study start small");
	for (uint32_t i = 0; i < b->count; i++) {
		must(hospital_poll(&h[i], 20) == 200 && h[i].has_round, "first round");
		hospital_compute(&h[i]);
		must(hospital_upload(&h[i]) == 200, "statistics");
		b->clients[i].seq = h[i].seq;
	}
	memcpy(b->hash, h[0].hash, sizeof b->hash);
	for (uint32_t i = 0; i < b->count; i++)
		hospital_close(&h[i]);
	free(h);
}

static void make_contribution(struct bench *b)
{
	struct layout layout;
	struct diag why = {{0}};
	struct hash content;
	uint64_t saturated = 0;
	const double weight = 5;

	must(round_plan_layout(&layout, &b->study, ASK_TRAIN, b->count, &why) == OK, why.text);
	buf_init(&b->contribution, MODEL_FILE_MAX);
	uint8_t *octets = buf_extend(&b->contribution, layout_octets(&layout));
	memset(octets, 0, layout_octets(&layout));
	must(segment_encode(octets, layout_find(&layout, SEGMENT_WEIGHT), &layout, &weight, &saturated, &why) == OK,
	     why.text);
	sha256_of(&content, buf_bytes(&b->contribution));
	hash_hex(b->content, &content);
}

static void begin(struct bench *b, uint32_t clients, unsigned hidden, int rounds)
{
	char layers[256], text[2048], name[16];
	struct diag why = {{0}};

	b->count = clients;
	/* wider than one layer may be: several narrower ones with as many parameters */
	if (hidden < MODEL_WIDTH_MAX)
		snprintf(layers, sizeof layers, "dense %u, relu, dense 1", hidden);
	else
		snprintf(layers, sizeof layers, "dense 950, relu, dense 1000, relu, dense 40, relu, dense 1");
	snprintf(text, sizeof text, study_text, layers, rounds);
	coordinating_make(&b->c, clients, NULL, "rounds: {join: 60, deadline: 600, pause: 1}\n");
	tempdir_write(&b->c.dir, "study.yaml", text);
	must(study_parse(&b->study, bytes_text(text), "study.yaml", false, &why) == OK, why.text);
	coordinating_start(&b->c);
	coordinating_must(&b->c, "study add '%s'", tempdir_path(&b->c.dir, "study.yaml"));
	make_contribution(b);
	first_round(b);
	for (uint32_t i = 0; i < clients; i++) {
		snprintf(name, sizeof name, "site-%u", i);
		const struct tls_files files = credential_files(&b->c.dir, name);
		b->clients[i].site = i;
		b->clients[i].bench = b;
		must(wire_open(&b->clients[i].wire, b->c.port, &files, 0), "connect");
		/* head and body are two writes: the second must not wait for the first one's acknowledgement */
		setsockopt(b->clients[i].wire.fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	}
}

static void end(struct bench *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		wire_close(&b->clients[i].wire);
	coordinating_remove(&b->c);
	buf_free(&b->contribution);
	study_free(&b->study);
	free(b);
}

/* All training rounds; seconds of CPU of the coordinator and of the clock. */
static void run(struct bench *b, double *cpu, double *wall)
{
	double cpu_before = coordinator_seconds(b), before = wall_seconds();

	for (uint32_t i = 0; i < b->count; i++)
		must(pthread_create(&b->clients[i].thread, NULL, run_client, &b->clients[i]) == 0, "thread");
	for (uint32_t i = 0; i < b->count; i++)
		pthread_join(b->clients[i].thread, NULL);
	*wall = wall_seconds() - before;
	*cpu = coordinator_seconds(b) - cpu_before;
}

static void measure_small(void)
{
	struct bench *b = mem_alloc(sizeof *b);
	double cpu, wall;

	begin(b, SMALL_CLIENTS, SMALL_HIDDEN, ROUNDS);
	run(b, &cpu, &wall);
	figure("coordinator_updates_per_s", SMALL_CLIENTS * ROUNDS / wall, "1/s", GOAL_PER_S);
	figure("coordinator_updates_per_cpu_s", SMALL_CLIENTS * ROUNDS / cpu, "1/s", GOAL_PER_CPU_S);
	unsigned requests = 0;
	for (uint32_t i = 0; i < b->count; i++)
		requests += b->clients[i].requests;
	figure("coordinator_requests", (double)requests / (SMALL_CLIENTS * ROUNDS), "1", GOAL_REQUESTS);
	end(b);
}

/* ---- the reference of large updates: the same octets in and out of a bare TLS connection, and one hash of them */

struct bare {
	SSL_CTX *ctx;
	int fd;
	size_t octets;
	int times;
	double cpu;
};

static void *run_bare(void *context)
{
	struct bare *b = context;
	uint8_t *octets = mem_alloc(b->octets);
	SSL *ssl = SSL_new(b->ctx);
	struct hash h;

	SSL_set_fd(ssl, b->fd);
	must(SSL_accept(ssl) == 1, "bare handshake");
	double before = thread_seconds();
	for (int i = 0; i < b->times; i++) {
		for (size_t at = 0; at < b->octets;) {
			int n = SSL_read(ssl, octets + at, (int)(b->octets - at));
			must(n > 0, "bare read");
			at += (size_t)n;
		}
		sha256_of(&h, bytes_of(octets, b->octets));
		must(SSL_write(ssl, octets, (int)b->octets) == (int)b->octets, "bare write");
	}
	b->cpu = thread_seconds() - before;
	SSL_free(ssl);
	free(octets);
	return NULL;
}

/* Two ends of a TCP connection over loopback. */
static void connect_pair(int pair[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	pair[1] = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 1) == 0 &&
	             getsockname(listener, (struct sockaddr *)&at, &size) == 0 &&
	             connect(pair[1], (struct sockaddr *)&at, sizeof at) == 0,
	     "bare connection");
	pair[0] = accept(listener, NULL, NULL);
	must(pair[0] >= 0, "bare accept");
	close(listener);
}

static double bare_seconds(const struct bench *b, size_t octets, int times)
{
	struct bare bare = {.ctx = SSL_CTX_new(TLS_server_method()), .octets = octets, .times = times};
	const struct tls_files files = credential_files((struct tempdir *)(uintptr_t)&b->c.dir, "coordinator");
	uint8_t *buffer = mem_alloc(octets);
	pthread_t thread;
	int pair[2];

	must(SSL_CTX_use_certificate_chain_file(bare.ctx, files.certificate) == 1 &&
	             SSL_CTX_use_PrivateKey_file(bare.ctx, files.key, SSL_FILETYPE_PEM) == 1,
	     "bare credentials");
	connect_pair(pair);
	bare.fd = pair[0];
	pthread_create(&thread, NULL, run_bare, &bare);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	SSL_set_fd(ssl, pair[1]);
	must(SSL_connect(ssl) == 1, "bare connect");
	for (int i = 0; i < times; i++) {
		must(SSL_write(ssl, buffer, (int)octets) == (int)octets, "bare client write");
		for (size_t at = 0; at < octets;) {
			int n = SSL_read(ssl, buffer + at, (int)(octets - at));
			must(n > 0, "bare client read");
			at += (size_t)n;
		}
	}
	pthread_join(thread, NULL);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	SSL_CTX_free(bare.ctx);
	close(pair[0]);
	close(pair[1]);
	free(buffer);
	return bare.cpu / times;
}

/* One number of the coordinator's /proc/PID/status, in KiB. */
static double status_kib(int pid, const char *name)
{
	char path[64], line[256];
	long kib = 0;
	size_t length = strlen(name);

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	FILE *f = fopen(path, "r");
	must(f != NULL, "no /proc");
	while (fgets(line, sizeof line, f))
		if (strncmp(line, name, length) == 0)
			sscanf(line + length, ": %ld", &kib);
	fclose(f);
	return (double)kib;
}

/* Rounds of `clients` large contributions: CPU of the coordinator per update, the same octets over bare TLS, and the most memory
 * that the coordinator ever had. */
static double run_large(uint32_t clients, int rounds, double *cpu_per_update, double *reference)
{
	struct bench *b = mem_alloc(sizeof *b);
	double cpu, wall, kib;

	begin(b, clients, LARGE_HIDDEN, rounds);
	*reference = bare_seconds(b, b->contribution.len, 40);
	run(b, &cpu, &wall);
	*cpu_per_update = cpu / (clients * (unsigned)rounds);
	kib = status_kib((int)b->c.pid, "VmHWM");
	end(b);
	return kib;
}

static void measure_large(void)
{
	double cpu, reference, few_cpu, few_reference;
	double kib = run_large(LARGE_CLIENTS, 4, &cpu, &reference);
	double few_kib = run_large(FEW_CLIENTS, 2, &few_cpu, &few_reference);

	figure("coordinator_large_update_cpu", 1000 * cpu, "ms", 1000 * reference);
	figure("coordinator_memory_growth", kib, "KiB", few_kib);
}

/* ---- start */

static void measure_start(void)
{
	struct coordinating c;
	double best = INFINITY, kib = 0;

	coordinating_make(&c, 3, NULL, "");
	for (int i = 0; i < 5; i++) {
		double before = wall_seconds();
		coordinating_start(&c);
		double took = wall_seconds() - before;
		best = took < best ? took : best;
		kib = status_kib((int)c.pid, "VmRSS");
		coordinating_end(&c, SIGTERM);
	}
	figure("coordinator_start_ms", 1000 * best, "ms", GOAL_START_MS);
	figure("coordinator_rss_kib", kib, "KiB", GOAL_RSS_KIB);
	coordinating_remove(&c);
}

int main(void)
{
	secret_init();
	measure_start();
	measure_small();
	measure_large();
	return 0;
}
