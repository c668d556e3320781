#include "daemon/worker/pg_source.h"

#include "lib/postgres/databases.h"

int pg_source_read(const json_t *o, struct pg_source *s, struct err *e)
{
    const char *format;

    *s = (struct pg_source){0};
    if (json_get_string(o, "name", &s->name, e) < 0 || json_get_string(o, "uri", &s->uri, e) < 0 ||
        json_get_strings(o, "databases", &s->databases, e) < 0 ||
        json_get_strings(o, "exclude_databases", &s->exclude_databases, e) < 0 ||
        json_get_strings(o, "exclude_tables", &s->exclude_tables, e) < 0 ||
        json_get_strings(o, "exclude_table_data", &s->exclude_table_data, e) < 0 ||
        json_get_strings(o, "schemas", &s->schemas, e) < 0 ||
        json_get_bool(o, "schema_only", &s->schema_only, e) < 0 ||
        json_get_bool(o, "globals", &s->globals, e) < 0 ||
        json_get_string(o, "format", &format, e) < 0 ||
        json_get_i64(o, "lock_timeout_s", 1, 86400, &s->lock_timeout_s, e) < 0) {
        pg_source_deinit(s);
        return err_wrap(e, "source of a job");
    }
    s->custom = str_equal(format, "custom");
    s->restore_uri = json_opt_string(o, "restore_uri", s->uri);
    s->bin_dir = json_opt_string(o, "bin_dir", NULL);
    return 0;
}

void pg_source_deinit(struct pg_source *s)
{
    strlist_deinit(&s->databases);
    strlist_deinit(&s->exclude_databases);
    strlist_deinit(&s->exclude_tables);
    strlist_deinit(&s->exclude_table_data);
    strlist_deinit(&s->schemas);
}

static bool is_excluded(const struct pg_source *s, const char *name)
{
    for (size_t i = 0; i < s->exclude_databases.count; i++)
        if (str_match(s->exclude_databases.items[i], name))
            return true;
    return false;
}

static int every_database(const struct pg_source *s, struct pg *p, struct strlist *ret,
                          struct strlist *ret_skipped, struct err *e)
{
    struct strlist all = {0}, skipped = {0};

    if (pg_database_list(p, &all, &skipped, e) < 0)
        return -1;
    for (size_t i = 0; i < skipped.count; i++)
        if (!is_excluded(s, skipped.items[i]))
            strlist_add(ret_skipped, skipped.items[i]);
    strlist_deinit(&skipped);
    for (size_t i = 0; i < all.count; i++)
        if (!is_excluded(s, all.items[i]))
            strlist_add(ret, all.items[i]);
    size_t found = all.count;
    strlist_deinit(&all);
    if (ret->count == 0)
        return err_set(e, ERR_SOURCE,
                       "%s: of the %zu databases none is left to dump (see exclude_databases)",
                       pg_place(p), found);
    return 0;
}

int pg_source_databases(const struct pg_source *s, struct pg *p, struct strlist *ret,
                        struct strlist *ret_skipped, struct err *e)
{
    if (strlist_contains(&s->databases, "*"))
        return every_database(s, p, ret, ret_skipped, e);
    for (size_t i = 0; i < s->databases.count; i++)
        if (!strlist_contains(ret, s->databases.items[i]))
            strlist_add(ret, s->databases.items[i]);
    if (s->databases.count == 0)
        strlist_add(ret, pg_database_name(p));
    return 0;
}

int pg_source_open(const struct pg_source *s, struct pg **ret, struct err *e)
{
    bool all = strlist_contains(&s->databases, "*");

    if (s->databases.count > 0 && !all)
        return pg_open(s->uri, s->databases.items[0], ret, e);
    if (pg_open(s->uri, NULL, ret, e) == 0)
        return 0;
    /* a URI without a database means that of the role's name, which need not be there */
    return all && pg_open(s->uri, "postgres", ret, NULL) == 0 ? 0 : -1;
}
