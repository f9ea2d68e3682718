/*
 * Lists in memory, found by plain scans: a federation has hundreds of sites, and a command looks once. What the file
 * must keep is checked when it is read (certs/registry_file.c).
 */
#include "certs/registry.h"

#include "base/name.h"

#include <stdlib.h>
#include <string.h>

void registry_new(struct registry *out, const char *federation)
{
	CHECK(name_is_federation(federation));
	*out = (struct registry){.roster_version = 1};
	memcpy(out->federation, federation, strlen(federation) + 1);
}

void registry_free(struct registry *r)
{
	for (size_t i = 0; i < r->certificate_count; i++)
		for (size_t h = 0; h < r->certificates[i].host_count; h++)
			free(r->certificates[i].hosts[h]);
	free(r->certificates);
	free(r->sites);
	*r = (struct registry){0};
}

struct registry_site *registry_enrolled(const struct registry *r, const char *name)
{
	struct registry_site *last = registry_last(r, name);
	return last && last->revoked_s == 0 ? last : NULL;
}

struct registry_site *registry_last(const struct registry *r, const char *name)
{
	for (size_t i = r->site_count; i-- > 0;)
		if (name_compare(r->sites[i].name, name) == 0)
			return &r->sites[i];
	return NULL;
}

struct registry_site *registry_key(const struct registry *r, const uint8_t key[IDENTITY_KEY_SIZE])
{
	for (size_t i = 0; i < r->site_count; i++)
		if (memcmp(r->sites[i].key, key, IDENTITY_KEY_SIZE) == 0)
			return &r->sites[i];
	return NULL;
}

struct registry_certificate *registry_tls_key(const struct registry *r, const uint8_t tls_key[ENROL_TLS_KEY_SIZE])
{
	for (size_t i = r->certificate_count; i-- > 0;)
		if (memcmp(r->certificates[i].tls_key, tls_key, ENROL_TLS_KEY_SIZE) == 0)
			return &r->certificates[i];
	return NULL;
}

struct registry_certificate *registry_newest(const struct registry *r, uint32_t site)
{
	for (size_t i = r->certificate_count; i-- > 0;)
		if (r->certificates[i].site == site && r->certificates[i].revoked_s == 0)
			return &r->certificates[i];
	return NULL;
}

const char *registry_owner(const struct registry *r, const struct registry_certificate *c)
{
	if (c->site == REGISTRY_COORDINATOR)
		return REGISTRY_COORDINATOR_NAME;
	CHECK(c->site <= r->site_count);
	return r->sites[c->site - 1].name;
}

const struct registry_site *registry_enrol(struct registry *r, const struct enrol_request *q, int64_t now_s)
{
	CHECK(!registry_enrolled(r, q->name) && !registry_key(r, q->signing_key));
	r->sites = mem_resize(r->sites, r->site_count + 1, sizeof(*r->sites));
	struct registry_site *s = &r->sites[r->site_count++];
	*s = (struct registry_site){.number = (uint32_t)r->site_count, .enrolled_s = now_s};
	memcpy(s->name, q->name, sizeof(s->name));
	memcpy(s->key, q->signing_key, sizeof(s->key));
	r->roster_version++;
	return s;
}

void registry_issued(struct registry *r, const struct ca_leaf *leaf, uint32_t site,
                     const uint8_t tls_key[ENROL_TLS_KEY_SIZE], char *const *hosts, size_t host_count)
{
	CHECK(site <= r->site_count && host_count <= HOSTS_MAX);
	r->certificates = mem_resize(r->certificates, r->certificate_count + 1, sizeof(*r->certificates));
	struct registry_certificate *c = &r->certificates[r->certificate_count++];
	*c = (struct registry_certificate){.leaf = *leaf, .site = site, .host_count = host_count};
	memcpy(c->tls_key, tls_key, sizeof(c->tls_key));
	for (size_t i = 0; i < host_count; i++)
		c->hosts[i] = mem_copy_text(hosts[i]);
}

size_t registry_revoke(struct registry *r, uint32_t site, int64_t now_s)
{
	size_t revoked = 0;

	CHECK(site <= r->site_count);
	if (site != REGISTRY_COORDINATOR && r->sites[site - 1].revoked_s == 0) {
		r->sites[site - 1].revoked_s = now_s;
		r->roster_version++;
	}
	for (size_t i = 0; i < r->certificate_count; i++) {
		struct registry_certificate *c = &r->certificates[i];
		if (c->site == site && c->revoked_s == 0) {
			c->revoked_s = now_s;
			revoked++;
		}
	}
	return revoked;
}

void registry_roster(const struct registry *r, struct roster *out)
{
	*out = (struct roster){.version = r->roster_version};
	memcpy(out->federation, r->federation, sizeof(out->federation));
	out->sites = mem_array(r->site_count + 1, sizeof(*out->sites));
	for (size_t i = 0; i < r->site_count; i++) {
		if (r->sites[i].revoked_s != 0)
			continue;
		struct roster_site *s = &out->sites[out->count++];
		s->number = r->sites[i].number;
		memcpy(s->name, r->sites[i].name, sizeof(s->name));
		memcpy(s->key, r->sites[i].key, sizeof(s->key));
	}
}

size_t registry_revoked(const struct registry *r, struct ca_revoked **out)
{
	size_t count = 0;

	*out = mem_array(r->certificate_count + 1, sizeof(**out));
	for (size_t i = 0; i < r->certificate_count; i++) {
		const struct registry_certificate *c = &r->certificates[i];
		if (c->revoked_s == 0)
			continue;
		memcpy((*out)[count].serial, c->leaf.serial, CA_SERIAL_SIZE);
		(*out)[count++].revoked_s = c->revoked_s;
	}
	return count;
}
