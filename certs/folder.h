/*
 * The authority's folder. One person keeps it, away from the coordinator; it works through files alone.
 *
 *     DIR/                 0700
 *       ca.pem             the authority's certificate: a copy for every site and the coordinator
 *       ca.key       0600  its private key: never leaves the folder
 *       index.json         the book (certs/registry.h)
 *       certs/NAME-SERIAL.pem   every certificate issued
 *       coordinator/       coordinator.key (0600) and coordinator.pem, to be moved to the coordinator
 *       crl.pem            written by `crl`: for the coordinator
 *       roster.signed      written by `roster`: for the coordinator
 *
 * Nothing is overwritten but what is made from the book: index.json itself, crl.pem and roster.signed, each replaced
 * as a whole. One command at a time works on a folder (flock).
 */
#ifndef COHORT_CERTS_FOLDER_H
#define COHORT_CERTS_FOLDER_H

#include "certs/registry.h"

#define FOLDER_CRL "crl.pem"
#define FOLDER_ROSTER "roster.signed"
#define FOLDER_AUTHORITY "ca.pem"

struct folder {
	const char *path; /* borrowed */
	struct registry registry;
	struct identity authority;
	struct ca *ca; /* NULL when opened for reading */
	int lock; /* descriptor of the folder; -1 when opened for reading */
	int64_t now_s;
};

/* Makes a new authority in `path`, which must not exist or be empty: all of it or nothing. ERR_CONFLICT. */
enum err folder_init(const char *path, const char *federation, int64_t now_s, struct diag *why) MUST_USE;

/* Opens for commands that sign: takes the lock (ERR_AGAIN when another has it) and reads the key. */
enum err folder_open(struct folder *f, const char *path, int64_t now_s, struct diag *why) MUST_USE;

/* Opens for looking: no lock, no key. */
enum err folder_look(struct folder *f, const char *path, int64_t now_s, struct diag *why) MUST_USE;

void folder_close(struct folder *f); /* accepts what a failed open left */

/* "DIR/name". ERR_USAGE when the path is too long. */
enum err folder_path(char out[PATH_SIZE], const char *folder, const char *name, struct diag *why) MUST_USE;

/* Writes the book. Called before any product of the change. */
enum err folder_save(const struct folder *f, struct diag *why) MUST_USE;

/* Keeps a certificate as certs/NAME-SERIAL.pem; `path` gets where. */
enum err folder_keep(char path[PATH_SIZE], const struct folder *f, const char *name, const struct ca_leaf *leaf,
                     struct bytes pem, struct diag *why) MUST_USE;

/* Write crl.pem (its number grows, so the book is written first) and roster.signed. */
enum err folder_write_crl(struct folder *f, struct diag *why) MUST_USE;
enum err folder_write_roster(const struct folder *f, struct diag *why) MUST_USE;

/* ERR_CONFLICT when something stands at `path`: asked before anything is changed. */
enum err folder_free_path(const char *path, struct diag *why) MUST_USE;

#endif
