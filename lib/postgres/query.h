/* query.h — statements on a connection; for the files of lib/postgres only, which alone see libpq.
 */
#pragma once

#include <libpq-fe.h>

#include "lib/base/mem.h"
#include "lib/postgres/connect.h"

struct pg {
    PGconn *conn;
    char *place;
    pg_tick *tick;
    void *tick_arg;
};

/* Run one statement with text parameters; the result is owned (PQclear), NULL on failure.
 * The error's text is the server's, with its SQLSTATE decided upon as in connect.h. */
PGresult *pg_query(struct pg *p, const char *sql, const char *const *values, int count,
                   struct err *e);
/* The same for one that returns no rows; several statements, when there are no values. */
int must_check pg_run(struct pg *p, struct err *e, const char *fmt, ...) printf_like(3, 4);
/* One value as an owned string; 1: no row, or NULL. */
int must_check pg_query_value(struct pg *p, const char *sql, const char *const *values, int count,
                              char **ret, struct err *e);
/* Quoted for SQL; owned. */
char *pg_quote_name(struct pg *p, const char *name);
char *pg_quote_text(struct pg *p, const char *text);

static inline void pg_result_freep(PGresult **r)
{
    PQclear(*r);
}
#define _cleanup_result_ _cleanup_(pg_result_freep)
