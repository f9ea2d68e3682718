/*
 * The negative certificate matrix. A real server (net/server over loopback TCP) meets clients that send every
 * certificate that cohort-ca would never issue, or that has had its day; the real client (net/request) meets servers
 * of that kind. Each is refused before a single request is handled, and for the reason that is written beside it: the
 * alert on the wire, and the words in the server's log or in the client's message. Right ones are accepted, before
 * and after.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/secret.h"
#include "coordinator/enrolled.h"
#include "net/enrol.h"
#include "net/request.h"
#include "tests/support/hostile.h"
#include "tests/support/program.h"
#include "tests/support/served.h"

#define DAY_S 86400
#define SITE "st-mary"

static struct served server;
static struct made second; /* an RSA authority that the server believes too */

/* ---- the server's log, written by its thread */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_lines[8192];

static void keep_line(void *context, enum log_level level, const char *line)
{
	(void)context;
	(void)level;
	pthread_mutex_lock(&log_lock);
	strncat(log_lines, line, sizeof(log_lines) - strlen(log_lines) - 2);
	strcat(log_lines, "\n");
	pthread_mutex_unlock(&log_lock);
}

static void log_must_say(const char *name, const char *words)
{
	pthread_mutex_lock(&log_lock);
	if (!strstr(log_lines, words))
		fail_msg("%s: the log does not say \"%s\": %s", name, words, log_lines);
	log_lines[0] = '\0';
	pthread_mutex_unlock(&log_lock);
}

/* ---- the server: two authorities, and a list of revocations of each */

static void write_text(const char *name, struct buf content, bool append)
{
	static char text[16384];
	snprintf(text, sizeof(text), "%s%s", append ? tempdir_read(&server.dir, name, NULL) : "", buf_text(&content));
	tempdir_write(&server.dir, name, text);
	buf_free(&content);
}

static void load_lists(struct served *s)
{
	struct tls *t;
	struct diag why = {0};
	struct tls_files files = credential_files(&s->dir, "coordinator");

	files.revocations = tempdir_path(&s->dir, "crl.pem");
	if (tls_new(&t, TLS_SERVER, &files, &why))
		fail_msg("%s", why.text);
	server_reload(s->server, t);
	tls_free(t);
}

static void publish(const struct made *revoked, int64_t until_s)
{
	write_text("crl.pem", certificate_crl(&server.ca, revoked, -2 * DAY_S, until_s), false);
	write_text("crl.pem", certificate_crl(&second, NULL, -2 * DAY_S, until_s), true);
	served_call(&server, load_lists);
}

static int setup(void **state)
{
	(void)state;
	struct recipe r = recipe_authority(CREDENTIALS_FEDERATION);

	log_lines[0] = '\0';
	log_capture(keep_line, NULL);
	served_start(&server);
	r.common_name = "second authority";
	r.key = KEY_RSA_2048;
	second = (struct made){0};
	certificate_make(&second, &r, NULL);
	write_text("ca.pem", certificate_pem(second.certificate), true);
	publish(NULL, DAY_S);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	served_stop(&server);
	certificate_free(&second);
	log_capture(NULL, NULL);
	return 0;
}

/* ---- clients */

static void must_be_served(const struct made *leaf, const char *name)
{
	const struct hostile h = {.leaf = leaf};
	char hello[100];

	int before = atomic_load(&server.requests);
	struct hostile_verdict v = hostile_connect(&h, server.port);
	snprintf(hello, sizeof(hello), "hello %s", name);
	if (!v.served || !strstr(v.answer, "200 OK") || !strstr(v.answer, hello))
		fail_msg("%s was not served: alert %d, \"%s\", log: %s", name, v.alert, v.answer, log_lines);
	assert_int_equal(atomic_load(&server.requests), before + 1);
}

static void a_right_one_is_served(void)
{
	struct made leaf = {0};
	struct recipe r = credential_site_recipe(SITE);
	certificate_make(&leaf, &r, &server.ca);
	must_be_served(&leaf, SITE);
	certificate_free(&leaf);
}

static void must_be_refused(const char *name, const struct hostile *h, int alert, const char *words)
{
	int before = atomic_load(&server.requests);
	struct hostile_verdict v = hostile_connect(h, server.port);
	if (v.served || v.alert != alert)
		fail_msg("%s: served %d, alert %d, expected alert %d; log: %s", name, v.served, v.alert, alert,
		         log_lines);
	if (words)
		log_must_say(name, words);
	assert_int_equal(atomic_load(&server.requests), before); /* no request of it was handled */
}

/* One fault each. */
static void expired(struct recipe *r)
{
	r->from_s = -91 * DAY_S;
	r->until_s = -DAY_S;
}

static void not_yet_valid(struct recipe *r)
{
	r->from_s = 3600;
}

static void for_servers(struct recipe *r)
{
	r->extended_usage = "serverAuth";
}

static void for_signing_mail(struct recipe *r)
{
	r->extended_usage = "emailProtection";
}

static void for_any_use(struct recipe *r)
{
	r->extended_usage = NULL;
}

static void key_not_for_signing(struct recipe *r)
{
	r->key_usage = "critical,keyEncipherment";
}

static void anothers_common_name(struct recipe *r)
{
	r->common_name = "charite";
}

static void no_uri(struct recipe *r)
{
	r->uri_count = 0;
}

static void uris_of_two_sites(struct recipe *r)
{
	r->uri_count = 1;
	recipe_uri(r, "cohort://test/site/charite");
}

static void anothers_signing_key(struct recipe *r)
{
	r->uri_count = 1;
	recipe_uri(r, "cohort://test/site/charite/ed25519/%064d", 7);
}

static void no_signing_key(struct recipe *r)
{
	r->uri_count = 1;
}

static void a_third_uri(struct recipe *r)
{
	recipe_uri(r, "https://st-mary.example.org/");
}

static void another_federation(struct recipe *r)
{
	r->uri_count = 0;
	recipe_uri(r, "cohort://elsewhere/site/" SITE);
	recipe_uri(r, "cohort://elsewhere/site/" SITE "/ed25519/%064d", 7);
}

static void a_broken_name(struct recipe *r)
{
	r->uri_count = 0;
	recipe_uri(r, "cohort://test/site/st%%2fmary");
}

static void says_it_is_the_coordinator(struct recipe *r)
{
	r->uri_count = 0;
	recipe_uri(r, "cohort://test/coordinator");
	r->common_name = "coordinator";
	r->extended_usage = "serverAuth,clientAuth";
}

static void says_it_is_the_authority(struct recipe *r)
{
	r->uri_count = 0;
	recipe_uri(r, "cohort://test/authority");
}

static void an_authority_with_a_sites_name(struct recipe *r)
{
	r->constraints = "critical,CA:TRUE";
	r->key_usage = "critical,digitalSignature,keyCertSign";
}

static void unknown_critical(struct recipe *r)
{
	r->unknown_critical = true;
}

static void rsa_1024(struct recipe *r)
{
	r->key = KEY_RSA_1024;
}

static void signed_with_sha1(struct recipe *r)
{
	r->digest = "SHA1";
}

static const struct fault {
	const char *name;
	void (*spoil)(struct recipe *);
	int alert;
	const char *words;
} faults[] = {
	{"expired", expired, SSL_AD_CERTIFICATE_EXPIRED, "\"st-mary\": the certificate has expired"},
	{"not yet valid", not_yet_valid, SSL_AD_BAD_CERTIFICATE, "is not valid yet"},
	{"for servers", for_servers, SSL_AD_UNSUPPORTED_CERTIFICATE, "not made out for this use"},
	{"for mail", for_signing_mail, SSL_AD_UNSUPPORTED_CERTIFICATE, "not made out for this use"},
	{"for any use", for_any_use, SSL_AD_HANDSHAKE_FAILURE, "not meant for a TLS client (extended key usage)"},
	{"key usage", key_not_for_signing, SSL_AD_UNSUPPORTED_CERTIFICATE, "not made out for this use"},
	{"another's common name", anothers_common_name, SSL_AD_HANDSHAKE_FAILURE,
         "certificate of site st-mary has the common name \"charite\""},
	{"no URI", no_uri, SSL_AD_HANDSHAKE_FAILURE, "names nobody"},
	{"two sites", uris_of_two_sites, SSL_AD_HANDSHAKE_FAILURE,
         "two owners: st-mary of federation test and charite of federation test"},
	{"another's signing key", anothers_signing_key, SSL_AD_HANDSHAKE_FAILURE, "two owners: st-mary"},
	{"no signing key", no_signing_key, SSL_AD_HANDSHAKE_FAILURE, "one with its Ed25519 key"},
	{"a third URI", a_third_uri, SSL_AD_HANDSHAKE_FAILURE, "has 3 URIs"},
	{"another federation", another_federation, SSL_AD_HANDSHAKE_FAILURE,
         "belongs to federation elsewhere, not to test"},
	{"a broken name", a_broken_name, SSL_AD_HANDSHAKE_FAILURE, "URI of another kind"},
	{"coordinator by name", says_it_is_the_coordinator, SSL_AD_HANDSHAKE_FAILURE,
         "is of coordinator coordinator, a site was expected"},
	{"authority by name", says_it_is_the_authority, SSL_AD_HANDSHAKE_FAILURE, "is no authority's"},
	{"authority with a site's name", an_authority_with_a_sites_name, SSL_AD_HANDSHAKE_FAILURE,
         "is an authority's by its basic constraints"},
	{"unknown critical extension", unknown_critical, SSL_AD_CERTIFICATE_UNKNOWN, "unhandled critical extension"},
	{"RSA 1024", rsa_1024, SSL_AD_BAD_CERTIFICATE, "key too weak"},
	{"SHA-1", signed_with_sha1, SSL_AD_BAD_CERTIFICATE, "digest algorithm too weak"},
};

/* A log keeps five refusals per second: one server for every four faults. */
static void faults_between(size_t from, size_t to)
{
	a_right_one_is_served();
	for (size_t i = from; i < to && i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct made leaf = {0};
		struct recipe r = credential_site_recipe(SITE);
		faults[i].spoil(&r);
		certificate_make(&leaf, &r, &server.ca);
		const struct hostile h = {.leaf = &leaf};
		must_be_refused(faults[i].name, &h, faults[i].alert, faults[i].words);
		certificate_free(&leaf);
	}
	a_right_one_is_served();
}

static void faults_0(void **state)
{
	(void)state;
	faults_between(0, 4);
}

static void faults_4(void **state)
{
	(void)state;
	faults_between(4, 8);
}

static void faults_8(void **state)
{
	(void)state;
	faults_between(8, 12);
}

static void faults_12(void **state)
{
	(void)state;
	faults_between(12, 16);
}

static void faults_16(void **state)
{
	(void)state;
	faults_between(16, sizeof(faults) / sizeof(faults[0]));
	assert_true(sizeof(faults) / sizeof(faults[0]) <= 20);
}

static void none_at_all(void **state)
{
	(void)state;
	const struct hostile h = {.leaf = NULL};
	must_be_refused("none", &h, SSL_AD_CERTIFICATE_REQUIRED, NULL);
	assert_int_equal(served_figures(&server).refused_handshakes, 1);
	a_right_one_is_served();
}

/* An authority of the same name with another key, one of another name, and the site's own. */
static void wrong_issuers(void **state)
{
	(void)state;
	struct made twin = {0}, stranger = {0}, leaf = {0};
	struct recipe authority = recipe_authority("test"), r = credential_site_recipe(SITE);

	certificate_make(&twin, &authority, NULL);
	certificate_make(&leaf, &r, &twin);
	struct hostile h = {.leaf = &leaf};
	must_be_refused("authority of the same name", &h, SSL_AD_UNKNOWN_CA, "not by this federation's authority");
	h.chain[0] = &twin; /* sending it along changes nothing */
	must_be_refused("authority of the same name, sent", &h, SSL_AD_UNKNOWN_CA,
	                "not by this federation's authority");
	certificate_free(&leaf);
	authority.common_name = "stranger";
	certificate_make(&stranger, &authority, NULL);
	certificate_make(&leaf, &r, &stranger);
	h = (struct hostile){.leaf = &leaf};
	must_be_refused("another authority", &h, SSL_AD_UNKNOWN_CA, "issued by \"stranger\"");
	certificate_free(&leaf);
	certificate_make(&leaf, &r, NULL);
	must_be_refused("signed by itself", &h, SSL_AD_UNKNOWN_CA, "signed by itself");
	certificate_free(&leaf);
	certificate_free(&twin);
	certificate_free(&stranger);
	a_right_one_is_served();
}

/* Below the authority there are no further authorities: neither a site that signs, nor an intermediate. */
static void no_intermediates(void **state)
{
	(void)state;
	struct made signer = {0}, middle = {0}, leaf = {0};
	struct recipe site = credential_site_recipe("charite"), r = credential_site_recipe(SITE);
	struct recipe authority = recipe_authority("test");

	certificate_make(&signer, &site, &server.ca);
	certificate_make(&leaf, &r, &signer);
	struct hostile h = {.leaf = &leaf, .chain = {&signer}};
	must_be_refused("signed by a site", &h, SSL_AD_UNKNOWN_CA,
	                "certificate of \"st-mary\": invalid CA certificate");
	certificate_free(&leaf);
	authority.common_name = "middle";
	authority.constraints = "critical,CA:TRUE";
	certificate_make(&middle, &authority, &server.ca);
	certificate_make(&leaf, &r, &middle);
	h.chain[0] = &middle;
	must_be_refused("signed by an intermediate", &h, SSL_AD_UNKNOWN_CA, "path length constraint exceeded");
	h.chain[0] = NULL;
	must_be_refused("its intermediate is missing", &h, SSL_AD_UNKNOWN_CA, "issued by \"middle\"");
	certificate_free(&leaf);
	certificate_free(&middle);
	certificate_free(&signer);
	a_right_one_is_served();
}

static void the_authority_itself(void **state)
{
	(void)state;
	const struct hostile h = {.leaf = &server.ca};
	must_be_refused("the authority as a leaf", &h, SSL_AD_HANDSHAKE_FAILURE,
	                "is of authority authority, a site was expected");
	a_right_one_is_served();
}

static void the_coordinators_own(void **state)
{
	(void)state;
	struct made leaf = {0};
	struct recipe r = recipe_coordinator("test");
	certificate_make(&leaf, &r, &server.ca);
	const struct hostile h = {.leaf = &leaf};
	must_be_refused("the coordinator's certificate", &h, SSL_AD_UNSUPPORTED_CERTIFICATE,
	                "\"coordinator\": is not made out for this use");
	certificate_free(&leaf);
	a_right_one_is_served();
}

static void a_key_of_another(void **state)
{
	(void)state;
	struct made leaf = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&leaf, &r, &server.ca);
	must_be_served(&leaf, SITE);
	EVP_PKEY *key = leaf.key;
	leaf.key = hostile_wrong_key(key); /* a stolen certificate without its key */
	const struct hostile h = {.leaf = &leaf};
	must_be_refused("another's key", &h, SSL_AD_DECRYPT_ERROR, NULL);
	EVP_PKEY_free(key);
	certificate_free(&leaf);
	a_right_one_is_served();
}

/* The last octet of the signature is another. */
static void an_altered_certificate(void **state)
{
	(void)state;
	struct made leaf = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&leaf, &r, &server.ca);
	struct buf der = certificate_der(leaf.certificate);
	der.ptr[der.len - 1] ^= 1;
	const unsigned char *at = der.ptr;
	X509_free(leaf.certificate);
	leaf.certificate = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(leaf.certificate);
	const struct hostile h = {.leaf = &leaf};
	must_be_refused("altered", &h, SSL_AD_DECRYPT_ERROR, "than this federation's authority of that name");
	buf_free(&der);
	certificate_free(&leaf);
	a_right_one_is_served();
}

/* The authority is believed, as the control shows; the digest of its signature is not. */
static void signed_with_md5(void **state)
{
	(void)state;
	struct made good = {0}, leaf = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&good, &r, &second);
	must_be_served(&good, SITE);
	r.digest = "MD5";
	certificate_make(&leaf, &r, &second);
	const struct hostile h = {.leaf = &leaf};
	must_be_refused("MD5", &h, SSL_AD_BAD_CERTIFICATE, "digest algorithm too weak");
	certificate_free(&good);
	certificate_free(&leaf);
}

static void tls_1_2(void **state)
{
	(void)state;
	struct made leaf = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&leaf, &r, &server.ca);
	const struct hostile h = {.leaf = &leaf, .max_version = TLS1_2_VERSION};
	must_be_refused("TLS 1.2", &h, SSL_AD_PROTOCOL_VERSION, NULL);
	const struct hostile without = {.max_version = TLS1_2_VERSION};
	must_be_refused("TLS 1.2 without a certificate", &without, SSL_AD_PROTOCOL_VERSION, NULL);
	must_be_served(&leaf, SITE);
	certificate_free(&leaf);
}

/* Revoked: refused; its renewal with a new key: served; and the other way round, revoking one serial spares the
 * other. */
static void revoked_and_renewed(void **state)
{
	(void)state;
	struct made old = {0}, renewed = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&old, &r, &server.ca);
	certificate_make(&renewed, &r, &server.ca);
	must_be_served(&old, SITE);
	publish(&old, DAY_S);
	const struct hostile h = {.leaf = &old};
	must_be_refused("revoked", &h, SSL_AD_CERTIFICATE_REVOKED, "\"st-mary\": revoked by the authority");
	must_be_served(&renewed, SITE);
	certificate_free(&old);
	certificate_free(&renewed);
}

/* A list past its date goes on counting, with a warning: nobody revoked comes back, and the federation goes on. */
static void an_overdue_list(void **state)
{
	(void)state;
	struct made old = {0};
	struct recipe r = credential_site_recipe(SITE);

	certificate_make(&old, &r, &server.ca);
	publish(&old, -DAY_S);
	log_must_say("overdue list", "a newer list of revocations is overdue");
	const struct hostile h = {.leaf = &old};
	must_be_refused("revoked by an overdue list", &h, SSL_AD_CERTIFICATE_REVOKED, "revoked by the authority");
	a_right_one_is_served();
	certificate_free(&old);
}

/* ---- servers, seen by our client */

/* What our client says of a server that shows `leaf`; it must refuse and send it nothing. */
static void server_must_be_refused(const char *name, const struct hostile *h, const char *host, const char *words)
{
	struct hostile_server trap;
	struct requester *r;
	struct response answer;
	struct diag why = {0};
	char url[100];

	hostile_start(&trap, h);
	snprintf(url, sizeof(url), "https://%s:%u", host, trap.port);
	const struct request_config config = {
		.url = url, .tls = credential_files(&server.dir, SITE), .proxy = "", .proxy_user = NULL};
	const struct request q = {.method = "GET", .target = "/hello", .timeout_ms = 5000};
	assert_int_equal(request_open(&r, &config, &why), OK);
	enum err e = request_send(r, &q, &answer, NULL, &why);
	request_close(r);
	hostile_stop(&trap);
	if (e != (words ? ERR_REFUSED : OK) || (words && !strstr(why.text, words)))
		fail_msg("%s: %s: \"%s\", expected \"%s\"", name, err_name(e), why.text, words ? words : "");
	assert_int_equal(trap.served, words ? 0 : 1);
}

static void coordinator_must_be_refused(const char *name, const struct recipe *r, const struct made *issuer,
                                        const char *words)
{
	struct made leaf = {0};
	certificate_make(&leaf, r, issuer);
	const struct hostile h = {.leaf = &leaf};
	server_must_be_refused(name, &h, "127.0.0.1", words);
	certificate_free(&leaf);
}

static void servers_that_are_not_the_coordinator(void **state)
{
	(void)state;
	struct recipe r = recipe_coordinator("test");
	coordinator_must_be_refused("the right one", &r, &server.ca, NULL);
	r.hosts = "DNS:cohort.example.org,IP:127.0.0.2";
	coordinator_must_be_refused("wrong host", &r, &server.ca, "is not made out to the host name that was called");
	r = recipe_coordinator("elsewhere");
	coordinator_must_be_refused("another federation", &r, &server.ca,
	                            "belongs to federation elsewhere, not to test");
	r = credential_site_recipe("charite");
	coordinator_must_be_refused("a site", &r, &server.ca, "is not made out for this use");
	r.extended_usage = "serverAuth,clientAuth";
	r.hosts = "IP:127.0.0.1";
	coordinator_must_be_refused("a site with a server's usage", &r, &server.ca,
	                            "is of site charite, a coordinator was expected");
	r = recipe_coordinator("test");
	expired(&r);
	coordinator_must_be_refused("expired", &r, &server.ca, "has expired");
	r = recipe_coordinator("test");
	not_yet_valid(&r);
	coordinator_must_be_refused("not yet valid", &r, &server.ca, "not valid yet: is this machine's clock right?");
	r = recipe_coordinator("test");
	coordinator_must_be_refused("signed by itself", &r, NULL, "signed by itself");
	r.uri_count = 0;
	coordinator_must_be_refused("a web server's certificate", &r, &server.ca, "names nobody");
	r = recipe_coordinator("test");
	rsa_1024(&r);
	coordinator_must_be_refused("RSA 1024", &r, &server.ca, "key too weak");
	r = recipe_coordinator("test");
	signed_with_sha1(&r);
	coordinator_must_be_refused("SHA-1", &r, &server.ca, "digest algorithm too weak");
}

static void servers_of_other_authorities(void **state)
{
	(void)state;
	struct made stranger = {0}, leaf = {0};
	struct recipe authority = recipe_authority("test"), r = recipe_coordinator("test");

	authority.common_name = "stranger";
	certificate_make(&stranger, &authority, NULL);
	coordinator_must_be_refused("another authority", &r, &stranger, "issued by \"stranger\"");
	certificate_free(&stranger);
	certificate_make(&leaf, &r, &server.ca);
	const struct hostile old = {.leaf = &leaf, .max_version = TLS1_2_VERSION};
	server_must_be_refused("TLS 1.2", &old, "127.0.0.1", "does not speak TLS 1.3");
	EVP_PKEY *key = leaf.key;
	leaf.key = hostile_wrong_key(key);
	const struct hostile thief = {.leaf = &leaf};
	server_must_be_refused("another's key", &thief, "127.0.0.1", "does not hold the key of the certificate");
	EVP_PKEY_free(key);
	certificate_free(&leaf);
}

/* ---- behind TLS: the certificate is right, the site is not, or no longer, on the roster */

static void not_on_the_roster(void **state)
{
	(void)state;
	struct roster_site sites[] = {{.number = 3, .name = "charite", .key = {9}}};
	const struct roster listed = {.version = 4, .federation = "test", .sites = sites, .count = 1};
	struct enrolled enrolled = {0};
	struct enrolled_site *found;
	struct identity id;
	struct diag why = {0};

	assert_int_equal(enrolled_roster(&enrolled, &listed, &why), OK);
	assert_int_equal(identity_from_pem(&id, bytes_text(tempdir_read(&server.dir, SITE ".pem", NULL)), &why), OK);
	assert_int_equal(enrolled_identify(&found, &enrolled, id.name, id.signing_key, &why), ERR_PEER_IDENTITY);
	assert_non_null(strstr(why.text, SITE));
	/* Enrolled anew with other keys after a theft: the old certificate counts for nothing, revoked or not. */
	assert_int_equal(enrolled_identify(&found, &enrolled, "charite", id.signing_key, &why), ERR_PEER_IDENTITY);
	assert_int_equal(enrolled_identify(&found, &enrolled, "Charite", sites[0].key, &why), ERR_PEER_IDENTITY);
	assert_int_equal(enrolled_identify(&found, &enrolled, "charite", sites[0].key, &why), OK);
	assert_int_equal(found->number, 3);
	enrolled_free(&enrolled);
}

/* ---- what cohort-ca makes, in use: from the request to the renewal, past a revocation */

static void authority(const char *command)
{
	static struct program p;
	program_shell(&p, "cd '%s' && \"$BIN/cohort-ca\" %s", tempdir_path(&server.dir, NULL), command);
	program_expect(&p, 0, "");
}

static void load_real(struct served *s)
{
	struct tls *t;
	struct diag why = {0};
	const struct tls_files files = {.certificate = tempdir_path(&s->dir, "heart/coordinator/coordinator.pem"),
	                                .key = tempdir_path(&s->dir, "heart/coordinator/coordinator.key"),
	                                .authority = tempdir_path(&s->dir, "heart/ca.pem"),
	                                .revocations = tempdir_path(&s->dir, "heart/crl.pem")};
	if (tls_new(&t, TLS_SERVER, &files, &why))
		fail_msg("%s", why.text);
	server_reload(s->server, t);
	tls_free(t);
}

/* The status that a site gets with keys and certificate from the folder's files; 0 and `words` when it is refused. */
static void real_site(const char *key, const char *certificate, const char *words)
{
	struct requester *r;
	struct response answer;
	struct diag why = {0};
	struct buf body;
	char url[100];

	snprintf(url, sizeof(url), "https://localhost:%u", server.port);
	const struct request_config config = {.url = url,
	                                      .proxy = "",
	                                      .tls = {.certificate = tempdir_path(&server.dir, certificate),
	                                              .key = tempdir_path(&server.dir, key),
	                                              .authority = tempdir_path(&server.dir, "heart/ca.pem")}};
	const struct request q = {.method = "GET", .target = "/hello", .timeout_ms = 5000};
	buf_init(&body, 1000);
	if (request_open(&r, &config, &why))
		fail_msg("%s", why.text);
	enum err e = request_send(r, &q, &answer, &body, &why);
	request_close(r);
	if (!words && (e || answer.status != 200 || strcmp(buf_text(&body), "hello St-Mary") != 0))
		fail_msg("%s: %s \"%s\"", certificate, err_name(e), why.text);
	if (words && (e != ERR_REFUSED || !strstr(why.text, words)))
		fail_msg("%s: %s \"%s\"", certificate, err_name(e), why.text);
	buf_free(&body);
}

static void the_real_authority(void **state)
{
	(void)state;
	struct enrol_request q;
	struct diag why = {0};

	authority("init heart --federation heart");
	authority("coordinator heart --host localhost");
	authority("crl heart");
	assert_int_equal(enrol_create(&q, tempdir_path(&server.dir, "a"), "St-Mary", NULL, &why), OK);
	authority("sign heart a/site.csr --out a/site.pem");
	served_call(&server, load_real);
	real_site("a/site.key", "a/site.pem", NULL);
	authority("renew heart St-Mary --out a/renewed.pem");
	real_site("a/site.key", "a/renewed.pem", NULL);
	const char *signing_key = tempdir_path(&server.dir, "a/sign.key");
	assert_int_equal(enrol_create(&q, tempdir_path(&server.dir, "b"), "St-Mary", signing_key, &why), OK);
	authority("renew heart b/site.csr --out b/site.pem");
	real_site("b/site.key", "b/site.pem", NULL);
	authority("revoke heart St-Mary");
	served_call(&server, load_real);
	real_site("a/site.key", "a/site.pem", "the coordinator refused this certificate: revoked");
	real_site("b/site.key", "b/site.pem", "the coordinator refused this certificate: revoked");
	assert_int_equal(enrol_create(&q, tempdir_path(&server.dir, "c"), "St-Mary", NULL, &why), OK);
	authority("sign heart c/site.csr --out c/site.pem");
	real_site("c/site.key", "c/site.pem", NULL);
	authority("renew heart coordinator --out renewed-coordinator.pem");
	const struct tls_files renewed = {.certificate = tempdir_path(&server.dir, "renewed-coordinator.pem"),
	                                  .key = tempdir_path(&server.dir, "heart/coordinator/coordinator.key"),
	                                  .authority = tempdir_path(&server.dir, "heart/ca.pem")};
	assert_int_equal(tls_check_own(TLS_SERVER, &renewed, time(NULL), &why), OK);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(faults_0),
		CASE(faults_4),
		CASE(faults_8),
		CASE(faults_12),
		CASE(faults_16),
		CASE(none_at_all),
		CASE(wrong_issuers),
		CASE(no_intermediates),
		CASE(the_authority_itself),
		CASE(the_coordinators_own),
		CASE(a_key_of_another),
		CASE(an_altered_certificate),
		CASE(signed_with_md5),
		CASE(tls_1_2),
		CASE(revoked_and_renewed),
		CASE(an_overdue_list),
		CASE(servers_that_are_not_the_coordinator),
		CASE(servers_of_other_authorities),
		CASE(not_on_the_roster),
		CASE(the_real_authority),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
