#include "lib/config/value_text.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/uri.h"

/* Of the 1024 bytes that the name of an object in a bucket may have. */
enum { PREFIX_LEN_MAX = 512 };

static int check_path(const struct config_option *o, const char *s, struct err *e)
{
    if (o->type == OPTION_PATH && s[0] != '/')
        return err_set(e, ERR_CONFIG, "\"%.200s\" is not an absolute path", s);
    if (s[0] == '~')
        return err_set(e, ERR_CONFIG, "\"%.200s\": \"~\" has no meaning here; write the path out",
                       s);
    for (const char *p = s; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == s || p[-1] == '/') && (p[2] == '\0' || p[2] == '/'))
            return err_set(e, ERR_CONFIG, "\"%.200s\" has \"..\" in it; write the path out", s);
    if (strlen(s) >= (o->type == OPTION_PREFIX ? PREFIX_LEN_MAX : PATH_MAX))
        return err_set(e, ERR_CONFIG, "the path is longer than %d bytes",
                       (o->type == OPTION_PREFIX ? PREFIX_LEN_MAX : PATH_MAX) - 1);
    return 0;
}

/* Two spellings of a path must compare equal: no //, no /./, no slash at the end. */
static void tidy_path(char *s)
{
    char *out = s;

    for (const char *p = s; *p != '\0';) {
        size_t len = 1 + strcspn(p + 1, "/");
        if (len > 1 && !(len == 2 && p[1] == '.')) {
            memmove(out, p, len);
            out += len;
        }
        p += len;
    }
    if (out == s)
        *out++ = '/';
    *out = '\0';
}

/* The same for a path that is or may be relative: as if it stood below a root. */
static char *tidy_relative(const char *s)
{
    _cleanup_free_ char *rooted = mem_printf("/%s", s);

    tidy_path(rooted);
    return mem_strdup(rooted[1] != '\0' ? rooted + 1 : ".");
}

static void cut_slashes(char *s)
{
    for (size_t len = strlen(s); len > 0 && s[len - 1] == '/'; len--)
        s[len - 1] = '\0';
}

static int check_token(const char *s, struct err *e)
{
    if (strpbrk(s, " \t/\\\"'<>?#") != NULL || strlen(s) > 255)
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not one word without slashes and quotes", s);
    return 0;
}

static int check_url(const char *s, struct err *e)
{
    bool http = str_starts(s, "http://") || str_starts(s, "https://");

    if (!http || strstr(s, "//")[2] == '\0' || strpbrk(s, " \t\"<>") != NULL)
        return err_set(e, ERR_CONFIG, "not a web address (https://...)");
    return 0;
}

static int check_endpoint(const char *s, struct err *e)
{
    if (check_url(s, e) < 0)
        return -1;
    const char *host = strstr(s, "//") + 2;
    if (strpbrk(host, "@?#") != NULL || host[0] == '/')
        return err_set(e, ERR_CONFIG,
                       "only the scheme, the host and the port belong here (https://HOST[:PORT])");
    return 0;
}

static int check_zone(const char *s, struct err *e)
{
    bool clean = isalpha((unsigned char)s[0]) && strstr(s, "..") == NULL && strlen(s) < 64;

    for (const char *p = s; *p != '\0'; p++)
        clean = clean && (isalnum((unsigned char)*p) || strchr("/_+-", *p) != NULL);
    if (!clean)
        return err_set(e, ERR_CONFIG, "\"%.80s\" is not a time zone such as Europe/Berlin", s);
    return 0;
}

int value_parse_text(const struct config_option *o, const char *s, char **field, struct err *e)
{
    int r = 0;

    switch (o->type) {
    case OPTION_PATH:
    case OPTION_PLACE:
    case OPTION_PREFIX:
        r = check_path(o, s, e);
        break;
    case OPTION_TOKEN:
        r = check_token(s, e);
        break;
    case OPTION_URL:
        r = check_url(s, e);
        break;
    case OPTION_ENDPOINT:
        r = check_endpoint(s, e);
        break;
    case OPTION_ZONE:
        r = check_zone(s, e);
        break;
    case OPTION_URI:
        r = uri_check(s, e);
        break;
    default:
        break;
    }
    bool relative = o->type == OPTION_PREFIX || (o->type == OPTION_PLACE && s[0] != '/');
    _cleanup_free_ char *text = relative ? tidy_relative(s) : mem_strdup(s);
    if (r == 0 && o->type == OPTION_PREFIX && strcmp(text, ".") == 0)
        r = err_set(e, ERR_CONFIG, "\"%.80s\" names nothing; leave the line out", s);
    if (r < 0)
        return -1;
    free(*field); /* the fallback */
    *field = TAKE(text);
    if (!relative && (o->type == OPTION_PATH || o->type == OPTION_PLACE))
        tidy_path(*field);
    else if (o->type == OPTION_ENDPOINT)
        cut_slashes(*field);
    return 0;
}

int value_parse_words(const struct config_option *o, const char *raw, struct strlist *field,
                      struct err *e)
{
    struct strlist words = {0};

    if (strlist_split(&words, raw, e) < 0) {
        if (e != NULL)
            e->code = ERR_CONFIG;
        goto fail;
    }
    for (size_t i = 0; i < words.count; i++) {
        const char *w = words.items[i];
        if (w[0] == '\0' && (o->type != OPTION_COMMAND || i == 0)) {
            (void)err_set(e, ERR_CONFIG, "an empty word (\"\")");
            goto fail;
        }
        if (o->type == OPTION_PEOPLE && strcmp(w, "@") == 0) {
            (void)err_set(e, ERR_CONFIG, "\"@\" without the name of a group");
            goto fail;
        }
    }
    if (o->type == OPTION_COMMAND && words.items[0][0] != '/' &&
        strchr(words.items[0], '/') != NULL) {
        (void)err_set(e, ERR_CONFIG,
                      "program \"%.200s\": neither an absolute path nor a name to look up in PATH",
                      words.items[0]);
        goto fail;
    }
    *field = words;
    return 0;
fail:
    strlist_deinit(&words);
    return -1;
}
