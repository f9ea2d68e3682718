#include "client/fingerprint.h"

#include "base/random.h"
#include "base/secret.h"
#include "client/state.h"

#include <unistd.h>

#define TAG "COHRText"
#define KEY_FILE "fingerprint.key"
#define KEY_SIZE 32

static enum err make_key(const char *path, struct diag *why)
{
	struct entropy entropy = entropy_system();
	uint8_t key[KEY_SIZE];
	enum err e;

	entropy_fill(&entropy, key, sizeof key);
	e = secret_write(path, bytes_of(key, sizeof key), why);
	secret_wipe(key, sizeof key);
	return e == ERR_CONFLICT ? OK : e; /* another process was faster: its key is the one */
}

static enum err read_key(struct secret *key, const char *state, struct diag *why)
{
	char path[PATH_SIZE];
	enum err e = state_path(path, state, KEY_FILE, why);

	if (e == OK && access(path, F_OK) != 0)
		e = make_key(path, why);
	if (e == OK)
		e = secret_read(key, path, KEY_SIZE, why);
	if (e == OK && key->len != KEY_SIZE) {
		secret_free(key);
		e = diag_set(why, ERR_DATA, "%s: has not %d bytes; remove it and approve the studies again", path,
		             KEY_SIZE);
	}
	return e;
}

enum err fingerprint_file(struct hash *out, const char *state, const char *path, struct diag *why)
{
	struct secret key = {0};
	struct hash content;
	enum err e = sha256_file(&content, path, why);

	if (e == OK)
		e = read_key(&key, state, why);
	if (e == OK) {
		struct bytes field = bytes_of(content.b, HASH_SIZE);

		hash_fields(out, key.ptr, TAG, &field, 1);
		secret_free(&key);
	}
	return e;
}
