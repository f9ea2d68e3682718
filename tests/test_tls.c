/* Credentials: every problem by name before connecting; the verdict on peers in real handshakes over a socket pair. */
#include "net/tls.h"

#include "base/log.h"
#include "base/secret.h"
#include "tests/support/credentials.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_S 86400

struct world {
	struct tempdir dir;
	struct made ca;
	struct diag why;
	char logged[1024];
};

static int setup(void **state)
{
	static struct world w;
	w = (struct world){0};
	tempdir_make(&w.dir);
	credential_authority(&w.dir, "ca", &w.ca);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	log_capture(NULL, NULL);
	certificate_free(&w->ca);
	tempdir_remove(&w->dir);
	return 0;
}

/* The check as a client refuses with words that hold all of the NULL-terminated texts. */
static void refused(struct world *w, const struct tls_files *files, enum err expected, ...)
{
	va_list texts;
	const char *text;

	w->why.text[0] = '\0';
	enum err e = tls_check_own(TLS_CLIENT, files, time(NULL), &w->why);
	if (e != expected)
		fail_msg("%s instead of %s: %s", err_name(e), err_name(expected), w->why.text);
	va_start(texts, expected);
	while ((text = va_arg(texts, const char *)) != NULL)
		if (!strstr(w->why.text, text))
			fail_msg("\"%s\" does not say \"%s\"", w->why.text, text);
	va_end(texts);
}

static void good_credentials_are_good(void **state)
{
	struct world *w = *state;
	struct tls *t;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	credential_revocations(&w->dir, "crl", &w->ca, NULL, DAY_S);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	assert_int_equal(tls_check_own(TLS_CLIENT, &files, time(NULL), &w->why), OK);
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	assert_int_equal(tls_new(&t, TLS_CLIENT, &files, &w->why), OK);
	assert_string_equal(tls_self(t)->name, "st-mary");
	assert_string_equal(tls_self(t)->federation, "test");
	tls_free(t);
	files = credential_files(&w->dir, "coordinator");
	assert_int_equal(tls_new(&t, TLS_SERVER, &files, &w->why), OK);
	assert_int_equal(tls_self(t)->kind, IDENTITY_COORDINATOR);
	tls_free(t);
}

static void a_certificate_out_of_time_is_named_with_its_date(void **state)
{
	struct world *w = *state;
	struct recipe r = credential_site_recipe("old");

	r.from_s = -10 * DAY_S;
	r.until_s = -3 * DAY_S;
	credential_make(&w->dir, "old", &r, &w->ca, NULL);
	struct tls_files files = credential_files(&w->dir, "old");
	refused(w, &files, ERR_REFUSED, "old.pem", "expired on 20", "3 days ago", NULL);
	r = credential_site_recipe("early");
	r.from_s = 2 * DAY_S;
	credential_make(&w->dir, "early", &r, &w->ca, NULL);
	files = credential_files(&w->dir, "early");
	refused(w, &files, ERR_REFUSED, "early.pem", "not valid before 20", "clock", NULL);
	/* The same certificate is good at a time in between: the clock handed in decides. */
	assert_int_equal(tls_check_own(TLS_CLIENT, &files, time(NULL) + 3 * DAY_S, &w->why), OK);
}

static void an_expired_authority_is_named(void **state)
{
	struct world *w = *state;
	struct recipe r = recipe_authority("test");
	struct made expired;

	r.from_s = -9 * DAY_S;
	r.until_s = -DAY_S;
	credential_make(&w->dir, "ca", &r, NULL, &expired);
	credential_site(&w->dir, "st-mary", &expired, NULL);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	refused(w, &files, ERR_REFUSED, "authority's certificate has expired", NULL);
	certificate_free(&expired);
}

static void an_issuer_that_is_not_ours_is_named(void **state)
{
	struct world *w = *state;
	struct recipe r = recipe_authority("test");
	struct made evil, twin;

	r.common_name = "Evil";
	credential_make(&w->dir, "evil", &r, NULL, &evil);
	credential_site(&w->dir, "st-mary", &evil, NULL);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	refused(w, &files, ERR_REFUSED, "st-mary.pem", "issued by \"Evil\"", "not by this federation's", NULL);
	/* The same name with another key, and nothing in the certificate that says which key. */
	credential_authority(&w->dir, "twin", &twin);
	credential_site(&w->dir, "st-mary", &twin, NULL);
	refused(w, &files, ERR_REFUSED, "st-mary.pem", "issued by", "\"authority\"", "this federation's", NULL);
	certificate_free(&evil);
	certificate_free(&twin);
}

static void one_that_signed_itself_is_named(void **state)
{
	struct world *w = *state;
	struct recipe r = credential_site_recipe("st-mary");

	credential_make(&w->dir, "st-mary", &r, NULL, NULL);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	refused(w, &files, ERR_REFUSED, "st-mary.pem", "signed by itself", NULL);
}

static void a_revoked_one_is_named(void **state)
{
	struct world *w = *state;
	struct made revoked;

	credential_site(&w->dir, "st-mary", &w->ca, &revoked);
	credential_site(&w->dir, "st-john", &w->ca, NULL);
	credential_revocations(&w->dir, "crl", &w->ca, &revoked, DAY_S);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	refused(w, &files, ERR_REFUSED, "st-mary.pem", "revoked", NULL);
	files = credential_files(&w->dir, "st-john");
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	assert_int_equal(tls_check_own(TLS_CLIENT, &files, time(NULL), &w->why), OK);
	certificate_free(&revoked);
}

static void keep_log(void *context, enum log_level level, const char *line)
{
	struct world *w = context;
	(void)level;
	snprintf(w->logged, sizeof w->logged, "%s", line);
}

static void an_overdue_list_still_revokes_and_warns(void **state)
{
	struct world *w = *state;
	struct made revoked;

	log_capture(keep_log, w);
	credential_site(&w->dir, "st-mary", &w->ca, &revoked);
	credential_site(&w->dir, "st-john", &w->ca, NULL);
	credential_revocations(&w->dir, "crl", &w->ca, &revoked, -60);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	refused(w, &files, ERR_REFUSED, "revoked", NULL);
	assert_non_null(strstr(w->logged, "overdue"));
	files = credential_files(&w->dir, "st-john");
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	assert_int_equal(tls_check_own(TLS_CLIENT, &files, time(NULL), &w->why), OK);
	certificate_free(&revoked);
}

static void a_list_that_is_not_the_authoritys_is_refused(void **state)
{
	struct world *w = *state;
	struct made twin;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_authority(&w->dir, "twin", &twin);
	credential_revocations(&w->dir, "crl", &twin, NULL, DAY_S);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	refused(w, &files, ERR_CONFIG, "crl.pem", "has not signed", NULL);
	tempdir_write(&w->dir, "crl.pem", "");
	refused(w, &files, ERR_CONFIG, "crl.pem", "no list of revocations by \"authority\"", NULL);
	certificate_free(&twin);
}

static void keys_are_looked_after(void **state)
{
	struct world *w = *state;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_site(&w->dir, "st-john", &w->ca, NULL);
	struct tls_files files = credential_files(&w->dir, "st-mary");
	chmod(files.key, 0640);
	refused(w, &files, ERR_REFUSED, "st-mary.key", "chmod 600", NULL);
	chmod(files.key, 0600);
	files.key = tempdir_path(&w->dir, "st-john.key");
	refused(w, &files, ERR_CONFIG, "st-john.key", "is not the key of", "st-mary.pem", NULL);
	files.key = tempdir_path(&w->dir, "none.key");
	refused(w, &files, ERR_NO_INPUT, "none.key", NULL);
	tempdir_write(&w->dir, "junk.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	files.key = tempdir_path(&w->dir, "junk.key");
	refused(w, &files, ERR_DATA, "junk.key", NULL);
}

static void files_that_hold_something_else_are_named(void **state)
{
	struct world *w = *state;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	struct tls_files files = credential_files(&w->dir, "st-mary"), wrong = files;
	wrong.certificate = tempdir_path(&w->dir, "none.pem");
	refused(w, &wrong, ERR_NO_INPUT, "none.pem", NULL);
	tempdir_write(&w->dir, "text.pem", "hello\n");
	wrong.certificate = tempdir_path(&w->dir, "text.pem");
	refused(w, &wrong, ERR_CONFIG, "text.pem", "no certificate in PEM", NULL);
	tempdir_write(&w->dir, "broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	wrong.certificate = tempdir_path(&w->dir, "broken.pem");
	refused(w, &wrong, ERR_CONFIG, "broken.pem", "certificate 1 is broken", NULL);
	wrong = files;
	wrong.authority = tempdir_path(&w->dir, "text.pem");
	refused(w, &wrong, ERR_CONFIG, "text.pem", "no certificate in PEM", NULL);
	wrong.authority = files.certificate;
	refused(w, &wrong, ERR_CONFIG, "st-mary.pem", "no authority's", NULL);
}

static void an_identity_is_required(void **state)
{
	struct world *w = *state;
	struct tls_files files;

	struct recipe r = credential_site_recipe("nobody");
	r.uri_count = 0;
	credential_make(&w->dir, "nobody", &r, &w->ca, NULL);
	files = credential_files(&w->dir, "nobody");
	refused(w, &files, ERR_REFUSED, "nobody.pem", "names nobody", NULL);
	r = credential_site_recipe("useless");
	r.extended_usage = "serverAuth";
	credential_make(&w->dir, "useless", &r, &w->ca, NULL);
	files = credential_files(&w->dir, "useless");
	refused(w, &files, ERR_REFUSED, "useless.pem", "not meant for a TLS client", NULL);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	files = credential_files(&w->dir, "coordinator");
	refused(w, &files, ERR_REFUSED, "coordinator.pem", "a site was expected", NULL);
	files = credential_files(&w->dir, "ca");
	refused(w, &files, ERR_REFUSED, "ca.pem", "a site was expected", NULL);
	r = credential_site_recipe("both");
	r.constraints = "critical,CA:TRUE";
	credential_make(&w->dir, "both", &r, &w->ca, NULL);
	files = credential_files(&w->dir, "both");
	refused(w, &files, ERR_REFUSED, "both.pem", "authority", NULL);
}

static void a_certificate_names_its_hosts(void **state)
{
	struct world *w = *state;
	struct tls *t;

	credential_coordinator(&w->dir, "coordinator", &w->ca);
	const struct tls_files files = credential_files(&w->dir, "coordinator");
	assert_int_equal(tls_new(&t, TLS_SERVER, &files, &w->why), OK);
	assert_true(tls_names(t, "localhost") && tls_names(t, "127.0.0.1") && tls_names(t, "::1"));
	assert_false(tls_names(t, "local") || tls_names(t, "127.0.0.2") || tls_names(t, "coordinator") ||
	             tls_names(t, ""));
	tls_free(t);
}

static void a_serial_number_is_found_in_the_list(void **state)
{
	struct world *w = *state;
	struct recipe r = credential_site_recipe("st-mary");
	struct made revoked;
	struct tls *t;

	r.serial = "00AB54A98CEB1F0AD2";
	credential_make(&w->dir, "st-mary", &r, &w->ca, &revoked);
	credential_site(&w->dir, "st-john", &w->ca, NULL);
	credential_revocations(&w->dir, "crl", &w->ca, &revoked, DAY_S);
	certificate_free(&revoked);
	struct tls_files files = credential_files(&w->dir, "st-john");
	assert_int_equal(tls_new(&t, TLS_CLIENT, &files, &w->why), OK);
	assert_false(tls_revokes(t, "ab54a98ceb1f0ad2")); /* without a list, nobody is revoked */
	tls_free(t);
	files.revocations = tempdir_path(&w->dir, "crl.pem");
	assert_int_equal(tls_new(&t, TLS_CLIENT, &files, &w->why), OK);
	assert_true(tls_revokes(t, "ab54a98ceb1f0ad2"));
	assert_false(tls_revokes(t, "ab54a98ceb1f0ad3") || tls_revokes(t, tls_self(t)->serial) || tls_revokes(t, ""));
	tls_free(t);
}

/* ---- handshakes: the server side here by hand, the client side by tls_probe in a thread */

struct shake {
	struct tls *server, *client;
	const char *host;
	int sockets[2];
	struct diag server_words, client_words;
	enum err client_error;
	bool established, closed, identified;
	struct identity peer;
};

static void on_established(void *context)
{
	((struct shake *)context)->established = true;
}

static void on_refused(void *context, const char *words)
{
	struct shake *s = context;
	(void)diag_set(&s->server_words, OK, "%s", words);
}

static void on_closed(void *context)
{
	((struct shake *)context)->closed = true;
}

static void *probe(void *context)
{
	struct shake *s = context;
	s->client_error = tls_probe(s->client, s->sockets[1], s->host, &s->client_words);
	return NULL;
}

static void time_limit(int fd, int ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
}

static void shake_hands(struct shake *s, const struct tls_files *server, const struct tls_files *client,
                        const char *host)
{
	const struct tls_events events = {on_established, on_refused, on_closed};
	pthread_t thread;

	*s = (struct shake){.host = host};
	assert_int_equal(tls_new(&s->server, TLS_SERVER, server, &s->server_words), OK);
	assert_int_equal(tls_new(&s->client, TLS_CLIENT, client, &s->client_words), OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s->sockets), 0);
	time_limit(s->sockets[0], 5000);
	time_limit(s->sockets[1], 5000);
	assert_int_equal(pthread_create(&thread, NULL, probe, s), 0);
	struct ssl_st *ssl = tls_accept(s->server, &events, s);
	assert_ptr_equal(tls_context(ssl), s);
	assert_int_equal(tls_socket(ssl), -1);
	SSL_set_fd(ssl, s->sockets[0]);
	assert_int_equal(tls_socket(ssl), s->sockets[0]);
	assert_false(tls_peer(&s->peer, ssl));
	SSL_set_accept_state(ssl);
	(void)SSL_do_handshake(ssl);
	s->identified = tls_peer(&s->peer, ssl);
	shutdown(s->sockets[0], SHUT_WR); /* the probe need not wait for an alert that will not come */
	pthread_join(thread, NULL);
	SSL_free(ssl);
	close(s->sockets[0]);
	close(s->sockets[1]);
	tls_free(s->server);
	tls_free(s->client);
}

static void both_sides_meet(void **state)
{
	struct world *w = *state;
	struct shake s;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	struct tls_files server = credential_files(&w->dir, "coordinator"),
			 client = credential_files(&w->dir, "st-mary");
	shake_hands(&s, &server, &client, "localhost");
	assert_true(s.established);
	assert_true(s.identified);
	assert_true(s.closed);
	assert_string_equal(s.peer.name, "st-mary");
	assert_int_equal(s.client_error, OK);
	shake_hands(&s, &server, &client, "127.0.0.1");
	assert_int_equal(s.client_error, OK);
}

static void the_coordinator_must_be_who_was_called(void **state)
{
	struct world *w = *state;
	struct shake s;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	struct tls_files server = credential_files(&w->dir, "coordinator"),
			 client = credential_files(&w->dir, "st-mary");
	shake_hands(&s, &server, &client, "elsewhere.example");
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_non_null(strstr(s.client_words.text, "not made out to the host"));
	assert_false(s.established);
	shake_hands(&s, &server, &client, "127.0.0.2");
	assert_int_equal(s.client_error, ERR_REFUSED);
}

/* A site of the same federation, named as a server, must not pose as the coordinator; nor another federation's. */
static void only_a_coordinator_of_our_federation_will_do(void **state)
{
	struct world *w = *state;
	struct shake s;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	struct recipe r = recipe_coordinator("elsewhere");
	credential_make(&w->dir, "other", &r, &w->ca, NULL);
	struct tls_files server = credential_files(&w->dir, "other"), client = credential_files(&w->dir, "st-mary");
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_non_null(strstr(s.client_words.text, "belongs to federation elsewhere, not to test"));
}

/* Peers that their own check accepts (their clock, their authority), but not ours: the alert becomes words. */
static void a_refused_site_learns_why(void **state)
{
	struct world *w = *state;
	struct shake s;
	struct made revoked;

	credential_site(&w->dir, "st-mary", &w->ca, &revoked);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	credential_revocations(&w->dir, "crl", &w->ca, &revoked, DAY_S);
	certificate_free(&revoked);
	struct tls_files server = credential_files(&w->dir, "coordinator"),
			 client = credential_files(&w->dir, "st-mary");
	server.revocations = tempdir_path(&w->dir, "crl.pem");
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_string_equal(s.client_words.text,
	                    "the coordinator refused this certificate: revoked; ask the authority for a new one");
	assert_non_null(strstr(s.server_words.text, "certificate of \"st-mary\": revoked"));
	assert_false(s.established);
	assert_false(s.identified);
}

static void a_site_of_another_authority_learns_so(void **state)
{
	struct world *w = *state;
	struct shake s;
	struct made old;
	char both[8192];

	credential_authority(&w->dir, "old", &old);
	credential_site(&w->dir, "st-mary", &old, NULL);
	certificate_free(&old);
	credential_coordinator(&w->dir, "coordinator", &w->ca);
	/* The site still believes in both authorities, the coordinator in the new one alone. */
	const char *first = tempdir_read(&w->dir, "old.pem", NULL), *second = tempdir_read(&w->dir, "ca.pem", NULL);
	snprintf(both, sizeof both, "%s%s", first, second);
	tempdir_write(&w->dir, "both.pem", both);
	struct tls_files server = credential_files(&w->dir, "coordinator"),
			 client = credential_files(&w->dir, "st-mary");
	client.authority = tempdir_path(&w->dir, "both.pem");
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_non_null(strstr(s.client_words.text, "the coordinator refused this certificate"));
	/* With both at the coordinator too, the successor's changeover works. */
	server.authority = client.authority;
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, OK);
	assert_true(s.established);
}

/* An authority that the hospital alone believes may have issued the coordinator certificate that it sees. */
static void an_extra_authority_is_believed_by_the_client_alone(void **state)
{
	struct world *w = *state;
	struct shake s;

	struct recipe r = recipe_authority("test");
	struct made hospital;
	r.common_name = "Hospital proxy";
	credential_make(&w->dir, "hospital", &r, NULL, &hospital);
	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	credential_coordinator(&w->dir, "front", &hospital);
	struct tls_files server = credential_files(&w->dir, "front"), client = credential_files(&w->dir, "st-mary");
	server.authority = tempdir_path(&w->dir, "hospital.pem");
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_non_null(
		strstr(s.client_words.text, "issued by \"Hospital proxy\", not by this federation's authority"));
	client.extra_authority = tempdir_path(&w->dir, "hospital.pem");
	shake_hands(&s, &server, &client, "localhost");
	assert_int_equal(s.client_error, ERR_REFUSED); /* our half is content now; the other end wants another site */
	assert_non_null(strstr(s.client_words.text, "the coordinator refused this certificate"));
	/* It does not vouch for the hospital's own certificate. */
	credential_site(&w->dir, "inside", &hospital, NULL);
	certificate_free(&hospital);
	client = credential_files(&w->dir, "inside");
	client.extra_authority = tempdir_path(&w->dir, "hospital.pem");
	refused(w, &client, ERR_REFUSED, "issued by \"Hospital proxy\"", NULL);
}

static void something_else_than_tls_is_recognised(void **state)
{
	struct world *w = *state;
	struct shake s = {.host = "localhost"};
	pthread_t thread;

	credential_site(&w->dir, "st-mary", &w->ca, NULL);
	struct tls_files client = credential_files(&w->dir, "st-mary");
	assert_int_equal(tls_new(&s.client, TLS_CLIENT, &client, NULL), OK);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s.sockets), 0);
	assert_int_equal(write(s.sockets[0], "SSH-2.0-OpenSSH_9.2\r\n", 21), 21);
	assert_int_equal(pthread_create(&thread, NULL, probe, &s), 0);
	pthread_join(thread, NULL);
	assert_int_equal(s.client_error, ERR_REFUSED);
	assert_string_equal(s.client_words.text, "localhost answers, but not in TLS; is it the right port?");
	close(s.sockets[0]);
	close(s.sockets[1]);
	tls_free(s.client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_credentials_are_good, setup, teardown),
		cmocka_unit_test_setup_teardown(a_certificate_out_of_time_is_named_with_its_date, setup, teardown),
		cmocka_unit_test_setup_teardown(an_expired_authority_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_issuer_that_is_not_ours_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_signed_itself_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revoked_one_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_overdue_list_still_revokes_and_warns, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_that_is_not_the_authoritys_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_are_looked_after, setup, teardown),
		cmocka_unit_test_setup_teardown(files_that_hold_something_else_are_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_identity_is_required, setup, teardown),
		cmocka_unit_test_setup_teardown(a_certificate_names_its_hosts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_serial_number_is_found_in_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(both_sides_meet, setup, teardown),
		cmocka_unit_test_setup_teardown(the_coordinator_must_be_who_was_called, setup, teardown),
		cmocka_unit_test_setup_teardown(only_a_coordinator_of_our_federation_will_do, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_site_learns_why, setup, teardown),
		cmocka_unit_test_setup_teardown(a_site_of_another_authority_learns_so, setup, teardown),
		cmocka_unit_test_setup_teardown(an_extra_authority_is_believed_by_the_client_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(something_else_than_tls_is_recognised, setup, teardown),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
