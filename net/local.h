/*
 * One HTTP exchange over a daemon's admin socket (server_listen_local): what commands use to talk to the running
 * daemon. Blocking, no TLS, no library; the coordinator does not link libcurl.
 */
#ifndef COHORT_NET_LOCAL_H
#define COHORT_NET_LOCAL_H

#include "base/bytes.h"

/* Sends `method` ("GET", "PUT", "POST", "DELETE") and `target` ("/v1/status?x=1") with `body` (may be empty) and gives
 * the status and the answer's body into `answer` (initialised by the caller with its bound). ERR_UNREACHABLE: no
 * daemon listens there (so the caller may take STATE/lock and open the database itself). ERR_REFUSED: the socket is
 * another user's. ERR_PROTOCOL, ERR_LIMIT, ERR_IO. */
enum err local_call(const char *socket_path, const char *method, const char *target, struct bytes body,
                    unsigned *status, struct buf *answer, struct diag *why) MUST_USE;

#endif
