/* calendar_field.c — one field of a cron or calendar expression: `*`, values, names, ranges and
 * steps, in lists. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/schedule/calendar_parts.h"

const char *const calendar_weekdays[7] = {"sunday",   "monday", "tuesday", "wednesday",
                                          "thursday", "friday", "saturday"};
const char *const calendar_months[12] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};

enum { ELEMENT_MAX = 32 };

int calendar_name(const struct calendar_field *f, const char *word, size_t len)
{
    for (int i = 0; i < f->name_count; i++)
        if ((len == 3 || len == strlen(f->names[i])) && strncasecmp(word, f->names[i], len) == 0)
            return f->first_name + i;
    return -1;
}

bool calendar_two_digits(const char **p, int max, int *ret)
{
    int value = 0, digits = 0;

    while (digits < 2 && isdigit((unsigned char)**p)) {
        value = value * 10 + (*(*p)++ - '0');
        digits++;
    }
    *ret = value;
    return digits > 0 && value <= max && !isdigit((unsigned char)**p);
}

static int parse_value(const struct calendar_field *f, const char *text, size_t len, int *ret,
                       struct err *e)
{
    int value = 0;
    size_t i = 0;

    while (i < len && i < 4 && isdigit((unsigned char)text[i]))
        value = value * 10 + (text[i++] - '0');
    if (i == 0 || i < len)
        value = calendar_name(f, text, len);
    if (i > 0 && i < len)
        value = -1;
    if (value < f->min || value > f->max)
        return err_set(e, ERR_CONFIG, "%s: \"%.*s\" is not in %d to %d%s", f->what, (int)len, text,
                       f->min, f->max, f->names != NULL ? ", nor a name" : "");
    *ret = value;
    return 0;
}

/* A<range>B, A alone, or `*`; *open says that no end was given. */
static int parse_ends(const struct calendar_field *f, const char *text, size_t len, int *from,
                      int *to, bool *open, struct err *e)
{
    const char *between = memmem(text, len, f->range, strlen(f->range));

    *open = false;
    if (len == 1 && text[0] == '*') {
        *from = f->min;
        *to = f->max;
        return 0;
    }
    if (between == NULL) {
        *open = true;
        if (parse_value(f, text, len, from, e) < 0)
            return -1;
        *to = *from;
        return 0;
    }
    const char *second = between + strlen(f->range);
    size_t second_len = len - (size_t)(second - text);
    if (parse_value(f, text, (size_t)(between - text), from, e) < 0 ||
        parse_value(f, second, second_len, to, e) < 0)
        return -1;
    if (f->max == 7 && *to == 0 && *from > 0)
        *to = 7; /* cron's Sunday is both ends of the week */
    if (*to < *from && !f->wraps)
        return err_set(e, ERR_CONFIG, "%s: the range \"%.*s\" runs backwards", f->what, (int)len,
                       text);
    return 0;
}

static int parse_step(const struct calendar_field *f, const char *text, int *ret, struct err *e)
{
    const char *p = text;

    if (!calendar_two_digits(&p, 99, ret) || *p != '\0' || *ret < 1 || *ret > f->max)
        return err_set(e, ERR_CONFIG, "%s: the step \"/%s\" is not in 1 to %d", f->what, text,
                       f->max);
    return 0;
}

static int parse_element(const struct calendar_field *f, const char *text, uint64_t *mask,
                         bool *varies, struct err *e)
{
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    int from = 0, to = 0, step = 1;
    bool open = false;

    if (parse_ends(f, text, len, &from, &to, &open, e) < 0)
        return -1;
    if (slash != NULL) {
        if (parse_step(f, slash + 1, &step, e) < 0)
            return -1;
        if (open && !f->step_from_value)
            return err_set(e, ERR_CONFIG, "%s: the step in \"%s\" needs a range or * before it",
                           f->what, text);
        if (open)
            to = f->max;
    }
    if (slash != NULL || text[0] == '*')
        *varies = true;
    int span = f->max - f->min + 1;
    if (to < from)
        to += span;
    for (int v = from; v <= to; v += step)
        *mask |= 1ULL << ((v > f->max ? v - span : v) & 63);
    return 0;
}

int calendar_field_parse(const struct calendar_field *f, const char *text, uint64_t *ret,
                         bool *varies, struct err *e)
{
    char element[ELEMENT_MAX];
    bool any = false;

    *ret = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len == 0)
            return err_set(e, ERR_CONFIG, "%s: a value is missing", f->what);
        if (len >= sizeof(element))
            return err_set(e, ERR_CONFIG, "%s: \"%.40s\" is too long", f->what, text);
        memcpy(element, text, len);
        element[len] = '\0';
        if (parse_element(f, element, ret, &any, e) < 0)
            return -1;
        if (text[len] == '\0')
            break;
        text += len + 1;
    }
    if (varies != NULL)
        *varies = any;
    return 0;
}
