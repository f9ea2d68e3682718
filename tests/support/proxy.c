#include "tests/support/proxy.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define POLL_MS 50 /* how soon threads notice proxy_stop */

struct line {
	struct proxy *proxy;
	int client, server;
};

static int say(int fd, int status, const char *extra)
{
	char text[256];
	int n = snprintf(text, sizeof text, "HTTP/1.1 %d Proxy\r\n%sContent-Length: 0\r\n\r\n", status, extra);
	return (int)send(fd, text, (size_t)n, MSG_NOSIGNAL);
}

/* Waits for octets; 0 at the end of the line or of the proxy. */
static int read_ready(struct proxy *p, int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	while (!atomic_load(&p->stop))
		if (poll(&one, 1, POLL_MS) > 0)
			return 1;
	return 0;
}

static int read_head(struct line *l, char *head, size_t size)
{
	size_t len = 0;

	while (len < size - 1 && read_ready(l->proxy, l->client) && recv(l->client, head + len, 1, 0) == 1) {
		head[++len] = '\0';
		if (len >= 4 && strcmp(head + len - 4, "\r\n\r\n") == 0)
			return 1;
	}
	return 0;
}

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

/* Heads until one may pass; 0 when none did. */
static int open_tunnel(struct line *l)
{
	struct proxy *p = l->proxy;
	char head[4096], host[256], port[16];

	while (read_head(l, head, sizeof head)) {
		memcpy(p->head, head, sizeof head);
		if (p->authorization && !strstr(head, p->authorization)) {
			say(l->client, 407, "Proxy-Authenticate: Basic realm=\"hospital\"\r\n");
			continue;
		}
		if (p->refuse) {
			say(l->client, p->refuse, "");
			continue;
		}
		if (sscanf(head, "CONNECT %255[^:]:%15[0-9] ", host, port) != 2)
			return 0;
		l->server = connect_to(host, port);
		if (l->server < 0) {
			say(l->client, 502, "");
			continue;
		}
		atomic_fetch_add(&p->connects, 1);
		send(l->client, "HTTP/1.1 200 OK\r\n\r\n", 19, MSG_NOSIGNAL);
		return 1;
	}
	return 0;
}

static int pass(int from, int to, long *count)
{
	char octets[16384];
	ssize_t n = recv(from, octets, sizeof octets, 0);

	if (n <= 0 || send(to, octets, (size_t)n, MSG_NOSIGNAL) != n)
		return 0;
	*count += n;
	return 1;
}

static void relay(struct line *l)
{
	struct proxy *p = l->proxy;
	long up = 0, down = 0;

	while (!atomic_load(&p->stop)) {
		struct pollfd two[2] = {{.fd = l->client, .events = POLLIN}, {.fd = l->server, .events = POLLIN}};
		if (poll(two, 2, POLL_MS) < 0)
			return;
		if (two[0].revents && !pass(l->client, l->server, &up))
			return;
		if (two[1].revents && !pass(l->server, l->client, &down))
			return;
		long limit = atomic_load(&p->cut_after);
		if (limit && down > limit) {
			atomic_store(&p->cut_after, limit > PROXY_CUT_MIN ? limit / 2 : 0);
			return;
		}
	}
}

static void *serve_line(void *context)
{
	struct line *l = context;

	if (open_tunnel(l))
		relay(l);
	close(l->client);
	if (l->server >= 0)
		close(l->server);
	free(l);
	return NULL;
}

static void *accept_lines(void *context)
{
	struct proxy *p = context;

	while (read_ready(p, p->listener) && p->thread_count < PROXY_CONNECTIONS_MAX) {
		struct line *l = malloc(sizeof *l);
		*l = (struct line){p, accept(p->listener, NULL, NULL), -1};
		pthread_create(&p->threads[p->thread_count++], NULL, serve_line, l);
	}
	return NULL;
}

void proxy_start(struct proxy *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;

	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(p->listener, 16), 0);
	assert_int_equal(getsockname(p->listener, (struct sockaddr *)&at, &len), 0);
	p->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&p->acceptor, NULL, accept_lines, p), 0);
}

void proxy_stop(struct proxy *p)
{
	atomic_store(&p->stop, 1);
	pthread_join(p->acceptor, NULL);
	for (int i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	close(p->listener);
}

const char *proxy_url(const struct proxy *p)
{
	static char url[64];
	snprintf(url, sizeof url, "http://127.0.0.1:%u", p->port);
	return url;
}
