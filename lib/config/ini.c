#include "lib/config/ini.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void ini_init(struct ini *i, const void *text, size_t len)
{
    static const char mark[] = "\xef\xbb\xbf";

    *i = (struct ini){.text = text, .len = len, .next_line = 1, .content = BUF_INIT(INI_LINE_MAX)};
    if (len >= 3 && memcmp(text, mark, 3) == 0)
        i->pos = 3;
}

void ini_deinit(struct ini *i)
{
    buf_wipe(&i->content); /* a uri may hold a password */
}

/* The next physical line, without its end; false at the end of the text. */
static bool take_line(struct ini *i, const char **ret, size_t *ret_len)
{
    const char *start = i->text + i->pos, *end;

    if (i->pos >= i->len)
        return false;
    end = memchr(start, '\n', i->len - i->pos);
    *ret = start;
    *ret_len = end != NULL ? (size_t)(end - start) : i->len - i->pos;
    i->pos += *ret_len + (end != NULL ? 1 : 0);
    i->next_line++;
    if (*ret_len > 0 && start[*ret_len - 1] == '\r')
        --*ret_len;
    return true;
}

static int check_bytes(const char *s, size_t len, struct err *e)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return err_set(e, ERR_CONFIG,
                           "control character 0x%02x in column %zu; the file must be plain text", c,
                           i + 1);
    }
    if (!str_is_utf8(s, len))
        return err_set(e, ERR_CONFIG, "the line is not UTF-8 text");
    return 0;
}

/* Length of the part before a comment. Quotes that an earlier line left open go on. */
static size_t without_comment(const char *s, size_t len, bool *quoted)
{
    for (size_t i = 0; i < len; i++) {
        if (*quoted && s[i] == '\\' && i + 1 < len)
            i++;
        else if (s[i] == '"')
            *quoted = !*quoted;
        else if (!*quoted && s[i] == '#' && (i == 0 || is_blank(s[i - 1])))
            return i;
    }
    return len;
}

static void trim(const char **s, size_t *len)
{
    while (*len > 0 && is_blank(**s)) {
        ++*s;
        --*len;
    }
    while (*len > 0 && is_blank((*s)[*len - 1]))
        --*len;
}

/* Add one physical line to the logical one. 1: a backslash says that another follows. */
static int add_line(struct ini *i, const char *s, size_t len, bool *quoted, struct err *e)
{
    bool more;

    if (check_bytes(s, len, e) < 0)
        return -1;
    trim(&s, &len);
    if (len > 0 && !*quoted && s[0] == ';')
        return i->content.len > 0; /* between continued lines: skipped */
    if (len > 0 && !*quoted && s[0] == '#')
        return i->content.len > 0;
    len = without_comment(s, len, quoted);
    trim(&s, &len);
    more = len > 0 && s[len - 1] == '\\';
    if (more)
        len--;
    if ((i->content.len > 0 && buf_append(&i->content, " ", 1, e) < 0) ||
        buf_append(&i->content, s, len, e) < 0)
        return err_set(e, ERR_CONFIG, "the line is longer than %d bytes", INI_LINE_MAX);
    return more;
}

/* The next logical line into i->content. 1: the end. */
static int read_logical(struct ini *i, struct err *e)
{
    const char *s;
    size_t len;
    bool quoted = false, first = true;

    for (;;) {
        int line = i->next_line, r;
        if (first)
            buf_clear(&i->content);
        if (!take_line(i, &s, &len))
            return i->content.len > 0 ? 0 : 1;
        if (first)
            i->line = line;
        r = add_line(i, s, len, &quoted, e);
        if (r < 0)
            i->line = line;
        if (r < 0 || (r == 0 && i->content.len > 0))
            return r;
        first = i->content.len == 0;
    }
}

static int parse_section(char *s, size_t len, struct ini_item *ret, struct err *e)
{
    char *name, *end = memchr(s, ']', len);

    if (end == NULL || end + 1 != s + len)
        return err_set(e, ERR_CONFIG, "a section is written [type] or [type name]");
    *end = '\0';
    s += 1 + strspn(s + 1, " \t");
    name = s + strcspn(s, " \t");
    if (*name != '\0')
        *name++ = '\0';
    name += strspn(name, " \t");
    end = name + strcspn(name, " \t");
    if (*s == '\0' || end[strspn(end, " \t")] != '\0')
        return err_set(e, ERR_CONFIG, "a section is written [type] or [type name]");
    *end = '\0';
    *ret = (struct ini_item){INI_SECTION, s, *name != '\0' ? name : NULL};
    return 0;
}

static int parse_key(char *s, size_t len, struct ini_item *ret, struct err *e)
{
    char *equals = memchr(s, '=', len);
    size_t key_len = equals != NULL ? (size_t)(equals - s) : len;

    while (key_len > 0 && is_blank(s[key_len - 1]))
        key_len--;
    if (equals == NULL)
        return err_set(e, ERR_CONFIG, "neither [section] nor key = value: \"%.*s\"",
                       key_len < 40 ? (int)key_len : 40, s);
    if (key_len == 0 || key_len > 64)
        return err_set(e, ERR_CONFIG, "no key before the \"=\"");
    s[key_len] = '\0';
    equals += 1 + strspn(equals + 1, " \t");
    if (strlen(equals) > INI_VALUE_MAX)
        return err_set(e, ERR_CONFIG, "the value of \"%s\" is longer than %d bytes", s,
                       INI_VALUE_MAX);
    *ret = (struct ini_item){INI_KEY, s, equals};
    return 0;
}

int ini_next(struct ini *i, struct ini_item *ret, struct err *e)
{
    int r = read_logical(i, e);
    char *s = (char *)i->content.data;
    size_t len = i->content.len;

    if (r != 0)
        return r;
    while (len > 0 && is_blank(s[len - 1])) /* a continuation may bring nothing */
        s[--len] = '\0';
    if (len == 0)
        return err_set(e, ERR_CONFIG, "nothing but a continued line");
    return s[0] == '[' ? parse_section(s, len, ret, e) : parse_key(s, len, ret, e);
}

int ini_unquote(const char *raw, char **ret, struct err *e)
{
    char *out = mem_alloc(strlen(raw) + 1), *p = out;
    bool quoted = false;

    for (; *raw != '\0'; raw++) {
        if (*raw == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && *raw == '\\' && (raw[1] == '"' || raw[1] == '\\'))
            raw++;
        *p++ = *raw;
    }
    if (quoted) {
        mem_wipe(out, strlen(out));
        free(out);
        return err_set(e, ERR_CONFIG, "a double quote is not closed (inside quotes write \\\")");
    }
    *ret = out;
    return 0;
}

static bool needs_quotes(const char *text, bool word)
{
    size_t len = strlen(text);

    if (len == 0 || is_blank(text[0]) || is_blank(text[len - 1]) || text[len - 1] == '\\')
        return true;
    if (strchr(text, '"') != NULL || strpbrk(text, word ? " \t" : "\t") != NULL)
        return true;
    /* A ; could come to begin a continued line. */
    return text[0] == '#' || text[0] == ';' || strstr(text, " #") != NULL;
}

int ini_quote(struct buf *out, const char *text, bool word, struct err *e)
{
    if (!needs_quotes(text, word))
        return buf_append(out, text, strlen(text), e);
    if (buf_append(out, "\"", 1, e) < 0)
        return -1;
    for (; *text != '\0'; text++)
        if (((*text == '"' || *text == '\\') && buf_append(out, "\\", 1, e) < 0) ||
            buf_append(out, text, 1, e) < 0)
            return -1;
    return buf_append(out, "\"", 1, e);
}
