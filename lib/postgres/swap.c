#include "lib/postgres/swap.h"

#include "lib/base/clock.h"
#include "lib/postgres/query.h"

enum { END_TIMEOUT_MS = 60000, END_POLL_MS = 50, TRIES = 3 };

int pg_allow_connections(struct pg *p, const char *database, bool allow, struct err *e)
{
    _cleanup_free_ char *name = pg_quote_name(p, database);

    return pg_run(p, e, "ALTER DATABASE %s ALLOW_CONNECTIONS %s", name, allow ? "true" : "false");
}

static int count_sessions(struct pg *p, const char *database, int64_t *ret, struct err *e)
{
    const char *const name[] = {database};
    _cleanup_free_ char *count = NULL;

    if (pg_query_value(p,
                       "SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity"
                       " WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()",
                       name, 1, &count, e) != 0)
        return -1;
    return str_to_i64(count, 0, INT64_MAX, ret, e);
}

/* Ask them to go until none is left: one that was connecting when the door closed shows late. */
static int end_sessions(struct pg *p, const char *database, struct err *e)
{
    const char *const name[] = {database};
    int64_t end = clock_mono().us / 1000 + END_TIMEOUT_MS, left = 1;

    while (left > 0) {
        _cleanup_result_ PGresult *r =
            pg_query(p,
                     "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
                     " WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()",
                     name, 1, e);
        if (r == NULL)
            return err_wrap(e, "end the sessions of \"%s\" (GRANT pg_signal_backend TO \"%s\")",
                            database, pg_user(p));
        if (count_sessions(p, database, &left, e) < 0)
            return -1;
        if (left > 0 && clock_mono().us / 1000 > end)
            return err_set(e, ERR_TIMEOUT,
                           "%lld sessions of \"%s\" did not end within a minute (see "
                           "pg_stat_activity)",
                           (long long)left, database);
        if (left > 0)
            clock_sleep_ms(END_POLL_MS);
    }
    return 0;
}

static int rename_both(struct pg *p, const char *present, const char *staged, const char *aside,
                       struct err *e)
{
    _cleanup_free_ char *a = pg_quote_name(p, present), *b = pg_quote_name(p, staged);
    _cleanup_free_ char *c = pg_quote_name(p, aside);

    if (pg_run(p, e,
               "BEGIN; ALTER DATABASE %s RENAME TO %s; ALTER DATABASE %s RENAME TO %s; COMMIT", a,
               c, b, a) == 0)
        return 0;
    (void)!pg_run(p, NULL, "ROLLBACK"); /* when that fails the connection is gone, and with it the
                                           transaction */
    return -1;
}

static int swap_closed(struct pg *p, const char *present, const char *staged, const char *aside,
                       struct err *e)
{
    int rc = -1;

    for (int i = 0; i < TRIES && rc < 0; i++) {
        if (end_sessions(p, present, e) < 0 || end_sessions(p, staged, e) < 0)
            return -1;
        rc = rename_both(p, present, staged, aside, e);
    }
    return rc;
}

int pg_swap(struct pg *p, const char *present, const char *staged, const char *aside, struct err *e)
{
    if (pg_allow_connections(p, present, false, e) < 0)
        return err_wrap(e, "close database \"%s\"", present);
    if (swap_closed(p, present, staged, aside, e) == 0)
        return 0;
    struct err why = {0};
    if (pg_allow_connections(p, present, true, &why) < 0)
        return err_wrap(e,
                        "database \"%s\" is left closed (ALTER DATABASE \"%s\" "
                        "ALLOW_CONNECTIONS true), because of two failures; the first",
                        present, present);
    return err_wrap(e, "swap database \"%s\"", present);
}

int pg_rename_alone(struct pg *p, const char *from, const char *to, struct err *e)
{
    _cleanup_free_ char *a = pg_quote_name(p, from), *b = pg_quote_name(p, to);

    if (end_sessions(p, from, e) < 0)
        return -1;
    if (pg_run(p, e, "ALTER DATABASE %s RENAME TO %s", a, b) < 0)
        return err_wrap(e, "rename database \"%s\"", from);
    return 0;
}

int pg_drop_database(struct pg *p, const char *database, struct err *e)
{
    const char *const name[] = {database};
    _cleanup_free_ char *quoted = pg_quote_name(p, database), *there = NULL;

    int rc = pg_query_value(p, "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", name, 1,
                            &there, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (pg_allow_connections(p, database, false, e) < 0 || end_sessions(p, database, e) < 0 ||
        pg_run(p, e, "DROP DATABASE %s", quoted) < 0)
        return err_wrap(e, "drop database \"%s\"", database);
    return 0;
}
