/* zone_rule.c — the POSIX TZ string that ends a TZif file: what holds after its last transition.
 * Sources: RFC 8536 section 3.3, POSIX.1-2017 section 8.3 (environment variable TZ). */
#include <ctype.h>
#include <string.h>

#include "lib/schedule/zone.h"

static bool take(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool parse_number(const char **p, int max, int *ret)
{
    int value = 0;

    if (!isdigit((unsigned char)**p))
        return false;
    while (isdigit((unsigned char)**p)) {
        value = value * 10 + (*(*p)++ - '0');
        if (value > max)
            return false;
    }
    *ret = value;
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool parse_time(const char **p, int max_hours, int32_t *ret)
{
    bool negative = **p == '-';
    int h = 0, m = 0, s = 0;

    if (**p == '-' || **p == '+')
        (*p)++;
    if (!parse_number(p, max_hours, &h))
        return false;
    if (take(p, ':') && !parse_number(p, 59, &m))
        return false;
    if (take(p, ':') && !parse_number(p, 59, &s))
        return false;
    *ret = h * 3600 + m * 60 + s;
    if (negative)
        *ret = -*ret;
    return true;
}

static bool parse_abbreviation(const char **p, char out[ZONE_ABBREVIATION_MAX])
{
    bool quoted = take(p, '<');
    size_t n = 0;

    while (isalpha((unsigned char)**p) ||
           (quoted && (isdigit((unsigned char)**p) || **p == '+' || **p == '-'))) {
        if (n + 1 >= ZONE_ABBREVIATION_MAX)
            return false;
        out[n++] = *(*p)++;
    }
    out[n] = '\0';
    return n >= 3 && (!quoted || take(p, '>'));
}

static bool parse_day(const char **p, struct zone_day *ret)
{
    if (take(p, 'M')) {
        ret->kind = ZONE_DAY_MONTH;
        if (!parse_number(p, 12, &ret->month) || ret->month < 1 || !take(p, '.') ||
            !parse_number(p, 5, &ret->week) || ret->week < 1 || !take(p, '.') ||
            !parse_number(p, 6, &ret->day))
            return false;
    } else if (take(p, 'J')) {
        ret->kind = ZONE_DAY_JULIAN;
        if (!parse_number(p, 365, &ret->day) || ret->day < 1)
            return false;
    } else {
        ret->kind = ZONE_DAY_ZERO;
        if (!parse_number(p, 365, &ret->day))
            return false;
    }
    ret->time_s = 2 * 3600;
    return !take(p, '/') || parse_time(p, 167, &ret->time_s);
}

static bool parse_rule(const char *p, struct zone_rule *r)
{
    if (!parse_abbreviation(&p, r->standard) || !parse_time(&p, 24, &r->standard_offset))
        return false;
    r->standard_offset = -r->standard_offset; /* POSIX counts westwards */
    if (*p == '\0')
        return true;
    r->has_daylight = true;
    r->daylight_offset = r->standard_offset + 3600;
    if (!parse_abbreviation(&p, r->daylight))
        return false;
    if (*p != ',') {
        if (!parse_time(&p, 24, &r->daylight_offset))
            return false;
        r->daylight_offset = -r->daylight_offset;
    }
    return take(&p, ',') && parse_day(&p, &r->start) && take(&p, ',') && parse_day(&p, &r->end) &&
           *p == '\0';
}

int zone_rule_parse(const char *text, struct zone_rule *ret, struct err *e)
{
    *ret = (struct zone_rule){0};
    if (!parse_rule(text, ret))
        return err_set(e, ERR_FORMAT, "the rule for the years to come is not a POSIX TZ string");
    return 0;
}

/* Local midnight of that day plus its time, as local seconds. */
static int64_t change_in_year(const struct zone_day *d, int64_t year)
{
    int64_t days = civil_to_days(year, 1, 1);

    switch (d->kind) {
    case ZONE_DAY_JULIAN: /* 1..365, the leap day is never counted */
        days += d->day - 1 + (d->day >= 60 && civil_month_length(year, 2) == 29);
        break;
    case ZONE_DAY_ZERO:
        days += d->day;
        break;
    case ZONE_DAY_MONTH: {
        int64_t first = civil_to_days(year, d->month, 1);
        int day = 1 + (d->day - civil_weekday(first) + 7) % 7 + (d->week - 1) * 7;
        if (day > civil_month_length(year, d->month)) /* week 5 is the last one */
            day -= 7;
        days = first + day - 1;
        break;
    }
    }
    return days * DAY_S + d->time_s;
}

struct zone_stretch zone_rule_stretch(const struct zone_rule *r, int64_t t)
{
    enum { YEARS = 5 }; /* two before and two behind: times up to 167 h reach over new year */
    struct zone_stretch ret = {r->standard_offset, INT64_MAX, r->standard};
    int64_t began = INT64_MIN;

    if (!r->has_daylight)
        return ret;
    int64_t year = civil_from_days(civil_floor_div(t, DAY_S)).year;
    for (int64_t y = year - 2; y < year - 2 + YEARS; y++) {
        int64_t on = change_in_year(&r->start, y) - r->standard_offset;
        int64_t off = change_in_year(&r->end, y) - r->daylight_offset;
        if (off <= t && off > began) {
            began = off;
            ret.offset = r->standard_offset;
            ret.abbreviation = r->standard;
        }
        if (on <= t && on >= began) { /* at the same moment as an end: daylight all year */
            began = on;
            ret.offset = r->daylight_offset;
            ret.abbreviation = r->daylight;
        }
        if (off > t && off < ret.end)
            ret.end = off;
        if (on > t && on < ret.end)
            ret.end = on;
    }
    return ret;
}
