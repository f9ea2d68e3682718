/* The hospital's side against a real server, a small proxy, and what can go wrong between them. */
#include "net/request.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/secret.h"
#include "tests/support/proxy.h"
#include "tests/support/served.h"

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
static struct requester *r;
static struct request_config config;
static char url[64];
static struct diag why;
static struct response response;
static struct buf body;

static int64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void forget_log(void *context, enum log_level level, const char *line)
{
	(void)context, (void)level, (void)line;
}

static void open_anew(void)
{
	request_close(r);
	if (request_open(&r, &config, &why))
		fail_msg("%s", why.text);
}

static int setup(void **state)
{
	(void)state;
	log_capture(forget_log, NULL);
	served_start(&s);
	snprintf(url, sizeof url, "https://127.0.0.1:%u", s.port);
	config = (struct request_config){.url = url, .tls = credential_files(&s.dir, "st-mary"), .proxy = ""};
	buf_init(&body, 4 * PART_MAX);
	open_anew();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	request_close(r);
	r = NULL;
	served_stop(&s);
	buf_free(&body);
	log_capture(NULL, NULL);
	return 0;
}

static enum err get(const char *target)
{
	const struct request q = {.method = "GET", .target = target};
	return request_send(r, &q, &response, &body, &why);
}

static void must_get(const char *target, const char *text)
{
	if (get(target))
		fail_msg("%s: %s", target, why.text);
	assert_int_equal(response.status, 200);
	assert_string_equal(buf_text(&body), text);
}

static void must_say(const char *words)
{
	if (!strstr(why.text, words))
		fail_msg("\"%s\" does not say \"%s\"", why.text, words);
}

/* ---- one exchange */

static void requests_share_one_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		must_get("/hello", "hello st-mary");
	assert_int_equal(served_figures(&s).accepted, 1);
	assert_string_equal(request_self(r)->name, "st-mary");
}

static void every_method_carries_its_body(void **state)
{
	struct request q = {.method = "PUT", .target = "/echo", .content_type = "application/octet-stream"};
	uint8_t *octets = malloc(PART_MAX);

	(void)state;
	for (size_t i = 0; i < PART_MAX; i++)
		octets[i] = (uint8_t)(i * 2654435761u >> 9);
	q.body = bytes_of(octets, PART_MAX);
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_int_equal(response.status, 200);
	assert_true(bytes_equal(buf_bytes(&body), q.body));
	q.method = "POST";
	q.body = bytes_text("{}");
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_string_equal(buf_text(&body), "{}");
	q.body = (struct bytes){0};
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_int_equal(body.len, 0);
	const struct request erase = {.method = "DELETE", .target = "/nothing"};
	assert_int_equal(request_send(r, &erase, &response, NULL, &why), OK);
	assert_int_equal(response.status, 404);
	must_get("/hello", "hello st-mary"); /* nothing of the last request sticks */
	free(octets);
}

static void a_part_of_a_file_is_sent(void **state)
{
	struct request q = {.method = "PUT", .target = "/echo", .content_type = "application/octet-stream"};

	(void)state;
	tempdir_write(&s.dir, "upload", "0123456789");
	q.body_path = tempdir_path(&s.dir, "upload");
	q.body_offset = 3;
	q.body_size = 4;
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_string_equal(buf_text(&body), "3456");
	q.body_offset = 8;
	assert_int_equal(request_send(r, &q, &response, &body, &why), ERR_IO);
	must_say("shorter");
	q.body_size = PART_MAX + 1;
	assert_int_equal(request_send(r, &q, &response, &body, &why), ERR_LIMIT);
	q.body_path = tempdir_path(&s.dir, "none");
	q.body_size = 1;
	assert_int_equal(request_send(r, &q, &response, &body, &why), ERR_NO_INPUT);
}

static void the_answer_has_a_bound(void **state)
{
	struct buf small;
	const struct request q = {.method = "GET", .target = "/octets?n=1000"};

	(void)state;
	buf_init(&small, 999);
	assert_int_equal(request_send(r, &q, &response, &small, &why), ERR_LIMIT);
	must_say("longer than the 999 octets");
	buf_free(&small);
	buf_init(&small, 1000);
	assert_int_equal(request_send(r, &q, &response, &small, &why), OK);
	buf_free(&small);
}

static void headers_come_back(void **state)
{
	(void)state;
	tempdir_write(&s.dir, "model", "weights");
	must_get("/file?name=model", "weights");
	assert_string_equal(response.tag, "tag-model");
	assert_true(response.retry_after_ms == -1);
	assert_int_equal(get("/busy?name=a&times=1"), OK);
	assert_int_equal(response.status, 503);
	assert_true(response.retry_after_ms == 1000);
	assert_string_equal(response.tag, "");
}

static void headers_of_one_request(void **state)
{
	struct request q = {.method = "GET",
	                    .target = "/header?name=x-mine&n=7",
	                    .header = {"X-Mine", "4 5"},
	                    .wanted = "x-wanted"};
	(void)state;
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_string_equal(buf_text(&body), "4 5");
	assert_string_equal(response.wanted, "hhhhhhh");
	q.header.name = NULL; /* the next has none */
	q.target = "/header?name=x-mine";
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_string_equal(buf_text(&body), "none");
	assert_string_equal(response.wanted, "");
	q.target = "/header?name=x-mine&n=255";
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_int_equal(strlen(response.wanted), 255);
	q.target = "/header?name=x-mine&n=256"; /* too long: as if there were none */
	assert_int_equal(request_send(r, &q, &response, &body, &why), OK);
	assert_string_equal(response.wanted, "");
	must_get("/header?name=x-mine&n=7", "none");
	assert_string_equal(response.wanted, ""); /* nobody asked */
}

static void an_address_is_checked(void **state)
{
	static const char *const bad[] = {
		"http://localhost:1",    "https://localhost:1/path", "localhost:8443",          "https://",
		"https://u@localhost:1", "https://localhost:1?x=1",  "https://localhost:99999", ""};
	struct requester *other;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		config.url = bad[i];
		if (request_open(&other, &config, &why) != ERR_CONFIG)
			fail_msg("%s was accepted", bad[i]);
		must_say("https://host:port");
	}
	config.url = url;
	config.proxy = "socks5://127.0.0.1:1";
	assert_int_equal(request_open(&other, &config, &why), ERR_CONFIG);
	config.proxy = "";
	config.tls.key = tempdir_path(&s.dir, "none.key");
	assert_int_equal(request_open(&other, &config, &why), ERR_NO_INPUT);
	assert_null(other);
}

/* ---- failures in words */

static unsigned closed_port(void)
{
	struct proxy p = {0};
	proxy_start(&p);
	proxy_stop(&p);
	return p.port;
}

static void nobody_listens(void **state)
{
	(void)state;
	snprintf(url, sizeof url, "https://127.0.0.1:%u", closed_port());
	open_anew();
	assert_int_equal(get("/hello"), ERR_UNREACHABLE);
	must_say(url);
	must_say("connection refused; is the coordinator running?");
}

static void no_such_name(void **state)
{
	(void)state;
	snprintf(url, sizeof url, "https://coordinator.invalid:8443");
	open_anew();
	assert_int_equal(get("/hello"), ERR_UNREACHABLE);
	must_say("coordinator.invalid");
}

static void no_answer_in_time(void **state)
{
	const struct request q = {.method = "GET", .target = "/hold?ms=60000", .timeout_ms = 300};

	(void)state;
	int64_t start = clock_ms();
	assert_int_equal(request_send(r, &q, &response, &body, &why), ERR_UNREACHABLE);
	must_say("no answer from");
	assert_in_range(clock_ms() - start, 300, 3000);
	served_wait(&s.gone, 1);
	must_get("/hello", "hello st-mary");
}

static void something_else_listens(void **state)
{
	struct proxy p = {.refuse = 200};

	(void)state;
	proxy_start(&p);
	snprintf(url, sizeof url, "https://127.0.0.1:%u", p.port);
	open_anew();
	enum err e = get("/hello");
	assert_true(e == ERR_REFUSED || e == ERR_UNREACHABLE);
	proxy_stop(&p);
}

static const char *reload_name, *reload_list;

static void reload(struct served *served)
{
	struct tls *t;
	char list[64];
	struct tls_files files = credential_files(&served->dir, reload_name);

	snprintf(list, sizeof list, "%s.pem", reload_list ? reload_list : "");
	files.revocations = reload_list ? tempdir_path(&served->dir, list) : NULL;
	if (tls_new(&t, TLS_SERVER, &files, &why))
		fail_msg("%s", why.text);
	server_reload(served->server, t);
	tls_free(t);
}

static void a_revoked_site_learns_so(void **state)
{
	struct made john;

	(void)state;
	credential_site(&s.dir, "st-john", &s.ca, &john);
	config.tls = credential_files(&s.dir, "st-john");
	open_anew();
	must_get("/hello", "hello st-john");
	credential_revocations(&s.dir, "crl", &s.ca, &john, 86400);
	certificate_free(&john);
	reload_name = "coordinator";
	reload_list = "crl";
	served_call(&s, reload);
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("the coordinator refused this certificate: revoked");
	must_say(url);
	/* The same on the way through a proxy. */
	struct proxy p = {0};
	proxy_start(&p);
	config.proxy = proxy_url(&p);
	open_anew();
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("the coordinator refused this certificate: revoked");
	proxy_stop(&p);
}

static void a_coordinator_of_another_authority_is_not_believed(void **state)
{
	struct made other;
	struct recipe recipe = recipe_authority("test");

	(void)state;
	recipe.common_name = "Elsewhere";
	credential_make(&s.dir, "other", &recipe, NULL, &other);
	credential_site(&s.dir, "stranger", &other, NULL);
	config.tls = credential_files(&s.dir, "stranger");
	config.tls.authority = tempdir_path(&s.dir, "other.pem");
	certificate_free(&other);
	open_anew();
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("issued by \"authority\", not by this federation's authority");
	assert_int_equal(atomic_load(&s.requests), 0);
}

static void a_certificate_for_another_host_is_not_believed(void **state)
{
	struct recipe recipe = recipe_coordinator("test");

	(void)state;
	recipe.hosts = "DNS:elsewhere.example";
	credential_make(&s.dir, "moved", &recipe, &s.ca, NULL);
	reload_name = "moved";
	reload_list = NULL;
	served_call(&s, reload);
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("not made out to the host name");
	assert_int_equal(atomic_load(&s.requests), 0);
}

/* Another site of the federation that names the right host, but is no coordinator. */
static void only_the_coordinator_is_the_coordinator(void **state)
{
	struct recipe recipe = recipe_coordinator("elsewhere");

	(void)state;
	recipe.hosts = "IP:127.0.0.1";
	credential_make(&s.dir, "posing", &recipe, &s.ca, NULL);
	reload_name = "posing";
	reload_list = NULL;
	served_call(&s, reload);
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("belongs to federation elsewhere, not to test");
	assert_int_equal(atomic_load(&s.requests), 0);
}

/* ---- cancelling */

static void *cancel_soon(void *context)
{
	int64_t *at_ms = context;

	served_wait(&s.held, 1);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	*at_ms = clock_ms();
	request_cancel(r);
	return NULL;
}

static void a_held_poll_is_cancelled_at_once(void **state)
{
	pthread_t thread;
	int64_t at_ms = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &at_ms), 0);
	assert_int_equal(get("/hold?ms=60000"), ERR_CANCELLED);
	int64_t now = clock_ms();
	pthread_join(thread, NULL);
	assert_in_range(now - at_ms, 0, 500); /* half of what the poll would take without the wake-up */
	assert_int_equal(get("/hello"), ERR_CANCELLED); /* until resumed */
	now = clock_ms();
	assert_int_equal(request_sleep(r, 10000), ERR_CANCELLED);
	assert_in_range(clock_ms() - now, 0, 1000);
	request_resume(r);
	must_get("/hello", "hello st-mary");
	served_wait(&s.gone, 1);
}

static void a_sleep_lasts_as_long_as_it_should(void **state)
{
	(void)state;
	int64_t start = clock_ms();
	assert_int_equal(request_sleep(r, 120), OK);
	assert_in_range(clock_ms() - start, 120, 1000);
}

/* ---- trying again */

static void retry_after_is_honoured(void **state)
{
	const struct request q = {.method = "GET", .target = "/busy?name=b&times=2"};

	(void)state;
	int64_t start = clock_ms();
	assert_int_equal(request_persist(r, &q, &response, &body, 30000, &why), OK);
	assert_int_equal(response.status, 200);
	assert_in_range(clock_ms() - start, 2000, 8000);
	const struct request never = {.method = "GET", .target = "/busy?name=c&times=1000"};
	start = clock_ms();
	assert_int_equal(request_persist(r, &never, &response, &body, 500, &why), OK);
	assert_int_equal(response.status, 503);
	assert_in_range(clock_ms() - start, 0, 500);
}

static void trying_again_has_an_end(void **state)
{
	const struct request q = {.method = "GET", .target = "/hello"};

	(void)state;
	snprintf(url, sizeof url, "https://127.0.0.1:%u", closed_port());
	open_anew();
	int64_t start = clock_ms();
	assert_int_equal(request_persist(r, &q, &response, &body, 1500, &why), ERR_UNREACHABLE);
	assert_in_range(clock_ms() - start, 0, 2500);
	must_say("connection refused");
}

static void fill_from_rng(void *context, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)rng_u32(context);
}

static void back_off_is_uniform_up_to_a_doubling_bound(void **state)
{
	struct rng rng;
	const struct entropy entropy = {fill_from_rng, &rng};

	(void)state;
	rng_seeded(&rng, 1, "test");
	for (unsigned attempt = 0; attempt < 40; attempt++) {
		int64_t bound = attempt < 6 ? REQUEST_BACKOFF_MS << attempt : REQUEST_BACKOFF_MAX_MS, sum = 0, most = 0;
		for (int i = 0; i < 2000; i++) {
			int64_t ms = request_backoff_ms(attempt, -1, &entropy);
			assert_in_range(ms, 0, bound);
			sum += ms;
			most = ms > most ? ms : most;
		}
		/* Mean of 2,000 uniform draws: deviation bound / sqrt(12 * 2000) = 0.65 % of the bound. */
		assert_in_range(sum / 2000, bound * 46 / 100, bound * 54 / 100);
		assert_true(most > bound * 98 / 100);
	}
	assert_in_range(request_backoff_ms(0, 7000, &entropy), 7000, 7000 + REQUEST_BACKOFF_MS);
	assert_in_range(request_backoff_ms(0, INT64_MAX, &entropy), REQUEST_RETRY_AFTER_MAX_MS,
	                REQUEST_RETRY_AFTER_MAX_MS + REQUEST_BACKOFF_MS);
}

/* ---- proxies */

static void through_a_proxy(void **state)
{
	struct proxy p = {0};

	(void)state;
	proxy_start(&p);
	config.proxy = proxy_url(&p);
	open_anew();
	request_set_header(r, "Cohort-Boot", "secret-boot-id");
	must_get("/hello", "hello st-mary");
	must_get("/hello", "hello st-mary");
	assert_int_equal(atomic_load(&p.connects), 1);
	assert_null(strstr(p.head, "secret-boot-id")); /* what is for the coordinator, the proxy does not see */
	proxy_stop(&p);
}

static void through_a_proxy_with_a_password(void **state)
{
	struct proxy p = {.authorization = "Basic bWFyeTpvcGVuIHNlc2FtZQ=="}; /* mary:open sesame */
	const char *file = tempdir_path(&s.dir, "password");

	(void)state;
	proxy_start(&p);
	config.proxy = proxy_url(&p);
	open_anew();
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("wants a user and a password");
	tempdir_write(&s.dir, "password", "open sesame\n");
	config.proxy_user = "mary";
	config.proxy_password_file = file;
	open_anew();
	must_get("/hello", "hello st-mary");
	tempdir_write(&s.dir, "password", "wrong");
	open_anew();
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("does not accept user mary");
	chmod(file, 0644);
	request_close(r);
	assert_int_equal(request_open(&r, &config, &why), ERR_REFUSED);
	must_say("chmod 600");
	proxy_stop(&p);
}

static void a_proxy_that_refuses_or_is_down(void **state)
{
	struct proxy p = {.refuse = 403};

	(void)state;
	proxy_start(&p);
	config.proxy = proxy_url(&p);
	open_anew();
	assert_int_equal(get("/hello"), ERR_REFUSED);
	must_say("does not permit CONNECT to 127.0.0.1");
	p.refuse = 504;
	assert_int_equal(get("/hello"), ERR_UNREACHABLE);
	must_say("cannot reach 127.0.0.1");
	p.refuse = 0;
	must_get("/hello", "hello st-mary");
	proxy_stop(&p);
	snprintf(url, sizeof url, "https://localhost:%u", s.port);
	open_anew();
	assert_int_equal(get("/hello"), ERR_UNREACHABLE);
	must_say("cannot reach proxy http://127.0.0.1");
}

static void the_environment_names_a_proxy(void **state)
{
	struct proxy p = {0};

	(void)state;
	proxy_start(&p);
	config.proxy = NULL;
	setenv("https_proxy", proxy_url(&p), 1);
	open_anew();
	must_get("/hello", "hello st-mary");
	assert_int_equal(atomic_load(&p.connects), 1);
	setenv("no_proxy", "127.0.0.1", 1);
	open_anew();
	must_get("/hello", "hello st-mary");
	assert_int_equal(atomic_load(&p.connects), 1);
	/* A proxy in the configuration is used whatever the environment says; so is none. */
	config.proxy = proxy_url(&p);
	open_anew();
	must_get("/hello", "hello st-mary");
	assert_int_equal(atomic_load(&p.connects), 2);
	unsetenv("no_proxy");
	config.proxy = "";
	open_anew();
	must_get("/hello", "hello st-mary");
	assert_int_equal(atomic_load(&p.connects), 2);
	unsetenv("https_proxy");
	proxy_stop(&p);
}

/* ---- downloads */

#define MODEL_SIZE 2000003

static struct hash model_hash;

static void write_model(void)
{
	uint8_t *octets = malloc(MODEL_SIZE);

	for (size_t i = 0; i < MODEL_SIZE; i++)
		octets[i] = (uint8_t)(i * 2654435761u >> 11);
	sha256_of(&model_hash, bytes_of(octets, MODEL_SIZE));
	tempdir_write_bytes(&s.dir, "model", bytes_of(octets, MODEL_SIZE));
	free(octets);
}

static enum err download(const char *name)
{
	return request_download(r, "/file?name=model", tempdir_path(&s.dir, name), 2 * MODEL_SIZE, &model_hash, 20000,
	                        &response, &why);
}

static void must_have(const char *name)
{
	struct hash have;
	struct stat st;

	assert_int_equal(sha256_file(&have, tempdir_path(&s.dir, name), &why), OK);
	assert_true(hash_equal(&have, &model_hash));
	assert_int_equal(stat(tempdir_path(&s.dir, name), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(tempdir_exists(&s.dir, "copy.part"));
}

static void a_file_is_downloaded(void **state)
{
	(void)state;
	write_model();
	if (download("copy"))
		fail_msg("%s", why.text);
	assert_int_equal(response.status, 200);
	must_have("copy");
}

static void a_cut_line_is_resumed(void **state)
{
	struct proxy p = {.cut_after = 900000};

	(void)state;
	write_model();
	proxy_start(&p);
	config.proxy = proxy_url(&p);
	open_anew();
	if (download("copy"))
		fail_msg("%s", why.text);
	must_have("copy");
	assert_int_equal(response.status, 206);
	assert_in_range(atomic_load(&p.connects), 3, 30);
	proxy_stop(&p);
}

static void write_part(size_t size, int fault)
{
	size_t len;
	const char *octets = tempdir_read(&s.dir, "model", &len);
	uint8_t *part = malloc(size);

	for (size_t i = 0; i < size; i++)
		part[i] = i < len ? (uint8_t)octets[i] : 0;
	part[size / 2] ^= (uint8_t)fault;
	tempdir_write_bytes(&s.dir, "copy.part", bytes_of(part, size));
	free(part);
}

static void a_part_of_an_earlier_run_is_taken_up(void **state)
{
	(void)state;
	write_model();
	write_part(1234567, 0);
	assert_int_equal(download("copy"), OK);
	assert_int_equal(response.status, 206);
	must_have("copy");
	/* It was whole already: the crash came before the rename. */
	unlink(tempdir_path(&s.dir, "copy"));
	write_part(MODEL_SIZE, 0);
	assert_int_equal(download("copy"), OK);
	assert_int_equal(response.status, 206); /* the server said 416; the file is here all the same */
	must_have("copy");
	/* It is damaged, or another file's: once more from the beginning. */
	unlink(tempdir_path(&s.dir, "copy"));
	write_part(1234567, 1);
	assert_int_equal(download("copy"), OK);
	assert_int_equal(response.status, 200);
	must_have("copy");
	unlink(tempdir_path(&s.dir, "copy"));
	write_part(MODEL_SIZE + 5, 0);
	assert_int_equal(download("copy"), OK);
	must_have("copy");
}

static void a_server_that_does_not_resume_starts_over(void **state)
{
	char octets[1000];
	struct hash expected;

	(void)state;
	memset(octets, 'x', sizeof octets);
	sha256_of(&expected, bytes_of(octets, sizeof octets));
	tempdir_write(&s.dir, "copy.part", "xxxxxxxx");
	assert_int_equal(request_download(r, "/octets?n=1000", tempdir_path(&s.dir, "copy"), 1000, &expected, 1000,
	                                  &response, &why),
	                 OK);
	assert_int_equal(response.status, 200);
	assert_int_equal(atomic_load(&s.requests), 1);
	/* A part that is longer than the whole is no part of it. */
	unlink(tempdir_path(&s.dir, "copy"));
	write_model();
	write_part(MODEL_SIZE + 5, 0);
	assert_int_equal(request_download(r, "/file?name=model", tempdir_path(&s.dir, "copy"), MODEL_SIZE, &model_hash,
	                                  1000, &response, &why),
	                 OK);
	assert_int_equal(atomic_load(&s.requests), 2);
	must_have("copy");
}

static void what_is_not_what_was_announced_is_not_kept(void **state)
{
	(void)state;
	write_model();
	model_hash.b[5] ^= 1;
	assert_int_equal(download("copy"), ERR_PROTOCOL);
	must_say("SHA-256");
	assert_false(tempdir_exists(&s.dir, "copy"));
	assert_false(tempdir_exists(&s.dir, "copy.part"));
	model_hash.b[5] ^= 1;
	assert_int_equal(request_download(r, "/file?name=model", tempdir_path(&s.dir, "copy"), MODEL_SIZE - 1,
	                                  &model_hash, 1000, &response, &why),
	                 ERR_LIMIT);
	assert_false(tempdir_exists(&s.dir, "copy"));
	assert_false(tempdir_exists(&s.dir, "copy.part"));
	assert_int_equal(request_download(r, "/file?name=none", tempdir_path(&s.dir, "copy"), MODEL_SIZE, &model_hash,
	                                  1000, &response, &why),
	                 OK);
	assert_int_equal(response.status, 404);
	assert_false(tempdir_exists(&s.dir, "copy"));
	assert_false(tempdir_exists(&s.dir, "copy.part"));
	tempdir_write(&s.dir, "copy.part", "01234");
	assert_int_equal(
		request_download(r, "/askew", tempdir_path(&s.dir, "copy"), 10, &model_hash, 1000, &response, &why),
		ERR_PROTOCOL);
	must_say("another part came");
	assert_false(tempdir_exists(&s.dir, "copy.part"));
	assert_int_equal(request_download(r, "/file?name=model", tempdir_path(&s.dir, "no/where"), 1000, &model_hash,
	                                  1000, &response, &why),
	                 ERR_NO_INPUT);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT(requests_share_one_connection),
		UNIT(every_method_carries_its_body),
		UNIT(a_part_of_a_file_is_sent),
		UNIT(the_answer_has_a_bound),
		UNIT(headers_come_back),
		UNIT(headers_of_one_request),
		UNIT(an_address_is_checked),
		UNIT(nobody_listens),
		UNIT(no_such_name),
		UNIT(no_answer_in_time),
		UNIT(something_else_listens),
		UNIT(a_revoked_site_learns_so),
		UNIT(a_coordinator_of_another_authority_is_not_believed),
		UNIT(a_certificate_for_another_host_is_not_believed),
		UNIT(only_the_coordinator_is_the_coordinator),
		UNIT(a_held_poll_is_cancelled_at_once),
		UNIT(a_sleep_lasts_as_long_as_it_should),
		UNIT(retry_after_is_honoured),
		UNIT(trying_again_has_an_end),
		UNIT(back_off_is_uniform_up_to_a_doubling_bound),
		UNIT(through_a_proxy),
		UNIT(through_a_proxy_with_a_password),
		UNIT(a_proxy_that_refuses_or_is_down),
		UNIT(the_environment_names_a_proxy),
		UNIT(a_file_is_downloaded),
		UNIT(a_cut_line_is_resumed),
		UNIT(a_part_of_an_earlier_run_is_taken_up),
		UNIT(a_server_that_does_not_resume_starts_over),
		UNIT(what_is_not_what_was_announced_is_not_kept),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
