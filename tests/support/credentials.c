#include "tests/support/credentials.h"

#include "net/pki.h"

#include <stdio.h>

#define HOUR_S 3600

static void write_file(struct tempdir *t, const char *name, const char *ending, struct buf content)
{
	char file[NAME_SIZE + 8];

	snprintf(file, sizeof file, "%s%s", name, ending);
	tempdir_write_bytes(t, file, buf_bytes(&content));
	buf_free(&content);
}

void credential_make(struct tempdir *t, const char *name, const struct recipe *r, const struct made *issuer,
                     struct made *out)
{
	struct made made = {0};

	certificate_make(&made, r, issuer);
	write_file(t, name, ".pem", certificate_pem(made.certificate));
	write_file(t, name, ".key", certificate_key_pem(made.key));
	if (out)
		*out = made;
	else
		certificate_free(&made);
}

void credential_authority(struct tempdir *t, const char *name, struct made *out)
{
	const struct recipe r = recipe_authority(CREDENTIALS_FEDERATION);
	credential_make(t, name, &r, NULL, out);
}

void credential_coordinator(struct tempdir *t, const char *name, const struct made *issuer)
{
	struct recipe r = recipe_coordinator(CREDENTIALS_FEDERATION);
	r.hosts = "DNS:localhost,IP:127.0.0.1,IP:::1";
	credential_make(t, name, &r, issuer, NULL);
}

struct recipe credential_site_recipe(const char *site)
{
	static const uint8_t signing_key[32] = {1, 2, 3};
	return recipe_site(CREDENTIALS_FEDERATION, site, signing_key);
}

void credential_site(struct tempdir *t, const char *name, const struct made *issuer, struct made *out)
{
	const struct recipe r = credential_site_recipe(name);
	credential_make(t, name, &r, issuer, out);
}

void credential_signing_site(struct tempdir *t, const char *name, const struct made *issuer, uint8_t key[32])
{
	struct evp_pkey_st *signing = pki_key_new_signing();
	struct recipe r;
	char file[NAME_SIZE + 16];

	CHECK(pki_signing_key(key, signing, NULL) == OK);
	snprintf(file, sizeof file, "%s-sign.key", name);
	CHECK(pki_key_write(tempdir_path(t, file), signing, NULL) == OK);
	pki_key_free(signing);
	r = recipe_site(CREDENTIALS_FEDERATION, name, key);
	credential_make(t, name, &r, issuer, NULL);
}

void credential_revocations(struct tempdir *t, const char *name, const struct made *issuer, const struct made *revoked,
                            int64_t next_s)
{
	write_file(t, name, ".pem", certificate_crl(issuer, revoked, -2 * HOUR_S, next_s));
}

struct tls_files credential_files(struct tempdir *t, const char *name)
{
	char pem[NAME_SIZE + 8], key[NAME_SIZE + 8];

	snprintf(pem, sizeof pem, "%s.pem", name);
	snprintf(key, sizeof key, "%s.key", name);
	return (struct tls_files){.certificate = tempdir_path(t, pem),
	                          .key = tempdir_path(t, key),
	                          .authority = tempdir_path(t, "ca.pem")};
}
