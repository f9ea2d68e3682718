/*
 * A leaf is built from what we decide, field by field: nothing of a request is copied into a certificate but the two
 * public keys and the name, all three checked before. So a request cannot smuggle in an extension.
 *
 * OpenSSL fails here only for want of memory or because we called it wrongly; both are CHECKs.
 */
#include "certs/ca.h"

#include "base/file.h"
#include "base/name.h"
#include "base/random.h"
#include "net/pki.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define URI_SIZE 384 /* the longest, a site's with its key, has 223 characters */
#define DAY_S 86400
#define CERTIFICATE_MODE 0644
#define DNS_NAME_MAX 253 /* RFC 1035, 2.3.4, in text */
#define DNS_LABEL_MAX 63

struct ca {
	X509 *certificate;
	EVP_PKEY *key;
	struct identity identity;
};

/* ---- parts of a certificate */

static void set_serial(X509 *x, char hex[CA_SERIAL_SIZE])
{
	uint8_t serial[CA_SERIAL_BYTES] = {0};
	const struct entropy system = entropy_system();

	/* The first bit is 0, so that the number is positive in 16 octets, and the first octet is not 0, so that
	 * every tool prints the same 32 digits: just under 127 random bits remain. */
	while (serial[0] == 0) {
		entropy_fill(&system, serial, sizeof(serial));
		serial[0] &= 0x7f;
	}
	hex_encode(hex, bytes_of(serial, sizeof(serial)));
	BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
	CHECK(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x)));
	BN_free(number);
}

static void set_validity(X509 *x, int64_t not_before_s, int64_t not_after_s)
{
	CHECK(ASN1_TIME_set(X509_getm_notBefore(x), (time_t)not_before_s));
	CHECK(ASN1_TIME_set(X509_getm_notAfter(x), (time_t)not_after_s));
}

static void set_subject(X509 *x, const char *federation, const char *common_name)
{
	X509_NAME *subject = X509_get_subject_name(x);
	CHECK(X509_NAME_add_entry_by_NID(subject, NID_organizationName, MBSTRING_ASC, (const unsigned char *)federation,
	                                 -1, -1, 0));
	CHECK(X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC, (const unsigned char *)common_name, -1,
	                                 -1, 0));
}

static void add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	CHECK(extension && X509_add_ext(x, extension, -1));
	X509_EXTENSION_free(extension);
}

static void push_name(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	CHECK(name && value);
	GENERAL_NAME_set0_value(name, type, value);
	CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

static void push_text(GENERAL_NAMES *names, int type, const char *text)
{
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();
	CHECK(value && ASN1_STRING_set(value, text, -1));
	push_name(names, type, value);
}

static void push_host(GENERAL_NAMES *names, const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	ERR_clear_error();
	if (address)
		push_name(names, GEN_IPADD, address);
	else
		push_text(names, GEN_DNS, host);
}

/* Takes `names` over. */
static void add_names(X509 *x, GENERAL_NAMES *names)
{
	CHECK(X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1);
	GENERAL_NAMES_free(names);
}

static void append_pem(struct buf *pem, BIO *bio)
{
	char *text = NULL;
	long length = BIO_get_mem_data(bio, &text);
	buf_put(pem, bytes_of(text, (size_t)length));
	BIO_free(bio);
}

static void append_certificate(struct buf *pem, X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());
	CHECK(bio && PEM_write_bio_X509(bio, x));
	append_pem(pem, bio);
}

/* ---- the authority itself */

static X509 *authority_certificate(EVP_PKEY *key, const char *federation, int64_t now_s)
{
	char serial[CA_SERIAL_SIZE], uri[URI_SIZE];
	X509 *x = X509_new();
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	CHECK(x && names && X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, key));
	set_serial(x, serial);
	set_validity(x, now_s - CA_BACKDATE_S, now_s + (int64_t)CA_DAYS * DAY_S);
	set_subject(x, federation, "Cohort authority");
	CHECK(X509_set_issuer_name(x, X509_get_subject_name(x)));
	add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
	add_extension(x, x, NID_key_usage, "critical,digitalSignature,keyCertSign,cRLSign");
	add_extension(x, x, NID_subject_key_identifier, "hash");
	snprintf(uri, sizeof(uri), "cohort://%s/authority", federation);
	push_text(names, GEN_URI, uri);
	add_names(x, names);
	CHECK(X509_sign(x, key, EVP_sha256()));
	return x;
}

enum err ca_create(const char *certificate_path, const char *key_path, const char *federation, int64_t now_s,
                   struct diag *why)
{
	struct buf pem;

	CHECK(name_is_federation(federation));
	EVP_PKEY *key = pki_key_new_tls();
	X509 *x = authority_certificate(key, federation, now_s);
	buf_init(&pem, PEM_MAX);
	append_certificate(&pem, x);
	CHECK(!pem.failed);
	enum err e = pki_key_write(key_path, key, why);
	if (!e)
		e = file_create(certificate_path, buf_bytes(&pem), CERTIFICATE_MODE, why);
	buf_free(&pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return e;
}

static enum err read_certificate(struct ca *ca, const char *path, int64_t now_s, struct diag *why)
{
	struct buf pem;

	enum err e = file_read(&pem, path, PEM_MAX, why);
	if (!e) {
		e = identity_from_pem(&ca->identity, buf_bytes(&pem), why);
		if (!e)
			e = identity_expect(&ca->identity, IDENTITY_AUTHORITY, NULL, now_s, why);
		if (!e)
			e = pki_certificate_from_pem(&ca->certificate, buf_bytes(&pem), why);
		if (e)
			e = diag_prefix(why, e, "%s", path);
	}
	buf_free(&pem);
	return e;
}

enum err ca_open(struct ca **out, const char *certificate_path, const char *key_path, int64_t now_s, struct diag *why)
{
	struct ca *ca = mem_alloc(sizeof(*ca));

	*out = NULL;
	enum err e = read_certificate(ca, certificate_path, now_s, why);
	if (!e)
		e = pki_key_read(&ca->key, key_path, why);
	if (!e && X509_check_private_key(ca->certificate, ca->key) != 1) {
		ERR_clear_error();
		e = diag_set(why, ERR_REFUSED, "%s: is not the key of %s; restore the pair from one backup", key_path,
		             certificate_path);
	}
	if (e) {
		ca_close(ca);
		return e;
	}
	*out = ca;
	return OK;
}

void ca_close(struct ca *ca)
{
	if (!ca)
		return;
	X509_free(ca->certificate);
	EVP_PKEY_free(ca->key);
	free(ca);
}

const struct identity *ca_identity(const struct ca *ca)
{
	return &ca->identity;
}

/* ---- leaves */

static X509 *leaf_begin(struct ca_leaf *leaf, const struct ca *ca, const uint8_t tls_key[ENROL_TLS_KEY_SIZE],
                        const char *common_name, int64_t now_s)
{
	const unsigned char *at = tls_key;
	X509 *x = X509_new();

	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, ENROL_TLS_KEY_SIZE);
	CHECK(x && key && X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, key));
	EVP_PKEY_free(key);
	set_serial(x, leaf->serial);
	leaf->not_before_s = now_s - CA_BACKDATE_S;
	leaf->not_after_s = now_s + (int64_t)CA_LEAF_DAYS * DAY_S;
	if (leaf->not_after_s > ca->identity.not_after_s)
		leaf->not_after_s = ca->identity.not_after_s;
	set_validity(x, leaf->not_before_s, leaf->not_after_s);
	set_subject(x, ca->identity.federation, common_name);
	CHECK(X509_set_issuer_name(x, X509_get_subject_name(ca->certificate)));
	return x;
}

static void leaf_end(struct buf *pem, X509 *x, const struct ca *ca, const char *usage, GENERAL_NAMES *names)
{
	add_extension(x, ca->certificate, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(x, ca->certificate, NID_key_usage, "critical,digitalSignature");
	add_extension(x, ca->certificate, NID_ext_key_usage, usage);
	add_extension(x, ca->certificate, NID_subject_key_identifier, "hash");
	add_extension(x, ca->certificate, NID_authority_key_identifier, "keyid:always");
	add_names(x, names);
	CHECK(X509_sign(x, ca->key, EVP_sha256()));
	append_certificate(pem, x);
	X509_free(x);
}

void ca_issue_site(struct buf *pem, struct ca_leaf *leaf, const struct ca *ca, const struct enrol_request *request,
                   int64_t now_s)
{
	char uri[URI_SIZE], key_hex[2 * IDENTITY_KEY_SIZE + 1];
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	const char *federation = ca->identity.federation;

	CHECK(names && name_is_site(request->name));
	hex_encode(key_hex, bytes_of(request->signing_key, IDENTITY_KEY_SIZE));
	snprintf(uri, sizeof(uri), "cohort://%s/site/%s", federation, request->name);
	push_text(names, GEN_URI, uri);
	snprintf(uri, sizeof(uri), "cohort://%s/site/%s/ed25519/%s", federation, request->name, key_hex);
	push_text(names, GEN_URI, uri);
	X509 *x = leaf_begin(leaf, ca, request->tls_key, request->name, now_s);
	leaf_end(pem, x, ca, "clientAuth", names);
}

void ca_issue_coordinator(struct buf *pem, struct ca_leaf *leaf, const struct ca *ca,
                          const uint8_t tls_key[ENROL_TLS_KEY_SIZE], char *const *hosts, size_t host_count,
                          int64_t now_s)
{
	char uri[URI_SIZE];
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	CHECK(names && host_count > 0);
	snprintf(uri, sizeof(uri), "cohort://%s/coordinator", ca->identity.federation);
	push_text(names, GEN_URI, uri);
	for (size_t i = 0; i < host_count; i++) {
		CHECK(ca_host_ok(hosts[i]));
		push_host(names, hosts[i]);
	}
	X509 *x = leaf_begin(leaf, ca, tls_key, "coordinator", now_s);
	leaf_end(pem, x, ca, "serverAuth", names);
}

static bool label_ok(const char *label, size_t length)
{
	if (length == 0 || length > DNS_LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = label[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
		if (!good)
			return false;
	}
	return true;
}

bool ca_host_ok(const char *host)
{
	uint8_t address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return true;
	/* Only digits and dots is a mistyped address: no top-level domain is a number (RFC 3696, 2). */
	if (strlen(host) > DNS_NAME_MAX || strspn(host, "0123456789.") == strlen(host))
		return false;
	for (const char *label = host;;) {
		size_t length = strcspn(label, ".");
		if (!label_ok(label, length))
			return false;
		if (label[length] == '\0')
			return true;
		label += length + 1;
	}
}

/* ---- revocation list and other signatures */

static void crl_entry(X509_CRL *crl, const struct ca_revoked *revoked)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, (time_t)revoked->revoked_s);
	BIGNUM *number = NULL;

	CHECK(entry && when && BN_hex2bn(&number, revoked->serial) > 0);
	ASN1_INTEGER *serial = BN_to_ASN1_INTEGER(number, NULL);
	CHECK(serial && X509_REVOKED_set_serialNumber(entry, serial) && X509_REVOKED_set_revocationDate(entry, when));
	CHECK(X509_CRL_add0_revoked(crl, entry));
	ASN1_INTEGER_free(serial);
	ASN1_TIME_free(when);
	BN_free(number);
}

static void crl_extensions(X509_CRL *crl, const struct ca *ca, uint64_t number)
{
	X509V3_CTX ctx;
	ASN1_INTEGER *value = ASN1_INTEGER_new();

	X509V3_set_ctx(&ctx, ca->certificate, NULL, NULL, crl, 0);
	X509_EXTENSION *key = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
	CHECK(value && key && X509_CRL_add_ext(crl, key, -1) && ASN1_INTEGER_set_uint64(value, number));
	CHECK(X509_CRL_add1_ext_i2d(crl, NID_crl_number, value, 0, 0) == 1);
	X509_EXTENSION_free(key);
	ASN1_INTEGER_free(value);
}

void ca_crl(struct buf *pem, const struct ca *ca, const struct ca_revoked *revoked, size_t count, uint64_t number,
            int64_t now_s)
{
	X509_CRL *crl = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)(now_s - CA_BACKDATE_S));
	ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)(now_s + (int64_t)CA_CRL_DAYS * DAY_S));
	BIO *bio = BIO_new(BIO_s_mem());

	CHECK(crl && from && until && bio && X509_CRL_set_version(crl, X509_CRL_VERSION_2));
	CHECK(X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->certificate)));
	CHECK(X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until));
	for (size_t i = 0; i < count; i++)
		crl_entry(crl, &revoked[i]);
	crl_extensions(crl, ca, number);
	CHECK(X509_CRL_sort(crl) && X509_CRL_sign(crl, ca->key, EVP_sha256()) && PEM_write_bio_X509_CRL(bio, crl));
	append_pem(pem, bio);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	X509_CRL_free(crl);
}

void ca_sign(uint8_t out[CA_SIGNATURE_MAX], size_t *length, const struct ca *ca, const char *tag, struct bytes body)
{
	struct buf message;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	CHECK(ctx && strlen(tag) == HASH_TAG_SIZE);
	buf_init(&message, HASH_TAG_SIZE + sizeof(uint32_t) + body.len);
	buf_put_text(&message, tag);
	buf_put_field(&message, body);
	CHECK(!message.failed);
	*length = CA_SIGNATURE_MAX;
	CHECK(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, ca->key) == 1);
	CHECK(EVP_DigestSign(ctx, out, length, message.ptr, message.len) == 1);
	EVP_MD_CTX_free(ctx);
	buf_free(&message);
}
