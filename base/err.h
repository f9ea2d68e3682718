/*
 * Errors: one table of code, name, exit code and text.
 *
 * Three kinds of trouble, three treatments:
 *   a programmer's mistake     CHECK(cond) prints the place and aborts, in release builds too
 *   an operating error         enum err, returned; the words for a person go into a struct diag
 *   a hostile or broken peer   ERR_PEER_*: drops that peer, never the round or the process
 *
 * A function that can fail in a way a person must understand takes `struct diag *why` as its last
 * argument (NULL is allowed everywhere) and leaves one line there: the place and what to do next,
 * without a newline, such as
 *     st-mary.csv:1042:7: age "abc" is not a number
 */
#ifndef COHORT_BASE_ERR_H
#define COHORT_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum err {
	OK = 0,
	ERR_USAGE, /* the command line is wrong                            exit 64 */
	ERR_DATA, /* a file's content is wrong: csv, study, model         exit 65 */
	ERR_NO_INPUT, /* a named file is missing or unreadable                exit 66 */
	ERR_UNREACHABLE, /* the coordinator does not answer                      exit 69 */
	ERR_INTERNAL, /* a bug of ours                                        exit 70 */
	ERR_MEMORY, /* out of memory                                        exit 70 */
	ERR_CREATE, /* a file cannot be created or written                  exit 73 */
	ERR_IO, /* reading, writing or fsync failed                     exit 74 */
	ERR_FULL, /* the disk is full                                     exit 74 */
	ERR_AGAIN, /* not now; the same call may succeed later             exit 75 */
	ERR_PROTOCOL, /* the other side broke the protocol                    exit 76 */
	ERR_REFUSED, /* policy, budget or authentication says no             exit 77 */
	ERR_CONFIG, /* a configuration file is wrong                        exit 78 */
	ERR_LIMIT, /* a bound of base/limits.h would be passed             exit 65 */
	ERR_CANCELLED, /* asked to stop while working                          exit 75 */
	ERR_NOT_FOUND, /* no such study, site, round or model                  exit 66 */
	ERR_CONFLICT, /* exists already with another content                  exit 65 */
	/* A peer's faults. They are counted and logged, and cost that peer its request. */
	ERR_PEER_MESSAGE, /* malformed or unknown message */
	ERR_PEER_STATE, /* a message that this state does not permit */
	ERR_PEER_IDENTITY, /* not who it claims, or not invited */
	ERR_PEER_LIMIT, /* larger or more often than allowed */
	ERR_COUNT
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* "ERR_DATA" and "bad data": for logs and for sentences. Never NULL. */
const char *err_name(enum err e);
const char *err_text(enum err e);

/* The sysexits code of a program that ends with `e` (0 for OK). */
int err_exit(enum err e);

/* From errno of a failed system call: ENOSPC and EDQUOT give ERR_FULL, ENOENT and EACCES ERR_NO_INPUT,
 * ENOMEM ERR_MEMORY, anything else ERR_IO. */
enum err err_errno(int errnum);

static inline bool err_is_peer(enum err e)
{
	return e >= ERR_PEER_MESSAGE && e < ERR_COUNT;
}

#define DIAG_MAX 1024 /* a place (path, line, column), a quoted value and a sentence fit */

/* One line for a person. A zeroed one is empty. */
struct diag {
	char text[DIAG_MAX];
};

/* Writes the line (cut at DIAG_MAX, never in the middle of a UTF-8 sequence; control characters, those
 * that reverse the order of display, and bytes that are not UTF-8 become '?', so no terminal obeys them) and returns `e`, so that a failing function says `return diag_set(why, ERR_DATA, ...)`. */
enum err diag_set(struct diag *why, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " before what is there already; `e` is handed through. */
enum err diag_prefix(struct diag *why, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* diag_set with errno's words at the end ("FMT: No space left on device"); returns err_errno(errnum). */
enum err diag_errno(struct diag *why, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The cleaned line alone, from a va_list: for the log. `line` must not be NULL. */
void diag_format(struct diag *line, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

_Noreturn void check_failed(const char *file, int line, const char *condition);

/* A programmer's mistake ends the process, with assertions on in every build. */
#define CHECK(cond) ((cond) ? (void)0 : check_failed(__FILE__, __LINE__, #cond))

/* Allocation that cannot fail quietly: out of memory is reported and ends the process (exit 70). Use for
 * small, bounded objects; a size that a peer chose is checked against limits.h first. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_array(size_t count, size_t size); /* zeroed; overflow of count * size is a CHECK */
void *mem_resize(void *p, size_t count, size_t size); /* the new part is not zeroed */
char *mem_copy_text(const char *s);

/* The end that they share, for other allocators (aligned, locked memory). */
_Noreturn void mem_exhausted(size_t count, size_t size);

#endif
