#include "client/roster_file.h"

#include "base/file.h"
#include "client/state.h"
#include "net/identity.h"

#include <string.h>

#define FILE_NAME "roster"

enum err roster_file_read(struct roster *out, struct bytes file, const char *authority, struct diag *why)
{
	struct roster_parts parts;
	struct buf pem = {0};
	enum err e = file_read(&pem, authority, PEM_MAX, why);

	memset(out, 0, sizeof *out);
	if (e == OK)
		e = roster_split(&parts, file, why);
	if (e == OK)
		e = identity_verify(buf_bytes(&pem), ROSTER_TAG, parts.body,
		                    bytes_of(parts.signature, parts.signature_len), why);
	if (e == OK)
		e = roster_parse(out, parts.body, why);
	buf_free(&pem);
	return e;
}

enum err roster_file_store(const char *state, struct bytes file, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = state_path(path, state, FILE_NAME, why);

	return e == OK ? file_replace(path, file, 0600, why) : e;
}

enum err roster_file_load(struct roster *out, const char *state, const char *authority, struct diag *why)
{
	char path[PATH_SIZE];
	struct buf file = {0};
	enum err e = state_path(path, state, FILE_NAME, why);

	memset(out, 0, sizeof *out);
	if (e == OK)
		e = file_read(&file, path, ROSTER_MAX, why);
	if (e == OK)
		e = roster_file_read(out, buf_bytes(&file), authority, why);
	buf_free(&file);
	return e;
}
