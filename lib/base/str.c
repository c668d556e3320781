#include "lib/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"

void strlist_take(struct strlist *list, char *s)
{
    list->items = mem_resize_array(list->items, list->count + 2, sizeof(char *));
    list->items[list->count++] = s;
    list->items[list->count] = NULL;
}

void strlist_add(struct strlist *list, const char *s)
{
    strlist_take(list, mem_strdup(s));
}

void strlist_addf(struct strlist *list, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    strlist_take(list, text);
}

void strlist_deinit(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_wipe(list->items[i], strlen(list->items[i]));
        free(list->items[i]);
    }
    free(list->items);
    *list = (struct strlist){0};
}

bool strlist_contains(const struct strlist *list, const char *s)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], s) == 0)
            return true;
    return false;
}

int strlist_split(struct strlist *list, const char *text, struct err *e)
{
    while (*text != '\0') {
        text += strspn(text, " \t");
        if (*text == '\0')
            break;
        struct buf word = BUF_INIT(1 << 20);
        bool quoted = false;
        for (; *text != '\0' && (quoted || (*text != ' ' && *text != '\t')); text++) {
            if (*text == '"') {
                quoted = !quoted;
                continue;
            }
            if (quoted && *text == '\\' && (text[1] == '"' || text[1] == '\\'))
                text++;
            if (buf_append(&word, text, 1, e) < 0) {
                buf_wipe(&word);
                return -1;
            }
        }
        if (quoted) {
            buf_wipe(&word);
            return err_set(e, ERR_FORMAT, "a double quote is not closed");
        }
        strlist_take(list, buf_take_string(&word));
    }
    return 0;
}

bool str_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && strcmp(s + n - m, suffix) == 0;
}

int str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret, struct err *e)
{
    char *end = NULL;

    if (!isdigit((unsigned char)s[0]) && !(s[0] == '-' && isdigit((unsigned char)s[1])))
        return err_set(e, ERR_FORMAT, "\"%s\" is not a number", s);
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (*end != '\0')
        return err_set(e, ERR_FORMAT, "\"%s\" is not a number", s);
    if (errno == ERANGE || value < min || value > max)
        return err_set(e, ERR_FORMAT, "\"%s\" is not between %lld and %lld", s, (long long)min,
                       (long long)max);
    *ret = value;
    return 0;
}

int str_to_bytes(const char *s, uint64_t *ret, struct err *e)
{
    static const char units[] = "KMGTP";
    char *end = NULL;

    if (!isdigit((unsigned char)s[0]))
        return err_set(e, ERR_FORMAT, "\"%s\" is not a size (examples: 64M, 2G)", s);
    errno = 0;
    unsigned long long value = strtoull(s, &end, 10);
    const char *unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit != NULL) {
        for (long i = unit - units; i >= 0; i--)
            if (__builtin_mul_overflow(value, 1024ULL, &value))
                errno = ERANGE;
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B')
        end++;
    if (*end != '\0' || errno == ERANGE)
        return err_set(e, ERR_FORMAT, "\"%s\" is not a size (examples: 64M, 2G)", s);
    *ret = value;
    return 0;
}

static int64_t unit_seconds(const char *unit, size_t len)
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = {{"", 1},          {"s", 1},           {"sec", 1},         {"m", 60},
                 {"min", 60},      {"h", 3600},        {"hour", 3600},     {"hours", 3600},
                 {"d", 86400},     {"day", 86400},     {"days", 86400},    {"w", 604800},
                 {"week", 604800}, {"weeks", 604800},  {"month", 2629800}, {"months", 2629800},
                 {"y", 31557600},  {"year", 31557600}, {"years", 31557600}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strlen(units[i].name) == len && strncmp(units[i].name, unit, len) == 0)
            return units[i].seconds;
    return 0;
}

int str_to_seconds(const char *s, int64_t *ret, struct err *e)
{
    const char *p = s;
    int64_t total = 0;

    do {
        char *end = NULL;
        p += strspn(p, " ");
        errno = 0;
        long long value = isdigit((unsigned char)*p) ? strtoll(p, &end, 10) : -1;
        if (value < 0 || errno == ERANGE)
            goto bad;
        end += strspn(end, " ");
        size_t len = 0;
        while (isalpha((unsigned char)end[len]))
            len++;
        int64_t unit = unit_seconds(end, len), part;
        if (unit == 0 || __builtin_mul_overflow(value, unit, &part) ||
            __builtin_add_overflow(total, part, &total))
            goto bad;
        p = end + len;
        p += strspn(p, " ");
    } while (*p != '\0');
    *ret = total;
    return 0;
bad:
    return err_set(e, ERR_FORMAT, "\"%s\" is not a time span (examples: 90s, 15min, 2h, 7d)", s);
}

const char *str_bytes(uint64_t bytes, char out[16])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, 16, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return out;
}

const char *str_duration(int64_t seconds, char out[32])
{
    long long s = seconds < 0 ? 0 : seconds;

    if (s < 60)
        (void)snprintf(out, 32, "%lld s", s);
    else if (s < 3600)
        (void)snprintf(out, 32, "%lld min", s / 60);
    else if (s < 86400)
        (void)snprintf(out, 32, "%lld h %02lld min", s / 3600, s % 3600 / 60);
    else
        (void)snprintf(out, 32, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    return out;
}

/* Length of the well-formed UTF-8 sequence at s (1..4), its code point in *cp; 0 if there is none.
 */
static size_t utf8_step(const unsigned char *s, size_t len, uint32_t *cp)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;

    if (n == 0 || n > len || s[0] > 0xf4)
        return 0;
    *cp = n == 1 ? s[0] : s[0] & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *cp = *cp << 6 | (s[i] & 0x3fU);
    }
    if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
        return 0;
    return n;
}

bool str_is_utf8(const char *s, size_t len)
{
    uint32_t cp;

    for (size_t i = 0, n; i < len; i += n)
        if ((n = utf8_step((const unsigned char *)s + i, len - i, &cp)) == 0)
            return false;
    return true;
}

static bool is_deceptive(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

char *str_printable(const char *s, size_t len)
{
    const unsigned char *u = (const unsigned char *)s;
    char *out = mem_alloc(len * 6 + 1), *p = out;
    uint32_t cp = 0;

    for (size_t i = 0; i < len;) {
        size_t n = utf8_step(u + i, len - i, &cp);
        if (n == 0 || (n == 1 && is_deceptive(cp))) {
            p += sprintf(p, "\\x%02x", u[i]); /* NOLINT: sized above, four of six bytes */
            i++;
        } else if (is_deceptive(cp)) {
            p += sprintf(p, "\\u%04x", cp); /* NOLINT: six bytes for at least two */
            i += n;
        } else {
            memcpy(p, s + i, n);
            p += n;
            i += n;
        }
    }
    *p = '\0';
    return out;
}

bool str_is_name(const char *s)
{
    size_t len = strlen(s);

    if (len == 0 || len > 63 || !isalnum((unsigned char)s[0]) || strcmp(s, "latest") == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)s[i]) && strchr("_.-", s[i]) == NULL)
            return false;
    return true;
}

char *str_percent_encode(const char *s)
{
    char *out = mem_alloc(strlen(s) * 3 + 1), *p = out;

    for (; *s != '\0'; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s) != NULL)
            *p++ = *s;
        else
            p += sprintf(p, "%%%02X", (unsigned char)*s); /* NOLINT: three bytes for one */
    }
    *p = '\0';
    return out;
}

char *str_shell_quote(const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._/:@%+,=";
    char *out = mem_alloc(strlen(s) * 4 + 3), *p = out;

    if (s[0] != '\0' && strspn(s, plain) == strlen(s))
        return memcpy(out, s, strlen(s) + 1);
    *p++ = '\'';
    for (; *s != '\0'; s++) {
        if (*s == '\'') { /* end the quotes, one quoted by itself, begin again */
            memcpy(p, "'\\'", 3);
            p += 3;
        }
        *p++ = *s;
    }
    *p++ = '\'';
    *p = '\0';
    return out;
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t n = strlen(b), row[65];

    if (n > 64 || strlen(a) > 64)
        return 65;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t keep = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = keep < least ? keep : least;
        }
    }
    return row[n];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t count)
{
    size_t best = strlen(word) / 3 + 2;
    const char *nearest = NULL;

    for (size_t i = 0; i < count; i++) {
        size_t d = edit_distance(word, candidates[i]);
        if (d < best) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}

void hex_encode(const uint8_t *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * len] = '\0';
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(const char *hex, uint8_t *out, size_t len)
{
    if (strlen(hex) != 2 * len)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

bool str_match(const char *pattern, const char *name)
{
    return fnmatch(pattern, name, 0) == 0;
}
