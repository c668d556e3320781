/* connect.c — opening a connection, and making sense of why that failed.
 *
 * libpq gives no SQLSTATE for a refused login, only words, in the server's language. So the
 * connection is made step by step, which allows the verbose form of messages to be chosen
 * first: "FATAL:  28000: ...", and the code is read out of that. */
#include "lib/postgres/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/postgres/query.h"

enum { CONNECT_TIMEOUT_S = 10 };

/* The SQLSTATE in a verbose message, and where the words behind it begin; "" if there is none. */
static const char *find_state(const char *text, char state[6])
{
    state[0] = '\0';
    for (const char *p = strstr(text, ":  "); p != NULL; p = strstr(p + 1, ":  ")) {
        const char *code = p + 3;
        if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':') {
            (void)snprintf(state, 6, "%.5s", code);
            return code + 7;
        }
    }
    return text;
}

static int refused(struct pg *p, const char *state, const char *words, struct err *e)
{
    const char *user = PQuser(p->conn), *database = PQdb(p->conn);
    bool no_role = str_equal(state, "28000") && strstr(words, "does not exist") != NULL;

    if (no_role && str_equal(user, "root")) /* who restores, and makes databases */
        return err_set(e, ERR_SOURCE, "%s (sudo -u postgres createuser --superuser root)", words);
    if (no_role)
        return err_set(e, ERR_SOURCE, "%s (sudo -u postgres createuser %s)", words, user);
    if (str_equal(state, "28P01"))
        return err_set(e, ERR_SOURCE, "%s (set the right password in the uri)", words);
    if (str_starts(state, "28"))
        return err_set(e, ERR_SOURCE, "%s (allow role \"%s\" in pg_hba.conf)", words, user);
    if (str_equal(state, "42501"))
        return err_set(e, ERR_SOURCE, "%s (GRANT CONNECT ON DATABASE \"%s\" TO \"%s\")", words,
                       database, user);
    if (str_equal(state, "3D000"))
        return err_set(e, ERR_SOURCE, "%s (name an existing one in the uri)", words);
    if (str_starts(state, "53") || str_starts(state, "57") || str_starts(state, "08") ||
        str_starts(state, "58"))
        return err_set(e, ERR_UNAVAILABLE, "%s", words);
    return err_set(e, ERR_SOURCE, "%s", words);
}

static int connect_error(struct pg *p, struct err *e)
{
    const char *text = PQerrorMessage(p->conn), *words;
    char state[6];

    words = find_state(text, state);
    size_t len = strcspn(words, "\n");
    /* "connection to server at ... failed: could not ...\n\tIs the server running ...?" */
    _cleanup_free_ char *shown = str_printable(words, len);
    if (state[0] != '\0')
        return refused(p, state, shown, e);
    if (PQconnectionNeedsPassword(p->conn))
        return err_set(e, ERR_SOURCE,
                       "role \"%s\" needs a password (put one in the uri, or a line in ~/.pgpass)",
                       PQuser(p->conn));
    return err_set(e, ERR_UNAVAILABLE, "%s", shown[0] != '\0' ? shown : "no connection");
}

static int64_t timeout_ms(const struct pg *p)
{
    PQconninfoOption *options = PQconninfo(p->conn);
    int64_t seconds = CONNECT_TIMEOUT_S;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (str_equal(o->keyword, "connect_timeout") && o->val != NULL &&
            str_to_i64(o->val, 1, 3600, &seconds, NULL) < 0)
            seconds = CONNECT_TIMEOUT_S;
    PQconninfoFree(options);
    return seconds * 1000;
}

static int complete_connect(struct pg *p, struct err *e)
{
    int64_t end = clock_mono().us / 1000 + timeout_ms(p);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;

    while (next != PGRES_POLLING_OK) {
        struct pollfd fd = {.fd = PQsocket(p->conn),
                            .events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left = end - clock_mono().us / 1000;
        if (next == PGRES_POLLING_FAILED)
            return connect_error(p, e);
        int n = left <= 0 ? 0 : poll(&fd, 1, (int)left);
        if (n == 0)
            return err_set(e, ERR_UNAVAILABLE, "no answer within %lld s",
                           (long long)(timeout_ms(p) / 1000));
        if (n > 0)
            next = PQconnectPoll(p->conn);
    }
    return 0;
}

static char *describe_place(const PGconn *conn)
{
    const char *host = PQhost(conn), *port = PQport(conn);

    if (host == NULL || host[0] == '\0')
        return mem_strdup("the default server");
    if (port == NULL || port[0] == '\0' || str_equal(port, "5432"))
        return mem_strdup(host);
    return host[0] == '/' ? mem_printf("%s, port %s", host, port) : mem_printf("%s:%s", host, port);
}

static int begin_connect(struct pg *p, const char *uri, const char *database, struct err *e)
{
    /* before "dbname": defaults that the URI may override; behind it: what overrides the URI */
    const char *const names[] = {"keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "application_name",
                                 "dbname",
                                 database != NULL ? "dbname" : NULL,
                                 NULL};
    const char *const values[] = {"30", "10", "3", "60000", "synbak", uri, database, NULL};
    char *why = NULL;

    PQconninfoOption *parsed = PQconninfoParse(uri, &why);
    if (parsed == NULL) {
        /* libpq's words may quote the URI, and with it a password: they are not shown */
        PQfreemem(why);
        return err_set(e, ERR_CONFIG,
                       "the uri is not one that PostgreSQL understands "
                       "(postgresql://USER@HOST:PORT/DATABASE, special characters as %%XX)");
    }
    for (PQconninfoOption *o = parsed; o->keyword != NULL; o++)
        if (str_equal(o->keyword, "sslpassword") && o->val != NULL) {
            PQconninfoFree(parsed);
            return err_set(e, ERR_CONFIG,
                           "sslpassword cannot be passed on to pg_dump without "
                           "showing it: use a key file without a passphrase");
        }
    PQconninfoFree(parsed);
    p->conn = PQconnectStartParams(names, values, 1);
    if (p->conn == NULL)
        return err_set(e, ERR_INTERNAL, "no memory for a connection");
    p->place = describe_place(p->conn);
    if (PQstatus(p->conn) == CONNECTION_BAD)
        return connect_error(p, e);
    (void)PQsetErrorVerbosity(p->conn, PQERRORS_VERBOSE);
    return 0;
}

static void ignore_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

int pg_open(const char *uri, const char *database, struct pg **ret, struct err *e)
{
    struct pg *p = mem_alloc(sizeof(*p));
    int rc = begin_connect(p, uri, database, e);

    if (rc == 0)
        rc = complete_connect(p, e);
    if (rc == 0) {
        (void)PQsetErrorVerbosity(p->conn, PQERRORS_DEFAULT);
        (void)PQsetNoticeReceiver(p->conn, ignore_notice, NULL);
        /* an empty search_path, as PostgreSQL's own programs do: nobody's functions but its own */
        rc = pg_run(p, e,
                    "SELECT pg_catalog.set_config('search_path', '', false);"
                    "SET lock_timeout = '30s'; SET statement_timeout = '5min';"
                    "SET idle_in_transaction_session_timeout = 0; SET client_encoding = 'UTF8'");
    }
    if (rc < 0) {
        if (p->place != NULL)
            (void)err_wrap(e, "connect to %s", p->place);
        pg_close(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void pg_close(struct pg *p)
{
    if (p == NULL)
        return;
    PQfinish(p->conn);
    free(p->place);
    free(p);
}

void pg_on_wait(struct pg *p, pg_tick *tick, void *arg)
{
    p->tick = tick;
    p->tick_arg = arg;
}

int pg_server_version(const struct pg *p)
{
    return PQserverVersion(p->conn);
}

const char *pg_server_version_text(const struct pg *p)
{
    const char *text = PQparameterStatus(p->conn, "server_version");

    return text != NULL ? text : "";
}

const char *pg_user(const struct pg *p)
{
    return PQuser(p->conn);
}

const char *pg_database_name(const struct pg *p)
{
    return PQdb(p->conn);
}

const char *pg_place(const struct pg *p)
{
    return p->place;
}

bool pg_is_local(const struct pg *p)
{
    const char *host = PQhost(p->conn);

    return host != NULL && host[0] == '/';
}

int pg_is_superuser(struct pg *p, bool *ret, struct err *e)
{
    _cleanup_free_ char *value = NULL;

    if (pg_query_value(p, "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user",
                       NULL, 0, &value, e) < 0)
        return -1;
    *ret = str_equal(value, "t");
    return 0;
}
