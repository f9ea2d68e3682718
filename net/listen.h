/*
 * Listening sockets: "host:port", "[v6]:port", ":port", and local ones. Non-blocking, close-on-exec.
 */
#ifndef COHORT_NET_LISTEN_H
#define COHORT_NET_LISTEN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_BACKLOG 512 /* connections that may wait for one turn of the loop: all sites of a federation at once */

/* Splits "host:port" or "[v6]:port" into host ("" for ":port") and port; both are NUL-terminated text. False when it
 * is neither, or the port is no number up to 65535. Also for a client's URL without its scheme. */
bool listen_split(char *host, size_t host_size, char *port, size_t port_size, const char *address);

/* Listens; a host name stands for its first address; "" for all addresses of both families. Port 0 takes a free one;
 * `*port` is the real one. ERR_CONFIG: no such address here, or not an address; ERR_AGAIN: taken; ERR_REFUSED: not
 * permitted. */
enum err listen_tcp(int *out, unsigned *port, const char *address, struct diag *why) MUST_USE;

/* Listens on a local socket that only this user can reach (0600 from the first moment). Replaces a stale file: the
 * caller holds the state directory's lock, so no other daemon can be listening there. */
enum err listen_local(int *out, const char *path, struct diag *why) MUST_USE;

#endif
