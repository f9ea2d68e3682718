/*
 * HTTP/1.1 without sockets: what a request's target, range and run of octets mean (RFC 9110, RFC 9112). Strict: what
 * our own clients never send is refused rather than guessed.
 */
#ifndef COHORT_NET_HTTP_H
#define COHORT_NET_HTTP_H

#include "base/bytes.h"

#define HTTP_PARAMETERS_MAX 8 /* an inbox poll has two */

enum http_method { HTTP_GET, HTTP_PUT, HTTP_POST, HTTP_DELETE };

struct http_pair {
	const char *name, *value;
};

/* A request-target "/path?name=value&..." taken apart. It points into its own copy of the text. */
struct http_target {
	char *text; /* owned */
	const char
		*path; /* starts with '/'; [A-Za-z0-9._~/-] only; no empty, "." or ".." segment ("/" alone is fine) */
	struct http_pair parameters[HTTP_PARAMETERS_MAX]; /* names [a-z0-9_]+, each once; values decoded */
	size_t parameter_count;
};

/* False when it is not exactly that; then `out` is zeroed. A value holds the unreserved characters of RFC 3986 and
 * %XX, which must not decode to a control character. http_target_free accepts a zeroed one. */
bool http_target_parse(struct http_target *out, const char *text);
void http_target_free(struct http_target *t);
const char *http_target_value(const struct http_target *t, const char *name); /* NULL when absent */

/* A Range header over a content of `size` octets (RFC 9110, 14.2): "bytes=N-" and "bytes=N-M". Anything else, also
 * several ranges, is ignored as the RFC permits. */
enum http_range { HTTP_RANGE_WHOLE, HTTP_RANGE_PART, HTTP_RANGE_OUTSIDE };
enum http_range http_range_parse(const char *header, uint64_t size, uint64_t *offset, uint64_t *length);

/* Watches the octets of one request arrive, to know when its headers end. Start with a zeroed one. */
struct http_scan {
	uint64_t headers, body; /* octets of each so far; the blank line belongs to the headers */
	bool blank; /* since the last LF there was nothing but CR */
	bool ended; /* the headers did */
};
void http_scan_feed(struct http_scan *s, struct bytes octets);

#endif
