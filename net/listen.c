#include "net/listen.h"

#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HOST_SIZE 256 /* RFC 1035: 253 characters */
#define PORT_SIZE 6 /* "65535" */

static bool copy_part(char *out, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(out, from, len);
	out[len] = '\0';
	return true;
}

bool listen_split(char *host, size_t host_size, char *port, size_t port_size, const char *address)
{
	const char *colon = strrchr(address, ':');
	uint64_t number;

	if (!colon || !parse_u64(&number, bytes_text(colon + 1)) || number > UINT16_MAX)
		return false;
	size_t len = (size_t)(colon - address);
	bool bracketed = len >= 2 && address[0] == '[' && address[len - 1] == ']';
	if (!bracketed && memchr(address, ':', len)) /* an IPv6 address needs its brackets */
		return false;
	return copy_part(host, host_size, address + (bracketed ? 1 : 0), len - (bracketed ? 2 : 0)) &&
	       copy_part(port, port_size, colon + 1, strlen(colon + 1));
}

static enum err explain(int errnum, const char *address, struct diag *why)
{
	switch (errnum) {
	case EADDRINUSE:
		return diag_set(why, ERR_AGAIN, "%s is taken by another program; stop it, or listen on another port",
		                address);
	case EADDRNOTAVAIL:
		return diag_set(why, ERR_CONFIG, "%s: this machine has no such address", address);
	case EACCES:
	case EPERM:
		return diag_set(why, ERR_REFUSED, "%s: not permitted (ports below 1024 need CAP_NET_BIND_SERVICE)",
		                address);
	default:
		return diag_set(why, ERR_INTERNAL, "%s: cannot listen: %s", address, strerror(errnum));
	}
}

static int open_tcp(const struct addrinfo *ai)
{
	const int on = 1, off = 0;
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* a restart does not wait for old connections */
	if (ai->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	int saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	CHECK(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	return ntohs(at.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&at)->sin6_port
	                                      : ((const struct sockaddr_in *)&at)->sin_port);
}

/* A socket that listens, or -1 with errno; `*failed` is getaddrinfo's. */
static int open_first(int *failed, const char *host, const char *service, int family)
{
	const struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;

	*failed = getaddrinfo(host, service, &hints, &found);
	if (*failed)
		return -1;
	int fd = open_tcp(found);
	int saved = errno;
	freeaddrinfo(found);
	errno = saved;
	return fd;
}

enum err listen_tcp(int *out, unsigned *port, const char *address, struct diag *why)
{
	char host[HOST_SIZE], service[PORT_SIZE];
	int failed;

	*out = -1;
	if (!listen_split(host, sizeof host, service, sizeof service, address))
		return diag_set(why, ERR_CONFIG, "%s: not an address to listen on; write host:port, [v6]:port or :port",
		                address);
	/* All addresses: one IPv6 socket takes both families, unless this kernel has no IPv6. */
	int fd = open_first(&failed, host[0] ? host : NULL, service, host[0] ? AF_UNSPEC : AF_INET6);
	if (fd < 0 && !host[0] && errno == EAFNOSUPPORT)
		fd = open_first(&failed, NULL, service, AF_INET);
	if (fd < 0)
		return failed ? diag_set(why, ERR_CONFIG, "%s: %s", address, gai_strerror(failed))
		              : explain(errno, address, why);
	*out = fd;
	*port = port_of(fd);
	return OK;
}

enum err listen_local(int *out, const char *path, struct diag *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	enum err e = OK;

	*out = -1;
	/* Bound beside its place and moved there when it is ready, so that nobody ever meets it with another mode. */
	int len = snprintf(at.sun_path, sizeof at.sun_path, "%s.new", path);
	if (len < 0 || (size_t)len >= sizeof at.sun_path)
		return diag_set(why, ERR_CONFIG, "%s: too long for a local socket (at most %zu characters)", path,
		                sizeof at.sun_path - sizeof ".new");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return diag_set(why, ERR_INTERNAL, "%s: cannot make a local socket: %s", path, strerror(errno));
	unlink(at.sun_path);
	if (bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || chmod(at.sun_path, 0600) != 0 ||
	    listen(fd, LISTEN_BACKLOG) != 0 || rename(at.sun_path, path) != 0) {
		e = diag_set(why, ERR_CREATE, "%s: cannot listen there: %s", path, strerror(errno));
		unlink(at.sun_path);
		close(fd);
		return e;
	}
	*out = fd;
	return OK;
}
