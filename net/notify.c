/* One datagram per message; see sd_notify(3), "Notes" for the addresses. */
#include "net/notify.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE_SIZE 512 /* a status line is cut here; systemd shows about as much */

/* False when there is nobody to tell, or at an address of a kind that we do not speak (vsock). */
static bool find_address(struct sockaddr_un *to, socklen_t *len)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to->sun_path)
		return false;
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(to->sun_path, path, strlen(path));
	if (path[0] == '@')
		to->sun_path[0] = '\0'; /* abstract: the name is what follows, with no NUL at its end */
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	return true;
}

static void send_text(const char *text)
{
	struct sockaddr_un to;
	socklen_t len;

	if (!find_address(&to, &len))
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&to, len) < 0)
		log_debug("systemd was not told \"%s\": %s", text, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void notify_ready(void)
{
	send_text("READY=1");
}

void notify_stopping(void)
{
	send_text("STOPPING=1");
}

void notify_reloading(void)
{
	char text[64];
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%lld",
	         (long long)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	send_text(text);
}

void notify_watchdog(void)
{
	send_text("WATCHDOG=1");
}

void notify_status(const char *fmt, ...)
{
	char text[MESSAGE_SIZE] = "STATUS=";
	const size_t used = strlen(text);
	va_list args;

	va_start(args, fmt);
	vsnprintf(text + used, sizeof text - used, fmt, args);
	va_end(args);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' '; /* a second line would be another message */
	send_text(text);
}

int64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t value;

	if (pid && (!parse_u64(&value, bytes_text(pid)) || value != (uint64_t)getpid()))
		return 0;
	if (!usec || !parse_u64(&value, bytes_text(usec)) || value / 2000 > INT64_MAX)
		return 0;
	return (int64_t)(value / 2000); /* half of it, in milliseconds */
}
