/*
 * The hospital's signature in secure aggregation: its lasting Ed25519 identity (sign.key), which the authority's roster names and the
 * other hospitals check. Held in locked memory, and used through the callback of crypto/secagg_client.h alone.
 */
#ifndef COHORT_CLIENT_SIGNER_H
#define COHORT_CLIENT_SIGNER_H

#include "base/secret.h"
#include "crypto/secagg_client.h"
#include "net/identity.h"

struct signer {
	struct secret key; /* seed || public key */
};

/* Reads the key file. ERR_CONFIG when it is not the key that our certificate `self` names: others would refuse what it signs; those
 * of secret_read; ERR_DATA for another kind of key. */
enum err signer_open(struct signer *out, const char *path, const struct identity *self, struct diag *why) MUST_USE;
void signer_close(struct signer *s); /* wipes; accepts a zeroed one */

/* For secagg_client_config; `s` must outlive it and not move. */
struct secagg_signer signer_callback(struct signer *s);

#endif
