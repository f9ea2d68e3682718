#include "tests/support/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static void set_limit(int fd, int ms)
{
	const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

int wire_socket(unsigned port)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	set_limit(fd, WIRE_LIMIT_MS);
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

void wire_plain(struct wire *w, unsigned port)
{
	*w = (struct wire){.fd = wire_socket(port)};
}

bool wire_open(struct wire *w, unsigned port, const struct tls_files *files, int version)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	wire_plain(w, port);
	assert_non_null(ctx);
	if (version)
		SSL_CTX_set_max_proto_version(ctx, version);
	if (files) {
		assert_int_equal(SSL_CTX_use_certificate_chain_file(ctx, files->certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM), 1);
	}
	w->ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(w->ssl, w->fd);
	bool good = SSL_connect(w->ssl) == 1;
	ERR_clear_error();
	return good;
}

void wire_close(struct wire *w)
{
	if (w->fd < 0)
		return;
	SSL_free(w->ssl);
	close(w->fd);
	free(w->head);
	free(w->body);
	*w = (struct wire){.fd = -1};
}

bool wire_write(struct wire *w, const void *data, size_t len)
{
	const char *from = data;

	while (len) {
		int n = w->ssl ? SSL_write(w->ssl, from, (int)len) : (int)send(w->fd, from, len, MSG_NOSIGNAL);
		ERR_clear_error();
		if (n <= 0)
			return false;
		from += n;
		len -= (size_t)n;
	}
	return true;
}

bool wire_printf(struct wire *w, const char *fmt, ...)
{
	char text[4096];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	assert_in_range(n, 0, sizeof text - 1);
	return wire_write(w, text, (size_t)n);
}

static int read_some(struct wire *w, char *to, size_t max)
{
	int n = w->ssl ? SSL_read(w->ssl, to, (int)max) : (int)recv(w->fd, to, max, 0);
	ERR_clear_error();
	return n;
}

/* The head, octet by octet, so that nothing after it is taken. */
static bool read_head(struct wire *w)
{
	size_t len = 0;

	free(w->head);
	w->head = calloc(1, 65536);
	while (len < 65535 && !strstr(w->head + (len > 4 ? len - 4 : 0), "\r\n\r\n"))
		if (read_some(w, w->head + len++, 1) != 1)
			return false;
	return true;
}

const char *wire_header(struct wire *w, const char *name)
{
	size_t len = strlen(name);

	w->value[0] = '\0';
	for (const char *line = strstr(w->head, "\r\n"); line && line[2] != '\r'; line = strstr(line + 2, "\r\n"))
		if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
			sscanf(line + 2 + len, ": %511[^\r]", w->value);
	return w->value;
}

int wire_answer(struct wire *w)
{
	int status;
	size_t len = 0;

	if (!read_head(w) || sscanf(w->head, "HTTP/1.1 %d", &status) != 1)
		return -1;
	if (status == 100)
		return wire_answer(w);
	size_t expected = strtoul(wire_header(w, "Content-Length"), NULL, 10);
	assert_true(expected < WIRE_ANSWER_MAX);
	free(w->body);
	w->body = calloc(1, expected + 1);
	while (len < expected) {
		int n = read_some(w, w->body + len, expected - len);
		if (n <= 0)
			return -1;
		len += (size_t)n;
	}
	w->body_len = len;
	return status;
}

bool wire_ended(struct wire *w, int limit_ms)
{
	char octet;

	set_limit(w->fd, limit_ms);
	int n = read_some(w, &octet, 1);
	bool timed_out = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	set_limit(w->fd, WIRE_LIMIT_MS);
	return n <= 0 && !timed_out;
}

int wire_get(struct wire *w, const char *target)
{
	if (!wire_printf(w, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target))
		return -1;
	return wire_answer(w);
}
