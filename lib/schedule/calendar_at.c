/* calendar_at.c — the short notation of tier times: "at :15", "at 02:00", "at Sun 03:00",
 * "at 1 04:00", "at 01-31 04:00". */
#include <ctype.h>
#include <string.h>

#include "lib/schedule/calendar_parts.h"

static const char *const forms[TIER_COUNT] = {
    [TIER_HOURLY] = "\"at :MM\", for example \"at :15\"",
    [TIER_DAILY] = "\"at HH:MM\", for example \"at 02:00\"",
    [TIER_WEEKLY] = "\"at WEEKDAY HH:MM\", for example \"at Sun 03:00\"",
    [TIER_MONTHLY] = "\"at DAY HH:MM\", for example \"at 1 04:00\"",
    [TIER_YEARLY] = "\"at MM-DD HH:MM\", for example \"at 01-31 04:00\"",
};

static const struct calendar_field weekday = {
    .what = "weekday", .names = calendar_weekdays, .name_count = 7};

static void skip_blanks(const char **p)
{
    *p += strspn(*p, " \t");
}

/* Blanks that must be there, between the day and the time. */
static bool take_blanks(const char **p)
{
    const char *before = *p;

    skip_blanks(p);
    return *p > before;
}

static bool parse_hour(const char **p, struct calendar *c)
{
    int hour = 0;

    if (!calendar_two_digits(p, 23, &hour))
        return false;
    c->hours = 1U << hour;
    return true;
}

static bool parse_minute(const char **p, struct calendar *c)
{
    const char *digits = *p + 1;
    int minute = 0;

    if (**p != ':' || !isdigit((unsigned char)digits[0]) || !isdigit((unsigned char)digits[1]))
        return false;
    *p = digits;
    if (!calendar_two_digits(p, 59, &minute))
        return false;
    c->minutes = 1ULL << minute;
    return true;
}

static bool parse_weekday(const char **p, struct calendar *c)
{
    size_t len = strcspn(*p, " \t");
    int day = calendar_name(&weekday, *p, len);

    *p += len;
    if (day < 0)
        return false;
    c->weekdays = (uint8_t)(1U << day);
    return true;
}

static bool parse_day(const char **p, struct calendar *c)
{
    int day = 0;

    if (!calendar_two_digits(p, 31, &day) || day < 1)
        return false;
    c->days = 1U << day;
    c->last_if_short = true;
    return true;
}

static bool parse_month(const char **p, struct calendar *c)
{
    int month = 0;

    if (!calendar_two_digits(p, 12, &month) || month < 1 || **p != '-')
        return false;
    (*p)++;
    c->months = (uint16_t)(1U << month);
    return true;
}

static bool parse_form(const char *p, int tier, struct calendar *c)
{
    if (tier == TIER_WEEKLY && (!parse_weekday(&p, c) || !take_blanks(&p)))
        return false;
    if (tier == TIER_YEARLY && !parse_month(&p, c))
        return false;
    if ((tier == TIER_MONTHLY || tier == TIER_YEARLY) && (!parse_day(&p, c) || !take_blanks(&p)))
        return false;
    if (tier != TIER_HOURLY && !parse_hour(&p, c))
        return false;
    if (!parse_minute(&p, c))
        return false;
    skip_blanks(&p);
    return *p == '\0';
}

int calendar_at_parse(const char *text, int tier, struct calendar *ret, struct err *e)
{
    struct calendar c = {
        .minutes = 1,
        .hours = ALL_HOURS,
        .days = ALL_DAYS,
        .months = ALL_MONTHS,
        .weekdays = ALL_DAYS_OF_WEEK,
        .elapsed = tier == TIER_HOURLY,
    };

    skip_blanks(&text);
    if (!parse_form(text, tier, &c))
        return err_set(e, ERR_CONFIG, "\"at %.60s\" is not what %s takes: %s", text,
                       tier_word(tier), forms[tier]);
    *ret = c;
    return 0;
}
