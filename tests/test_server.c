/* The server with real sockets: what is served, what is refused, and that nobody else is harmed. */
#include "net/server.h"

#include "base/secret.h"
#include "net/local.h"
#include "tests/support/served.h"
#include "tests/support/wire.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct served s;
static struct tls_files site; /* st-mary's */

static int64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int setup(void **state)
{
	(void)state;
	served_start(&s);
	site = credential_files(&s.dir, "st-mary");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	served_stop(&s);
	return 0;
}

static void must_open(struct wire *w)
{
	assert_true(wire_open(w, s.port, &site, 0));
}

/* A good request on a connection of its own still works: nobody was harmed. */
static void nobody_else_is_harmed(void)
{
	struct wire w;
	must_open(&w);
	assert_int_equal(wire_get(&w, "/hello"), 200);
	assert_string_equal(w.body, "hello st-mary");
	wire_close(&w);
}

/* ---- what is served */

static void a_request_is_answered_and_the_connection_kept(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_get(&w, "/hello"), 200);
		assert_string_equal(w.body, "hello st-mary");
		assert_string_equal(wire_header(&w, "Content-Type"), "text/plain");
	}
	assert_int_equal(wire_get(&w, "/nothing"), 404);
	wire_close(&w);
	assert_int_equal(served_figures(&s).accepted, 1);
}

static void parameters_are_decoded_strictly(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_int_equal(wire_get(&w, "/values?after=12&name=a%20b%2Fc"), 200);
	assert_string_equal(w.body, "after=12;name=a b/c;");
	static const char *const bad[] = {"/values?after", "/values?after=1&after=2",
	                                  "/values?a=%0a", "/values?a=%zz",
	                                  "/values?a=+",   "/values/../hello",
	                                  "//values",      "/values?",
	                                  "/val%75es",     "/values?A=1",
	                                  "/hello/",       "/values?a=1&&b=2",
	                                  "/values?=1",    "hello"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (wire_get(&w, bad[i]) != 400)
			fail_msg("%s was not refused", bad[i]);
	assert_int_equal(wire_get(&w, "/hello"), 200);
	assert_int_equal(wire_get(&w, "http://localhost/hello"), 400); /* we are no proxy; evhttp closes after it */
	wire_close(&w);
}

static void bodies_come_and_go_whole(void **state)
{
	struct wire w;
	char *body = malloc(PART_MAX);
	static const size_t sizes[] = {0, 1, 4095, 40000, 300001, PART_MAX};

	(void)state;
	for (size_t i = 0; i < PART_MAX; i++)
		body[i] = (char)(i * 2654435761u >> 13);
	must_open(&w);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		assert_true(wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", sizes[i]));
		assert_true(wire_write(&w, body, sizes[i]));
		assert_int_equal(wire_answer(&w), 200);
		assert_int_equal(w.body_len, sizes[i]);
		assert_memory_equal(w.body, body, sizes[i]);
	}
	free(body);
	wire_close(&w);
}

static void a_body_may_come_in_chunks(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	                            "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "abcde");
	assert_int_equal(wire_get(&w, "/hello"), 200);
	wire_close(&w);
}

static void two_requests_in_one_write_are_two_answers(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(
		wire_printf(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /octets?n=4 HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "hello st-mary");
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "xxxx");
	assert_int_equal(wire_get(&w, "/hello"), 200);
	wire_close(&w);
}

static void octet_by_octet_is_fine_too(void **state)
{
	static const char text[] = "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde";
	struct wire w;

	(void)state;
	must_open(&w);
	for (size_t i = 0; text[i]; i++)
		assert_true(wire_write(&w, text + i, 1));
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "abcde");
	wire_close(&w);
}

/* ---- files */

static void get_range(struct wire *w, const char *range)
{
	assert_true(wire_printf(w, "GET /file?name=model HTTP/1.1\r\nHost: x\r\nRange: %s\r\n\r\n", range));
}

static void a_file_is_served_in_whole_and_in_part(void **state)
{
	struct wire w;
	size_t size = 3 * 65536 + 77;
	uint8_t *model = malloc(size);

	(void)state;
	for (size_t i = 0; i < size; i++)
		model[i] = (uint8_t)(i * 2654435761u >> 7);
	tempdir_write_bytes(&s.dir, "model", bytes_of(model, size));
	must_open(&w);
	assert_int_equal(wire_get(&w, "/file?name=model"), 200);
	assert_int_equal(w.body_len, size);
	assert_memory_equal(w.body, model, size);
	assert_string_equal(wire_header(&w, "ETag"), "\"tag-model\"");
	get_range(&w, "bytes=5000-"); /* no multiple of a page */
	assert_int_equal(wire_answer(&w), 206);
	assert_int_equal(w.body_len, size - 5000);
	assert_memory_equal(w.body, model + 5000, size - 5000);
	assert_string_equal(wire_header(&w, "Content-Range"), "bytes 5000-196684/196685");
	get_range(&w, "bytes=10-19");
	assert_int_equal(wire_answer(&w), 206);
	assert_int_equal(w.body_len, 10);
	assert_memory_equal(w.body, model + 10, 10);
	get_range(&w, "bytes=196685-");
	assert_int_equal(wire_answer(&w), 416);
	assert_string_equal(wire_header(&w, "Content-Range"), "bytes */196685");
	get_range(&w, "bytes=1-2,5-6"); /* several: the whole is a permitted answer */
	assert_int_equal(wire_answer(&w), 200);
	assert_true(
		wire_printf(&w, "GET /file?name=model HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"tag-model\"\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 304);
	assert_int_equal(wire_get(&w, "/file?name=none"), 404);
	tempdir_write(&s.dir, "empty", "");
	assert_int_equal(wire_get(&w, "/file?name=empty"), 200);
	assert_int_equal(w.body_len, 0);
	free(model);
	wire_close(&w);
}

/* ---- holding */

static void a_held_request_is_answered_at_its_deadline(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	int64_t start = clock_ms();
	assert_int_equal(wire_get(&w, "/hold?ms=150"), 200);
	assert_string_equal(w.body, "held");
	assert_in_range(clock_ms() - start, 150, 5000);
	assert_int_equal(wire_get(&w, "/hello"), 200);
	wire_close(&w);
}

static void the_handler_hears_at_once_that_a_peer_left(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "GET /hold?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n"));
	served_wait(&s.held, 1);
	int64_t start = clock_ms();
	wire_close(&w);
	served_wait(&s.gone, 1);
	assert_in_range(clock_ms() - start, 0, 2000);
	nobody_else_is_harmed();
}

/* A reset reaches epoll as an error, which libevent does not tell to who waits for the end of a connection. */
static void a_reset_is_heard_as_well(void **state)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "GET /hold?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n"));
	served_wait(&s.held, 1);
	int64_t start = clock_ms();
	assert_int_equal(setsockopt(w.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
	wire_close(&w);
	served_wait(&s.gone, 1);
	assert_in_range(clock_ms() - start, 0, 2000);
	nobody_else_is_harmed();
}

/* The next request, sent behind one that is held, waits its turn and is no sign of leaving. */
static void a_request_behind_a_held_one_waits(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "GET /hold?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n"));
	served_wait(&s.held, 1);
	assert_true(wire_printf(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "held");
	assert_int_equal(wire_answer(&w), 200);
	assert_string_equal(w.body, "hello st-mary");
	assert_int_equal(atomic_load(&s.gone), 0);
	wire_close(&w);
}

static void held_requests_end_with_the_server(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "GET /hold?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n"));
	served_wait(&s.held, 1);
	served_stop(&s);
	assert_int_equal(atomic_load(&s.gone), 1);
	assert_true(wire_ended(&w, 5000));
	wire_close(&w);
	served_start(&s); /* for the teardown */
}

/* ---- who is refused */

static void without_a_certificate_nothing_is_served(void **state)
{
	struct wire w;

	(void)state;
	if (wire_open(&w, s.port, NULL, 0)) /* in TLS 1.3 the refusal comes after the client's half */
		assert_int_equal(wire_get(&w, "/hello"), -1);
	wire_close(&w);
	assert_int_equal(atomic_load(&s.requests), 0);
	nobody_else_is_harmed();
	assert_int_equal(served_figures(&s).refused_handshakes, 1);
}

static void older_tls_is_refused(void **state)
{
	struct wire w;

	(void)state;
	assert_false(wire_open(&w, s.port, &site, TLS1_2_VERSION));
	wire_close(&w);
	nobody_else_is_harmed();
}

static void plaintext_on_the_tls_port_is_not_served(void **state)
{
	struct wire w;

	(void)state;
	wire_plain(&w, s.port);
	assert_int_equal(wire_get(&w, "/hello"), -1);
	wire_close(&w);
	assert_int_equal(atomic_load(&s.requests), 0);
	nobody_else_is_harmed();
}

static void refused_with(const struct recipe *r, const struct made *issuer)
{
	struct wire w;

	credential_make(&s.dir, "wrong", r, issuer, NULL);
	const struct tls_files files = credential_files(&s.dir, "wrong");
	int before = atomic_load(&s.requests);
	if (wire_open(&w, s.port, &files, 0))
		assert_int_equal(wire_get(&w, "/hello"), -1);
	wire_close(&w);
	assert_int_equal(atomic_load(&s.requests), before);
}

static void certificates_that_are_no_sites_are_refused(void **state)
{
	static const uint8_t key[32] = {9};
	struct made other;

	(void)state;
	struct recipe r = credential_site_recipe("st-mary");
	credential_authority(&s.dir, "other", &other);
	refused_with(&r, &other); /* another authority of the same name */
	certificate_free(&other);
	refused_with(&r, NULL); /* itself */
	r.until_s = -10; /* expired */
	refused_with(&r, &s.ca);
	r = credential_site_recipe("st-mary");
	r.from_s = 3600; /* not yet valid */
	refused_with(&r, &s.ca);
	r = credential_site_recipe("st-mary");
	r.extended_usage = "serverAuth";
	refused_with(&r, &s.ca);
	r = credential_site_recipe("st-mary");
	r.constraints = "critical,CA:TRUE";
	refused_with(&r, &s.ca);
	r = recipe_site("elsewhere", "st-mary", key);
	refused_with(&r, &s.ca);
	r = recipe_coordinator("test");
	r.extended_usage = "clientAuth,serverAuth";
	refused_with(&r, &s.ca);
	nobody_else_is_harmed();
}

/* ---- too much of something */

static void too_many_headers_are_431(void **state)
{
	struct wire w;
	char filler[1024];

	(void)state;
	memset(filler, 'a', sizeof filler);
	for (int kibibytes = 8; kibibytes <= 64; kibibytes *= 2) {
		must_open(&w);
		assert_true(wire_printf(&w, "GET /hello HTTP/1.1\r\nHost: x\r\n"));
		for (int i = 0; i < kibibytes; i++)
			assert_true(wire_printf(&w, "X-%d: %.1016s\r\n", i, filler));
		(void)wire_printf(&w, "\r\n");
		assert_int_equal(wire_answer(&w), 431);
		assert_true(wire_ended(&w, 5000));
		wire_close(&w);
	}
	assert_int_equal(atomic_load(&s.requests), 0);
	nobody_else_is_harmed();
}

static void one_endless_line_is_431(void **state)
{
	struct wire w;
	char *line = malloc(32768);

	(void)state;
	memset(line, 'a', 32768);
	must_open(&w);
	assert_true(wire_printf(&w, "GET /"));
	assert_true(wire_write(&w, line, 32768));
	assert_int_equal(wire_answer(&w), 431);
	wire_close(&w);
	free(line);
	nobody_else_is_harmed();
}

static void too_long_a_body_is_413(void **state)
{
	struct wire w;
	size_t size = PART_MAX + 1;
	char *body = calloc(3, size);

	(void)state;
	for (size_t times = 1; times <= 3; times++) { /* its sender gets to read the answer, not a broken pipe */
		must_open(&w);
		assert_true(
			wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", times * size));
		assert_true(wire_write(&w, body, times * size));
		assert_int_equal(wire_answer(&w), 413);
		wire_close(&w);
	}
	must_open(&w); /* the same without saying how long */
	assert_true(
		wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", size));
	(void)wire_write(&w, body, size);
	assert_int_equal(wire_answer(&w), 413);
	wire_close(&w);
	free(body);
	assert_int_equal(atomic_load(&s.requests), 0);
	nobody_else_is_harmed();
}

static void an_endless_body_is_cut(void **state)
{
	struct wire w;
	char *piece = calloc(1, PART_MAX);

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"));
	int pieces = 0;
	while (pieces < 64 && wire_write(&w, piece, PART_MAX))
		pieces++;
	assert_in_range(pieces, 1, 63);
	wire_close(&w);
	free(piece);
	nobody_else_is_harmed();
}

static void two_lengths_are_refused(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(
		&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nabc\r\n0\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 400);
	wire_close(&w);
	must_open(&w);
	assert_true(wire_printf(&w, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"));
	assert_int_equal(wire_answer(&w), 400);
	wire_close(&w);
	nobody_else_is_harmed();
}

static void other_methods_are_refused(void **state)
{
	static const char *const methods[] = {"HEAD", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW"};
	struct wire w;

	(void)state;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		must_open(&w);
		assert_true(wire_printf(&w, "%s /hello HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]));
		char head[16] = {0};
		(void)SSL_read(w.ssl, head, 12);
		assert_true(strcmp(head, "HTTP/1.1 501") == 0 || strcmp(head, "HTTP/1.1 405") == 0 ||
		            strcmp(head, "HTTP/1.1 400") == 0);
		wire_close(&w);
	}
	assert_int_equal(atomic_load(&s.requests), 0);
	nobody_else_is_harmed();
}

/* ---- many */

#define SLOW_SOCKETS 300

static void slow_sockets_do_not_keep_others_out(void **state)
{
	int slow[SLOW_SOCKETS];

	(void)state;
	for (int i = 0; i < SLOW_SOCKETS; i++)
		slow[i] = wire_socket(s.port);
	int64_t start = clock_ms();
	nobody_else_is_harmed();
	assert_in_range(clock_ms() - start, 0, HANDSHAKE_DEADLINE_MS - 500);
	struct server_figures f = served_figures(&s);
	assert_in_range(f.half_open, 1, HALF_OPEN_MAX);
	assert_true(f.dropped_half_open >= SLOW_SOCKETS - HALF_OPEN_MAX);
	for (int i = 0; i < SLOW_SOCKETS; i++)
		close(slow[i]);
	nobody_else_is_harmed();
}

static void a_slow_handshake_is_cut_after_five_seconds(void **state)
{
	struct wire silent, dribbling;

	(void)state;
	wire_plain(&silent, s.port);
	wire_plain(&dribbling, s.port);
	assert_true(wire_write(&dribbling, "\x16\x03\x01", 3)); /* the first octets of a ClientHello */
	int64_t start = clock_ms();
	assert_true(wire_ended(&silent, 9000));
	assert_true(wire_ended(&dribbling, 9000));
	assert_in_range(clock_ms() - start, HANDSHAKE_DEADLINE_MS - 200, HANDSHAKE_DEADLINE_MS + 3000);
	wire_close(&silent);
	wire_close(&dribbling);
}

static void slow_headers_are_cut_after_five_seconds(void **state)
{
	struct wire w;

	(void)state;
	must_open(&w);
	assert_true(wire_printf(&w, "GET /hello HTTP/1.1\r\nHost"));
	int64_t start = clock_ms();
	assert_true(wire_ended(&w, 9000));
	assert_in_range(clock_ms() - start, HEADERS_DEADLINE_MS - 200, HEADERS_DEADLINE_MS + 3000);
	wire_close(&w);
	assert_int_equal(served_figures(&s).dropped_deadline, 1);
	nobody_else_is_harmed();
}

static void a_fifth_connection_ends_the_idlest(void **state)
{
	struct wire w[CONNECTIONS_PER_SITE_MAX + 1];

	(void)state;
	for (int i = 0; i < CONNECTIONS_PER_SITE_MAX; i++) {
		must_open(&w[i]);
		assert_int_equal(wire_get(&w[i], "/hello"), 200);
	}
	assert_int_equal(wire_get(&w[0], "/hello"), 200); /* so that the second is the idlest */
	must_open(&w[CONNECTIONS_PER_SITE_MAX]);
	assert_int_equal(wire_get(&w[CONNECTIONS_PER_SITE_MAX], "/hello"), 200);
	assert_true(wire_ended(&w[1], 5000));
	assert_int_equal(wire_get(&w[0], "/hello"), 200);
	assert_int_equal(wire_get(&w[2], "/hello"), 200);
	assert_int_equal(wire_get(&w[3], "/hello"), 200);
	for (int i = 0; i <= CONNECTIONS_PER_SITE_MAX; i++)
		wire_close(&w[i]);
}

/* ---- reload */

static unsigned reload_cut;

static void reload(struct served *served)
{
	struct diag why;
	struct tls *t;
	struct tls_files files = credential_files(&served->dir, "coordinator");

	files.revocations = tempdir_path(&served->dir, "crl.pem");
	if (tls_new(&t, TLS_SERVER, &files, &why))
		fail_msg("%s", why.text);
	reload_cut = server_reload(served->server, t);
	tls_free(t);
}

static void a_revoked_site_is_cut_live_and_kept_out(void **state)
{
	struct made revoked;
	struct wire good, idle, held, half_open;

	(void)state;
	credential_site(&s.dir, "st-john", &s.ca, &revoked);
	const struct tls_files john = credential_files(&s.dir, "st-john");
	must_open(&good);
	assert_true(wire_open(&idle, s.port, &john, 0));
	assert_int_equal(wire_get(&idle, "/hello"), 200);
	assert_true(wire_open(&held, s.port, &john, 0));
	assert_true(wire_printf(&held, "GET /hold?ms=60000 HTTP/1.1\r\nHost: x\r\n\r\n"));
	served_wait(&s.held, 1);
	wire_plain(&half_open, s.port);
	credential_revocations(&s.dir, "crl", &s.ca, &revoked, 86400);
	served_call(&s, reload);
	assert_int_equal(reload_cut, 2);
	assert_true(wire_ended(&idle, 2000));
	assert_true(wire_ended(&held, 2000));
	assert_true(wire_ended(&half_open, 2000)); /* it would have been judged by the old list */
	served_wait(&s.gone, 1);
	assert_int_equal(wire_get(&good, "/hello"), 200);
	wire_close(&idle);
	if (wire_open(&idle, s.port, &john, 0))
		assert_int_equal(wire_get(&idle, "/hello"), -1);
	wire_close(&good);
	wire_close(&idle);
	wire_close(&held);
	wire_close(&half_open);
	certificate_free(&revoked);
	nobody_else_is_harmed();
}

/* ---- the local socket */

static void the_local_socket_serves_the_administrator_alone(void **state)
{
	struct stat st;
	struct buf answer;
	unsigned status;
	struct diag why;
	const char *path = tempdir_path(&s.dir, "admin.sock");

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_init(&answer, 2 * PART_MAX);
	assert_int_equal(local_call(path, "GET", "/hello", (struct bytes){0}, &status, &answer, &why), OK);
	assert_int_equal(status, 200);
	assert_string_equal(buf_text(&answer), "hello administrator");
	char *body = calloc(1, PART_MAX);
	memset(body, 'y', PART_MAX);
	assert_int_equal(local_call(path, "PUT", "/echo", bytes_of(body, PART_MAX), &status, &answer, &why), OK);
	assert_int_equal(status, 200);
	assert_int_equal(answer.len, PART_MAX);
	assert_memory_equal(answer.ptr, body, PART_MAX);
	assert_int_equal(local_call(path, "GET", "/hold?ms=50", (struct bytes){0}, &status, &answer, &why), OK);
	assert_string_equal(buf_text(&answer), "held");
	assert_int_equal(local_call(path, "GET", "/../x", (struct bytes){0}, &status, &answer, &why), OK);
	assert_int_equal(status, 400);
	free(body);
	buf_free(&answer);
}

static void a_taken_port_is_named(void **state)
{
	struct server *second;
	struct loop *l;
	struct tls *t;
	struct diag why;
	char address[32];
	const struct server_handler handler = {.request = (void (*)(void *, struct exchange *))abort};
	const struct tls_files files = credential_files(&s.dir, "coordinator");

	(void)state;
	snprintf(address, sizeof address, "127.0.0.1:%u", s.port);
	assert_int_equal(tls_new(&t, TLS_SERVER, &files, &why), OK);
	assert_int_equal(loop_new(&l, &why), OK);
	assert_int_equal(server_new(&second, l, &handler, &why), OK);
	assert_int_equal(server_listen(second, address, t, &why), ERR_AGAIN);
	assert_non_null(strstr(why.text, address));
	assert_non_null(strstr(why.text, "taken by another program"));
	server_free(second);
	loop_free(l);
	tls_free(t);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(a_request_is_answered_and_the_connection_kept),
		UNIT(parameters_are_decoded_strictly),
		UNIT(bodies_come_and_go_whole),
		UNIT(a_body_may_come_in_chunks),
		UNIT(two_requests_in_one_write_are_two_answers),
		UNIT(octet_by_octet_is_fine_too),
		UNIT(a_file_is_served_in_whole_and_in_part),
		UNIT(a_held_request_is_answered_at_its_deadline),
		UNIT(the_handler_hears_at_once_that_a_peer_left),
		UNIT(a_reset_is_heard_as_well),
		UNIT(a_request_behind_a_held_one_waits),
		UNIT(held_requests_end_with_the_server),
		UNIT(without_a_certificate_nothing_is_served),
		UNIT(older_tls_is_refused),
		UNIT(plaintext_on_the_tls_port_is_not_served),
		UNIT(certificates_that_are_no_sites_are_refused),
		UNIT(too_many_headers_are_431),
		UNIT(one_endless_line_is_431),
		UNIT(too_long_a_body_is_413),
		UNIT(an_endless_body_is_cut),
		UNIT(two_lengths_are_refused),
		UNIT(other_methods_are_refused),
		UNIT(slow_sockets_do_not_keep_others_out),
		UNIT(a_slow_handshake_is_cut_after_five_seconds),
		UNIT(slow_headers_are_cut_after_five_seconds),
		UNIT(a_fifth_connection_ends_the_idlest),
		UNIT(a_revoked_site_is_cut_live_and_kept_out),
		UNIT(the_local_socket_serves_the_administrator_alone),
		UNIT(a_taken_port_is_named),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
