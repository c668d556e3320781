#include "lib/postgres/query.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TICK_MS = 500 };

/* SQLSTATE classes and codes that a later try may not meet again. */
static bool is_passing(const char *state)
{
    static const char *const beginnings[] = {"08", "53", "57P0", "55P03", "40", "58"};

    for (size_t i = 0; i < ARRAY_LEN(beginnings); i++)
        if (str_starts(state, beginnings[i]))
            return true;
    return false;
}

static int query_error(struct pg *p, const PGresult *r, struct err *e)
{
    const char *state = r != NULL ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = r != NULL ? PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL) : NULL;
    bool lost = PQstatus(p->conn) != CONNECTION_OK;

    if (text == NULL)
        text = PQerrorMessage(p->conn);
    _cleanup_free_ char *shown = str_printable(text, strcspn(text, "\n"));
    _cleanup_free_ char *more =
        detail != NULL ? str_printable(detail, strcspn(detail, "\n")) : NULL;
    return err_set(e, lost || (state != NULL && is_passing(state)) ? ERR_UNAVAILABLE : ERR_SOURCE,
                   "%s%s%s", shown, more != NULL ? ": " : "", more != NULL ? more : "");
}

static void cancel_statement(struct pg *p)
{
    char why[256];
    PGcancel *c = PQgetCancel(p->conn);

    if (c != NULL)
        (void)PQcancel(c, why, sizeof(why));
    PQfreeCancel(c);
}

/* Until the statement that was sent has a result: its last one. 1 through *cancelled if the tick
 * asked for an end. */
static PGresult *await_result(struct pg *p, bool *cancelled)
{
    PGresult *last = NULL, *r;

    for (;;) {
        while (PQisBusy(p->conn)) {
            struct pollfd fd = {.fd = PQsocket(p->conn), .events = POLLIN};
            int n = poll(&fd, 1, TICK_MS);
            if (n == 0 && !*cancelled && p->tick != NULL && p->tick(p->tick_arg)) {
                *cancelled = true;
                cancel_statement(p);
            }
            if (n > 0 && PQconsumeInput(p->conn) == 0)
                break;
        }
        if ((r = PQgetResult(p->conn)) == NULL)
            return last;
        bool failed = last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR;
        PQclear(failed ? r : last);
        last = failed ? last : r;
        if (PQstatus(p->conn) != CONNECTION_OK)
            return last;
    }
}

static PGresult *finish(struct pg *p, int sent, struct err *e)
{
    bool cancelled = false;
    PGresult *r = sent ? await_result(p, &cancelled) : NULL;
    ExecStatusType status = PQresultStatus(r);

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    if (cancelled)
        (void)err_set(e, ERR_CANCELLED, "cancelled");
    else
        (void)query_error(p, r, e);
    PQclear(r);
    return NULL;
}

PGresult *pg_query(struct pg *p, const char *sql, const char *const *values, int count,
                   struct err *e)
{
    return finish(p, PQsendQueryParams(p->conn, sql, count, NULL, values, NULL, NULL, 0), e);
}

int pg_run(struct pg *p, struct err *e, const char *fmt, ...)
{
    char *sql = NULL;
    va_list args;

    va_start(args, fmt);
    int n = vasprintf(&sql, fmt, args);
    va_end(args);
    if (n < 0)
        return err_set(e, ERR_INTERNAL, "no memory for a statement");
    PGresult *r = finish(p, PQsendQuery(p->conn, sql), e);
    mem_wipe(sql, (size_t)n); /* settings of roles may hold anything */
    free(sql);
    PQclear(r);
    return r == NULL ? -1 : 0;
}

int pg_query_value(struct pg *p, const char *sql, const char *const *values, int count, char **ret,
                   struct err *e)
{
    _cleanup_result_ PGresult *r = pg_query(p, sql, values, count, e);

    *ret = NULL;
    if (r == NULL)
        return -1;
    if (PQntuples(r) == 0 || PQgetisnull(r, 0, 0))
        return 1;
    *ret = mem_strdup(PQgetvalue(r, 0, 0));
    return 0;
}

static char *take_quoted(char *quoted)
{
    char *mine = mem_strdup(quoted != NULL ? quoted : "NULL"); /* NULL: bytes of no encoding */

    PQfreemem(quoted);
    return mine;
}

char *pg_quote_name(struct pg *p, const char *name)
{
    return take_quoted(PQescapeIdentifier(p->conn, name, strlen(name)));
}

char *pg_quote_text(struct pg *p, const char *text)
{
    return take_quoted(PQescapeLiteral(p->conn, text, strlen(text)));
}
