#include "lib/postgres/databases.h"

#include <string.h>

#include "lib/postgres/query.h"

enum { NAME_BYTES = 63 };

int pg_database_list(struct pg *p, struct strlist *ret, struct strlist *ret_skipped, struct err *e)
{
    _cleanup_result_ PGresult *r =
        pg_query(p,
                 "SELECT datname, datname ~ '_synbak_(new|old|undone)_[0-9]{8}_[0-9]{6}$' FROM "
                 "pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate "
                 "ORDER BY datname COLLATE \"C\"",
                 NULL, 0, e);

    if (r == NULL)
        return err_wrap(e, "list the databases");
    for (int i = 0; i < PQntuples(r); i++)
        strlist_add(str_equal(PQgetvalue(r, i, 1), "t") ? ret_skipped : ret, PQgetvalue(r, i, 0));
    return 0;
}

/* The locale columns moved and grew over the versions. */
static const char *locale_columns(int server_version)
{
    if (server_version >= 170000)
        return "d.datlocprovider, d.datlocale";
    if (server_version >= 150000)
        return "d.datlocprovider, d.daticulocale";
    return "'c', NULL";
}

static char *text_or_null(const PGresult *r, int column)
{
    return PQgetisnull(r, 0, column) ? NULL : mem_strdup(PQgetvalue(r, 0, column));
}

static const char *provider_word(char letter)
{
    return letter == 'i' ? "icu" : letter == 'b' ? "builtin" : "libc";
}

int pg_database_get(struct pg *p, const char *name, struct pg_database *ret, struct err *e)
{
    _cleanup_free_ char *sql = mem_printf(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding),"
        " d.datcollate, d.datctype, t.spcname, d.datallowconn,"
        " CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') OR"
        " pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE')"
        " THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END, %s"
        " FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace"
        " WHERE d.datname = $1",
        locale_columns(pg_server_version(p)));
    const char *const values[] = {name};
    _cleanup_result_ PGresult *r = pg_query(p, sql, values, 1, e);
    int64_t bytes = 0;

    *ret = (struct pg_database){0};
    if (r == NULL)
        return err_wrap(e, "look at database \"%s\"", name);
    if (PQntuples(r) == 0)
        return 1;
    if (str_to_i64(PQgetvalue(r, 0, 6), 0, INT64_MAX, &bytes, e) < 0)
        return -1;
    *ret = (struct pg_database){
        .name = mem_strdup(name),
        .owner = text_or_null(r, 0),
        .encoding = text_or_null(r, 1),
        .collate = text_or_null(r, 2),
        .ctype = text_or_null(r, 3),
        .tablespace = text_or_null(r, 4),
        .allow_connections = str_equal(PQgetvalue(r, 0, 5), "t"),
        .bytes = (uint64_t)bytes,
        .provider = mem_strdup(provider_word(PQgetvalue(r, 0, 7)[0])),
        .locale = text_or_null(r, 8),
    };
    return 0;
}

void pg_database_deinit(struct pg_database *d)
{
    free(d->name);
    free(d->owner);
    free(d->encoding);
    free(d->collate);
    free(d->ctype);
    free(d->provider);
    free(d->locale);
    free(d->tablespace);
    *d = (struct pg_database){0};
}

int pg_database_oid(struct pg *p, const char *name, uint32_t *ret, struct err *e)
{
    const char *const values[] = {name};
    _cleanup_free_ char *text = NULL;
    int64_t oid = 0;

    int rc = pg_query_value(p, "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1", values,
                            1, &text, e);
    if (rc == 0)
        rc = str_to_i64(text, 1, UINT32_MAX, &oid, e);
    *ret = (uint32_t)oid;
    return rc;
}

int pg_database_of_oid(struct pg *p, uint32_t oid, char **ret_name, struct err *e)
{
    _cleanup_free_ char *text = mem_printf("%u", oid);
    const char *const values[] = {text};

    return pg_query_value(
        p, "SELECT datname FROM pg_catalog.pg_database WHERE oid = $1::pg_catalog.oid", values, 1,
        ret_name, e);
}

json_t *pg_database_to_json(const struct pg_database *d)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:I}", "name", d->name, "owner",
                     d->owner, "encoding", d->encoding, "collate", d->collate, "ctype", d->ctype,
                     "provider", d->provider, "locale", d->locale, "tablespace", d->tablespace,
                     "bytes", (json_int_t)d->bytes);
}

static int read_members(const json_t *o, struct pg_database *d, struct err *e)
{
    const char *name, *owner, *encoding, *collate, *ctype, *provider, *tablespace;
    int64_t bytes;

    if (json_get_string(o, "name", &name, e) < 0 || json_get_string(o, "owner", &owner, e) < 0 ||
        json_get_string(o, "encoding", &encoding, e) < 0 ||
        json_get_string(o, "collate", &collate, e) < 0 ||
        json_get_string(o, "ctype", &ctype, e) < 0 ||
        json_get_string(o, "provider", &provider, e) < 0 ||
        json_get_string(o, "tablespace", &tablespace, e) < 0 ||
        json_get_i64(o, "bytes", 0, INT64_MAX, &bytes, e) < 0)
        return -1;
    if (!str_equal(provider, "libc") && !str_equal(provider, "icu") &&
        !str_equal(provider, "builtin"))
        return err_set(e, ERR_FORMAT, "an unknown locale provider");
    *d = (struct pg_database){
        .name = mem_strdup(name),
        .owner = mem_strdup(owner),
        .encoding = mem_strdup(encoding),
        .collate = mem_strdup(collate),
        .ctype = mem_strdup(ctype),
        .provider = mem_strdup(provider),
        .locale = mem_strdup(json_opt_string(o, "locale", NULL)),
        .tablespace = mem_strdup(tablespace),
        .bytes = (uint64_t)bytes,
        .allow_connections = true,
    };
    return 0;
}

int pg_database_from_json(const json_t *o, struct pg_database *ret, struct err *e)
{
    *ret = (struct pg_database){0};
    return read_members(o, ret, e) < 0 ? err_wrap(e, "details of the dump") : 0;
}

/* FNV-1a: only to tell long names apart that begin alike. */
static uint32_t digest_of(const char *name)
{
    uint32_t n = 2166136261U;

    for (; *name != '\0'; name++)
        n = (n ^ (uint8_t)*name) * 16777619U;
    return n;
}

char *pg_side_name(const char *name, const char *what, const char *id)
{
    _cleanup_free_ char *tail = mem_printf("_synbak_%.8s_%.32s", what, id);
    size_t room = NAME_BYTES - strlen(tail), len = strlen(name);

    if (len <= room)
        return mem_printf("%s%s", name, tail);
    _cleanup_free_ char *told_apart = mem_printf("_%08x%s", digest_of(name), tail);
    room = NAME_BYTES - strlen(told_apart);
    for (len = room; len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80;)
        len--; /* not inside a character */
    return mem_printf("%.*s%s", (int)len, name, told_apart);
}
