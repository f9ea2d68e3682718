/* request: the keys of a site, and its request for a certificate. */
#include "client/commands.h"
#include "client/screen.h"
#include "net/enrol.h"

#include <stdio.h>

static struct json *answer_of(const struct enrol_request *q, const char *folder)
{
	struct json *answer = json_new_object();
	char words[IDENTITY_FINGERPRINT_SIZE], path[PATH_SIZE];

	json_set_string(answer, "site", q->name);
	identity_fingerprint(words, q->signing_key);
	json_set_string(answer, "fingerprint", words);
	snprintf(path, sizeof path, "%s/%s", folder, ENROL_REQUEST);
	json_set_string(answer, "request", path);
	return answer;
}

static void print_answer(const struct json *answer)
{
	const struct json *value;

	for (const char *key = json_key_after(answer, NULL, &value); key; key = json_key_after(answer, key, &value))
		printf("%-12s %s\n", key, json_as_string(value));
}

int commands_request(const struct command_line *line, struct diag *why)
{
	const char *folder = command_value(line, "out", 0), *site = command_value(line, "site", 0);
	struct enrol_request q;
	struct json *answer;
	enum err e;

	if (folder == NULL || site == NULL)
		return err_exit(diag_set(why, ERR_USAGE, "request: --out DIR and --site NAME are needed"));
	e = enrol_create(&q, folder, site, command_value(line, "signing-key", 0), why);
	if (e != OK)
		return err_exit(e);
	answer = answer_of(&q, folder);
	if (command_flag(line, "json")) {
		screen_json(answer);
	} else {
		print_answer(answer);
		json_free(answer);
	}
	screen_next("Send %s/%s to the federation's authority, and compare the fingerprint by telephone.", folder,
	            ENROL_REQUEST);
	screen_next("You get back %s.pem (save it as %s/site.pem) and ca.pem. The keys in %s stay here.", site, folder,
	            folder);
	return 0;
}
