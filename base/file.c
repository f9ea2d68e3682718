/*
 * Whole files on a POSIX file system. What a crash may leave behind is decided by the order of the steps in put(); each
 * step's failure is told apart, because "the folder does not exist" is the operator's and "fsync failed" is fatal.
 */
#include "base/file.h"

#include "base/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY_SUFFIX ".new-XXXXXX" /* mkostemp fills in the X */
#define TEMPORARY_PATTERN "*.new-??????"
#define READ_FIRST_SIZE 65536 /* for files whose size is not known before, such as those of /proc */

static enum err read_all(struct buf *out, int fd, size_t want, const char *path, struct diag *why)
{
	for (;;) {
		size_t before = out->len;
		size_t room = want > before ? want - before : out->max - before;
		if (room > READ_FIRST_SIZE && want <= before)
			room = READ_FIRST_SIZE;
		/* When the bound is reached, one more byte tells a full file from one that is too long. */
		uint8_t extra;
		uint8_t *at = room > 0 ? buf_extend(out, room) : &extra;
		ssize_t n = read(fd, at, room > 0 ? room : 1);
		out->len = before;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(why, ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
		if (n == 0)
			return OK;
		if (room == 0)
			return diag_set(why, ERR_LIMIT, "%s: more than the %zu bytes allowed here", path, out->max);
		out->len = before + (size_t)n;
	}
}

enum err file_read(struct buf *out, const char *path, size_t max, struct diag *why)
{
	struct stat st;
	enum err e;

	buf_init(out, max);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* NONBLOCK: a FIFO must not hold us */
	if (fd < 0) {
		e = diag_errno(why, errno, "%s: cannot be opened", path);
		return e == ERR_MEMORY ? e : ERR_NO_INPUT;
	}
	if (fstat(fd, &st) != 0)
		e = diag_errno(why, errno, "%s: cannot be examined", path);
	else if (!S_ISREG(st.st_mode))
		e = diag_set(why, ERR_NO_INPUT, "%s: is not a regular file", path);
	else if ((uintmax_t)st.st_size > max)
		e = diag_set(why, ERR_LIMIT, "%s: has %jd bytes, at most %zu are allowed here", path,
		             (intmax_t)st.st_size, max);
	else
		e = read_all(out, fd, (size_t)st.st_size, path, why);
	close(fd);
	return e;
}

static enum err write_all(int fd, struct bytes data, const char *path, struct diag *why)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.ptr, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_errno(why, errno, "%s: cannot be written", path);
		data = bytes_of(data.ptr + n, data.len - (size_t)n);
	}
	return OK;
}

static enum err sync_fd(int fd, const char *path, struct diag *why)
{
	if (fsync(fd) == 0)
		return OK;
	return diag_set(why, ERR_IO, "%s: fsync failed, what was written may be lost: %s", path, strerror(errno));
}

enum err file_sync(const char *path, struct diag *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		(void)diag_errno(why, errno, "%s: cannot be opened", path);
		return ERR_NO_INPUT;
	}
	enum err e = sync_fd(fd, path, why);
	close(fd);
	return e;
}

enum err file_sync_folder_of(const char *path, struct diag *why)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return file_sync(".", why);
	if (slash == path)
		return file_sync("/", why);
	char *folder = mem_copy_text(path);
	folder[slash - path] = '\0';
	enum err e = file_sync(folder, why);
	free(folder);
	return e;
}

/* Gives the finished temporary file its name. With `fresh` an existing file wins: errno is EEXIST then. */
static int take_name(const char *temporary, const char *path, bool fresh)
{
	if (!fresh)
		return rename(temporary, path);
	if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL) /* EINVAL: a file system without that flag, such as NFS, which has hard links */
		return -1;
	if (link(temporary, path) != 0)
		return -1;
	return unlink(temporary);
}

static enum err fill(int fd, struct bytes data, unsigned mode, const char *path, struct diag *why)
{
	if (fchmod(fd, (mode_t)mode) != 0)
		return diag_errno(why, errno, "%s: its mode cannot be set", path);
	enum err e = write_all(fd, data, path, why);
	return e ? e : sync_fd(fd, path, why);
}

static enum err put(const char *path, struct bytes data, unsigned mode, bool fresh, struct diag *why)
{
	char temporary[PATH_SIZE];

	int n = snprintf(temporary, sizeof temporary, "%s%s", path, TEMPORARY_SUFFIX);
	if (n < 0 || (size_t)n >= sizeof temporary)
		return diag_set(why, ERR_CREATE, "%s: the path is too long", path);
	int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		enum err e = diag_errno(why, errno, "%s: cannot be created in its folder", path);
		return e == ERR_FULL ? e : ERR_CREATE;
	}
	enum err e = fill(fd, data, mode, path, why);
	if (close(fd) != 0 && !e) /* NFS and quotas may report a failed write only here */
		e = diag_errno(why, errno, "%s: cannot be written", path);
	if (!e && take_name(temporary, path, fresh) != 0) {
		if (fresh && errno == EEXIST)
			e = diag_set(why, ERR_CONFLICT, "%s: exists already; remove it or choose another name", path);
		else
			e = diag_set(why, ERR_CREATE, "%s: cannot be put in place: %s", path, strerror(errno));
	}
	if (e) {
		unlink(temporary);
		return e;
	}
	return file_sync_folder_of(path, why);
}

enum err file_replace(const char *path, struct bytes data, unsigned mode, struct diag *why)
{
	return put(path, data, mode, false, why);
}

enum err file_create(const char *path, struct bytes data, unsigned mode, struct diag *why)
{
	return put(path, data, mode, true, why);
}

enum err file_sweep(const char *folder, struct diag *why)
{
	enum err e = OK;
	DIR *dir = opendir(folder);

	if (!dir) {
		(void)diag_errno(why, errno, "%s: cannot be listed", folder);
		return ERR_NO_INPUT;
	}
	for (struct dirent *entry; !e && (entry = readdir(dir));) {
		if (fnmatch(TEMPORARY_PATTERN, entry->d_name, 0) != 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0 && errno != ENOENT)
			e = diag_set(why, ERR_IO, "%s/%s: cannot be removed: %s", folder, entry->d_name,
			             strerror(errno));
	}
	closedir(dir);
	return e;
}
