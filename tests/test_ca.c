/* cohort-ca as a person runs it: the whole life of a federation, every refusal, and what openssl says of the
 * products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/secret.h"
#include "net/enrol.h"
#include "net/identity.h"
#include "protocol/roster.h"
#include "tests/support/program.h"
#include "tests/support/tempdir.h"

static struct tempdir t;
static struct program p; /* 512 KiB: not on the stack */

static int setup(void **state)
{
	(void)state;
	tempdir_make(&t);
	program_run(&p, "cohort-ca", "init '%s' --federation heart", tempdir_path(&t, "ca"));
	program_expect(&p, 0, "Next: cohort-ca coordinator");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tempdir_remove(&t);
	return 0;
}

static const char *at(const char *name)
{
	return tempdir_path(&t, name);
}

static unsigned mode_of(const char *name)
{
	struct stat st;
	assert_int_equal(stat(at(name), &st), 0);
	return st.st_mode & 07777;
}

/* A site makes its keys and request in a folder of its own. */
static struct enrol_request request(const char *folder, const char *site, const char *signing_key)
{
	struct enrol_request q;
	struct diag why = {0};
	if (enrol_create(&q, at(folder), site, signing_key, &why))
		fail_msg("%s", why.text);
	return q;
}

static struct bytes content(const char *name)
{
	size_t length;
	const char *text = tempdir_read(&t, name, &length);
	return bytes_of(text, length);
}

static struct identity identity_in(const char *name)
{
	struct identity id;
	struct diag why = {0};
	if (identity_from_pem(&id, content(name), &why))
		fail_msg("%s: %s", name, why.text);
	return id;
}

static enum err roster_in(struct roster *out, struct bytes file, struct diag *why)
{
	struct roster_parts parts;

	*out = (struct roster){0};
	enum err e = roster_split(&parts, file, why);
	if (!e)
		e = identity_verify(content("ca/ca.pem"), ROSTER_TAG, parts.body,
		                    bytes_of(parts.signature, parts.signature_len), why);
	return e ? e : roster_parse(out, parts.body, why);
}

static struct roster roster(void)
{
	struct roster r;
	struct diag why = {0};
	if (roster_in(&r, content("ca/roster.signed"), &why))
		fail_msg("%s", why.text);
	return r;
}

/* cohort-ca COMMAND ..., with "DIR" standing for the authority's folder; must succeed. */
static void ca(const char *command, const char *operands)
{
	program_shell(&p, "cd '%s' && \"$BIN/cohort-ca\" %s ca %s", at(NULL), command, operands);
	program_expect(&p, 0, "");
}

static void openssl(int exit_code, const char *words, const char *command)
{
	program_shell(&p, "cd '%s' && openssl %s 2>&1", at(NULL), command);
	if (p.exit_code != exit_code || !strstr(p.out, words))
		fail_msg("openssl %s: exit %d: %s", command, p.exit_code, p.out);
}

/* ---- the life of a federation */

static void a_new_authority(void **state)
{
	(void)state;
	assert_int_equal(mode_of("ca"), 0700);
	assert_int_equal(mode_of("ca/ca.key"), 0600);
	assert_int_equal(mode_of("ca/index.json"), 0600);
	struct identity id = identity_in("ca/ca.pem");
	assert_int_equal(id.kind, IDENTITY_AUTHORITY);
	assert_string_equal(id.federation, "heart");
	assert_int_equal(id.not_after_s - id.not_before_s, 3650 * 86400 + 300);
	openssl(0, "OK", "verify -x509_strict -check_ss_sig -CAfile ca/ca.pem ca/ca.pem");
	openssl(0, "CA:TRUE, pathlen:0", "x509 -in ca/ca.pem -noout -ext basicConstraints,keyUsage");
	assert_non_null(strstr(p.out, "Digital Signature, Certificate Sign, CRL Sign"));
	assert_non_null(strstr(p.out, "Key Usage: critical"));
	assert_int_equal(tempdir_count(&t, NULL), 1); /* nothing lies beside it */
}

static void an_empty_folder_is_taken(void **state)
{
	(void)state;
	tempdir_folder(&t, "empty");
	assert_int_equal(chmod(at("empty"), 0755), 0);
	program_run(&p, "cohort-ca", "init '%s/'", at("empty"));
	program_expect(&p, 0, "");
	assert_int_equal(mode_of("empty"), 0700);
	assert_string_equal(identity_in("empty/ca.pem").federation, "cohort");
}

static void the_coordinators_certificate(void **state)
{
	(void)state;
	ca("coordinator", "--host cohort.example.org --host 127.0.0.1 --host=::1");
	assert_int_equal(mode_of("ca/coordinator/coordinator.key"), 0600);
	struct identity id = identity_in("ca/coordinator/coordinator.pem");
	assert_int_equal(id.kind, IDENTITY_COORDINATOR);
	assert_int_equal(id.not_after_s - id.not_before_s, 90 * 86400 + 300);
	openssl(0, "OK",
	        "verify -x509_strict -CAfile ca/ca.pem -purpose sslserver -verify_hostname "
	        "cohort.example.org ca/coordinator/coordinator.pem");
	openssl(0, "OK", "verify -CAfile ca/ca.pem -verify_ip ::1 ca/coordinator/coordinator.pem");
	openssl(0, "OK", "verify -CAfile ca/ca.pem -verify_ip 127.0.0.1 ca/coordinator/coordinator.pem");
	openssl(2, "hostname mismatch",
	        "verify -CAfile ca/ca.pem -verify_hostname other.org ca/coordinator/coordinator.pem");
	openssl(2, "unsuitable certificate purpose",
	        "verify -CAfile ca/ca.pem -purpose sslclient ca/coordinator/coordinator.pem");
	ca("renew", "coordinator --out renewed.pem");
	struct identity renewed = identity_in("renewed.pem");
	assert_true(hash_equal(&renewed.key_hash, &id.key_hash));
	assert_string_not_equal(renewed.serial, id.serial);
	openssl(0, "OK", "verify -CAfile ca/ca.pem -purpose sslserver -verify_ip 127.0.0.1 renewed.pem");
	ca("coordinator", "--host b.example.org --out second"); /* a second machine, another key */
	assert_int_equal(mode_of("second/coordinator.key"), 0600);
	ca("revoke", "coordinator");
	ca("crl", "");
	program_shell(&p, "openssl crl -in '%s' -noout -text | grep -c 'Serial Number'", at("ca/crl.pem"));
	assert_string_equal(p.out, "3\n");
}

static void a_sites_certificate(void **state)
{
	(void)state;
	char words[IDENTITY_FINGERPRINT_SIZE];
	struct enrol_request q = request("mary", "St-Mary", NULL);

	identity_fingerprint(words, q.signing_key);
	program_run(&p, "cohort-ca", "show '%s'", at("mary/site.csr"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "St-Mary"));
	assert_non_null(strstr(p.out, words));
	ca("sign", "mary/site.csr --out mary/site.pem");
	assert_non_null(strstr(p.out, "number       1\n"));
	assert_non_null(strstr(p.out, words));
	assert_non_null(strstr(p.err, "by telephone"));
	struct identity id = identity_in("mary/site.pem");
	assert_int_equal(id.kind, IDENTITY_SITE);
	assert_string_equal(id.name, "St-Mary");
	assert_string_equal(id.federation, "heart");
	assert_memory_equal(id.signing_key, q.signing_key, sizeof(q.signing_key));
	assert_int_equal(strlen(id.serial), 32);
	assert_int_equal(id.not_after_s - id.not_before_s, 90 * 86400 + 300);
	openssl(0, "OK", "verify -x509_strict -CAfile ca/ca.pem -purpose sslclient mary/site.pem");
	openssl(2, "unsuitable certificate purpose", "verify -CAfile ca/ca.pem -purpose sslserver mary/site.pem");
	openssl(0, "ecdsa-with-SHA256", "x509 -in mary/site.pem -noout -text");
	/* the certificate is of the site's own key, which never left its folder */
	program_shell(&p,
	              "cd '%s' && openssl x509 -in mary/site.pem -noout -pubkey >a && "
	              "openssl pkey -in mary/site.key -pubout | cmp - a",
	              at(NULL));
	program_expect(&p, 0, "");
}

static void renewal_keeps_the_identity(void **state)
{
	(void)state;
	request("a", "a", NULL);
	ca("sign", "a/site.csr --out first.pem");
	ca("renew", "A --out second.pem"); /* names ignore case */
	request("a2", "a", at("a/sign.key"));
	ca("renew", "a2/site.csr --out third.pem");
	struct identity first = identity_in("first.pem"), second = identity_in("second.pem"),
			third = identity_in("third.pem");
	assert_true(hash_equal(&first.key_hash, &second.key_hash));
	assert_false(hash_equal(&first.key_hash, &third.key_hash));
	assert_memory_equal(first.signing_key, second.signing_key, IDENTITY_KEY_SIZE);
	assert_memory_equal(first.signing_key, third.signing_key, IDENTITY_KEY_SIZE);
	assert_string_equal(first.name, third.name);
	assert_string_not_equal(first.serial, second.serial);
	assert_string_not_equal(second.serial, third.serial);
	ca("renew", "a --out fourth.pem"); /* by name: the newest TLS key */
	struct identity fourth = identity_in("fourth.pem");
	assert_true(hash_equal(&fourth.key_hash, &third.key_hash));
	ca("roster", "");
	struct roster r = roster();
	assert_int_equal(r.version, 2); /* renewals change nothing in it */
	assert_int_equal(r.count, 1);
	roster_free(&r);
}

static void revocation_and_return(void **state)
{
	(void)state;
	struct enrol_request a = request("a", "a", NULL);
	request("b", "b", NULL);
	ca("sign", "a/site.csr --out a.pem");
	ca("sign", "b/site.csr --out b.pem");
	ca("renew", "b --out b2.pem");
	ca("crl", "");
	openssl(0, "OK", "verify -crl_check -CAfile ca/ca.pem -CRLfile ca/crl.pem b.pem");
	ca("revoke", "B");
	assert_non_null(strstr(p.err, "until then B can connect"));
	openssl(0, "OK", "verify -crl_check -CAfile ca/ca.pem -CRLfile ca/crl.pem a.pem");
	openssl(2, "certificate revoked", "verify -crl_check -CAfile ca/ca.pem -CRLfile ca/crl.pem b.pem");
	openssl(2, "certificate revoked", "verify -crl_check -CAfile ca/ca.pem -CRLfile ca/crl.pem b2.pem");
	openssl(0, "verify OK", "crl -in ca/crl.pem -CAfile ca/ca.pem -noout -nextupdate");
	struct roster r = roster();
	assert_int_equal(r.version, 4); /* 1, a, b, b revoked */
	assert_int_equal(r.count, 1);
	assert_null(roster_find(&r, "b"));
	const struct roster_site *listed = roster_find(&r, "a");
	assert_non_null(listed);
	assert_int_equal(listed->number, 1);
	assert_memory_equal(listed->key, a.signing_key, sizeof(a.signing_key));
	roster_free(&r);

	struct enrol_request again = request("b-again", "b", NULL); /* the same hospital with new keys: a new number */
	ca("sign", "b-again/site.csr --out b3.pem");
	ca("roster", "");
	r = roster();
	assert_int_equal(r.version, 5);
	assert_int_equal(r.count, 2);
	assert_int_equal(roster_find(&r, "b")->number, 3);
	assert_memory_equal(roster_find(&r, "b")->key, again.signing_key, sizeof(again.signing_key));
	roster_free(&r);
	openssl(0, "OK", "verify -crl_check -CAfile ca/ca.pem -CRLfile ca/crl.pem b3.pem");
	ca("revoke", "b");
	ca("revoke", "b"); /* again: the lists are written once more, nothing else changes */
	assert_non_null(strstr(p.err, "revoked before"));
	r = roster();
	assert_int_equal(r.version, 6);
	roster_free(&r);
}

static void the_crl_is_numbered_and_dated(void **state)
{
	(void)state;
	ca("crl", "");
	ca("crl", "");
	openssl(0, "CRL Number: \n                2", "crl -in ca/crl.pem -noout -text");
	program_run(&p, "cohort-ca", "crl '%s' --json", at("ca"));
	program_expect(&p, 0, "");
	assert_non_null(strstr(p.out, "\"crl_number\": 3"));
	program_shell(
		&p,
		"cd '%s' && a=$(date -d \"$(openssl crl -in ca/crl.pem -noout -nextupdate | cut -d= -f2)\" +%%s) && "
		"b=$(date +%%s) && expr \\( $a - $b + 43200 \\) / 86400",
		at(NULL));
	assert_string_equal(p.out, "30\n");
}

/* A roster with one byte changed, anywhere in its file, is refused: by its form, its spelling or its signature. */
static void an_altered_roster_is_refused(void **state)
{
	(void)state;
	struct roster r;
	struct diag why = {0};

	request("a", "a", NULL);
	ca("sign", "a/site.csr");
	ca("roster", "");
	struct bytes file = content("ca/roster.signed");
	assert_int_equal(roster_in(&r, file, &why), OK);
	roster_free(&r);
	uint8_t *altered = malloc(file.len);
	memcpy(altered, file.ptr, file.len);
	for (size_t i = 0; i < file.len; i++) {
		altered[i] ^= 1;
		if (roster_in(&r, bytes_of(altered, file.len), &why) == OK)
			fail_msg("byte %zu may be changed", i);
		altered[i] ^= 1;
		assert_int_not_equal(roster_in(&r, bytes_of(altered, i), &why), OK);
	}
	free(altered);
	/* openssl verifies it too, from what protocol/roster.h says: tag, length, body. */
	program_shell(&p,
	              "cd '%s' && body=$(sed -n 2p ca/roster.signed) && n=${#body} && "
	              "{ printf COHRTros; printf \"\\\\$(printf %%o $((n %% 256)))\\\\$(printf %%o $((n / "
	              "256)))\\000\\000\"; "
	              "printf %%s \"$body\"; } >message && "
	              "sed -n 3p ca/roster.signed | python3 -c 'import sys; "
	              "sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >signature && "
	              "openssl x509 -in ca/ca.pem -noout -pubkey >key && "
	              "openssl dgst -sha256 -verify key -signature signature message",
	              at(NULL));
	program_expect(&p, 0, "");
	assert_string_equal(p.out, "Verified OK\n");
}

static void the_list(void **state)
{
	(void)state;
	struct json *root;
	struct diag why = {0};

	request("a", "a", NULL);
	request("b", "b", NULL);
	ca("sign", "a/site.csr");
	ca("sign", "b/site.csr");
	ca("revoke", "b");
	ca("list", "");
	assert_non_null(strstr(p.out, "federation heart"));
	assert_non_null(strstr(p.out, "revoked"));
	ca("list", "--json");
	assert_int_equal(json_parse(&root, bytes_text(p.out), sizeof(p.out), "list", &why), OK);
	const struct json *sites = json_get(root, "sites");
	assert_int_equal(json_count(sites), 2);
	assert_string_equal(json_as_string(json_get(json_at(sites, 0), "state")), "enrolled");
	assert_string_equal(json_as_string(json_get(json_at(sites, 1), "state")), "revoked");
	assert_int_equal(json_as_integer(json_get(root, "roster_version")), 4);
	json_free(root);
	program_shell(&p, "\"$BIN/cohort-ca\" list '%s' --json | python3 -m json.tool >/dev/null", at("ca"));
	program_expect(&p, 0, "");
	assert_int_equal(unlink(at("ca/ca.key")), 0); /* looking needs no key */
	ca("list", "");
}

static void a_told_fingerprint(void **state)
{
	(void)state;
	char words[IDENTITY_FINGERPRINT_SIZE], command[200];
	struct enrol_request q = request("a", "a", NULL);

	identity_fingerprint(words, q.signing_key);
	snprintf(command, sizeof(command), "a/site.csr --fingerprint %s", words);
	ca("sign", command);
	assert_null(strstr(p.err, "telephone"));
}

/* ---- refusals: the exit code, the words, and nothing written */

static void refused(int exit_code, const char *words, const char *command)
{
	char *before = program_snapshot(at(NULL));
	program_shell(&p, "cd '%s' && \"$BIN/cohort-ca\" %s", at(NULL), command);
	if (p.exit_code != exit_code || !strstr(p.err, words))
		fail_msg("cohort-ca %s: exit %d, expected %d: %s", command, p.exit_code, exit_code, p.err);
	assert_string_equal(p.out, "");
	assert_int_equal(strspn(p.err, "\n"), 0);
	assert_ptr_equal(strchr(p.err, '\n'), p.err + strlen(p.err) - 1); /* one line */
	char *after = program_snapshot(at(NULL));
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void wrong_command_lines(void **state)
{
	(void)state;
	refused(64, "which command?", "");
	refused(64, "did you mean sign?", "sing ca x");
	refused(64, "init: something is missing", "init");
	refused(64, "federation name \"Heart\"", "init new --federation Heart");
	refused(64, "--host cohort.example.org", "coordinator ca");
	refused(64, "\"a_b\" is no host name", "coordinator ca --host a_b");
	refused(64, "\"1.2.3\" is no host name", "coordinator ca --host 1.2.3");
	refused(64, "\"*.example.org\" is no host", "coordinator ca --host '*.example.org'");
	refused(64, "\"\" is no host", "coordinator ca --host ''");
	refused(64, "\"a,URI:cohort://heart/coordinator\" is no",
	        "coordinator ca --host 'a,URI:cohort://heart/coordinator'");
	refused(64, "did you mean --federation?", "init new --federatio heart");
	refused(64, "something is missing", "revoke ca");
	program_run(&p, "cohort-ca", "--version");
	program_expect(&p, 0, "");
	assert_memory_equal(p.out, "cohort-ca ", 10);
}

static void wrong_folders(void **state)
{
	(void)state;
	tempdir_write(&t, "file", "x");
	tempdir_folder(&t, "bare");
	request("a", "a", NULL);
	refused(65, "ca: exists already", "init ca");
	refused(65, "file: exists already", "init file");
	refused(73, "no/such: cannot be made", "init no/such");
	refused(66, "none: is no folder; make an authority with: cohort-ca init none", "list none");
	refused(66, "none: is no folder", "sign none a/site.csr");
	refused(66, "file: is no folder", "crl file");
	refused(66, "bare/index.json", "roster bare");
	assert_int_equal(chmod(at("ca"), 0770), 0);
	refused(77, "run: chmod 700 ca", "crl ca");
	assert_int_equal(chmod(at("ca"), 0700), 0);
	int lock = open(at("ca"), O_RDONLY | O_DIRECTORY);
	assert_true(lock >= 0 && flock(lock, LOCK_EX) == 0);
	refused(75, "another cohort-ca is working here", "crl ca");
	close(lock);
}

static void wrong_keys(void **state)
{
	(void)state;
	request("a", "a", NULL);
	assert_int_equal(chmod(at("ca/ca.key"), 0640), 0);
	refused(77, "run: chmod 600 ca/ca.key", "sign ca a/site.csr");
	refused(77, "mode 0640", "crl ca");
	assert_int_equal(chmod(at("ca/ca.key"), 0600), 0);
	program_run(&p, "cohort-ca", "init '%s' --federation heart", at("other"));
	program_shell(&p, "cd '%s' && mv ca/ca.key k && cp -p other/ca.key ca/", at(NULL));
	refused(77, "ca/ca.key: is not the key of ca/ca.pem", "sign ca a/site.csr");
	tempdir_write(&t, "ca/ca.key", "no key");
	refused(65, "ca/ca.key: is no private key", "roster ca");
	assert_int_equal(unlink(at("ca/ca.key")), 0);
	refused(66, "ca/ca.key: cannot be opened", "roster ca");
	program_shell(&p,
	              "cd '%s' && mv k ca/ca.key && openssl pkey -in ca/ca.key -aes128 -passout pass:x -out e && "
	              "cp e ca/ca.key",
	              at(NULL));
	refused(65, "without a password", "roster ca");
}

static void wrong_books(void **state)
{
	(void)state;
	request("a", "a", NULL);
	program_shell(&p, "cd '%s' && cp -p ca/index.json good && echo x >>ca/index.json", at(NULL));
	refused(65, "ca/index.json", "sign ca a/site.csr");
	program_shell(&p, "cd '%s' && sed 's/\"format\": 1/\"format\": 2/' good >ca/index.json", at(NULL));
	refused(65, "use a newer cohort-ca", "list ca");
	program_shell(&p, "cd '%s' && sed 's/heart/lungs/' good >ca/index.json", at(NULL));
	refused(65, "ca/ca.pem: is not the authority of federation lungs", "crl ca");
	program_shell(&p, "cd '%s' && cp good ca/index.json && echo x >ca/ca.pem", at(NULL));
	refused(65, "ca/ca.pem: is no certificate", "crl ca");
}

static void wrong_requests(void **state)
{
	(void)state;
	tempdir_write(&t, "text.csr", "hello");
	request("a", "a", NULL);
	refused(66, "none.csr: cannot be opened", "sign ca none.csr");
	refused(65, "text.csr: is no certificate request", "sign ca text.csr");
	refused(65, "text.csr: is no certificate request", "show text.csr");
	refused(65, "a/site.key: is no certificate request", "sign ca a/site.key");
	program_shell(&p,
	              "cd '%s' && openssl req -new -newkey rsa:2048 -nodes -keyout r.key -subj /CN=a -out rsa.csr && "
	              "openssl req -new -key a/site.key -subj /CN=a -out plain.csr && "
	              "head -c 70000 /dev/zero >large.csr && mkdir folder.csr",
	              at(NULL));
	refused(65, "ECDSA P-256 is needed", "sign ca rsa.csr");
	refused(65, "make it with `cohort-client request`", "sign ca plain.csr");
	refused(65, "large.csr: has 70000 bytes", "sign ca large.csr");
	refused(66, "folder.csr: is not a regular file", "sign ca folder.csr");
	refused(77, "do not sign; ask a", "sign ca a/site.csr --fingerprint 0000-0000-0000-0000-0000-0000-0000-0000");
	tempdir_write(&t, "taken.pem", "precious");
	refused(65, "taken.pem: exists already", "sign ca a/site.csr --out taken.pem");
}

static void who_is_enrolled_already(void **state)
{
	(void)state;
	request("a", "a", NULL);
	request("thief", "A", NULL); /* another hospital, or someone who says so, takes the name */
	request("twin", "b", at("a/sign.key")); /* one hospital under two names */
	ca("sign", "a/site.csr --out a.pem");
	refused(65, "a is enrolled already as number 1; for another certificate: cohort-ca renew",
	        "sign ca a/site.csr");
	refused(77, "a site a is enrolled with another signing key", "sign ca thief/site.csr");
	refused(77, "its signing key belongs to a", "sign ca twin/site.csr");
	refused(77, "is not by the signing key with which a was enrolled", "renew ca thief/site.csr");
	refused(66, "b: is not enrolled", "renew ca twin/site.csr");
	refused(66, "c: neither a site", "renew ca c");
	refused(66, "c: is not enrolled; cohort-ca list ca", "revoke ca c");
	refused(66, "the coordinator has no certificate", "renew ca coordinator");
	refused(66, "the coordinator has no certificate", "revoke ca coordinator");
	refused(65, "a.pem: exists already", "renew ca a --out a.pem");
	tempdir_write(&t, "A", "a file with a site's name");
	refused(64, "for the file write ./A", "renew ca A");
	refused(65, "./A: is no certificate request", "renew ca ./A");
	assert_int_equal(unlink(at("A")), 0);
	ca("revoke", "a");
	refused(77, "a: was revoked on", "renew ca a");
	refused(77, "a: was revoked on", "renew ca a/site.csr");
	refused(77, "its signing key was revoked with a", "sign ca a/site.csr");
	refused(77, "its signing key was revoked with a", "sign ca twin/site.csr");
}

/* The TLS key of one site in the request of another: a stolen site.key under a new name. */
static void a_tls_key_has_one_owner(void **state)
{
	(void)state;
	request("a", "a", NULL);
	ca("sign", "a/site.csr");
	/* by hand, as no program of ours would make it: key of a, name and proof of b (net/enrol.h) */
	request("b", "b", NULL);
	program_shell(&p,
	              "cd '%s' && spki=$(openssl pkey -in a/site.key -pubout -outform DER | od -An -v -tx1 | tr -d ' "
	              "\\n') && "
	              "{ printf 'COHRTreq\\001\\000\\000\\000b\\133\\000\\000\\000'; "
	              "openssl pkey -in a/site.key -pubout -outform DER; } >m && "
	              "openssl pkeyutl -sign -inkey b/sign.key -rawin -in m -out s && "
	              "proof=$(od -An -v -tx1 s | tr -d ' \\n') && "
	              "key=$(openssl pkey -in b/sign.key -pubout -outform DER | tail -c 32 | od -An -v -tx1 | tr -d ' "
	              "\\n') && "
	              "openssl req -new -key a/site.key -subj /CN=b -addext "
	              "\"subjectAltName=URI:cohort-request://b/ed25519/$key/$proof\" -out forged.csr",
	              at(NULL));
	program_expect(&p, 0, "");
	program_run(&p, "cohort-ca", "show '%s'", at("forged.csr")); /* both proofs hold */
	program_expect(&p, 0, "");
	refused(77, "its TLS key belongs to a", "sign ca forged.csr");
	ca("revoke", "a");
	refused(77, "its TLS key was revoked with a certificate of a", "sign ca forged.csr");
}

static void the_coordinators_files_are_kept(void **state)
{
	(void)state;
	ca("coordinator", "--host a.org");
	refused(65, "coordinator.key: exists already", "coordinator ca --host a.org");
	tempdir_folder(&t, "half");
	tempdir_write(&t, "half/coordinator.pem", "precious");
	refused(65, "half/coordinator.pem: exists already", "coordinator ca --host a.org --out half");
	refused(73, "no/such: cannot be made", "coordinator ca --host a.org --out no/such");
}

static void full_output(void **state)
{
	(void)state;
	program_shell(&p, "\"$BIN/cohort-ca\" list '%s' >/dev/full", at("ca"));
	program_expect(&p, 74, "the output could not be written");
}

static void any_directory(void **state)
{
	(void)state;
	program_shell(&p, "cd '%s/ca/certs' && \"$BIN/cohort-ca\" coordinator .. --host a.org", at(NULL));
	program_expect(&p, 0, "");
	assert_true(tempdir_exists(&t, "ca/coordinator/coordinator.pem"));
	program_shell(&p, "cd / && \"$BIN/cohort-ca\" list '%s'", at("ca"));
	program_expect(&p, 0, "");
}

/* A command is killed at its first write (a limit of 0 on file sizes): the folder is as before, and works. */
static void killed_while_writing(void **state)
{
	(void)state;
	request("a", "a", NULL);
	program_shell(&p, "cd '%s' && ulimit -c 0 && ulimit -f 0 && exec \"$BIN/cohort-ca\" sign ca a/site.csr",
	              at(NULL));
	assert_true(p.signal != 0 || p.exit_code > 1);
	ca("list", "--json");
	assert_non_null(strstr(p.out, "\"sites\": []"));
	ca("sign", "a/site.csr --out a.pem");
	program_shell(&p, "ls '%s' | grep -c new-", at("ca")); /* what was left has been swept */
	assert_string_equal(p.out, "0\n");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_authority),
		CASE(an_empty_folder_is_taken),
		CASE(the_coordinators_certificate),
		CASE(a_sites_certificate),
		CASE(renewal_keeps_the_identity),
		CASE(revocation_and_return),
		CASE(the_crl_is_numbered_and_dated),
		CASE(an_altered_roster_is_refused),
		CASE(the_list),
		CASE(a_told_fingerprint),
		CASE(wrong_command_lines),
		CASE(wrong_folders),
		CASE(wrong_keys),
		CASE(wrong_books),
		CASE(wrong_requests),
		CASE(who_is_enrolled_already),
		CASE(a_tls_key_has_one_owner),
		CASE(the_coordinators_files_are_kept),
		CASE(full_output),
		CASE(any_directory),
		CASE(killed_while_writing),
	};
	secret_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
