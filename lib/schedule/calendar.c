/* calendar.c — compile the three notations, and find the next firing.
 *
 * A calendar names minutes of civil time. Where its hour is fixed, each named minute fires at the
 * first moment at which clocks show it or later: once per date whatever the zone does. Where the
 * hour varies it fires whenever clocks show a named minute, so in both passes of a fold. */
#include "lib/schedule/calendar.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/schedule/calendar_parts.h"
#include "lib/schedule/zone.h"

enum { DAY_MINUTES = 1440 };
#define NEVER          INT64_MAX
#define DAYS_1970_2200 84006 /* days from 1970-01-01 to 2200-01-01 */

static const char *const defaults[TIER_COUNT] = {
    [TIER_HOURLY] = ":00",      [TIER_DAILY] = "02:00",        [TIER_WEEKLY] = "Sun 03:00",
    [TIER_MONTHLY] = "1 04:00", [TIER_YEARLY] = "01-01 05:00",
};

static bool day_matches(const struct calendar *c, const struct civil *d)
{
    uint32_t days = c->days;
    int length = civil_month_length(d->year, d->month);
    bool weekday = (c->weekdays >> d->weekday & 1) != 0;

    if (c->last_if_short && d->day == length && (days >> length) != 0)
        days |= 1U << length;
    bool day = (days >> d->day & 1) != 0;
    return c->either_day ? day || weekday : day && weekday;
}

/* The first day from `day` on that the calendar names, or NEVER. */
static int64_t next_day(const struct calendar *c, int64_t day)
{
    while (day < DAYS_1970_2200) {
        struct civil d = civil_from_days(day);
        int length = civil_month_length(d.year, d.month);
        if ((c->months >> d.month & 1) != 0) {
            for (; d.day <= length; d.day++, day++, d.weekday = (d.weekday + 1) % 7)
                if (day_matches(c, &d))
                    return day;
        } else {
            day += length - d.day + 1;
        }
    }
    return NEVER;
}

/* The first named minute of a day from `minute` on, or -1. */
static int next_in_day(const struct calendar *c, int minute)
{
    for (int hour = minute / 60; hour < 24; hour++) {
        uint64_t minutes = c->minutes;
        if (hour == minute / 60)
            minutes = minutes >> (minute % 60) << (minute % 60);
        if ((c->hours >> hour & 1) != 0 && minutes != 0)
            return hour * 60 + __builtin_ctzll(minutes);
    }
    return -1;
}

/* The first named minute of civil time at or after `minute` (minutes since 1970), or NEVER. */
static int64_t next_civil(const struct calendar *c, int64_t minute)
{
    int64_t from = civil_floor_div(minute, DAY_MINUTES);
    int64_t day = next_day(c, from);

    if (day == from) {
        int found = next_in_day(c, (int)(minute - from * DAY_MINUTES));
        if (found >= 0)
            return day * DAY_MINUTES + found;
        day = next_day(c, day + 1);
    }
    return day == NEVER ? NEVER : day * DAY_MINUTES + next_in_day(c, 0);
}

static int64_t minute_from(int64_t seconds) /* rounded up */
{
    return -civil_floor_div(-seconds, 60);
}

static int64_t next_fixed(const struct calendar *c, const struct zone *z, int64_t t)
{
    int64_t local = t + zone_stretch(z, t).offset;

    for (int64_t m = next_civil(c, minute_from(local + 1)); m != NEVER; m = next_civil(c, m + 1)) {
        int64_t fires = zone_first_at(z, m * 60);
        if (fires > t) /* else it is in the second pass of a fold, and fired in the first */
            return fires;
    }
    return NEVER;
}

static int64_t next_elapsed(const struct calendar *c, const struct zone *z, int64_t t)
{
    for (int64_t from = t + 1;;) {
        struct zone_stretch s = zone_stretch(z, from);
        int64_t m = next_civil(c, minute_from(from + s.offset));
        if (m == NEVER || m * 60 - s.offset < s.end)
            return m == NEVER ? NEVER : m * 60 - s.offset;
        from = s.end;
    }
}

struct wall calendar_next(const struct calendar *c, const struct zone *z, struct wall t)
{
    int64_t from = wall_seconds(t), fires = NEVER;
    int64_t latest = (int64_t)DAYS_1970_2200 * DAY_S, earliest = -100LL * 366 * DAY_S;

    if (from < earliest) /* a broken clock, long before anything can fire */
        from = earliest;
    if (from < latest)
        fires = c->elapsed ? next_elapsed(c, z, from) : next_fixed(c, z, from);
    if (fires == NEVER)
        return (struct wall){INT64_MAX};
    return (struct wall){fires * 1000000};
}

/* Days after which firings repeat; a leap year if the date plays a part. */
static int64_t repeats_after(const struct calendar *c)
{
    if (c->days != ALL_DAYS || c->months != ALL_MONTHS)
        return 366;
    return c->weekdays == ALL_DAYS_OF_WEEK ? 1 : 7;
}

int64_t calendar_interval(const struct calendar *c, const struct zone *z, struct wall t)
{
    int64_t from = minute_from(wall_seconds(t) + zone_offset(z, t));
    int64_t to = from + (repeats_after(c) + 1) * DAY_MINUTES, shortest = 0, last = NEVER;

    for (int64_t m = next_civil(c, from); m != NEVER; m = next_civil(c, m + 1)) {
        if (last != NEVER && (shortest == 0 || m - last < shortest))
            shortest = m - last;
        if (shortest == 1 || (shortest != 0 && m > to))
            break;
        last = m;
    }
    return shortest * 60;
}

/* If text starts with this word, the text behind it. */
static const char *after_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    if (strncasecmp(text, word, len) != 0 ||
        (text[len] != '\0' && !isblank((unsigned char)text[len])))
        return NULL;
    return text + len + strspn(text + len, " \t");
}

static int compile(const char *text, int tier, struct calendar *c, struct err *e)
{
    const char *rest = NULL;

    text += strspn(text, " \t");
    if (tier == CALENDAR_VERIFY) { /* "weekly", "weekly at Sun 03:00", or without a tier's word */
        tier = TIER_WEEKLY;
        for (int i = 0; i < TIER_COUNT; i++)
            if ((rest = after_word(text, tier_word(i))) != NULL) {
                text = rest;
                tier = i;
                break;
            }
    }
    if (text[0] == '\0')
        return calendar_at_parse(defaults[tier], tier, c, e);
    if ((rest = after_word(text, "at")) != NULL)
        return calendar_at_parse(rest, tier, c, e);
    if ((rest = after_word(text, "cron")) != NULL)
        return calendar_cron_parse(rest, c, e);
    if ((rest = after_word(text, "on")) != NULL)
        return calendar_expression_parse(rest, c, e);
    return err_set(e, ERR_CONFIG, "\"%.60s\" must begin with \"at\", \"cron\" or \"on\"", text);
}

int calendar_compile(const char *when, int tier, struct calendar **ret, struct err *e)
{
    struct calendar c = {0};

    if (tier != CALENDAR_VERIFY && (tier < 0 || tier >= TIER_COUNT))
        return err_set(e, ERR_INTERNAL, "tier %d has no calendar", tier);
    if (when != NULL && !str_is_utf8(when, strlen(when)))
        return err_set(e, ERR_CONFIG, "the schedule is not UTF-8 text");
    if (compile(when != NULL ? when : "", tier, &c, e) < 0)
        return -1;
    if (next_civil(&c, 0) == NEVER)
        return err_set(e, ERR_CONFIG, "\"%.60s\" names a day that no month has", when);
    *ret = mem_copy(&c, sizeof(c));
    return 0;
}

void calendar_free(struct calendar *c)
{
    free(c);
}
