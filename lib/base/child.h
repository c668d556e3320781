/* child.h — a child process run by blocking code (workers, synbakctl): pg_dump, hooks, commands.
 *
 * Its stdin, stdout and stderr are pipes or /dev/null, everything else is closed, signals are at
 * their defaults, and it dies with us (PDEATHSIG). stderr is drained by a thread of its own
 * into a bounded tail, so it can neither block the child nor fill memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

struct child; /* owned by whoever started it */

struct child_spec {
    const char *const *argv; /* argv[0] is searched in PATH unless it has a slash */
    const char *const *env;  /* whole environment, NULL-terminated; NULL: ours */
    const char *directory;   /* NULL: ours */
    bool want_stdin;         /* a pipe that the caller writes, else /dev/null */
    bool want_stdout;        /* a pipe that the caller reads, else /dev/null */
    bool keep_capabilities;  /* false: the ambient and inheritable sets are cleared */
    int pass_fd;             /* also inherited under the same number, or -1: a PGPASSFILE memfd */
    int64_t timeout_ms;      /* child_run only; 0: none. TERM, then KILL 5 s later */
};

int must_check child_start(struct child **ret, const struct child_spec *spec, struct err *e);
int child_stdin(const struct child *c); /* -1 when not wanted or closed */
int child_stdout(const struct child *c);
pid_t child_pid(const struct child *c);
void child_close_stdin(struct child *c); /* the child sees end of file */
void child_close_stdout(struct child *c);
void child_signal(struct child *c, int sig);

/* Wait for the end. 0: exit 0. -1: ERR_CHILD, "pg_dump: exit status 1: LAST LINES OF STDERR" or
 * "pg_dump: killed by signal 9 (Killed)". ret_status (may be NULL) is the wait status. */
int must_check child_wait(struct child *c, int *ret_status, struct err *e);
/* Printable tail of stderr so far, at most 4 KiB; borrowed, valid until child_free. After wait. */
const char *child_stderr(struct child *c);
void child_free(struct child *c); /* NULL is fine; kills (KILL) and reaps if still running */

/* Start, feed nothing, collect stdout up to out->max (more is ERR_LIMIT), wait. */
struct buf;
int must_check child_run(const struct child_spec *spec, struct buf *out, struct err *e);

/* The program as execvp would find it, owned; NULL if nowhere in PATH. */
char *child_find_program(const char *name);
