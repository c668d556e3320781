#include "lib/postgres/properties.h"

#include <string.h>

#include "lib/postgres/query.h"

static json_t *text_or_null(const PGresult *r, int row, int column)
{
    return PQgetisnull(r, row, column) ? json_null() : json_string(PQgetvalue(r, row, column));
}

static int read_plain(struct pg *p, const char *const *name, json_t *o, bool *ret_default,
                      struct err *e)
{
    int64_t limit = -1;
    _cleanup_result_ PGresult *r =
        pg_query(p,
                 "SELECT datconnlimit, pg_catalog.shobj_description(oid, 'pg_database'),"
                 " datacl IS NULL FROM pg_catalog.pg_database WHERE datname = $1",
                 name, 1, e);

    if (r == NULL)
        return -1;
    if (PQntuples(r) != 1)
        return err_set(e, ERR_NOT_FOUND, "there is no database \"%s\"", name[0]);
    if (str_to_i64(PQgetvalue(r, 0, 0), -2, INT32_MAX, &limit, e) < 0)
        return -1;
    (void)json_object_set_new(o, "connection_limit", json_integer(limit));
    (void)json_object_set_new(o, "comment", text_or_null(r, 0, 1));
    *ret_default = str_equal(PQgetvalue(r, 0, 2), "t");
    return 0;
}

static int read_rights(struct pg *p, const char *const *name, json_t *o, struct err *e)
{
    _cleanup_result_ PGresult *r =
        pg_query(p,
                 "SELECT CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END,"
                 " a.privilege_type, a.is_grantable FROM pg_catalog.pg_database d,"
                 " pg_catalog.aclexplode(d.datacl) WITH ORDINALITY a WHERE d.datname = $1 ORDER BY"
                 " a.ordinality",
                 name, 1, e);

    if (r == NULL)
        return -1;
    json_t *rights = json_array();
    for (int i = 0; i < PQntuples(r); i++)
        (void)json_array_append_new(rights,
                                    json_pack("{s:o, s:s, s:b}", "grantee", text_or_null(r, i, 0),
                                              "privilege", PQgetvalue(r, i, 1), "grantable",
                                              str_equal(PQgetvalue(r, i, 2), "t")));
    (void)json_object_set_new(o, "rights", rights);
    return 0;
}

static int read_settings(struct pg *p, const char *const *name, json_t *o, struct err *e)
{
    _cleanup_result_ PGresult *r = pg_query(
        p,
        "SELECT CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole) END, c.c"
        " FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON"
        " d.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) WITH ORDINALITY c (c, n)"
        " WHERE d.datname = $1 ORDER BY 1, c.n",
        name, 1, e);

    if (r == NULL)
        return -1;
    json_t *settings = json_array();
    for (int i = 0; i < PQntuples(r); i++) {
        const char *config = PQgetvalue(r, i, 1), *equals = strchr(config, '=');
        if (equals == NULL)
            continue;
        (void)json_array_append_new(
            settings, json_pack("{s:o, s:s%, s:s}", "role", text_or_null(r, i, 0), "name", config,
                                (size_t)(equals - config), "value", equals + 1));
    }
    (void)json_object_set_new(o, "settings", settings);
    return 0;
}

int pg_properties_read(struct pg *p, const char *database, json_t **ret, struct err *e)
{
    const char *const name[] = {database};
    json_t *o = json_object();
    bool by_default = false;

    int rc = read_plain(p, name, o, &by_default, e);
    if (rc == 0 && by_default)
        (void)json_object_set_new(o, "rights", json_null());
    else if (rc == 0)
        rc = read_rights(p, name, o, e);
    if (rc == 0)
        rc = read_settings(p, name, o, e);
    if (rc < 0) {
        json_decref(o);
        return err_wrap(e, "look at database \"%s\"", database);
    }
    *ret = o;
    return 0;
}

/* --- giving them to another database --- */

struct apply {
    struct pg *p;
    char *database, *owner; /* quoted */
    struct strlist *problems;
};

/* Run it; a refusal by the server becomes a problem, a lost connection an error. */
static int attempt(struct apply *a, const char *what, const char *sql, struct err *e)
{
    struct err why = {0};

    if (pg_run(a->p, &why, "%s", sql) == 0)
        return 0;
    if (why.code != ERR_SOURCE) {
        if (e != NULL)
            *e = why;
        return -1;
    }
    strlist_addf(a->problems, "%s of database %s: %s", what, a->database, why.text);
    return 0;
}

static int apply_plain(struct apply *a, const json_t *o, struct err *e)
{
    const char *comment = json_opt_string(o, "comment", NULL);
    int64_t limit;

    if (json_get_i64(o, "connection_limit", -2, INT32_MAX, &limit, e) < 0)
        return -1;
    if (limit >= 0) {
        _cleanup_free_ char *sql =
            mem_printf("ALTER DATABASE %s CONNECTION LIMIT %lld", a->database, (long long)limit);
        if (attempt(a, "connection limit", sql, e) < 0)
            return -1;
    }
    if (comment == NULL)
        return 0;
    _cleanup_free_ char *text = pg_quote_text(a->p, comment);
    _cleanup_free_ char *sql = mem_printf("COMMENT ON DATABASE %s IS %s", a->database, text);
    return attempt(a, "comment", sql, e);
}

static bool is_word(const char *s)
{
    return s[0] != '\0' && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") == strlen(s);
}

static int apply_right(struct apply *a, const json_t *right, struct err *e)
{
    const char *grantee = json_opt_string(right, "grantee", NULL), *privilege;
    bool grantable;

    if (json_get_string(right, "privilege", &privilege, e) < 0 ||
        json_get_bool(right, "grantable", &grantable, e) < 0)
        return -1;
    if (!is_word(privilege))
        return err_set(e, ERR_FORMAT, "\"privilege\" is none");
    _cleanup_free_ char *who =
        grantee != NULL ? pg_quote_name(a->p, grantee) : mem_strdup("PUBLIC");
    _cleanup_free_ char *sql = mem_printf("GRANT %s ON DATABASE %s TO %s%s", privilege, a->database,
                                          who, grantable ? " WITH GRANT OPTION" : "");
    return attempt(a, "rights", sql, e);
}

static int apply_rights(struct apply *a, const json_t *o, struct err *e)
{
    json_t *rights = json_object_get(o, "rights"), *right;
    size_t i;

    if (!json_is_array(rights))
        return 0;
    /* what is listed is all there is: PUBLIC's and the owner's default rights go first */
    _cleanup_free_ char *revoke =
        mem_printf("REVOKE ALL ON DATABASE %s FROM PUBLIC, %s", a->database, a->owner);
    if (attempt(a, "rights", revoke, e) < 0)
        return -1;
    json_array_foreach(rights, i, right) if (apply_right(a, right, e) < 0) return -1;
    return 0;
}

/* These hold lists of names: each must be quoted on its own (GUC_LIST_QUOTE in the server). */
static bool is_list_setting(const char *name)
{
    static const char *const lists[] = {"local_preload_libraries",   "search_path",
                                        "session_preload_libraries", "shared_preload_libraries",
                                        "temp_tablespaces",          "unix_socket_directories"};

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (str_equal(name, lists[i]))
            return true;
    return false;
}

/* One name of such a list, unquoted, from *at on, which moves behind it. Owned. */
static char *next_of_list(const char **at)
{
    const char *p = *at + strspn(*at, " \t,");
    char *out = mem_alloc(strlen(p) + 1);
    size_t n = 0;

    if (*p == '"') {
        for (p++; *p != '\0' && (*p != '"' || p[1] == '"'); p++) {
            p += *p == '"'; /* "" stands for one */
            out[n++] = *p;
        }
        p += *p == '"';
    } else {
        while (*p != '\0' && strchr(" \t,", *p) == NULL)
            out[n++] = *p++;
    }
    *at = p + strspn(p, " \t,");
    return out;
}

static char *quote_value(struct apply *a, const char *name, const char *value)
{
    if (!is_list_setting(name) || value[0] == '\0')
        return pg_quote_text(a->p, value);
    char *all = mem_strdup("");
    while (*value != '\0') {
        _cleanup_free_ char *one = next_of_list(&value);
        _cleanup_free_ char *quoted = pg_quote_text(a->p, one);
        char *longer = mem_printf("%s%s%s", all, all[0] != '\0' ? ", " : "", quoted);
        free(all);
        all = longer;
    }
    return all;
}

/* Names of settings may have dots ("app.user"): each part is quoted. */
static char *quote_setting(struct apply *a, const char *name)
{
    const char *dot = strchr(name, '.');

    if (dot == NULL)
        return pg_quote_name(a->p, name);
    _cleanup_free_ char *first = mem_strndup(name, (size_t)(dot - name));
    _cleanup_free_ char *left = pg_quote_name(a->p, first), *right = pg_quote_name(a->p, dot + 1);
    return mem_printf("%s.%s", left, right);
}

static int apply_setting(struct apply *a, const json_t *setting, struct err *e)
{
    const char *role = json_opt_string(setting, "role", NULL), *name, *value;

    if (json_get_string(setting, "name", &name, e) < 0 ||
        json_get_string(setting, "value", &value, e) < 0)
        return -1;
    _cleanup_free_ char *who = role != NULL ? pg_quote_name(a->p, role) : NULL;
    _cleanup_free_ char *what = quote_setting(a, name), *to = quote_value(a, name, value);
    _cleanup_free_ char *sql =
        who != NULL
            ? mem_printf("ALTER ROLE %s IN DATABASE %s SET %s TO %s", who, a->database, what, to)
            : mem_printf("ALTER DATABASE %s SET %s TO %s", a->database, what, to);
    return attempt(a, "settings", sql, e);
}

int pg_properties_apply(struct pg *p, const char *database, const json_t *o,
                        struct strlist *problems, struct err *e)
{
    const char *const name[] = {database};
    struct apply a = {.p = p, .database = pg_quote_name(p, database), .problems = problems};
    json_t *settings = NULL, *setting;
    size_t i;

    int rc = json_get_array(o, "settings", &settings, e);
    if (rc == 0)
        rc = pg_query_value(p,
                            "SELECT pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba))"
                            " FROM pg_catalog.pg_database WHERE datname = $1",
                            name, 1, &a.owner, e);
    if (rc == 1)
        rc = err_set(e, ERR_NOT_FOUND, "it is not there");
    if (rc == 0)
        rc = apply_plain(&a, o, e);
    if (rc == 0)
        rc = apply_rights(&a, o, e);
    if (rc == 0)
        json_array_foreach(settings, i, setting) if (rc == 0) rc = apply_setting(&a, setting, e);
    free(a.database);
    free(a.owner);
    return rc < 0 ? err_wrap(e, "settings and rights of database \"%s\"", database) : 0;
}
