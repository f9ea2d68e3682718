/*
 * Locked memory and key files. The checks on a key file are made on the open descriptor, so that the file that was
 * examined is the one that is read.
 */
#include "base/secret.h"

#include "base/file.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE_MODE 0600
#define FORBIDDEN_BITS 0077 /* any right of group or others */
#define CREDENTIAL_BITS 0040 /* systemd grants the service's user by an ACL, whose mask shows as group-read */

void secret_init(void)
{
	const struct rlimit none = {0, 0};

	CHECK(sodium_init() >= 0);
	/* A limit of 0 stops core files, but not a handler that the kernel pipes them to (systemd-coredump). */
	CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
	CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

void secret_new(struct secret *s, size_t len)
{
	CHECK(sodium_init() >= 0); /* sodium_malloc aborts without a word before it; the second call only looks */
	s->ptr = sodium_malloc(len);
	if (!s->ptr)
		mem_exhausted(len, 1);
	s->len = len;
	sodium_memzero(s->ptr, len);
}

void secret_free(struct secret *s)
{
	sodium_free(s->ptr); /* wipes first */
	*s = (struct secret){0};
}

void secret_wipe(void *ptr, size_t len)
{
	sodium_memzero(ptr, len);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	if (a->len != b->len)
		return false;
	return sodium_memcmp(a->ptr, b->ptr, a->len) == 0;
}

/* Whether `path` lies below $CREDENTIALS_DIRECTORY, links and ".." resolved. */
static bool is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char real_folder[PATH_SIZE], real_path[PATH_SIZE];

	if (!folder || !realpath(folder, real_folder) || !realpath(path, real_path))
		return false;
	size_t len = strlen(real_folder);
	return strncmp(real_path, real_folder, len) == 0 && real_path[len] == '/';
}

static enum err examine(const struct stat *st, const char *path, size_t max, struct diag *why)
{
	mode_t forbidden = FORBIDDEN_BITS;

	if (!S_ISREG(st->st_mode))
		return diag_set(why, ERR_NO_INPUT, "%s: is not a regular file", path);
	if (is_credential(path))
		forbidden &= ~(mode_t)CREDENTIAL_BITS;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return diag_set(why, ERR_REFUSED, "%s: belongs to user %u; it must belong to user %u, who runs this",
		                path, (unsigned)st->st_uid, (unsigned)geteuid());
	if (st->st_mode & forbidden)
		return diag_set(why, ERR_REFUSED, "%s: mode %04o lets others use this secret; run: chmod 600 %s", path,
		                (unsigned)st->st_mode & 07777, path);
	if (st->st_size == 0)
		return diag_set(why, ERR_DATA, "%s: is empty", path);
	if ((uintmax_t)st->st_size > max)
		return diag_set(why, ERR_LIMIT, "%s: has %jd bytes, at most %zu are allowed here", path,
		                (intmax_t)st->st_size, max);
	return OK;
}

static enum err read_exactly(struct secret *s, int fd, const char *path, struct diag *why)
{
	for (size_t have = 0; have < s->len;) {
		ssize_t n = read(fd, s->ptr + have, s->len - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return diag_set(why, ERR_IO, "%s: cannot be read: %s", path,
			                n < 0 ? strerror(errno) : "it shrank");
		have += (size_t)n;
	}
	return OK;
}

enum err secret_read(struct secret *out, const char *path, size_t max, struct diag *why)
{
	struct stat st;

	*out = (struct secret){0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* NONBLOCK: a FIFO must not hold us */
	if (fd < 0) {
		(void)diag_errno(why, errno, "%s: cannot be opened", path);
		return ERR_NO_INPUT;
	}
	enum err e = fstat(fd, &st) == 0 ? examine(&st, path, max, why)
	                                 : diag_errno(why, errno, "%s: cannot be examined", path);
	if (!e) {
		secret_new(out, (size_t)st.st_size);
		e = read_exactly(out, fd, path, why);
		if (e)
			secret_free(out);
	}
	close(fd);
	return e;
}

enum err secret_write(const char *path, struct bytes data, struct diag *why)
{
	return file_create(path, data, SECRET_FILE_MODE, why);
}
