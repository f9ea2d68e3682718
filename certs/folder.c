/*
 * A new authority is made in a folder beside its place and renamed into it, so a crash leaves none or a whole one.
 */
#include "certs/folder.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define AUTHORITY_KEY "ca.key"
#define INDEX "index.json"
#define CERTIFICATES "certs"
#define FOLDER_MODE 0700
#define PUBLIC_MODE 0644
#define FORBIDDEN_BITS 0022 /* whoever can write here can replace the authority */

enum err folder_path(char out[PATH_SIZE], const char *folder, const char *name, struct diag *why)
{
	int length = snprintf(out, PATH_SIZE, "%s/%s", folder, name);
	if (length < 0 || length >= PATH_SIZE)
		return diag_set(why, ERR_USAGE, "%s: the path is too long", folder);
	return OK;
}

enum err folder_free_path(const char *path, struct diag *why)
{
	struct stat st;
	if (lstat(path, &st) == 0)
		return diag_set(why, ERR_CONFLICT,
		                "%s: exists already and is not overwritten; move it or choose another", path);
	return OK;
}

/* ---- a new one */

static enum err fill(const char *folder, const char *federation, int64_t now_s, struct diag *why)
{
	char certificate[PATH_SIZE], key[PATH_SIZE], index[PATH_SIZE], certificates[PATH_SIZE];
	struct registry empty;

	enum err e = folder_path(certificate, folder, FOLDER_AUTHORITY, why);
	if (!e)
		e = folder_path(key, folder, AUTHORITY_KEY, why);
	if (!e)
		e = folder_path(index, folder, INDEX, why);
	if (!e)
		e = folder_path(certificates, folder, CERTIFICATES, why);
	if (!e)
		e = ca_create(certificate, key, federation, now_s, why);
	if (!e && mkdir(certificates, FOLDER_MODE) != 0)
		e = diag_errno(why, errno, "%s: cannot be made", certificates);
	if (e)
		return e;
	registry_new(&empty, federation);
	e = registry_save(&empty, index, why);
	registry_free(&empty);
	return e;
}

static void undo(const char *folder)
{
	static const char *const files[] = {FOLDER_AUTHORITY, AUTHORITY_KEY, INDEX};
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!folder_path(path, folder, files[i], NULL))
			unlink(path);
	if (!folder_path(path, folder, CERTIFICATES, NULL))
		rmdir(path);
	rmdir(folder);
}

enum err folder_init(const char *path, const char *federation, int64_t now_s, struct diag *why)
{
	char place[PATH_SIZE], beside[PATH_SIZE];

	int length = snprintf(place, sizeof(place), "%s", path);
	while (length > 1 && length < PATH_SIZE && place[length - 1] == '/')
		place[--length] = '\0';
	int beside_length = snprintf(beside, sizeof(beside), "%s.new-XXXXXX", place);
	if (length >= PATH_SIZE || beside_length >= PATH_SIZE)
		return diag_set(why, ERR_USAGE, "%s: the path is too long", path);
	if (!mkdtemp(beside)) {
		(void)diag_errno(why, errno, "%s: cannot be made here", path);
		return ERR_CREATE;
	}
	enum err e = fill(beside, federation, now_s, why);
	/* rename takes the place of an empty folder, never of a full one. */
	if (!e && rename(beside, place) != 0) {
		bool full = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;
		e = full ? diag_set(why, ERR_CONFLICT, "%s: exists already; an authority needs a new folder", path)
		         : diag_set(why, ERR_CREATE, "%s: cannot be put in place: %s", path, strerror(errno));
	}
	if (e) {
		undo(beside);
		return e;
	}
	return file_sync_folder_of(place, why);
}

/* ---- an existing one */

static enum err read_book(struct folder *f, struct diag *why)
{
	char path[PATH_SIZE];
	struct buf pem = {0};

	enum err e = folder_path(path, f->path, INDEX, why);
	if (!e)
		e = registry_load(&f->registry, path, why);
	if (!e)
		e = folder_path(path, f->path, FOLDER_AUTHORITY, why);
	if (!e)
		e = file_read(&pem, path, PEM_MAX, why);
	if (!e) {
		e = identity_from_pem(&f->authority, buf_bytes(&pem), why);
		if (e)
			e = diag_prefix(why, e, "%s", path);
	}
	buf_free(&pem);
	if (!e &&
	    (f->authority.kind != IDENTITY_AUTHORITY || strcmp(f->authority.federation, f->registry.federation) != 0))
		e = diag_set(why, ERR_DATA, "%s: is not the authority of federation %s, whose index lies beside it",
		             path, f->registry.federation);
	return e;
}

enum err folder_look(struct folder *f, const char *path, int64_t now_s, struct diag *why)
{
	struct stat st;

	*f = (struct folder){.path = path, .lock = -1, .now_s = now_s};
	if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return diag_set(why, ERR_NO_INPUT, "%s: is no folder; make an authority with: cohort-ca init %s", path,
		                path);
	if (st.st_mode & FORBIDDEN_BITS)
		return diag_set(why, ERR_REFUSED, "%s: mode %04o lets others write here; run: chmod 700 %s", path,
		                (unsigned)st.st_mode & 07777, path);
	return read_book(f, why);
}

static enum err take_lock(struct folder *f, const char *path, struct diag *why)
{
	f->lock = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->lock < 0)
		return diag_set(why, ERR_NO_INPUT, "%s: is no folder; make an authority with: cohort-ca init %s", path,
		                path);
	if (flock(f->lock, LOCK_EX | LOCK_NB) != 0)
		return diag_set(why, ERR_AGAIN, "%s: another cohort-ca is working here; try again", path);
	return OK;
}

enum err folder_open(struct folder *f, const char *path, int64_t now_s, struct diag *why)
{
	char certificate[PATH_SIZE], key[PATH_SIZE];
	struct folder locked = {.lock = -1};

	*f = locked;
	enum err e = take_lock(&locked, path, why);
	if (!e)
		e = folder_look(f, path, now_s, why); /* behind the lock: nobody changes the book any more */
	f->lock = locked.lock;
	if (!e)
		e = folder_path(certificate, path, FOLDER_AUTHORITY, why);
	if (!e)
		e = folder_path(key, path, AUTHORITY_KEY, why);
	if (!e)
		e = ca_open(&f->ca, certificate, key, now_s, why);
	if (!e)
		e = file_sweep(path, why);
	return e;
}

void folder_close(struct folder *f)
{
	registry_free(&f->registry);
	ca_close(f->ca);
	if (f->lock >= 0)
		close(f->lock);
	*f = (struct folder){.lock = -1};
}

enum err folder_save(const struct folder *f, struct diag *why)
{
	char path[PATH_SIZE];

	enum err e = folder_path(path, f->path, INDEX, why);
	return e ? e : registry_save(&f->registry, path, why);
}

enum err folder_keep(char path[PATH_SIZE], const struct folder *f, const char *name, const struct ca_leaf *leaf,
                     struct bytes pem, struct diag *why)
{
	char file[sizeof(CERTIFICATES) + NAME_SIZE + CA_SERIAL_SIZE + 8];

	snprintf(file, sizeof(file), CERTIFICATES "/%s-%s.pem", name, leaf->serial);
	enum err e = folder_path(path, f->path, file, why);
	return e ? e : file_create(path, pem, PUBLIC_MODE, why);
}

enum err folder_write_crl(struct folder *f, struct diag *why)
{
	char path[PATH_SIZE];
	struct ca_revoked *revoked = NULL;
	struct buf pem;

	f->registry.crl_number++;
	size_t count = registry_revoked(&f->registry, &revoked);
	buf_init(&pem, REGISTRY_MAX);
	ca_crl(&pem, f->ca, revoked, count, f->registry.crl_number, f->now_s);
	enum err e = pem.failed ? diag_set(why, ERR_LIMIT, "%s: the revocation list outgrew its bound", f->path) : OK;
	if (!e)
		e = folder_save(f, why);
	if (!e)
		e = folder_path(path, f->path, FOLDER_CRL, why);
	if (!e)
		e = file_replace(path, buf_bytes(&pem), PUBLIC_MODE, why);
	buf_free(&pem);
	free(revoked);
	return e;
}

enum err folder_write_roster(const struct folder *f, struct diag *why)
{
	char path[PATH_SIZE];
	uint8_t signature[CA_SIGNATURE_MAX];
	size_t length = 0;
	struct roster roster;
	struct buf body, file;

	registry_roster(&f->registry, &roster);
	buf_init(&body, ROSTER_MAX);
	buf_init(&file, ROSTER_MAX);
	enum err e = roster_build(&body, &roster, why);
	if (!e) {
		ca_sign(signature, &length, f->ca, ROSTER_TAG, buf_bytes(&body));
		roster_join(&file, buf_bytes(&body), bytes_of(signature, length));
		e = folder_path(path, f->path, FOLDER_ROSTER, why);
	}
	if (!e && (body.failed || file.failed))
		e = diag_set(why, ERR_LIMIT, "%s: the roster outgrew its bound", f->path);
	if (!e)
		e = file_replace(path, buf_bytes(&file), PUBLIC_MODE, why);
	roster_free(&roster);
	buf_free(&body);
	buf_free(&file);
	return e;
}
