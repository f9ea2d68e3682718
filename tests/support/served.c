#include "tests/support/served.h"

#include "base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void answer_text(struct exchange *x, unsigned status, const char *text)
{
	const struct answer a = {.status = status, .content_type = "text/plain", .body = bytes_text(text)};
	server_answer(x, &a);
}

static uint64_t number(const struct exchange *x, const char *name)
{
	uint64_t value = 0;
	const char *text = server_parameter(x, name);
	return text && parse_u64(&value, bytes_text(text)) ? value : 0;
}

static void do_echo(struct exchange *x)
{
	char octets[32];
	struct answer a = {.status = 200, .content_type = "application/octet-stream", .body = server_body(x)};

	snprintf(octets, sizeof octets, "%zu", x->body_len);
	a.headers[0] = (struct http_pair){"X-Octets", octets};
	server_answer(x, &a);
}

static void do_file(struct served *s, struct exchange *x)
{
	char tag[128];
	const char *name = server_parameter(x, "name");

	snprintf(tag, sizeof tag, "tag-%s", name ? name : "");
	if (!name || server_answer_file(x, tempdir_path(&s->dir, name), "application/octet-stream", tag, NULL))
		answer_text(x, 404, "no such file");
}

static void do_octets(struct exchange *x)
{
	size_t n = number(x, "n");
	char *octets = malloc(n + 1);
	memset(octets, 'x', n);
	const struct answer a = {
		.status = 200, .content_type = "application/octet-stream", .body = {(uint8_t *)octets, n}};
	server_answer(x, &a);
	free(octets);
}

static void do_busy(struct served *s, struct exchange *x)
{
	const char *name = server_parameter(x, "name");

	if (strcmp(s->busy_name, name ? name : "") != 0) {
		snprintf(s->busy_name, sizeof s->busy_name, "%s", name ? name : "");
		s->busy_count = 0;
	}
	if (s->busy_count++ >= (int)number(x, "times")) {
		answer_text(x, 200, "free");
		return;
	}
	struct answer a = {.status = 503, .content_type = "text/plain", .body = bytes_text("busy")};
	a.headers[0] = (struct http_pair){"Retry-After", "1"};
	server_answer(x, &a);
}

static void do_askew(struct exchange *x)
{
	struct answer a = {.status = 206, .content_type = "application/octet-stream", .body = bytes_text("abc")};
	a.headers[0] = (struct http_pair){"Content-Range", "bytes 7-9/10"};
	server_answer(x, &a);
}

static void do_values(struct exchange *x)
{
	struct buf text;

	buf_init(&text, 4096);
	for (size_t i = 0; i < x->parameter_count; i++)
		buf_printf(&text, "%s=%s;", x->parameters[i].name, x->parameters[i].value);
	answer_text(x, 200, buf_text(&text));
	buf_free(&text);
}

/* The request's header, and one of the answer. */
static void do_header(struct exchange *x)
{
	const char *name = server_parameter(x, "name"), *value = server_header(x, name ? name : "");
	struct answer a = {.status = 200, .content_type = "text/plain", .body = bytes_text(value ? value : "none")};
	char *long_one = mem_alloc(number(x, "n") + 1);

	memset(long_one, 'h', number(x, "n"));
	if (number(x, "n") > 0)
		a.headers[0] = (struct http_pair){"X-Wanted", long_one};
	server_answer(x, &a);
	free(long_one);
}

static void on_request(void *context, struct exchange *x)
{
	struct served *s = context;
	char hello[128];

	atomic_fetch_add(&s->requests, 1);
	if (strcmp(x->path, "/hello") == 0) {
		snprintf(hello, sizeof hello, "hello %s", x->peer ? x->peer->name : "administrator");
		answer_text(x, 200, hello);
	} else if (strcmp(x->path, "/hold") == 0) {
		server_hold(x, loop_now_ms(s->loop) + (int64_t)number(x, "ms"));
		atomic_fetch_add(&s->held, 1);
	} else if (strcmp(x->path, "/echo") == 0) {
		do_echo(x);
	} else if (strcmp(x->path, "/file") == 0) {
		do_file(s, x);
	} else if (strcmp(x->path, "/octets") == 0) {
		do_octets(x);
	} else if (strcmp(x->path, "/busy") == 0) {
		do_busy(s, x);
	} else if (strcmp(x->path, "/askew") == 0) {
		do_askew(x);
	} else if (strcmp(x->path, "/header") == 0) {
		do_header(x);
	} else if (strcmp(x->path, "/values") == 0) {
		do_values(x);
	} else {
		answer_text(x, 404, "nothing here");
	}
}

static void on_expired(void *context, struct exchange *x)
{
	(void)context;
	answer_text(x, 200, "held");
}

static void on_gone(void *context, struct exchange *x)
{
	struct served *s = context;
	(void)x;
	atomic_fetch_add(&s->gone, 1);
}

static void on_turn(void *context)
{
	server_flush(((struct served *)context)->server);
}

static void on_wake(void *context)
{
	struct served *s = context;

	pthread_mutex_lock(&s->lock);
	if (s->call)
		s->call(s);
	s->call = NULL;
	if (s->stop)
		loop_stop(s->loop);
	pthread_cond_signal(&s->done);
	pthread_mutex_unlock(&s->lock);
}

static void *serve(void *context)
{
	struct served *s = context;
	loop_run(s->loop);
	return NULL;
}

void served_start(struct served *s)
{
	const struct server_handler handler = {on_request, on_expired, on_gone, s};
	struct diag why = {0};
	struct tls *t;

	*s = (struct served){.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
	tempdir_make(&s->dir);
	credential_authority(&s->dir, "ca", &s->ca);
	credential_coordinator(&s->dir, "coordinator", &s->ca);
	credential_site(&s->dir, "st-mary", &s->ca, NULL);
	const struct tls_files files = credential_files(&s->dir, "coordinator");
	if (tls_new(&t, TLS_SERVER, &files, &why) || loop_new(&s->loop, &why) ||
	    server_new(&s->server, s->loop, &handler, &why) || server_listen(s->server, "127.0.0.1:0", t, &why) ||
	    server_listen_local(s->server, tempdir_path(&s->dir, "admin.sock"), &why))
		fail_msg("%s", why.text);
	tls_free(t);
	s->port = server_port(s->server);
	loop_on_turn(s->loop, on_turn, s);
	loop_on_wake(s->loop, on_wake, s);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void served_call(struct served *s, void (*call)(struct served *))
{
	pthread_mutex_lock(&s->lock);
	s->call = call;
	loop_wake(s->loop);
	while (s->call)
		pthread_cond_wait(&s->done, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static struct server_figures figures; /* one test runs at a time */

static void take_figures(struct served *s)
{
	figures = server_figures(s->server);
}

struct server_figures served_figures(struct served *s)
{
	served_call(s, take_figures);
	return figures;
}

void served_stop(struct served *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	loop_wake(s->loop);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	server_free(s->server);
	loop_free(s->loop);
	certificate_free(&s->ca);
	tempdir_remove(&s->dir);
}

void served_wait(const atomic_int *n, int value)
{
	for (int i = 0; i < 1000 && atomic_load(n) != value; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_int_equal(atomic_load(n), value);
}
