#include "lib/config/value_text.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/config/uri.h"

static int check_path(const char *s, struct err *e)
{
    if (s[0] != '/')
        return err_set(e, ERR_CONFIG, "\"%.200s\" is not an absolute path", s);
    for (const char *p = s; (p = strstr(p, "/..")) != NULL; p += 3)
        if (p[3] == '\0' || p[3] == '/')
            return err_set(e, ERR_CONFIG, "\"%.200s\" has \"..\" in it; write the path out", s);
    if (strlen(s) >= PATH_MAX)
        return err_set(e, ERR_CONFIG, "the path is longer than %d bytes", PATH_MAX - 1);
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

static int check_url(const char *s, struct err *e)
{
    bool http = str_starts(s, "http://") || str_starts(s, "https://");

    if (!http || strstr(s, "//")[2] == '\0' || strpbrk(s, " \t\"<>") != NULL)
        return err_set(e, ERR_CONFIG, "not a web address (https://...)");
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
        r = check_path(s, e);
        break;
    case OPTION_URL:
        r = check_url(s, e);
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
    if (r < 0)
        return -1;
    free(*field); /* the fallback */
    *field = mem_strdup(s);
    if (o->type == OPTION_PATH)
        tidy_path(*field);
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
