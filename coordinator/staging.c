#include "coordinator/staging.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define WRITE_PIECES 256 /* of IOV_MAX, 1024: 1 MiB in two calls, and 4 KiB of stack */

struct upload {
	struct hash content; /* announced */
	struct sha256 sha;
	uint64_t next; /* octets that have arrived */
	bool begun, granted;
	int64_t active_ms; /* last part */
	uint8_t tail[4]; /* the beginning of a word whose rest comes with the next part */
	uint32_t tail_len;
};

struct staging {
	char *path, *spare;
	int fd; /* -1 before the first octet; written by the loop, read by syncing threads under `lock` */
	pthread_mutex_t lock;
	bool named; /* the folder is synced: the file's name is durable */
	bool masked; /* words are not checked, and nothing is spared */
	struct layout layout; /* of a clear contribution */
	uint64_t octets; /* of one slot */
	struct staging_grants *grants;
	struct upload *uploads; /* one per slot */
	uint32_t slots, owners;
};

struct staging *staging_open(const struct staging_config *config)
{
	struct staging *s = mem_alloc(sizeof *s);
	char name[STAGING_NAME_SIZE];

	staging_file_name(name, config->study, config->revision, config->plan);
	if (asprintf(&s->path, "%s/%s", config->folder, name) < 0 ||
	    asprintf(&s->spare, "%s/%s.spare", config->folder, config->study) < 0)
		mem_exhausted(strlen(config->folder), 1);
	s->masked = config->layout == NULL;
	if (!s->masked)
		s->layout = *config->layout;
	s->octets = config->octets;
	s->grants = config->grants;
	s->slots = config->plan->site_count;
	s->uploads = mem_array(s->slots, sizeof *s->uploads);
	s->owners = 1;
	pthread_mutex_init(&s->lock, NULL);
	s->fd = open(s->path, O_RDWR | O_CLOEXEC);
	return s;
}

struct staging *staging_retain(struct staging *s)
{
	s->owners++;
	return s;
}

void staging_release(struct staging *s)
{
	if (s == NULL || --s->owners > 0)
		return;
	for (uint32_t i = 0; i < s->slots; i++)
		staging_forget(s, i);
	if (s->fd >= 0)
		close(s->fd);
	pthread_mutex_destroy(&s->lock);
	free(s->uploads);
	free(s->path);
	free(s->spare);
	free(s);
}

void staging_file_name(char out[STAGING_NAME_SIZE], const char *study, uint32_t revision, const struct round_plan *plan)
{
	snprintf(out, STAGING_NAME_SIZE, "%s.%" PRIu32 ".%" PRIu64 ".%" PRIu32, study, revision, plan->round,
	         plan->attempt);
}

void staging_end(struct staging *s, bool spare)
{
	bool keep = spare && !s->masked;
	int failed = keep ? rename(s->path, s->spare) : unlink(s->path);

	if (!keep && unlink(s->spare) != 0 && errno != ENOENT)
		log_warning("%s: cannot be removed: %s", s->spare, strerror(errno));
	if (s->fd >= 0 && failed != 0)
		log_warning("%s: cannot be %s: %s", s->path, keep ? "kept for the next round" : "removed",
		            strerror(errno));
}

/* ---- grants */

static void give_back(struct staging *s, struct upload *u)
{
	if (u->granted)
		s->grants->open--;
	u->granted = false;
}

void staging_forget(struct staging *s, uint32_t slot)
{
	struct upload *u = &s->uploads[slot];

	give_back(s, u);
	sha256_free(&u->sha);
	memset(u, 0, sizeof *u);
}

void staging_expire(struct staging *s, int64_t now_ms)
{
	for (uint32_t i = 0; i < s->slots; i++)
		if (s->uploads[i].granted && now_ms - s->uploads[i].active_ms >= STAGING_IDLE_MS)
			give_back(s, &s->uploads[i]);
}

/* An upload that comes in one part never waits for a second one: it needs no grant. */
static bool take_grant(struct staging *s, struct upload *u, uint64_t octets, uint64_t total)
{
	if (u->granted || octets == total)
		return true;
	if (s->grants->open >= s->grants->max)
		return false;
	s->grants->open++;
	u->granted = true;
	return true;
}

/* ---- the file */

static enum staging_verdict make_file(struct staging *s, struct diag *why)
{
	if (rename(s->spare, s->path) != 0 && errno != ENOENT)
		log_warning("%s: cannot be used again: %s", s->spare, strerror(errno));
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		enum err e = diag_errno(why, errno, "%s: cannot be created", s->path);
		return e == ERR_FULL ? STAGING_FULL : STAGING_BROKEN;
	}
	pthread_mutex_lock(&s->lock);
	s->fd = fd;
	pthread_mutex_unlock(&s->lock);
	return STAGING_NEXT;
}

static bool is_full(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG; /* EFBIG: a limit on the size of files */
}

/* As many pieces as one call takes, less the `skip` octets at their beginning that are written already. */
static int gather(struct iovec v[WRITE_PIECES], const struct staging_part *part, uint64_t skip)
{
	int n = 0;

	for (size_t i = 0; i < part->piece_count && n < WRITE_PIECES; i++) {
		const struct bytes *piece = &part->pieces[i];

		if (skip >= piece->len) {
			skip -= piece->len;
			continue;
		}
		v[n++] = (struct iovec){(void *)(uintptr_t)(piece->ptr + skip), piece->len - skip};
		skip = 0;
	}
	return n;
}

static enum staging_verdict write_octets(struct staging *s, const struct staging_part *part, uint64_t octets,
                                         struct diag *why)
{
	uint64_t at = part->slot * s->octets + part->offset, written = 0;
	struct iovec v[WRITE_PIECES];

	if (s->fd < 0) {
		enum staging_verdict verdict = make_file(s, why);
		if (verdict != STAGING_NEXT)
			return verdict;
	}
	while (written < octets) {
		ssize_t n = pwritev(s->fd, v, gather(v, part, written), (off_t)(at + written));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int errnum = errno;
			(void)diag_errno(why, errnum, "%s: cannot be written", s->path);
			return is_full(errnum) ? STAGING_FULL : STAGING_BROKEN;
		}
		written += (uint64_t)n;
	}
	return STAGING_NEXT;
}

enum err staging_sync(struct staging *s, struct diag *why)
{
	pthread_mutex_lock(&s->lock);
	int fd = s->fd;
	bool named = s->named;
	pthread_mutex_unlock(&s->lock);

	CHECK(fd >= 0);
	if (fdatasync(fd) != 0)
		return diag_set(why, ERR_IO, "%s: fdatasync failed, uploads may be lost: %s", s->path, strerror(errno));
	if (named)
		return OK;
	enum err e = file_sync_folder_of(s->path, why);
	pthread_mutex_lock(&s->lock);
	s->named = e == OK;
	pthread_mutex_unlock(&s->lock);
	return e;
}

enum err staging_read(const struct staging *s, uint32_t slot, uint64_t offset, uint8_t *out, size_t n, struct diag *why)
{
	uint64_t at = slot * s->octets + offset;

	CHECK(slot < s->slots && offset + n <= s->octets);
	while (n > 0) {
		ssize_t got = pread(s->fd, out, n, (off_t)at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return diag_set(why, ERR_IO, "%s: a contribution cannot be read back: %s", s->path,
			                got < 0 ? strerror(errno) : "the file is too short");
		out += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return OK;
}

bool staging_holds(const struct staging *s, uint32_t slot, const struct hash *content)
{
	uint8_t *slice = mem_alloc(STAGING_SLICE);
	struct sha256 sha = {0};
	struct hash found = {{0}};
	bool good = s->fd >= 0;

	sha256_init(&sha);
	for (uint64_t at = 0; at < s->octets && good; at += STAGING_SLICE) {
		size_t n = s->octets - at < STAGING_SLICE ? (size_t)(s->octets - at) : STAGING_SLICE;
		good = staging_read(s, slot, at, slice, n, NULL) == OK;
		sha256_update(&sha, bytes_of(slice, n));
	}
	sha256_final(&sha, &found);
	sha256_free(&sha);
	free(slice);
	return good && hash_equal(&found, content);
}

/* ---- parts */

/* Words of the contribution are checked as they arrive; one that is cut by the end of a piece waits in `tail`. */
static bool check_words(struct staging *s, struct upload *u, uint64_t at, struct bytes octets, struct diag *why)
{
	while (octets.len > 0 && u->tail_len > 0) {
		u->tail[u->tail_len++] = *octets.ptr;
		octets = bytes_of(octets.ptr + 1, octets.len - 1);
		at++;
		if (u->tail_len < sizeof u->tail)
			continue;
		u->tail_len = 0;
		if (layout_check_words(&s->layout, (uint32_t)(at / 4 - 1), u->tail, 1, why) != OK)
			return false;
	}
	size_t whole = octets.len / 4;
	if (whole > 0 && layout_check_words(&s->layout, (uint32_t)(at / 4), octets.ptr, (uint32_t)whole, why) != OK)
		return false;
	for (size_t i = 4 * whole; i < octets.len; i++)
		u->tail[u->tail_len++] = octets.ptr[i];
	return true;
}

/* Checks and hashes what has been written. */
static bool take_octets(struct staging *s, struct upload *u, const struct staging_part *part, struct diag *why)
{
	for (size_t i = 0; i < part->piece_count; i++) {
		if (!s->masked && !check_words(s, u, u->next, part->pieces[i], why))
			return false;
		sha256_update(&u->sha, part->pieces[i]);
		u->next += part->pieces[i].len;
	}
	return true;
}

static void begin(struct staging *s, uint32_t slot, const struct hash *content)
{
	struct upload *u = &s->uploads[slot];

	staging_forget(s, slot);
	u->content = *content;
	u->begun = true;
	sha256_init(&u->sha);
}

static enum staging_verdict finish(struct staging *s, uint32_t slot, struct diag *why)
{
	struct upload *u = &s->uploads[slot];
	struct hash found, announced = u->content;

	sha256_final(&u->sha, &found);
	staging_forget(s, slot);
	if (hash_equal(&found, &announced))
		return STAGING_COMPLETE;
	(void)diag_set(why, ERR_PEER_MESSAGE, "the contribution's SHA-256 is not the one announced; it was dropped");
	return STAGING_HASH;
}

static enum staging_verdict accept_part(struct staging *s, const struct staging_part *part, uint64_t octets,
                                        int64_t now_ms, struct diag *why)
{
	struct upload *u = &s->uploads[part->slot];

	if (!take_grant(s, u, octets, part->total)) {
		(void)diag_set(why, ERR_AGAIN, "%u uploads are under way; ask again", s->grants->open);
		return STAGING_BUSY;
	}
	u->active_ms = now_ms;
	enum staging_verdict v = write_octets(s, part, octets, why);
	if (v != STAGING_NEXT) {
		give_back(s, u);
		return v;
	}
	if (!take_octets(s, u, part, why)) {
		staging_forget(s, part->slot);
		return STAGING_WORDS;
	}
	return u->next == part->total ? finish(s, part->slot, why) : STAGING_NEXT;
}

static uint64_t length_of(const struct staging_part *part)
{
	uint64_t octets = 0;

	for (size_t i = 0; i < part->piece_count; i++)
		octets += part->pieces[i].len;
	return octets;
}

enum staging_verdict staging_put(struct staging *s, const struct staging_part *part, int64_t now_ms, uint64_t *next,
                                 struct diag *why)
{
	enum staging_verdict v = STAGING_NEXT;
	uint64_t octets = length_of(part);

	CHECK(part->slot < s->slots && part->total == s->octets);
	*next = 0;
	if (octets == 0 || part->offset > part->total || octets > part->total - part->offset) {
		(void)diag_set(why, ERR_PEER_MESSAGE, "a part holds 1 octet at least, and ends with the whole at most");
		return STAGING_LENGTH;
	}
	struct upload *u = &s->uploads[part->slot];
	bool known = u->begun && hash_equal(&u->content, &part->content);
	if (!known && part->offset > 0)
		return STAGING_NEXT; /* nothing of this content is here: from the beginning */
	if (!known)
		begin(s, part->slot, &part->content);
	if (part->offset == u->next)
		v = accept_part(s, part, octets, now_ms, why);
	if (v == STAGING_NEXT)
		*next = s->uploads[part->slot].next;
	return v;
}

void staging_sweep(const char *folder, bool (*keep)(void *context, const char *name), void *context)
{
	DIR *dir = opendir(folder);

	if (dir == NULL)
		return; /* the next open of a file says what is wrong with it */
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.' || keep(context, entry->d_name))
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			log_warning("%s/%s: cannot be removed: %s", folder, entry->d_name, strerror(errno));
	}
	closedir(dir);
}
