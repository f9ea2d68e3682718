/*
 * cohort-ca: the authority of a federation, for one person at one folder. The table below is its command line.
 */
#include "base/secret.h"
#include "certs/list.h"
#include "certs/publish.h"
#include "certs/setup.h"
#include "certs/sites.h"

static const struct command_option init_options[] = {
	{"federation", "NAME", "[a-z0-9-]{1,64}; default: cohort", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option coordinator_options[] = {
	{"host", "NAME", "DNS name or IP address that sites connect to", true},
	{"out", "FOLDER", "for coordinator.key and coordinator.pem; default: DIR/coordinator", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option sign_options[] = {
	{"fingerprint", "WORDS", "sign only if the request has this fingerprint", false},
	{"out", "FILE", "write the certificate there too", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option renew_options[] = {
	{"out", "FILE", "write the certificate there too", false},
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};
static const struct command_option json_options[] = {
	{"json", NULL, "print the answer as JSON", false},
	{NULL, NULL, NULL, false},
};

static const struct command commands[] = {
	{"init", "DIR", 1, 1, init_options, "make an authority in a new folder",
         "\nDIR is made with mode 0700 and holds the authority's key; keep it off the coordinator.\n"
         "The authority is valid for 10 years.",
         setup_init},
	{"coordinator", "DIR", 1, 1, coordinator_options, "make the coordinator's key and certificate",
         "\nSites refuse a coordinator whose certificate does not name the host they connect to.", setup_coordinator},
	{"sign", "DIR REQUEST", 2, 2, sign_options, "enrol a site from its request",
         "\nREQUEST is the site.csr that `cohort-client request` made. The fingerprint is that of the site's\n"
         "signing key: compare it with the site by telephone. Certificates are valid for 90 days.",
         sites_sign},
	{"renew", "DIR SITE|REQUEST", 2, 2, renew_options, "issue a new certificate for an enrolled site",
         "\nWith the site's name (or `coordinator`) for the same keys; with a request for a new TLS key and the\n"
         "same signing key.",
         sites_renew},
	{"revoke", "DIR SITE", 2, 2, json_options, "revoke a site and write crl.pem and roster.signed",
         "\nEvery certificate of the site (or of the `coordinator`) is revoked. Its number and keys are never\n"
         "used again; under the same name it can be enrolled with new keys.",
         publish_revoke},
	{"crl", "DIR", 1, 1, json_options, "write DIR/crl.pem, the revocation list",
         "\nThe list is valid for 30 days; the coordinator warns about an older one.", publish_crl},
	{"roster", "DIR", 1, 1, json_options, "write DIR/roster.signed, the list of sites",
         "\nIts version grows with each site that is enrolled or revoked.", publish_roster},
	{"list", "DIR", 1, 1, json_options, "show sites and certificates", NULL, list_sites},
	{"show", "REQUEST", 1, 1, json_options, "show name and fingerprint of a request", NULL, list_request},
};

static const struct command_program program = {
	.name = "cohort-ca",
	.about = "the certificate authority of a federation",
	.commands = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};

int main(int argc, char **argv)
{
	secret_init();
	return command_main(&program, argc, argv);
}
