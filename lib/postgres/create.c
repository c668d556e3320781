/* create.c — an empty database like another one, and the last look at a loaded one. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/postgres/query.h"
#include "lib/postgres/restore.h"

static int check_owner(struct pg *p, const char *owner, struct err *e)
{
    const char *const name[] = {owner};
    _cleanup_free_ char *ours = NULL;

    int rc = pg_query_value(p,
                            "SELECT pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles"
                            " WHERE rolname = $1",
                            name, 1, &ours, e);
    if (rc < 0)
        return -1;
    if (rc == 1)
        return err_set(e, ERR_REFUSED,
                       "the owner \"%s\" does not exist on this server: createuser \"%s\", or run "
                       "the set's globals.sql first",
                       owner, owner);
    if (!str_equal(ours, "t"))
        return err_set(e, ERR_REFUSED,
                       "role \"%s\" may not give it to its owner \"%s\" (GRANT \"%s\" TO \"%s\", "
                       "or set restore_uri)",
                       pg_user(p), owner, owner, pg_user(p));
    return 0;
}

static int choose_tablespace(struct pg *p, const char *wanted, char **ret, char **ret_note,
                             struct err *e)
{
    const char *const name[] = {wanted};

    int rc = pg_query_value(
        p,
        "SELECT pg_catalog.quote_ident(spcname) FROM pg_catalog.pg_tablespace WHERE spcname = $1",
        name, 1, ret, e);
    if (rc != 1)
        return rc;
    *ret_note = mem_printf("tablespace \"%s\" does not exist on this server: the default one is "
                           "taken",
                           wanted);
    return 0;
}

static void add_locale(struct pg *p, struct buf *sql, const struct pg_database *like)
{
    int version = pg_server_version(p);
    _cleanup_free_ char *collate = pg_quote_text(p, like->collate);
    _cleanup_free_ char *ctype = pg_quote_text(p, like->ctype);

    (void)!buf_printf(sql, NULL, " LC_COLLATE %s LC_CTYPE %s", collate, ctype);
    if (version < 150000)
        return;
    /* always said: else template0's, whose provider may be another one */
    (void)!buf_printf(sql, NULL, " LOCALE_PROVIDER %s", like->provider);
    if (like->locale == NULL || str_equal(like->provider, "libc"))
        return;
    _cleanup_free_ char *locale = pg_quote_text(p, like->locale);
    (void)!buf_printf(sql, NULL, " %s_LOCALE %s",
                      str_equal(like->provider, "icu") ? "ICU" : "BUILTIN", locale);
}

int pg_database_create(struct pg *p, const char *name, const struct pg_database *like,
                       char **ret_note, struct err *e)
{
    _cleanup_free_ char *new = pg_quote_name(p, name), *tablespace = NULL;
    struct buf sql = BUF_INIT(64 << 10);

    *ret_note = NULL;
    if (check_owner(p, like->owner, e) < 0 ||
        choose_tablespace(p, like->tablespace, &tablespace, ret_note, e) < 0)
        return err_wrap(e, "create database \"%s\"", name);
    _cleanup_free_ char *owner = pg_quote_name(p, like->owner);
    _cleanup_free_ char *encoding = pg_quote_text(p, like->encoding);
    (void)!buf_printf(&sql, NULL, "CREATE DATABASE %s TEMPLATE template0 OWNER %s ENCODING %s", new,
                      owner, encoding);
    add_locale(p, &sql, like);
    if (tablespace != NULL)
        (void)!buf_printf(&sql, NULL, " TABLESPACE %s", tablespace);
    int rc = pg_run(p, e, "%s", (const char *)sql.data);
    buf_deinit(&sql);
    if (rc == 0)
        return 0;
    free(TAKE(*ret_note));
    if (e != NULL && strstr(e->text, "permission denied") != NULL)
        return err_set(e, ERR_SOURCE,
                       "role \"%s\" may not create databases (ALTER ROLE \"%s\" CREATEDB, or set "
                       "restore_uri)",
                       pg_user(p), pg_user(p));
    return err_wrap(e, "create database \"%s\"", name);
}

static int count(struct pg *p, const char *sql, int64_t *ret, struct err *e)
{
    _cleanup_free_ char *value = NULL;

    if (pg_query_value(p, sql, NULL, 0, &value, e) != 0)
        return -1;
    return str_to_i64(value, 0, INT64_MAX, ret, e);
}

int pg_load_finish(struct pg *p, uint32_t tables, struct err *e)
{
    int64_t invalid, there;

    if (pg_run(p, e, "SET statement_timeout = 0") < 0 || pg_run(p, e, "ANALYZE") < 0)
        return err_wrap(e, "ANALYZE");
    if (count(p,
              "SELECT pg_catalog.count(*) FROM pg_catalog.pg_index WHERE NOT indisvalid AND"
              " indexrelid >= 16384",
              &invalid, e) < 0 ||
        count(p,
              "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
              " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND"
              " n.nspname <> 'information_schema'",
              &there, e) < 0)
        return err_wrap(e, "check the loaded database");
    if (invalid > 0)
        return err_set(e, ERR_SOURCE, "%lld indexes of the loaded database are not valid",
                       (long long)invalid);
    if (there < (int64_t)tables)
        return err_set(e, ERR_SOURCE,
                       "the loaded database has %lld tables, the dump holds data of %u",
                       (long long)there, tables);
    return 0;
}

char *pg_tablespace_place(struct pg *p, const char *tablespace)
{
    const char *const name[] = {tablespace};
    char *place = NULL;

    /* data_directory is shown to superusers and pg_read_all_settings; else we do not know. A
     * tablespace that is not there will be the default one */
    if (pg_query_value(p,
                       "SELECT COALESCE(NULLIF(pg_catalog.pg_tablespace_location(oid), ''),"
                       " pg_catalog.current_setting('data_directory', true))"
                       " FROM pg_catalog.pg_tablespace WHERE spcname IN ($1, 'pg_default')"
                       " ORDER BY spcname = $1 DESC LIMIT 1",
                       name, 1, &place, NULL) != 0)
        return NULL;
    return place;
}
