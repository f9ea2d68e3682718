#include "certs/issue.h"

#include "base/file.h"
#include "certs/print.h"

#define CERTIFICATE_MODE 0644

enum err issue_write(struct issue *i, struct folder *f, const char *name, const char *out, struct diag *why)
{
	CHECK(!i->pem.failed);
	enum err e = folder_save(f, why);
	if (!e)
		e = folder_keep(i->kept, f, name, &i->leaf, buf_bytes(&i->pem), why);
	if (!e && out)
		e = file_create(out, buf_bytes(&i->pem), CERTIFICATE_MODE, why);
	return e;
}

struct json *issue_answer(const struct issue *i, const char *name, const char *out)
{
	struct json *answer = json_new_object();

	json_set_string(answer, "name", name);
	json_set_string(answer, "certificate", out ? out : i->kept);
	json_set_string(answer, "serial", i->leaf.serial);
	print_set_moment(answer, "until", i->leaf.not_after_s);
	return answer;
}

void issue_answer_fingerprint(struct json *answer, const uint8_t key[IDENTITY_KEY_SIZE])
{
	char words[IDENTITY_FINGERPRINT_SIZE];

	identity_fingerprint(words, key);
	json_set_string(answer, "fingerprint", words);
}
