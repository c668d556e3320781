#include "lib/config/uri.h"

#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

static const char hidden[] = "***";

static bool is_uri(const char *s)
{
    return str_starts(s, "postgresql://") || str_starts(s, "postgres://");
}

int uri_check(const char *uri, struct err *e)
{
    if (is_uri(uri) || strchr(uri, '=') != NULL)
        return 0;
    return err_set(e, ERR_CONFIG,
                   "not a connection string such as postgresql:///DATABASE or "
                   "\"host=/run/postgresql dbname=DATABASE\"");
}

static bool is_secret_key(const char *key, size_t len)
{
    return (len == 8 && memcmp(key, "password", 8) == 0) ||
           (len == 11 && memcmp(key, "sslpassword", 11) == 0);
}

static void add(struct buf *out, const char *s, size_t len)
{
    if (buf_append(out, s, len, NULL) < 0)
        abort(); /* the caller's bound has room for the whole */
}

/* postgresql://USER:PASSWORD@HOST/DATABASE?password=...: the user part ends at the last @ before
 * the query, because a password may hold an @ that nobody encoded. */
static void redact_uri(const char *s, struct buf *out)
{
    const char *start = strstr(s, "://") + 3;
    const char *query = start + strcspn(start, "?");
    const char *at = memrchr(start, '@', (size_t)(query - start));
    const char *colon = at != NULL ? memchr(start, ':', (size_t)(at - start)) : NULL;

    if (colon != NULL) {
        add(out, s, (size_t)(colon + 1 - s));
        add(out, hidden, 3);
        s = at;
    }
    add(out, s, (size_t)(query - s));
    while (*query != '\0') { /* at ? or & */
        const char *end = query + 1 + strcspn(query + 1, "&");
        const char *equals = memchr(query, '=', (size_t)(end - query));
        if (equals != NULL && is_secret_key(query + 1, (size_t)(equals - query - 1))) {
            add(out, query, (size_t)(equals + 1 - query));
            add(out, hidden, 3);
        } else {
            add(out, query, (size_t)(end - query));
        }
        query = end;
    }
}

/* The end of a value: 'quoted' or bare, with backslashes in both. */
static const char *value_end(const char *s)
{
    bool quoted = *s == '\'';

    for (s += quoted; *s != '\0'; s++) {
        if (*s == '\\' && s[1] != '\0')
            s++;
        else if (quoted && *s == '\'')
            return s + 1;
        else if (!quoted && strchr(" \t\n", *s) != NULL)
            return s;
    }
    return s;
}

/* host=... password = 'a \' b' ... */
static void redact_words(const char *s, struct buf *out)
{
    while (*s != '\0') {
        const char *key = s + strspn(s, " \t\n");
        size_t len = strcspn(key, " \t\n=");
        const char *value = key + len + strspn(key + len, " \t\n");
        if (*value != '=') {
            add(out, s, strlen(s)); /* no more pairs */
            return;
        }
        value++;
        value += strspn(value, " \t\n");
        const char *end = value_end(value);
        bool secret = is_secret_key(key, len);
        add(out, s, (size_t)((secret ? value : end) - s));
        if (secret)
            add(out, hidden, 3);
        s = end;
    }
}

char *uri_redact(const char *uri)
{
    struct buf out = BUF_INIT(4 * strlen(uri) + 16);

    if (is_uri(uri))
        redact_uri(uri, &out);
    else
        redact_words(uri, &out);
    return buf_take_string(&out);
}

bool uri_has_password(const char *uri)
{
    _cleanup_free_ char *redacted = uri_redact(uri);

    return strcmp(redacted, uri) != 0;
}
