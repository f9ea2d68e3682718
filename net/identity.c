/*
 * From a certificate to a name. All rules are about what stands in the one certificate; nothing is looked up, so the
 * same bytes are the same identity in the server, in a client and in the authority's tool.
 */
#include "net/identity.h"

#include "base/name.h"
#include "net/pki.h"

#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SCHEME "cohort://"
#define URI_PARTS_MAX 5 /* FEDERATION/site/NAME/ed25519/KEY */
#define AUTHORITIES_MAX 4 /* an authority, its successor, and room for a mistake */
#define MINUTE_S 60
#define HOUR_S 3600
#define DAY_S 86400

const char *identity_kind_text(enum identity_kind kind)
{
	static const char *const texts[] = {"site", "coordinator", "authority"};
	CHECK((unsigned)kind < sizeof(texts) / sizeof(texts[0]));
	return texts[kind];
}

/* One URI, understood. */
struct claim {
	enum identity_kind kind;
	const char *federation, *name; /* into the text that was cut */
	uint8_t key[IDENTITY_KEY_SIZE];
	bool has_key;
};

static bool claim_read(struct claim *c, char *uri)
{
	char *parts[URI_PARTS_MAX];

	*c = (struct claim){0};
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return false;
	size_t count = pki_uri_parts(parts, URI_PARTS_MAX, uri + strlen(SCHEME));
	if (count < 2 || !name_is_federation(parts[0]))
		return false;
	c->federation = parts[0];
	c->name = parts[1];
	if (count == 2 && strcmp(parts[1], "authority") == 0) {
		c->kind = IDENTITY_AUTHORITY;
		return true;
	}
	if (count == 2 && strcmp(parts[1], "coordinator") == 0) {
		c->kind = IDENTITY_COORDINATOR;
		return true;
	}
	if (count < 3 || strcmp(parts[1], "site") != 0 || !name_is_site(parts[2]))
		return false;
	c->kind = IDENTITY_SITE;
	c->name = parts[2];
	c->has_key = count == 5;
	return count == 3 ||
	       (c->has_key && strcmp(parts[3], "ed25519") == 0 && hex_decode(c->key, IDENTITY_KEY_SIZE, parts[4]));
}

/* The first claim fills `out`; the second must be a site's key for the same name. */
static enum err claims_merge(struct identity *out, const struct claim *first, const struct claim *second,
                             struct diag *why)
{
	if (second && (second->kind != first->kind || strcmp(second->name, first->name) != 0 ||
	               strcmp(second->federation, first->federation) != 0))
		return diag_set(why, ERR_REFUSED,
		                "certificate names two owners: %s of federation %s and %s of federation %s",
		                first->name, first->federation, second->name, second->federation);
	const struct claim *keyed = second && second->has_key ? second : first;
	if (first->kind == IDENTITY_SITE && (!second || !keyed->has_key || first->has_key == second->has_key))
		return diag_set(why, ERR_REFUSED,
		                "certificate of site %s must have one URI with its name and one with its Ed25519 key",
		                first->name);
	if (first->kind != IDENTITY_SITE && second)
		return diag_set(why, ERR_REFUSED, "certificate repeats its URI");
	out->kind = first->kind;
	memcpy(out->federation, first->federation, strlen(first->federation) + 1);
	memcpy(out->name, first->name, strlen(first->name) + 1);
	memcpy(out->signing_key, keyed->key, IDENTITY_KEY_SIZE);
	return OK;
}

static enum err read_claims(struct identity *out, const X509 *x, struct diag *why)
{
	struct pki_uris uris;
	struct claim claims[2];
	int critical = 0;

	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, &critical, NULL);
	if (!names && critical != -1) {
		ERR_clear_error();
		return diag_set(why, ERR_REFUSED, "certificate has broken or repeated alternative names");
	}
	enum err e = pki_uris(&uris, names, why);
	GENERAL_NAMES_free(names);
	if (e)
		return diag_prefix(why, ERR_REFUSED, "certificate");
	if (uris.count == 0)
		return diag_set(why, ERR_REFUSED, "certificate names nobody: it has no %s URI", SCHEME);
	if (uris.count > 2)
		return diag_set(why, ERR_REFUSED, "certificate has %zu URIs, a site's has two", uris.count);
	for (size_t i = 0; i < uris.count; i++) {
		char shown[PKI_URI_SIZE];
		memcpy(shown, uris.text[i], PKI_URI_SIZE);
		if (!claim_read(&claims[i], uris.text[i]))
			return diag_set(why, ERR_REFUSED, "certificate has a URI of another kind: \"%s\"", shown);
	}
	return claims_merge(out, &claims[0], uris.count == 2 ? &claims[1] : NULL, why);
}

static enum err check_use(const struct identity *id, X509 *x, struct diag *why)
{
	char name[NAME_SIZE];
	uint32_t flags = X509_get_extension_flags(x), use = X509_get_extended_key_usage(x);
	bool authority = id->kind == IDENTITY_AUTHORITY;

	if (flags & EXFLAG_INVALID)
		return diag_set(why, ERR_REFUSED, "certificate of %s has broken extensions", id->name);
	if (authority != ((flags & EXFLAG_CA) != 0))
		return diag_set(why, ERR_REFUSED, "certificate of %s is %s authority's by its basic constraints",
		                id->name, authority ? "no" : "an");
	if (authority)
		return OK;
	/* Without the extension OpenSSL reports all uses: an identity must say what it is for. */
	uint32_t wanted = id->kind == IDENTITY_SITE ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
	if (!(flags & EXFLAG_XKUSAGE) || !(use & wanted))
		return diag_set(why, ERR_REFUSED, "certificate of %s is not meant for a TLS %s (extended key usage)",
		                id->name, id->kind == IDENTITY_SITE ? "client" : "server");
	if (id->kind != IDENTITY_SITE)
		return OK;
	enum err e = pki_common_name(name, X509_get_subject_name(x), why);
	if (e)
		return diag_prefix(why, ERR_REFUSED, "certificate of %s", id->name);
	if (strcmp(name, id->name) != 0)
		return diag_set(why, ERR_REFUSED, "certificate of site %s has the common name \"%s\"", id->name, name);
	return OK;
}

static enum err read_serial(char out[IDENTITY_SERIAL_SIZE], const X509 *x, struct diag *why)
{
	enum err e = OK;
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	char *digits = number ? BN_bn2hex(number) : NULL;

	if (!digits || BN_is_negative(number) || strlen(digits) >= IDENTITY_SERIAL_SIZE)
		e = diag_set(why, ERR_REFUSED, "certificate has an impossible serial number");
	for (size_t i = 0; !e && digits[i]; i++)
		out[i] = digits[i] >= 'A' && digits[i] <= 'F' ? (char)(digits[i] - 'A' + 'a') : digits[i];
	OPENSSL_free(digits);
	BN_free(number);
	return e;
}

static bool read_time(int64_t *out, const ASN1_TIME *t)
{
	struct tm parts = {0};
	if (!ASN1_TIME_to_tm(t, &parts))
		return false;
	*out = (int64_t)timegm(&parts);
	return true;
}

static enum err read_dates_and_hashes(struct identity *out, X509 *x, struct diag *why)
{
	unsigned char *der = NULL;

	if (!read_time(&out->not_before_s, X509_get0_notBefore(x)) ||
	    !read_time(&out->not_after_s, X509_get0_notAfter(x))) {
		ERR_clear_error();
		return diag_set(why, ERR_REFUSED, "certificate of %s has unreadable dates", out->name);
	}
	int length = i2d_X509(x, &der);
	CHECK(length > 0);
	sha256_of(&out->fingerprint, bytes_of(der, (size_t)length));
	OPENSSL_free(der);
	der = NULL;
	length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	CHECK(length > 0);
	sha256_of(&out->key_hash, bytes_of(der, (size_t)length));
	OPENSSL_free(der);
	return OK;
}

static enum err identity_read(struct identity *out, X509 *x, struct diag *why)
{
	enum err e = read_claims(out, x, why);
	if (!e)
		e = check_use(out, x, why);
	if (!e)
		e = read_serial(out->serial, x, why);
	if (!e)
		e = read_dates_and_hashes(out, x, why);
	if (e)
		*out = (struct identity){0};
	X509_free(x);
	return e;
}

enum err identity_from_certificate(struct identity *out, struct bytes der, struct diag *why)
{
	X509 *x;

	*out = (struct identity){0};
	enum err e = pki_certificate_from_der(&x, der, why);
	return e ? e : identity_read(out, x, why);
}

enum err identity_from_pem(struct identity *out, struct bytes pem, struct diag *why)
{
	X509 *x;

	*out = (struct identity){0};
	enum err e = pki_certificate_from_pem(&x, pem, why);
	return e ? e : identity_read(out, x, why);
}

/* "3 days", "1 hour": the largest unit that gives at least one. */
static void duration_text(char out[32], int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = {{DAY_S, "day"}, {HOUR_S, "hour"}, {MINUTE_S, "minute"}, {1, "second"}};
	size_t u = 0;

	while (seconds < units[u].seconds && units[u].seconds > 1)
		u++;
	int64_t n = seconds / units[u].seconds;
	snprintf(out, 32, "%" PRId64 " %s%s", n, units[u].unit, n == 1 ? "" : "s");
}

void identity_moment(char out[IDENTITY_MOMENT_SIZE], int64_t moment_s)
{
	time_t t = (time_t)moment_s;
	struct tm parts;
	if (!gmtime_r(&t, &parts) || strftime(out, IDENTITY_MOMENT_SIZE, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
		snprintf(out, IDENTITY_MOMENT_SIZE, "%" PRId64 " s", moment_s);
}

enum err identity_expect(const struct identity *id, enum identity_kind kind, const char *federation, int64_t now_s,
                         struct diag *why)
{
	char moment[IDENTITY_MOMENT_SIZE], distance[32];

	if (id->kind != kind)
		return diag_set(why, ERR_REFUSED, "certificate is of %s %s, a %s was expected",
		                identity_kind_text(id->kind), id->name, identity_kind_text(kind));
	if (federation && strcmp(id->federation, federation) != 0)
		return diag_set(why, ERR_REFUSED, "certificate of %s belongs to federation %s, not to %s", id->name,
		                id->federation, federation);
	if (now_s < id->not_before_s) {
		identity_moment(moment, id->not_before_s);
		duration_text(distance, id->not_before_s - now_s);
		return diag_set(why, ERR_REFUSED,
		                "certificate of %s is not valid before %s: is this machine's clock off by %s or more?",
		                id->name, moment, distance);
	}
	if (now_s > id->not_after_s) {
		identity_moment(moment, id->not_after_s);
		duration_text(distance, now_s - id->not_after_s);
		return diag_set(why, ERR_REFUSED,
		                "certificate of %s expired on %s (%s ago); ask the authority to renew it", id->name,
		                moment, distance);
	}
	return OK;
}

void identity_fingerprint(char out[IDENTITY_FINGERPRINT_SIZE], const uint8_t key[IDENTITY_KEY_SIZE])
{
	enum { GROUPS = 8, GROUP_BYTES = 2, GROUP_SPAN = 5 };
	struct hash h;

	sha256_of(&h, bytes_of(key, IDENTITY_KEY_SIZE));
	for (size_t i = 0; i < GROUPS; i++) {
		hex_encode(out + i * GROUP_SPAN, bytes_of(h.b + i * GROUP_BYTES, GROUP_BYTES));
		out[i * GROUP_SPAN + 2 * GROUP_BYTES] = i + 1 < GROUPS ? '-' : '\0';
	}
}

static bool signed_by(X509 *authority, struct bytes message, struct bytes signature)
{
	EVP_PKEY *key = X509_get0_pubkey(authority);
	if (!key || !EVP_PKEY_is_a(key, "EC") || !(X509_get_extension_flags(authority) & EXFLAG_CA))
		return false;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	CHECK(ctx);
	bool good = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	            EVP_DigestVerify(ctx, signature.ptr, signature.len, message.ptr, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

enum err identity_verify(struct bytes authority_pem, const char *tag, struct bytes body, struct bytes signature,
                         struct diag *why)
{
	X509 *authorities[AUTHORITIES_MAX];
	struct buf message;
	bool good = false;

	CHECK(strlen(tag) == HASH_TAG_SIZE);
	if (authority_pem.len > PEM_MAX)
		return diag_set(why, ERR_LIMIT, "authority file has %zu bytes, at most %u are allowed",
		                authority_pem.len, PEM_MAX);
	buf_init(&message, HASH_TAG_SIZE + sizeof(uint32_t) + body.len);
	buf_put_text(&message, tag);
	buf_put_field(&message, body);
	CHECK(!message.failed);
	size_t count = pki_certificates_from_pem(authorities, AUTHORITIES_MAX, authority_pem);
	for (size_t i = 0; i < count; i++) {
		good = good || signed_by(authorities[i], buf_bytes(&message), signature);
		X509_free(authorities[i]);
	}
	buf_free(&message);
	ERR_clear_error();
	if (good)
		return OK;
	if (count == 0)
		return diag_set(why, ERR_DATA, "authority file holds no certificate in PEM");
	return diag_set(why, ERR_REFUSED, "was not signed by this federation's authority, or was altered since");
}
