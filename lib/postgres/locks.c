#include "lib/postgres/locks.h"

#include "lib/postgres/query.h"

int pg_locks_list(struct pg *p, int age_s, struct strlist *ret, struct err *e)
{
    _cleanup_free_ char *age = mem_printf("%d", age_s);
    const char *const values[] = {age};
    /* of another role's session only its id is shown, without pg_read_all_stats */
    _cleanup_result_ PGresult *r = pg_query(
        p,
        "SELECT DISTINCT ON (l.pid) l.pid, COALESCE(a.usename, '?'), a.application_name,"
        " n.nspname || '.' || c.relname,"
        " COALESCE(EXTRACT(epoch FROM pg_catalog.now() - a.xact_start)::pg_catalog.int8, 0)"
        " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM"
        " pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        " AND c.relkind IN ('r', 'p') AND (a.xact_start IS NULL OR a.xact_start <= pg_catalog.now()"
        " - pg_catalog.make_interval(secs => $1::pg_catalog.float8)) ORDER BY l.pid LIMIT 10",
        values, 1, e);

    if (r == NULL)
        return err_wrap(e, "look at the locks in \"%s\"", pg_database_name(p));
    for (int i = 0; i < PQntuples(r); i++) {
        int64_t seconds = 0;
        char span[32];
        (void)!str_to_i64(PQgetvalue(r, i, 4), 0, INT64_MAX, &seconds, NULL);
        strlist_addf(ret, "session %s of \"%s\" (%s) has locked %s for %s", PQgetvalue(r, i, 0),
                     PQgetvalue(r, i, 1), PQgetvalue(r, i, 2), PQgetvalue(r, i, 3),
                     str_duration(seconds, span));
    }
    return 0;
}
