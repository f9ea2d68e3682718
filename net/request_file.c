/*
 * Downloads that survive cut lines and restarts. What has come is in PATH.part, appended in order and nothing else, so
 * its size is where to go on and its hash can be taken up again:
 *
 *     PATH.part: 0 ... size       GET Range: bytes=size-      206: append   200: start over   416: there is no more
 *     all there, SHA-256 as announced -> fsync, rename to PATH, fsync the folder
 */
#include "net/request_inside.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct download {
	const char *path;
	char part[PATH_SIZE];
	int fd;
	uint64_t size, max;
	struct sha256 sha;
	struct request_range range; /* of the exchange under way */
	bool begun; /* its first octets have come */
};

static enum err start_over(struct download *d, struct diag *why)
{
	if (ftruncate(d->fd, 0) != 0)
		return diag_errno(why, errno, "%s: cannot be emptied", d->part);
	d->size = 0;
	sha256_free(&d->sha);
	sha256_init(&d->sha);
	return OK;
}

static enum err open_part(struct download *d, struct diag *why)
{
	uint8_t octets[16384];
	ssize_t n;

	int len = snprintf(d->part, sizeof d->part, "%s.part", d->path);
	if (len < 0 || (size_t)len >= sizeof d->part)
		return diag_set(why, ERR_CREATE, "%s: the path is too long", d->path);
	d->fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->fd < 0)
		return diag_errno(why, errno, "%s: cannot be created", d->part);
	sha256_init(&d->sha);
	while ((n = pread(d->fd, octets, sizeof octets, (off_t)d->size)) > 0) {
		sha256_update(&d->sha, bytes_of(octets, (size_t)n));
		d->size += (uint64_t)n;
	}
	if (n < 0)
		return diag_errno(why, errno, "%s: cannot be read", d->part);
	return d->size > d->max ? start_over(d, why) : OK;
}

static enum err append(struct download *d, struct bytes octets, struct diag *why)
{
	if (octets.len > d->max - d->size)
		return diag_set(why, ERR_LIMIT, "%s: more than the %llu octets expected", d->path,
		                (unsigned long long)d->max);
	sha256_update(&d->sha, octets);
	while (octets.len) {
		ssize_t n = pwrite(d->fd, octets.ptr, octets.len, (off_t)d->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_errno(why, errno, "%s: cannot be written", d->part);
		octets = bytes_of(octets.ptr + n, octets.len - (size_t)n);
		d->size += (uint64_t)n;
	}
	return OK;
}

static enum err take(void *context, unsigned status, struct bytes octets, struct diag *why)
{
	struct download *d = context;
	enum err e = OK;

	if (status != 200 && status != 206)
		return OK; /* an error's text: not for the file */
	if (status == 200 && !d->begun && d->size)
		e = start_over(d, why); /* the server does not resume */
	d->begun = true;
	return e ? e : append(d, octets, why);
}

/* One exchange. `*complete`: the file is there in full. */
static enum err fetch(struct download *d, struct requester *r, const struct request *q, struct response *out,
                      bool *complete, struct diag *why)
{
	const struct request_sink sink = {take, d};

	*complete = false;
	d->begun = false;
	d->range = (struct request_range){.from = d->size};
	uint64_t from = d->size;
	enum err e = request_run(r, q, &d->range, &sink, out, why);
	if (!e && out->status == 416 && from > 0)
		out->status = 206; /* all of it had come before: to the caller this ends as any resumed download */
	else if (!e && out->status == 206 && d->range.answered_from != from)
		return diag_set(why, ERR_PROTOCOL, "%s: another part came than was asked for", d->path);
	*complete = !e && (out->status == 200 || out->status == 206);
	return e;
}

static enum err keep(struct download *d, const struct hash *expected, bool *wrong, struct diag *why)
{
	struct hash have;

	sha256_final(&d->sha, &have);
	*wrong = !hash_equal(&have, expected);
	if (*wrong)
		return diag_set(why, ERR_PROTOCOL, "%s: what came does not have the announced SHA-256", d->path);
	if (fsync(d->fd) != 0)
		return diag_errno(why, errno, "%s: fsync failed", d->part);
	if (rename(d->part, d->path) != 0)
		return diag_errno(why, errno, "%s: cannot be renamed", d->part);
	return file_sync_folder_of(d->path, why);
}

static enum err fetch_all(struct download *d, struct requester *r, const struct request *q, const struct hash *expected,
                          int64_t until_ms, struct response *out, struct diag *why)
{
	bool complete, wrong, resumed = d->size > 0; /* from an earlier run, whose octets we cannot vouch for */
	enum err e;

	for (unsigned attempt = 0;; attempt++) {
		uint64_t before = d->size;
		e = fetch(d, r, q, out, &complete, why);
		if (complete && !e) {
			e = keep(d, expected, &wrong, why);
			if (!wrong || !resumed)
				return e;
			resumed = false;
			e = start_over(d, why);
			if (e)
				return e;
			continue;
		}
		if (d->size > before)
			attempt = 0; /* it moves */
		if (!request_is_transient(e, out) || !request_wait(r, &e, out, attempt, until_ms, why))
			return e;
	}
}

enum err request_download(struct requester *r, const char *target, const char *path, uint64_t max,
                          const struct hash *expected, int64_t give_up_ms, struct response *out, struct diag *why)
{
	struct download d = {.path = path, .fd = -1, .max = max};
	const struct request q = {.method = "GET",
	                          .target = target,
	                          .timeout_ms = REQUEST_TIMEOUT_MS + (int64_t)(max / BODY_RATE_MIN) * 1000};

	*out = (struct response){.retry_after_ms = -1};
	enum err e = open_part(&d, why);
	if (!e)
		e = fetch_all(&d, r, &q, expected, clock_monotonic_ms() + give_up_ms, out, why);
	/* Nothing worth resuming: refused, wrong, or never begun. */
	if (d.fd >= 0 && (e == ERR_PROTOCOL || e == ERR_LIMIT || d.size == 0))
		unlink(d.part);
	if (d.fd >= 0)
		close(d.fd);
	sha256_free(&d.sha);
	return e;
}
