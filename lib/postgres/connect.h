/* connect.h — a connection to a PostgreSQL server, and the same login for its programs.
 *
 * Errors: ERR_UNAVAILABLE when the server is away, refuses, starts up, has no connection left or
 * drops us (worth a retry); ERR_SOURCE when it answered that we may not, with what to do about it
 * in the text; ERR_CONFIG when the URI is none. Everything here may block on the network, each
 * wait bounded: 10 s to connect (unless the URI says connect_timeout), a minute without an answer
 * from the other host's kernel. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

struct pg; /* one connection; one thread at a time */

/* database: instead of the URI's, or NULL. */
int must_check pg_open(const char *uri, const char *database, struct pg **ret, struct err *e);
void pg_close(struct pg *p); /* NULL-safe */

/* Called about twice a second while a statement runs; true cancels it (ERR_CANCELLED). */
typedef bool pg_tick(void *arg);
void pg_on_wait(struct pg *p, pg_tick *tick, void *arg);

int pg_server_version(const struct pg *p);              /* 150020 */
const char *pg_server_version_text(const struct pg *p); /* "15.20 (Debian ...)"; borrowed */
const char *pg_user(const struct pg *p);
const char *pg_database_name(const struct pg *p);
const char *pg_place(const struct pg *p); /* for messages: "/run/postgresql", "db1:5433" */
bool pg_is_local(const struct pg *p);     /* over a Unix socket: its files are on this machine */
int must_check pg_is_superuser(struct pg *p, bool *ret, struct err *e);

/* What pg_dump and its like need to reach the same server as the same role. The password is in no
 * argument and no variable: it lies in an unnamed file that only the child inherits. */
struct pg_login {
    char *conninfo;     /* for -d; no secrets */
    int pass_fd;        /* for child_spec.pass_fd; -1: no password */
    struct strlist env; /* the child's whole environment */
};
int must_check pg_login_make(const struct pg *p, const char *database, struct pg_login *ret,
                             struct err *e);
void pg_login_deinit(struct pg_login *l); /* NULL-safe on members; a zeroed one needs pass_fd -1 */

/* What a person types to reach this server with PostgreSQL's programs: " --host=... --port=...
 * --username=...", quoted for a shell, without a password. Owned. */
char *pg_tool_options(const struct pg *p);

/* The code for a child of PostgreSQL's that failed: ERR_UNAVAILABLE if its words say that the
 * server went away or a lock was not to be had, else ERR_SOURCE. */
enum err_code pg_child_error_code(const char *stderr_text);
