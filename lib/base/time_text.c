/* time_text.c — the two written forms of an instant, both UTC. */
#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/clock.h"

static void utc(struct wall t, struct tm *tm)
{
    time_t seconds = (time_t)(t.us / 1000000 - (t.us % 1000000 < 0));

    if (gmtime_r(&seconds, tm) == NULL) /* year past int: nothing sane to print */
        *tm = (struct tm){.tm_mday = 1, .tm_year = 70};
}

const char *clock_iso8601(struct wall t, char out[32])
{
    struct tm tm;

    utc(t, &tm);
    (void)snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", (tm.tm_year + 1900) % 10000,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

const char *clock_set_id(struct wall t, char out[32])
{
    struct tm tm;

    utc(t, &tm);
    (void)snprintf(out, 32, "%04d%02d%02d_%02d%02d%02d", (tm.tm_year + 1900) % 10000, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

/* Does text have digits where shape has '0', and shape's own characters elsewhere? */
static int has_shape(const char *text, const char *shape)
{
    size_t i;

    for (i = 0; shape[i] != '\0'; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
            return 0;
    return text[i] == '\0';
}

/* The next run of digits, its length given by the shape that was checked before. */
static int field(const char **text, int digits)
{
    int value = 0;

    while (!isdigit((unsigned char)**text))
        (*text)++;
    while (digits-- > 0)
        value = value * 10 + (*(*text)++ - '0');
    return value;
}

static int from_fields(const char *text, const char *shape, struct wall *ret)
{
    struct tm tm = {0}, back;

    if (!has_shape(text, shape))
        return -1;
    tm.tm_year = field(&text, 4) - 1900;
    tm.tm_mon = field(&text, 2) - 1;
    tm.tm_mday = field(&text, 2);
    tm.tm_hour = field(&text, 2);
    tm.tm_min = field(&text, 2);
    tm.tm_sec = field(&text, 2);
    struct tm given = tm;
    time_t seconds = timegm(&tm);
    if (gmtime_r(&seconds, &back) == NULL || back.tm_mon != given.tm_mon ||
        back.tm_mday != given.tm_mday || back.tm_hour != given.tm_hour ||
        back.tm_min != given.tm_min || back.tm_sec != given.tm_sec)
        return -1; /* 31 February and the like */
    ret->us = (int64_t)seconds * 1000000;
    return 0;
}

int clock_parse_set_id(const char *id, struct wall *ret)
{
    return from_fields(id, "00000000_000000", ret);
}

int clock_parse_iso8601(const char *text, struct wall *ret)
{
    return from_fields(text, "0000-00-00T00:00:00Z", ret);
}
