#include "lib/postgres/globals.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/postgres/query.h"

enum { STATEMENT_MAX = 1 << 20 };

/* Behind the quoted text that begins at p; NULL if it does not end. A doubled quote is one inside;
 * in E'' a backslash takes the next character with it. */
static const char *behind_quote(const char *p, const char *end, bool escapes)
{
    char quote = *p;

    for (p++; p < end; p++) {
        bool pair = p + 1 < end && ((escapes && *p == '\\') || (*p == quote && p[1] == quote));
        if (pair)
            p++;
        else if (*p == quote)
            return p + 1;
    }
    return NULL;
}

static const char *behind_line(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));

    return newline != NULL ? newline + 1 : end;
}

static void end_statement(struct buf *b, struct strlist *ret)
{
    if (b->len > 0)
        strlist_take(ret, buf_take_string(b));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* E'...': the E stands alone in front. */
static bool is_escape_string(const struct buf *b)
{
    return b->len > 1 && (b->data[b->len - 1] | 32) == 'e' && is_blank((char)b->data[b->len - 2]);
}

/* One piece of the text at p: a quoted one, or a single character. */
static const char *take_piece(const char *p, const char *end, struct buf *b, struct err *e)
{
    bool escapes = *p == '\'' && is_escape_string(b);
    const char *next = *p == '\'' || *p == '"' ? behind_quote(p, end, escapes) : p + 1;

    if (next == NULL || *p == '\0') {
        (void)err_set(e, ERR_FORMAT, "globals.sql: a quoted text that does not end");
        return NULL;
    }
    return buf_append(b, p, (size_t)(next - p), e) < 0 ? NULL : next;
}

int pg_globals_split(const char *text, size_t len, struct strlist *ret, struct err *e)
{
    struct buf b = BUF_INIT(STATEMENT_MAX);
    const char *p = text, *end = text + len;
    int rc = 0;

    while (p != NULL && p < end) {
        if ((b.len == 0 && *p == '\\') || (end - p >= 2 && memcmp(p, "--", 2) == 0)) {
            p = behind_line(p, end);
        } else if (b.len == 0 && is_blank(*p)) {
            p++;
        } else if (*p == ';') {
            end_statement(&b, ret);
            p++;
        } else {
            p = take_piece(p, end, &b, e);
        }
    }
    if (p == NULL)
        rc = -1;
    else if (b.len > 0)
        rc = err_set(e, ERR_FORMAT, "globals.sql: its last statement does not end");
    buf_deinit(&b);
    return rc;
}

/* The name that begins at s, unquoted, and what stands behind it. Owned. */
static char *take_name(const char *s, const char **rest)
{
    char *out = mem_alloc(strlen(s) + 1);
    size_t n = 0;

    if (*s == '"') {
        for (s++; *s != '\0' && (*s != '"' || s[1] == '"'); s++) {
            s += *s == '"';
            out[n++] = *s;
        }
        s += *s == '"';
    } else {
        while (*s != '\0' && *s != ' ' && *s != ';')
            out[n++] = *s++;
    }
    *rest = s;
    return out;
}

/* The role that a statement is about, if it is one of the kinds that are taken over. Owned. */
static char *role_of(const char *statement)
{
    static const char *const kinds[] = {"ALTER ROLE ", "COMMENT ON ROLE "};
    const char *rest;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_starts(statement, kinds[i]))
            return take_name(statement + strlen(kinds[i]), &rest);
    if (!str_starts(statement, "GRANT "))
        return NULL;
    free(take_name(statement + strlen("GRANT "), &rest)); /* the group; the member counts */
    return str_starts(rest, " TO ") ? take_name(rest + strlen(" TO "), &rest) : NULL;
}

static int run_one(struct pg *p, const char *statement, const char *role, struct strlist *notes,
                   struct err *e)
{
    struct err why = {0};

    if (pg_run(p, &why, "%s", statement) == 0)
        return 0;
    if (why.code != ERR_SOURCE) {
        if (e != NULL)
            *e = why;
        return -1;
    }
    strlist_addf(notes, "role \"%s\": %s", role, why.text);
    return 0;
}

static int role_exists(struct pg *p, const char *role, bool *ret, struct err *e)
{
    const char *const name[] = {role};
    _cleanup_free_ char *there = NULL;

    int rc = pg_query_value(p, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", name, 1,
                            &there, e);
    *ret = rc == 0;
    return rc < 0 ? -1 : 0;
}

static int create_missing(struct pg *p, const struct strlist *statements, struct strlist *made,
                          struct strlist *notes, struct err *e)
{
    static const char create[] = "CREATE ROLE ";
    const char *rest;
    bool there;

    for (size_t i = 0; i < statements->count; i++) {
        const char *s = statements->items[i];
        if (!str_starts(s, create))
            continue;
        _cleanup_free_ char *role = take_name(s + strlen(create), &rest);
        if (*rest != '\0')
            return err_set(e, ERR_FORMAT, "globals.sql: an unknown form of CREATE ROLE");
        if (role_exists(p, role, &there, e) < 0)
            return -1;
        if (there)
            continue;
        size_t before = notes->count;
        if (run_one(p, s, role, notes, e) < 0)
            return -1;
        if (notes->count == before) {
            strlist_add(made, role);
            strlist_addf(notes, "role \"%s\" was missing and is there again", role);
        }
    }
    return 0;
}

int pg_globals_apply(struct pg *p, const char *text, size_t len, struct strlist *notes,
                     struct err *e)
{
    struct strlist statements = {0}, made = {0};

    int rc = pg_globals_split(text, len, &statements, e);
    if (rc == 0)
        rc = create_missing(p, &statements, &made, notes, e);
    for (size_t i = 0; rc == 0 && i < statements.count; i++) {
        _cleanup_free_ char *role = role_of(statements.items[i]);
        if (role != NULL && strlist_contains(&made, role))
            rc = run_one(p, statements.items[i], role, notes, e);
    }
    strlist_deinit(&statements);
    strlist_deinit(&made);
    return rc < 0 ? err_wrap(e, "restore missing roles") : 0;
}
