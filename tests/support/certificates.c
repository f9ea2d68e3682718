#include "tests/support/certificates.h"

#include "base/err.h"
#include "base/limits.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define SERIAL_BITS 127 /* positive in 16 octets */

static struct recipe recipe_leaf(const char *common_name, const char *extended_usage)
{
	return (struct recipe){.common_name = common_name,
	                       .constraints = "critical,CA:FALSE",
	                       .key_usage = "critical,digitalSignature",
	                       .extended_usage = extended_usage,
	                       .from_s = -300,
	                       .until_s = 90 * DAY_S,
	                       .digest = "SHA256"};
}

void recipe_uri(struct recipe *r, const char *fmt, ...)
{
	va_list args;

	CHECK(r->uri_count < RECIPE_NAMES_MAX);
	va_start(args, fmt);
	vsnprintf(r->uris[r->uri_count], sizeof(r->uris[0]), fmt, args);
	va_end(args);
	r->uri_count++;
}

struct recipe recipe_authority(const char *federation)
{
	struct recipe r = recipe_leaf("authority", NULL);
	r.constraints = "critical,CA:TRUE,pathlen:0";
	r.key_usage = "critical,digitalSignature,keyCertSign,cRLSign";
	recipe_uri(&r, "cohort://%s/authority", federation);
	return r;
}

struct recipe recipe_coordinator(const char *federation)
{
	struct recipe r = recipe_leaf("coordinator", "serverAuth");
	recipe_uri(&r, "cohort://%s/coordinator", federation);
	r.hosts = "DNS:localhost,IP:127.0.0.1";
	return r;
}

struct recipe recipe_site(const char *federation, const char *site, const uint8_t signing_key[32])
{
	char hex[65];
	struct recipe r = recipe_leaf(site, "clientAuth");

	hex_encode(hex, bytes_of(signing_key, 32));
	recipe_uri(&r, "cohort://%s/site/%s", federation, site);
	recipe_uri(&r, "cohort://%s/site/%s/ed25519/%s", federation, site, hex);
	return r;
}

EVP_PKEY *certificate_key(enum recipe_key kind)
{
	switch (kind) {
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_P384:
		return EVP_EC_gen("P-384");
	case KEY_RSA_1024:
		return EVP_RSA_gen(1024);
	case KEY_RSA_2048:
		return EVP_RSA_gen(2048);
	default:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
}

static void add_text(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	if (!value)
		return;
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
	CHECK(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
}

static void add_names(X509 *x, X509V3_CTX *ctx, const struct recipe *r)
{
	GENERAL_NAMES *names = NULL;

	if (r->hosts) {
		X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, NID_subject_alt_name, r->hosts);
		CHECK(e);
		names = X509V3_EXT_d2i(e);
		X509_EXTENSION_free(e);
	} else if (r->uri_count > 0) {
		names = GENERAL_NAMES_new();
	}
	for (size_t i = 0; i < r->uri_count; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_IA5STRING *text = ASN1_IA5STRING_new();
		CHECK(name && text && ASN1_STRING_set(text, r->uris[i], -1));
		GENERAL_NAME_set0_value(name, GEN_URI, text);
		CHECK(sk_GENERAL_NAME_push(names, name) > 0);
	}
	if (names)
		CHECK(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(names);
}

static void add_unknown_critical(X509 *x)
{
	ASN1_OBJECT *object = OBJ_txt2obj("1.3.6.1.4.1.55555.1", 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	CHECK(object && value && ASN1_OCTET_STRING_set(value, (const unsigned char *)"\x05\x00", 2));
	X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
	CHECK(e && X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

static void set_serial(X509 *x, const char *hex)
{
	BIGNUM *number = BN_new();
	CHECK(number);
	if (hex)
		CHECK(BN_hex2bn(&number, hex));
	else
		CHECK(BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY));
	CHECK(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)));
	BN_free(number);
}

void certificate_make(struct made *out, const struct recipe *r, const struct made *issuer)
{
	X509V3_CTX ctx;
	X509 *x = X509_new();

	if (!out->key)
		out->key = certificate_key(r->key);
	const struct made self = {.certificate = x, .key = out->key};
	const struct made *by = issuer ? issuer : &self;
	CHECK(x && out->key && X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, out->key));
	set_serial(x, r->serial);
	if (r->common_name)
		CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
		                                 (const unsigned char *)r->common_name, -1, -1, 0));
	CHECK(X509_set_issuer_name(x, X509_get_subject_name(by->certificate)));
	CHECK(X509_time_adj_ex(X509_getm_notBefore(x), 0, (long)r->from_s, NULL));
	CHECK(X509_time_adj_ex(X509_getm_notAfter(x), 0, (long)r->until_s, NULL));
	X509V3_set_ctx(&ctx, by->certificate, x, NULL, NULL, 0);
	add_text(x, &ctx, NID_basic_constraints, r->constraints);
	add_text(x, &ctx, NID_key_usage, r->key_usage);
	add_text(x, &ctx, NID_ext_key_usage, r->extended_usage);
	add_text(x, &ctx, NID_subject_key_identifier, "hash");
	if (issuer)
		add_text(x, &ctx, NID_authority_key_identifier, "keyid");
	add_names(x, &ctx, r);
	if (r->unknown_critical)
		add_unknown_critical(x);
	bool own_digest = EVP_PKEY_is_a(by->key, "ED25519");
	CHECK(X509_sign(x, by->key, own_digest ? NULL : EVP_get_digestbyname(r->digest)));
	out->certificate = x;
}

void certificate_free(struct made *m)
{
	X509_free(m->certificate);
	EVP_PKEY_free(m->key);
	*m = (struct made){0};
}

struct buf certificate_der(const X509 *x)
{
	struct buf out;
	unsigned char *der = NULL;

	int length = i2d_X509(x, &der);
	CHECK(length > 0);
	buf_init(&out, PEM_MAX);
	buf_put(&out, bytes_of(der, (size_t)length));
	OPENSSL_free(der);
	return out;
}

static struct buf take_bio(BIO *bio)
{
	struct buf out;
	char *text = NULL;

	long length = BIO_get_mem_data(bio, &text);
	buf_init(&out, PEM_MAX);
	buf_put(&out, bytes_of(text, (size_t)length));
	CHECK(!out.failed);
	(void)buf_text(&out);
	BIO_free(bio);
	return out;
}

struct buf certificate_pem(const X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio && PEM_write_bio_X509(bio, x));
	return take_bio(bio);
}

struct buf certificate_key_pem(const EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	return take_bio(bio);
}

struct buf certificate_crl(const struct made *issuer, const struct made *revoked, int64_t from_s, int64_t until_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = X509_time_adj_ex(NULL, 0, (long)from_s, NULL);
	ASN1_TIME *until = X509_time_adj_ex(NULL, 0, (long)until_s, NULL);
	BIO *bio = BIO_new(BIO_s_mem());

	CHECK(crl && from && until && bio && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->certificate)));
	CHECK(X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until));
	if (revoked) {
		X509_REVOKED *entry = X509_REVOKED_new();
		CHECK(entry && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->certificate)));
		CHECK(X509_REVOKED_set_revocationDate(entry, from) && X509_CRL_add0_revoked(crl, entry));
	}
	CHECK(X509_CRL_sort(crl) && X509_CRL_sign(crl, issuer->key, EVP_sha256()) && PEM_write_bio_X509_CRL(bio, crl));
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
	return take_bio(bio);
}
