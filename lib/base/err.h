/* err.h — the one error type: a code, the exit status that goes with it, and one sentence.
 *
 * A fallible function returns int: 0 is success, a positive value is a condition that its header
 * names and its direct caller handles, and -1 is failure with *e filled. Each layer prefixes
 * only what it knows: job "synapse": source "database": connect to /run/postgresql: ...
 * An error is printed once, by whoever stops passing it on. Filling one never allocates. */
#pragma once

#include <stdarg.h>

/* name, exit status of synbakctl and synbak-worker, word in messages and JSON */
#define ERR_CODES(X)                                                                               \
    X(ERR_NONE, 0, "none")                                                                         \
    X(ERR_INTERNAL, 1, "internal")       /* a promise of our own code was broken */                \
    X(ERR_USAGE, 2, "usage")             /* wrong arguments */                                     \
    X(ERR_CONFIG, 2, "config")           /* wrong configuration */                                 \
    X(ERR_IO, 1, "io")                   /* a system call failed */                                \
    X(ERR_NO_SPACE, 1, "no-space")       /* ENOSPC, EDQUOT, EFBIG */                               \
    X(ERR_NOT_FOUND, 1, "not-found")     /* no such job, set, object, path */                      \
    X(ERR_EXISTS, 1, "exists")           /* the name is taken */                                   \
    X(ERR_KEY, 1, "key")                 /* key missing, unreadable, unusable or wrong */          \
    X(ERR_DAMAGED, 1, "damaged")         /* bytes are not what was written */                      \
    X(ERR_FORMAT, 1, "format")           /* input does not parse */                                \
    X(ERR_SOURCE, 1, "source")           /* a source cannot be read, or is not whole */            \
    X(ERR_UNAVAILABLE, 1, "unavailable") /* server or destination away: worth a retry */           \
    X(ERR_TAMPERED, 1, "tampered")       /* what was there is gone or rolled back */                \
    X(ERR_FOREIGN, 1, "foreign")         /* the destination belongs to someone else */             \
    X(ERR_NOT_MOUNTED, 1, "not-mounted") /* a known destination lost its marker */                 \
    X(ERR_TIMEOUT, 1, "timeout")         /* no progress, or longer than allowed */                 \
    X(ERR_CHILD, 1, "child")             /* a child process failed */                              \
    X(ERR_HOOK, 1, "hook")               /* a hook failed and was told to abort */                 \
    X(ERR_LIMIT, 1, "limit")             /* a bound of ours was reached */                         \
    X(ERR_INCOMPLETE, 3, "incomplete")   /* committed, but not everything was read */              \
    X(ERR_SUSPECT, 3, "suspect")         /* committed, but far smaller than usual */               \
    X(ERR_LATE, 4, "late")               /* committed, but not at every destination */             \
    X(ERR_REFUSED, 5, "refused")         /* not confirmed, target not empty, rights */             \
    X(ERR_DENIED, 5, "denied")           /* the caller's role does not allow it */                 \
    X(ERR_NO_DAEMON, 6, "no-daemon")     /* the control socket does not answer */                  \
    X(ERR_CANCELLED, 130, "cancelled")   /* by the operator or by a stop of the daemon */

enum err_code {
#define X(name, status, word) name,
    ERR_CODES(X)
#undef X
};

enum { ERR_TEXT_MAX = 768 };

struct err {
    enum err_code code;
    int errnum;       /* errno behind it, or 0 */
    const char *file; /* where it was first set, for --debug and tests */
    int line;
    char text[ERR_TEXT_MAX];
};

#define must_check             __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

/* What every failure returns, in sight of compilers and analyzers. */
static inline int err_failed(void)
{
    return -1;
}

/* Fill *e (e may be NULL) and return -1, so that callers write: return err_set(e, ERR_KEY, "...").
 */
#define err_set(e, code, ...)                                                                      \
    (err_set_at((e), (code), __FILE__, __LINE__, __VA_ARGS__), err_failed())
void err_set_at(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...)
    printf_like(5, 6);

/* As err_set, with ": strerror(errnum)" behind the text. The code is made from errnum when
 * `code` is ERR_IO: ENOSPC, EDQUOT and EFBIG give ERR_NO_SPACE. */
#define err_sys(e, code, errnum, ...)                                                              \
    (err_sys_at((e), (code), (errnum), __FILE__, __LINE__, __VA_ARGS__), err_failed())
void err_sys_at(struct err *e, enum err_code code, int errnum, const char *file, int line,
                const char *fmt, ...) printf_like(6, 7);

/* Put "context: " before the text of a failure already in *e. Returns -1. */
#define err_wrap(e, ...) (err_wrap_at((e), __VA_ARGS__), err_failed())
void err_wrap_at(struct err *e, const char *fmt, ...) printf_like(2, 3);

const char *err_word(enum err_code code);      /* "no-space" */
enum err_code err_from_word(const char *word); /* unknown words give ERR_INTERNAL */
int err_exit_status(enum err_code code);       /* 0..130 */
