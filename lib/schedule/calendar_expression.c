/* calendar_expression.c — calendar expressions of systemd.time(7): [WEEKDAYS] [DATE] [TIME],
 * without seconds, years, time zones and `~`. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/schedule/calendar_parts.h"

enum { PART_MAX = 96 };

static const struct calendar_field weekday_field = {.what = "weekday",
                                                    .min = 0,
                                                    .max = 6,
                                                    .range = "..",
                                                    .names = calendar_weekdays,
                                                    .name_count = 7,
                                                    .wraps = true};
static const struct calendar_field month_field = {
    .what = "month", .min = 1, .max = 12, .range = "..", .step_from_value = true};
static const struct calendar_field day_field = {
    .what = "day", .min = 1, .max = 31, .range = "..", .step_from_value = true};
static const struct calendar_field hour_field = {
    .what = "hour", .min = 0, .max = 23, .range = "..", .step_from_value = true};
static const struct calendar_field minute_field = {
    .what = "minute", .min = 0, .max = 59, .range = "..", .step_from_value = true};

static const struct {
    const char *word, *expression;
} shorthands[] = {
    {"minutely", "*-*-* *:*"},
    {"hourly", "*-*-* *:00"},
    {"daily", "*-*-* 00:00"},
    {"weekly", "Mon *-*-* 00:00"},
    {"monthly", "*-*-01 00:00"},
    {"quarterly", "*-01,04,07,10-01 00:00"},
    {"semiannually", "*-01,07-01 00:00"},
    {"semi-annually", "*-01,07-01 00:00"},
    {"biannually", "*-01,07-01 00:00"},
    {"bi-annually", "*-01,07-01 00:00"},
    {"yearly", "*-01-01 00:00"},
    {"annually", "*-01-01 00:00"},
};

/* Copy one part, so that a field can be parsed to its end. */
static int cut(const char *from, size_t len, char out[PART_MAX], struct err *e)
{
    if (len >= PART_MAX)
        return err_set(e, ERR_CONFIG, "\"%.40s\" is too long", from);
    memcpy(out, from, len);
    out[len] = '\0';
    return 0;
}

static int parse_date(const char *word, struct calendar *c, struct err *e)
{
    const char *day = strrchr(word, '-');
    const char *month = memrchr(word, '-', (size_t)(day - word));
    char part[PART_MAX];
    uint64_t mask = 0;

    if (month != NULL) {
        if (month != word + 1 || word[0] != '*')
            return err_set(e, ERR_CONFIG, "year: \"%.*s\" must be *", (int)(month - word), word);
        month++;
    } else {
        month = word;
    }
    if (cut(month, (size_t)(day - month), part, e) < 0 ||
        calendar_field_parse(&month_field, part, &mask, NULL, e) < 0)
        return -1;
    c->months = (uint16_t)mask;
    if (calendar_field_parse(&day_field, day + 1, &mask, NULL, e) < 0)
        return -1;
    c->days = (uint32_t)mask;
    return 0;
}

static int parse_time(const char *word, struct calendar *c, struct err *e)
{
    const char *colon = strchr(word, ':');
    char part[PART_MAX];
    uint64_t mask = 0;

    if (strchr(colon + 1, ':') != NULL)
        return err_set(e, ERR_CONFIG,
                       "time: \"%.40s\" has seconds, a schedule has none: write "
                       "HH:MM",
                       word);
    if (cut(word, (size_t)(colon - word), part, e) < 0 ||
        calendar_field_parse(&hour_field, part, &mask, &c->elapsed, e) < 0)
        return -1;
    c->hours = (uint32_t)mask;
    return calendar_field_parse(&minute_field, colon + 1, &c->minutes, NULL, e);
}

static int parse_word(const char *word, int *stage, struct calendar *c, struct err *e)
{
    enum { NOTHING, HAVE_WEEKDAY, HAVE_DATE, HAVE_TIME };
    uint64_t mask = 0;
    int kind = HAVE_WEEKDAY;

    if (strchr(word, ':') != NULL)
        kind = HAVE_TIME;
    else if (strchr(word, '-') != NULL)
        kind = HAVE_DATE;
    else if (!isalpha((unsigned char)word[0]))
        return err_set(e, ERR_CONFIG, "\"%.40s\" is no weekday, date (*-MM-DD) or time (HH:MM)",
                       word);
    if (kind <= *stage)
        return err_set(e, ERR_CONFIG,
                       *stage == HAVE_TIME
                           ? "\"%.40s\" stands behind the time (time zones go to `timezone =`)"
                           : "\"%.40s\": the order is weekdays, date, time, each once",
                       word);
    *stage = kind;
    if (kind == HAVE_TIME)
        return parse_time(word, c, e);
    if (kind == HAVE_DATE)
        return parse_date(word, c, e);
    if (calendar_field_parse(&weekday_field, word, &mask, NULL, e) < 0)
        return -1;
    c->weekdays = (uint8_t)mask;
    return 0;
}

int calendar_expression_parse(const char *text, struct calendar *ret, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist words = {0};
    struct calendar c = {
        .minutes = 1,
        .hours = 1,
        .days = ALL_DAYS,
        .months = ALL_MONTHS,
        .weekdays = ALL_DAYS_OF_WEEK,
    };
    int stage = 0;

    text += strspn(text, " \t");
    for (size_t i = 0; i < ARRAY_LEN(shorthands); i++)
        if (strcasecmp(text, shorthands[i].word) == 0)
            text = shorthands[i].expression;
    if (strchr(text, '~') != NULL)
        return err_set(e, ERR_CONFIG,
                       "\"~\" is not supported (for the last day of a month write "
                       "\"at 31 HH:MM\")");
    if (strlist_split(&words, text, e) < 0)
        return err_wrap(e, "calendar expression");
    if (words.count == 0)
        return err_set(e, ERR_CONFIG,
                       "\"on\" takes a calendar expression, for example \"on "
                       "Mon..Fri 02:00\"");
    for (size_t i = 0; i < words.count; i++)
        if (parse_word(words.items[i], &stage, &c, e) < 0)
            return -1;
    *ret = c;
    return 0;
}
