/* Temporary folders, written with plain stdio so that a test of base/file.c does not lean on base/file.c. */
#include "tests/support/tempdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define WALK_DESCRIPTORS 16 /* folders that nftw keeps open: deeper ones are reopened */
#define LIVE_MAX 64 /* far more than one program needs at a time */

/* Folders not removed yet, for the end of the program: a failed assertion jumps over tempdir_remove. */
static struct {
	char *paths[LIVE_MAX];
	pid_t owner; /* a forked child that ends by exit() must not remove its parent's folders */
} live;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int remove_folder(const char *path)
{
	return nftw(path, remove_one, WALK_DESCRIPTORS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void remove_live(void)
{
	for (size_t i = 0; i < LIVE_MAX && live.owner == getpid(); i++) {
		if (live.paths[i])
			remove_folder(live.paths[i]);
		free(live.paths[i]);
	}
}

static void live_add(const char *path)
{
	if (live.owner == 0) {
		live.owner = getpid();
		atexit(remove_live);
	}
	for (size_t i = 0; i < LIVE_MAX; i++) {
		if (!live.paths[i]) {
			live.paths[i] = mem_copy_text(path);
			return;
		}
	}
	fail_msg("more than %d temporary folders at once", LIVE_MAX);
}

static void live_drop(const char *path)
{
	for (size_t i = 0; i < LIVE_MAX; i++) {
		if (live.paths[i] && strcmp(live.paths[i], path) == 0) {
			free(live.paths[i]);
			live.paths[i] = NULL;
		}
	}
}

void tempdir_make(struct tempdir *t)
{
	const char *parent = getenv("TMPDIR");

	*t = (struct tempdir){0};
	snprintf(t->path, sizeof t->path, "%s/cohort-test-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(t->path))
		fail_msg("%s: %s", t->path, strerror(errno));
	live_add(t->path);
}

void tempdir_remove(struct tempdir *t)
{
	live_drop(t->path);
	if (t->path[0] && remove_folder(t->path) != 0)
		fail_msg("%s: cannot be removed: %s", t->path, strerror(errno));
	for (size_t i = 0; i < t->path_count; i++)
		free(t->paths[i]);
	free(t->paths);
	*t = (struct tempdir){0};
}

/* Takes over `text`, to be freed with the folder. */
static char *keep(struct tempdir *t, char *text)
{
	t->paths = mem_resize(t->paths, t->path_count + 1, sizeof *t->paths);
	t->paths[t->path_count++] = text;
	return text;
}

const char *tempdir_path(struct tempdir *t, const char *name)
{
	char *path = NULL;

	if (!name)
		return t->path;
	if (asprintf(&path, "%s/%s", t->path, name) < 0)
		fail_msg("out of memory");
	return keep(t, path);
}

void tempdir_folder(struct tempdir *t, const char *name)
{
	if (mkdir(tempdir_path(t, name), 0700) != 0)
		fail_msg("%s/%s: %s", t->path, name, strerror(errno));
}

void tempdir_write(struct tempdir *t, const char *name, const char *text)
{
	tempdir_write_bytes(t, name, bytes_text(text));
}

void tempdir_write_bytes(struct tempdir *t, const char *name, struct bytes data)
{
	const char *path = tempdir_path(t, name);

	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "wb");
	if (!f || fwrite(data.ptr, 1, data.len, f) != data.len || fclose(f) != 0)
		fail_msg("%s: %s", path, strerror(errno));
}

bool tempdir_exists(struct tempdir *t, const char *name)
{
	return faccessat(AT_FDCWD, tempdir_path(t, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

size_t tempdir_count(struct tempdir *t, const char *name)
{
	size_t count = 0;

	DIR *dir = opendir(tempdir_path(t, name));
	if (!dir)
		fail_msg("%s/%s: %s", t->path, name ? name : "", strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			count++;
	closedir(dir);
	return count;
}

const char *tempdir_read(struct tempdir *t, const char *name, size_t *len)
{
	const char *path = tempdir_path(t, name);
	struct stat st;

	FILE *f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st) != 0)
		fail_msg("%s: %s", path, strerror(errno));
	size_t size = (size_t)st.st_size;
	char *text = keep(t, mem_alloc(size + 1));
	if (fread(text, 1, size, f) != size)
		fail_msg("%s: cannot be read", path);
	fclose(f);
	if (len)
		*len = size;
	return text;
}
