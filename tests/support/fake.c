#include "tests/support/fake.h"

#include "base/parse.h"
#include "protocol/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- answers */

static void answer(struct exchange *x, unsigned status, const char *type, struct bytes body)
{
	struct answer a = {.status = status, .content_type = type, .body = body};

	if (status == 503)
		a.headers[0] = (struct http_pair){"Retry-After", "0"};
	server_answer(x, &a);
}

static void answer_error(struct exchange *x, unsigned status)
{
	answer(x, status, "application/json", bytes_text("{\"error\":\"as ordered\"}"));
}

static uint64_t number(const struct exchange *x, const char *name)
{
	const char *text = server_parameter(x, name);
	uint64_t value = 0;

	return text != NULL && parse_u64(&value, bytes_text(text)) ? value : 0;
}

static void note_session(struct fake *f, const struct exchange *x)
{
	const char *session = server_header(x, "Cohort-Session");

	if (session == NULL)
		session = "none";
	if (f->session[0] == '\0')
		snprintf(f->session, sizeof f->session, "%s", session);
	else if (strcmp(f->session, session) != 0)
		f->sessions_differ = true;
}

/* ---- the inbox */

/* Answers a poll if there is something to say; false: hold it. */
static bool try_poll(struct fake *f, struct exchange *x, uint64_t after, bool at_end)
{
	bool missed = after > 0 && after < f->forgotten;
	uint64_t from = missed ? f->forgotten : after;
	uint32_t first = 0;
	struct buf text;

	while (first < f->inbox_count && f->inbox[first].seq <= from)
		first++;
	if (first == f->inbox_count && !missed && !at_end)
		return false;
	buf_init(&text, INBOX_MAX);
	inbox_write(&text, f->inbox + first, f->inbox_count - first);
	struct answer a = {.status = missed ? 410 : 200, .content_type = "application/json", .body = buf_bytes(&text)};
	if (f->shown[0] != '\0')
		a.headers[0] = (struct http_pair){LEDGER_MARK_HEADER, f->shown};
	server_answer(x, &a);
	buf_free(&text);
	return true;
}

/* As try_poll, for who listens. */
static bool try_listen(struct exchange *x, const struct fake_phase *p, bool at_end)
{
	if (p->listen_status == 200)
		answer(x, 200, "application/octet-stream", buf_bytes(&p->told));
	else if (p->listen_status == 204 || (p->listen_status == 0 && at_end))
		answer(x, 204, NULL, bytes_of(NULL, 0));
	else if (p->listen_status != 0)
		answer_error(x, p->listen_status);
	else
		return false;
	return true;
}

static bool try_held(struct fake *f, int i, bool at_end)
{
	if (f->held_phase[i] != NULL)
		return try_listen(f->held[i], f->held_phase[i], at_end);
	return try_poll(f, f->held[i], f->held_after[i], at_end);
}

static void hold(struct fake *f, struct exchange *x, uint64_t after, struct fake_phase *phase)
{
	for (int i = 0; i < FAKE_HELD_MAX; i++)
		if (f->held[i] == NULL) {
			f->held[i] = x;
			f->held_after[i] = after;
			f->held_phase[i] = phase;
			server_hold(x, loop_now_ms(f->loop) + (int64_t)number(x, "wait") * 1000);
			return;
		}
	answer_error(x, 429);
}

static void on_poll(struct fake *f, struct exchange *x)
{
	uint64_t after = number(x, "after");

	f->polls++;
	note_session(f, x);
	if (f->inbox_status != 0) {
		answer_error(x, f->inbox_status);
		return;
	}
	if (!try_poll(f, x, after, false))
		hold(f, x, after, NULL);
}

static int held_index(const struct fake *f, const struct exchange *x)
{
	for (int i = 0; i < FAKE_HELD_MAX; i++)
		if (f->held[i] == x)
			return i;
	return -1;
}

static void answer_held(struct fake *f)
{
	for (int i = 0; i < FAKE_HELD_MAX; i++)
		if (f->held[i] != NULL && try_held(f, i, false))
			f->held[i] = NULL;
}

static void on_expired(void *context, struct exchange *x)
{
	struct fake *f = context;
	int i;

	pthread_mutex_lock(&f->lock);
	i = held_index(f, x);
	try_held(f, i, true);
	f->held[i] = NULL;
	pthread_mutex_unlock(&f->lock);
}

static void on_gone(void *context, struct exchange *x)
{
	struct fake *f = context;
	int i;

	pthread_mutex_lock(&f->lock);
	i = held_index(f, x);
	if (i >= 0)
		f->held[i] = NULL;
	pthread_mutex_unlock(&f->lock);
}

/* ---- contributions */

static struct fake_upload *upload_of(struct fake *f, uint64_t round, uint32_t attempt, const char *sha256)
{
	struct fake_upload *u;

	for (int i = 0; i < f->upload_count; i++) {
		u = &f->uploads[i];
		if (u->round == round && u->attempt == attempt && strcmp(u->sha256, sha256) == 0)
			return u;
	}
	CHECK(f->upload_count < FAKE_UPLOADS_MAX);
	u = &f->uploads[f->upload_count++];
	u->round = round;
	u->attempt = attempt;
	snprintf(u->sha256, sizeof u->sha256, "%s", sha256);
	buf_init(&u->octets, 64u << 20);
	return u;
}

static void on_part(struct fake *f, struct exchange *x, uint64_t round, uint32_t attempt)
{
	const char *sha256 = server_parameter(x, "sha256");
	char text[64];
	struct fake_upload *u;

	f->parts++;
	note_session(f, x);
	if (f->put_times > 0) {
		f->put_times--;
		answer_error(x, f->put_status);
		return;
	}
	u = upload_of(f, round, attempt, sha256 != NULL ? sha256 : "");
	if (!u->accepted && number(x, "offset") == u->octets.len)
		buf_put(&u->octets, server_body(x));
	if (u->octets.len == number(x, "octets")) {
		f->accepted_count += !u->accepted;
		u->accepted = true;
		answer(x, 200, "application/json", bytes_text("{\"accepted\":true}"));
	} else {
		snprintf(text, sizeof text, "{\"offset\":%zu}", u->octets.len);
		answer(x, 200, "application/json", bytes_text(text));
	}
}

static void on_message(struct fake *f, struct exchange *x)
{
	struct message m;

	note_session(f, x);
	if (message_parse(&m, server_body(x), FAKE_SITE, NULL) != OK) {
		answer_error(x, 400);
	} else if (m.type == MESSAGE_REFUSAL && f->refusal_tries++ < f->refusal_times) {
		answer_error(x, f->refusal_status);
	} else {
		if (m.type == MESSAGE_REFUSAL)
			f->refusals[f->refusal_count++] = m;
		else
			f->answers[f->answer_count++] = m;
		answer(x, 204, NULL, bytes_of(NULL, 0));
	}
}

/* ---- the phases of a masked attempt */

static void on_say(struct exchange *x, struct fake_phase *p)
{
	buf_free(&p->said);
	buf_init(&p->said, 1u << 20);
	buf_put(&p->said, server_body(x));
	p->says++;
	if (p->say_status != 0 && (p->say_times == 0 || p->says <= p->say_times))
		answer_error(x, p->say_status);
	else
		answer(x, 204, NULL, bytes_of(NULL, 0));
}

/* False: the path is of no phase. */
static bool on_phase(struct fake *f, struct exchange *x)
{
	const char *last = strrchr(x->path, '/') + 1;

	for (int i = 0; i < SECAGG_PHASE_COUNT; i++) {
		struct fake_phase *p = &f->phases[i];

		if (strcmp(last, secagg_phase_name((enum secagg_phase)i)) != 0)
			continue;
		note_session(f, x);
		if (x->method == HTTP_POST) {
			on_say(x, p);
		} else {
			p->listens++;
			if (!try_listen(x, p, false))
				hold(f, x, 0, p);
		}
		return true;
	}
	return false;
}

/* ---- requests */

static void serve(struct fake *f, struct exchange *x)
{
	char hex[HASH_HEX_SIZE];
	unsigned long long round;
	unsigned attempt;
	int end = 0;

	hash_hex(hex, &f->model_sha256);
	if (strcmp(x->path, "/v1/roster") == 0) {
		f->rosters++;
		answer(x, 200, "text/plain", buf_bytes(&f->roster));
	} else if (strstr(x->path, "/contract") != NULL) {
		answer(x, 200, "application/json", buf_bytes(&f->study->canonical));
	} else if (strstr(x->path, "/inbox") != NULL) {
		on_poll(f, x);
	} else if (strncmp(x->path, "/v1/models/", 11) == 0 && strcmp(x->path + 11, hex) == 0) {
		f->models++;
		answer(x, 200, "application/octet-stream", buf_bytes(&f->model));
	} else if (sscanf(x->path, "/v1/studies/small/rounds/%llu/attempts/%u/contribution%n", &round, &attempt,
	                  &end) == 2 &&
	           end > 0) {
		on_part(f, x, round, attempt);
	} else if (on_phase(f, x)) {
		return;
	} else if (x->method == HTTP_POST) {
		on_message(f, x);
	} else {
		answer_error(x, 404);
	}
}

static void on_request(void *context, struct exchange *x)
{
	struct fake *f = context;

	pthread_mutex_lock(&f->lock);
	serve(f, x);
	pthread_mutex_unlock(&f->lock);
}

/* ---- the thread */

static void on_turn(void *context)
{
	struct fake *f = context;

	if (f->server != NULL)
		server_flush(f->server);
}

static void open_server(struct fake *f)
{
	const struct server_handler handler = {on_request, on_expired, on_gone, f};
	char address[32];
	struct diag why = {{0}};

	snprintf(address, sizeof address, "127.0.0.1:%u", f->port);
	if (server_new(&f->server, f->loop, &handler, &why) != OK ||
	    server_listen(f->server, address, f->tls, &why) != OK)
		check_failed(__FILE__, __LINE__, why.text);
	f->port = server_port(f->server);
}

static void close_server(struct fake *f)
{
	struct server *s = f->server;

	f->server = NULL;
	pthread_mutex_unlock(&f->lock); /* `gone` wants it */
	server_free(s);
	pthread_mutex_lock(&f->lock);
}

static void on_wake(void *context)
{
	struct fake *f = context;

	pthread_mutex_lock(&f->lock);
	if (f->order != NULL)
		f->order(f);
	f->order = NULL;
	answer_held(f);
	if (f->ending)
		loop_stop(f->loop);
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
}

static void *run(void *context)
{
	struct fake *f = context;

	loop_run(f->loop);
	return NULL;
}

static void order(struct fake *f, void (*what)(struct fake *f))
{
	pthread_mutex_lock(&f->lock);
	f->order = what;
	loop_wake(f->loop);
	while (f->order != NULL)
		pthread_cond_wait(&f->done, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

void fake_start(struct fake *f, const struct study *study)
{
	struct tls_files files;
	struct diag why = {{0}};

	memset(f, 0, sizeof *f);
	f->study = study;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->done, NULL);
	tempdir_make(&f->dir);
	credential_authority(&f->dir, "ca", &f->ca);
	credential_coordinator(&f->dir, "coordinator", &f->ca);
	credential_signing_site(&f->dir, FAKE_SITE, &f->ca, f->site_key);
	files = credential_files(&f->dir, "coordinator");
	if (tls_new(&f->tls, TLS_SERVER, &files, &why) != OK || loop_new(&f->loop, &why) != OK)
		fail_msg("%s", why.text);
	fake_roster(f, 1, true);
	open_server(f);
	loop_on_turn(f->loop, on_turn, f);
	loop_on_wake(f->loop, on_wake, f);
	assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
}

void fake_stop(struct fake *f)
{
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	loop_wake(f->loop);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	server_free(f->server);
	loop_free(f->loop);
	tls_free(f->tls);
	for (int i = 0; i < f->upload_count; i++)
		buf_free(&f->uploads[i].octets);
	for (int i = 0; i < SECAGG_PHASE_COUNT; i++) {
		buf_free(&f->phases[i].told);
		buf_free(&f->phases[i].said);
	}
	buf_free(&f->roster);
	buf_free(&f->model);
	certificate_free(&f->ca);
	tempdir_remove(&f->dir);
}

void fake_down(struct fake *f)
{
	order(f, close_server);
}

void fake_up(struct fake *f)
{
	order(f, open_server);
}
