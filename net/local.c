/*
 * HTTP/1.1 by hand, for one peer that we know: our own server on a local socket. "Connection: close" makes the end of
 * the stream the end of the answer, so a head, its status and the rest are all there is to read.
 */
#include "net/local.h"

#include "base/limits.h"
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_LIMIT_S 60 /* a command may make the daemon read a whole study and sync it */

static enum err open_socket(int *out, const char *path, struct diag *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const struct timeval limit = {.tv_sec = ANSWER_LIMIT_S};

	*out = -1;
	if (strlen(path) >= sizeof at.sun_path)
		return diag_set(why, ERR_CONFIG, "%s: too long for a local socket", path);
	memcpy(at.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_set(why, ERR_INTERNAL, "%s: cannot make a local socket: %s", path, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
		*out = fd;
		return OK;
	}
	int errnum = errno;
	close(fd);
	if (errnum == EACCES || errnum == EPERM)
		return diag_set(why, ERR_REFUSED, "%s: belongs to another user; run this command as the daemon's user",
		                path);
	return diag_set(why, ERR_UNREACHABLE, "%s: no daemon listens there", path);
}

static enum err write_all(int fd, struct bytes data, const char *path, struct diag *why)
{
	while (data.len) {
		ssize_t n = send(fd, data.ptr, data.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_set(why, ERR_IO, "%s: the daemon does not listen any more: %s", path,
			                strerror(errno));
		data = bytes_of(data.ptr + n, data.len - (size_t)n);
	}
	return OK;
}

static enum err send_request(int fd, const char *path, const char *method, const char *target, struct bytes body,
                             struct diag *why)
{
	struct buf head;

	buf_init(&head, HEADERS_MAX);
	buf_printf(&head, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
	           method, target, body.len);
	enum err e = head.failed ? diag_set(why, ERR_USAGE, "%s: the request is too long", path)
	                         : write_all(fd, buf_bytes(&head), path, why);
	buf_free(&head);
	return e ? e : write_all(fd, body, path, why);
}

static enum err read_all(struct buf *out, int fd, const char *path, struct diag *why)
{
	uint8_t octets[16384];

	for (;;) {
		ssize_t n = recv(fd, octets, sizeof octets, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(why, ERR_IO, "%s: the daemon does not answer: %s", path, strerror(errno));
		if (n == 0)
			return OK;
		buf_put(out, bytes_of(octets, (size_t)n));
		if (out->failed)
			return diag_set(why, ERR_LIMIT, "%s: the answer is longer than expected", path);
	}
}

static enum err split(struct bytes raw, unsigned *status, struct buf *answer, const char *path, struct diag *why)
{
	static const char version[] = "HTTP/1.1 ";
	const size_t code_at = sizeof version - 1, code_end = code_at + 3;
	const uint8_t *end = raw.len ? memmem(raw.ptr, raw.len, "\r\n\r\n", 4) : NULL;
	uint64_t code;

	if (!end || raw.len < code_end || memcmp(raw.ptr, version, code_at) != 0 ||
	    !parse_u64(&code, bytes_of(raw.ptr + code_at, 3)))
		return diag_set(why, ERR_PROTOCOL, "%s: what listens there does not answer in HTTP", path);
	*status = (unsigned)code;
	size_t skip = (size_t)(end - raw.ptr) + 4;
	buf_clear(answer);
	buf_put(answer, bytes_of(raw.ptr + skip, raw.len - skip));
	return answer->failed ? diag_set(why, ERR_LIMIT, "%s: the answer is longer than expected", path) : OK;
}

enum err local_call(const char *socket_path, const char *method, const char *target, struct bytes body,
                    unsigned *status, struct buf *answer, struct diag *why)
{
	struct buf raw;
	int fd;

	enum err e = open_socket(&fd, socket_path, why);
	if (e)
		return e;
	buf_init(&raw, answer->max + HEADERS_MAX);
	e = send_request(fd, socket_path, method, target, body, why);
	if (!e)
		e = read_all(&raw, fd, socket_path, why);
	if (!e)
		e = split(buf_bytes(&raw), status, answer, socket_path, why);
	buf_free(&raw);
	close(fd);
	return e;
}
