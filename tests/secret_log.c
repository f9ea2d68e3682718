/*
 * A client that writes down its secrets, for tests: linked with the client's own objects into build/test/cohort-client, which is not
 * installed. The linker puts the functions below in place of those of the cores where the client's shell calls them (--wrap), so the
 * product's sources have no switch for it, and its programs no trace.
 *
 *   COHORT_SECRET_LOG=FILE     lines are appended:
 *       open SELF ROUND ATTEMPT n_C QUORUM d k DEGREE SHARE_T    an attempt begins; then, in hex:
 *       federation|study|model|plan OCTETS      sites NUMBERS... identity SECRET-KEY
 *       draw OCTETS                             what the core was given for random, in order
 *       heard|sent PHASE OCTETS                 the messages that counted
 *       mask FIRST WORDS OCTETS                 a piece of the vector, and of the masked one
 *   COHORT_SECRET_STOP=ROUND   stops (SIGSTOP) when it is about to say that its vector of this round is masked
 *
 * Nothing is kept in memory: what is written is wiped.
 */
#include "crypto/mask.h"
#include "crypto/pack.h"
#include "crypto/secagg_client.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 512

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entropy behind; /* the client's own */
static uint64_t round_now;

/* ---- lines */

static int log_file(void)
{
	static int fd = -2;

	if (fd == -2) {
		const char *path = getenv("COHORT_SECRET_LOG");
		fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	}
	return fd;
}

static void put(const char *text, size_t len)
{
	if (log_file() >= 0)
		CHECK(write(log_file(), text, len) == (ssize_t)len);
}

static void put_text(const char *text)
{
	put(text, strlen(text));
}

static void put_number(uint64_t number)
{
	char text[32];

	snprintf(text, sizeof text, " %llu", (unsigned long long)number);
	put_text(text);
}

static void put_hex(struct bytes octets)
{
	char text[2 * CHUNK + 1];

	put_text(" ");
	for (size_t at = 0; at < octets.len; at += CHUNK) {
		size_t len = octets.len - at < CHUNK ? octets.len - at : CHUNK;
		hex_encode(text, bytes_of(octets.ptr + at, len));
		put(text, 2 * len);
	}
	secret_wipe(text, sizeof text);
}

static void line(const char *word, struct bytes octets)
{
	put_text(word);
	put_hex(octets);
	put_text("\n");
}

static void line_of_phase(const char *word, enum secagg_phase phase, struct bytes octets)
{
	put_text(word);
	put_text(" ");
	put_text(secagg_phase_name(phase));
	put_hex(octets);
	put_text("\n");
}

/* ---- what stands in for the cores' functions */

/* NOLINTBEGIN: the linker's names */
enum err __real_secagg_client_open(struct secagg_client **out, const struct secagg_client_config *config,
                                   struct bytes record, struct diag *why) MUST_USE;
enum err __wrap_secagg_client_open(struct secagg_client **out, const struct secagg_client_config *config,
                                   struct bytes record, struct diag *why);
enum err __real_secagg_client_message(struct secagg_client *c, enum secagg_phase phase, struct bytes octets,
                                      struct diag *why) MUST_USE;
enum err __wrap_secagg_client_message(struct secagg_client *c, enum secagg_phase phase, struct bytes octets,
                                      struct diag *why);
enum err __real_secagg_client_masked(struct secagg_client *c, const struct hash *y, struct diag *why) MUST_USE;
enum err __wrap_secagg_client_masked(struct secagg_client *c, const struct hash *y, struct diag *why);
void __real_mask_input(uint8_t *y, const uint32_t *x, uint32_t first, size_t count, uint32_t k,
                       const struct mask *masks, size_t mask_count);
void __wrap_mask_input(uint8_t *y, const uint32_t *x, uint32_t first, size_t count, uint32_t k,
                       const struct mask *masks, size_t mask_count);
void __real_keys_sign(uint8_t signature[KEYS_SIGNATURE_SIZE], const uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                      struct bytes message);
void __wrap_keys_sign(uint8_t signature[KEYS_SIGNATURE_SIZE], const uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                      struct bytes message);
/* NOLINTEND */

static void fill(void *context, uint8_t *out, size_t len)
{
	(void)context;
	entropy_fill(&behind, out, len);
	line("draw", bytes_of(out, len));
}

static void log_attempt(const struct secagg_client_config *config)
{
	const struct secagg_plan *p = &config->plan;
	const uint64_t numbers[] = {config->self,
	                            config->attempt.round,
	                            config->attempt.attempt,
	                            p->max_colluders,
	                            p->quorum,
	                            p->words,
	                            p->bits,
	                            p->degree,
	                            p->share_threshold};

	put_text("open");
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		put_number(numbers[i]);
	put_text("\nsites");
	for (uint32_t i = 0; i < p->n; i++)
		put_number(p->sites[i].number);
	put_text("\n");
	line("federation", config->attempt.federation);
	line("study", config->attempt.study);
	line("model", bytes_of(config->attempt.model.b, HASH_SIZE));
	line("plan", p->octets);
}

enum err __wrap_secagg_client_open(struct secagg_client **out, const struct secagg_client_config *config,
                                   struct bytes record, struct diag *why)
{
	struct secagg_client_config logged = *config;

	pthread_mutex_lock(&mutex);
	behind = config->entropy;
	logged.entropy = (struct entropy){fill, NULL};
	round_now = config->attempt.round;
	log_attempt(config);
	enum err e = __real_secagg_client_open(out, &logged, record, why);
	if (e == OK)
		line_of_phase("sent", SECAGG_KEYS, secagg_client_sent(*out, SECAGG_KEYS));
	pthread_mutex_unlock(&mutex);
	return e;
}

enum err __wrap_secagg_client_message(struct secagg_client *c, enum secagg_phase phase, struct bytes octets,
                                      struct diag *why)
{
	pthread_mutex_lock(&mutex);
	enum err e = __real_secagg_client_message(c, phase, octets, why);
	if (e == OK) {
		line_of_phase("heard", phase, octets);
		if (phase != SECAGG_INPUT)
			line_of_phase("sent", phase, secagg_client_sent(c, phase));
	}
	pthread_mutex_unlock(&mutex);
	return e;
}

enum err __wrap_secagg_client_masked(struct secagg_client *c, const struct hash *y, struct diag *why)
{
	const char *stop = getenv("COHORT_SECRET_STOP");

	if (stop != NULL && strtoull(stop, NULL, 10) == round_now)
		raise(SIGSTOP);
	pthread_mutex_lock(&mutex);
	enum err e = __real_secagg_client_masked(c, y, why);
	if (e == OK)
		line_of_phase("sent", SECAGG_INPUT, secagg_client_sent(c, SECAGG_INPUT));
	pthread_mutex_unlock(&mutex);
	return e;
}

void __wrap_mask_input(uint8_t *y, const uint32_t *x, uint32_t first, size_t count, uint32_t k,
                       const struct mask *masks, size_t mask_count)
{
	__real_mask_input(y, x, first, count, k, masks, mask_count);
	pthread_mutex_lock(&mutex);
	put_text("mask");
	put_number(first);
	put_hex(bytes_of(x, count * sizeof *x));
	put_hex(bytes_of(y, pack_size((uint32_t)count, k)));
	put_text("\n");
	pthread_mutex_unlock(&mutex);
}

/* Called with the mutex held: whatever signs does so inside one of the above. */
void __wrap_keys_sign(uint8_t signature[KEYS_SIGNATURE_SIZE], const uint8_t identity[KEYS_IDENTITY_SECRET_SIZE],
                      struct bytes message)
{
	line("identity", bytes_of(identity, KEYS_IDENTITY_SECRET_SIZE));
	__real_keys_sign(signature, identity, message);
}
