#include "lib/postgres/rights.h"

#include "lib/postgres/query.h"

/* Takes both texts. */
static void add(struct pg_rights *r, char *what, char *fix) /* NOLINT(*-non-const-parameter) */
{
    r->items = mem_resize_array(r->items, r->count + 1, sizeof(*r->items));
    r->items[r->count++] = (struct pg_rights_finding){what, fix};
}

static bool is_excluded(const struct strlist *excluded, const char *schema, const char *name)
{
    _cleanup_free_ char *full = mem_printf("%s.%s", schema, name);

    for (size_t i = 0; excluded != NULL && i < excluded->count; i++)
        if (str_match(excluded->items[i], name) || str_match(excluded->items[i], full))
            return true;
    return false;
}

/* Rows of (schema, name): how many count, and the first. */
static int count_tables(struct pg *p, const char *sql, const struct strlist *excluded,
                        size_t *ret_count, char **ret_first, struct err *e)
{
    _cleanup_result_ PGresult *r = pg_query(p, sql, NULL, 0, e);

    *ret_count = 0;
    *ret_first = NULL;
    if (r == NULL)
        return -1;
    for (int i = 0; i < PQntuples(r); i++) {
        const char *schema = PQgetvalue(r, i, 0), *name = PQgetvalue(r, i, 1);
        if (is_excluded(excluded, schema, name))
            continue;
        if ((*ret_count)++ == 0)
            *ret_first = mem_printf("%s.%s", schema, name);
    }
    return 0;
}

static char *and_more(size_t count)
{
    return count > 1 ? mem_printf(" (and %zu more)", count - 1) : mem_strdup("");
}

static int check_tables(struct pg *p, const struct strlist *excluded, struct pg_rights *ret,
                        struct err *e)
{
    _cleanup_free_ char *first = NULL, *role = pg_quote_name(p, pg_user(p));
    size_t count;

    if (count_tables(p,
                     "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE c.relkind IN ('r', 'p', 'm', 'S') AND c.relpersistence <> 't'"
                     " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
                     " AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND CASE c.relkind"
                     " WHEN 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'SELECT')"
                     " ELSE pg_catalog.has_table_privilege(c.oid, 'SELECT') END)"
                     " ORDER BY 1, 2",
                     excluded, &count, &first, e) < 0)
        return -1;
    if (count == 0)
        return 0;
    _cleanup_free_ char *more = and_more(count);
    char *fix =
        pg_server_version(p) >= 140000
            ? mem_printf("GRANT pg_read_all_data TO %s", role)
            : mem_printf("in each schema: GRANT USAGE ON SCHEMA ... TO %s, and GRANT SELECT "
                         "ON ALL TABLES IN SCHEMA ... TO %s, likewise ON ALL SEQUENCES",
                         role, role);
    add(ret, mem_printf("role %s may not read %s%s", role, first, more), fix);
    return 0;
}

static int check_row_security(struct pg *p, const struct strlist *excluded, struct pg_rights *ret,
                              struct err *e)
{
    _cleanup_free_ char *first = NULL, *role = pg_quote_name(p, pg_user(p));
    size_t count;

    if (count_tables(p,
                     "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c"
                     " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                     " WHERE c.relrowsecurity AND pg_catalog.row_security_active(c.oid)"
                     " ORDER BY 1, 2",
                     excluded, &count, &first, e) < 0)
        return -1;
    if (count == 0)
        return 0;
    _cleanup_free_ char *more = and_more(count);
    add(ret, mem_printf("row-level security hides rows of %s%s from role %s", first, more, role),
        mem_printf("ALTER ROLE %s BYPASSRLS", role));
    return 0;
}

/* pg_read_all_data does not cover large objects. */
static int check_large_objects(struct pg *p, struct pg_rights *ret, struct err *e)
{
    _cleanup_free_ char *count = NULL, *role = pg_quote_name(p, pg_user(p));
    int64_t n = 0;

    if (pg_query_value(p,
                       "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata m"
                       " WHERE NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS"
                       " (SELECT FROM pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type ="
                       " 'SELECT' AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee,"
                       " 'USAGE')))"
                       " AND pg_catalog.current_setting('lo_compat_privileges') <> 'on'",
                       NULL, 0, &count, e) < 0 ||
        str_to_i64(count, 0, INT64_MAX, &n, e) < 0)
        return -1;
    if (n > 0)
        add(ret, mem_printf("role %s may not read %lld large objects", role, (long long)n),
            mem_printf("SELECT format('GRANT SELECT ON LARGE OBJECT %%s TO %s', oid) FROM "
                       "pg_largeobject_metadata \\gexec",
                       role));
    return 0;
}

int pg_rights_check(struct pg *p, const struct strlist *excluded, struct pg_rights *ret,
                    struct err *e)
{
    bool superuser = false;

    *ret = (struct pg_rights){0};
    if (pg_is_superuser(p, &superuser, e) < 0)
        return -1;
    if (superuser)
        return 0;
    if (check_tables(p, excluded, ret, e) < 0 || check_row_security(p, excluded, ret, e) < 0 ||
        check_large_objects(p, ret, e) < 0) {
        pg_rights_deinit(ret);
        return err_wrap(e, "look at the rights in database \"%s\"", pg_database_name(p));
    }
    return 0;
}

static int check_one(struct pg *p, const char *sql, const char *present, bool *ret, struct err *e)
{
    const char *const values[] = {present};
    _cleanup_free_ char *value = NULL;

    if (pg_query_value(p, sql, values, present != NULL ? 1 : 0, &value, e) < 0)
        return -1;
    *ret = str_equal(value, "t");
    return 0;
}

static int check_present(struct pg *p, const char *present, struct pg_rights *ret, struct err *e)
{
    bool prepared, signal, owner;
    _cleanup_free_ char *role = pg_quote_name(p, pg_user(p));

    if (check_one(p, "SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = $1)",
                  present, &prepared, e) < 0 ||
        check_one(p,
                  "SELECT rolsuper OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')"
                  " FROM pg_catalog.pg_roles WHERE rolname = current_user",
                  NULL, &signal, e) < 0 ||
        check_one(p,
                  "SELECT r.rolsuper OR pg_catalog.pg_has_role(d.datdba, 'USAGE')"
                  " FROM pg_catalog.pg_roles r, pg_catalog.pg_database d"
                  " WHERE r.rolname = current_user AND d.datname = $1",
                  present, &owner, e) < 0)
        return -1;
    if (prepared)
        add(ret,
            mem_printf("database \"%s\" has prepared transactions, so that it cannot be renamed",
                       present),
            mem_strdup("see pg_prepared_xacts; COMMIT PREPARED or ROLLBACK PREPARED"));
    if (!owner)
        add(ret, mem_printf("role %s does not own database \"%s\"", role, present),
            mem_strdup("set restore_uri to a superuser's or the owner's"));
    if (!signal)
        add(ret, mem_printf("role %s may not end the sessions of others", role),
            mem_printf("GRANT pg_signal_backend TO %s", role));
    return 0;
}

int pg_rights_check_restore(struct pg *p, const char *present, struct pg_rights *ret, struct err *e)
{
    _cleanup_free_ char *role = pg_quote_name(p, pg_user(p));
    bool create;

    *ret = (struct pg_rights){0};
    if (check_one(p,
                  "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles"
                  " WHERE rolname = current_user",
                  NULL, &create, e) < 0 ||
        (present != NULL && check_present(p, present, ret, e) < 0)) {
        pg_rights_deinit(ret);
        return err_wrap(e, "look at the rights of role %s", role);
    }
    if (!create)
        add(ret, mem_printf("role %s may not create databases", role),
            mem_printf("ALTER ROLE %s CREATEDB, or set restore_uri", role));
    return 0;
}

void pg_rights_deinit(struct pg_rights *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].what);
        free(r->items[i].fix);
    }
    free(r->items);
    *r = (struct pg_rights){0};
}
