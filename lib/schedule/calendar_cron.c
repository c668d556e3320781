/* calendar_cron.c — the five fields of crontab(5), as Vixie's cron reads them: when both days are
 * restricted, either is enough. */
#include <string.h>
#include <strings.h>

#include "lib/base/mem.h"
#include "lib/schedule/calendar_parts.h"

enum { FIELD_COUNT = 5, MINUTE = 0, HOUR, DAY, MONTH, WEEKDAY };

static const struct calendar_field fields[FIELD_COUNT] = {
    {.what = "minute", .min = 0, .max = 59, .range = "-"},
    {.what = "hour", .min = 0, .max = 23, .range = "-"},
    {.what = "day of month", .min = 1, .max = 31, .range = "-"},
    {.what = "month",
     .min = 1,
     .max = 12,
     .range = "-",
     .names = calendar_months,
     .name_count = 12,
     .first_name = 1},
    {.what = "day of week",
     .min = 0,
     .max = 7,
     .range = "-",
     .names = calendar_weekdays,
     .name_count = 7},
};

static const struct {
    const char *word, *fields;
} nicknames[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static int expand_nickname(const char **text, struct err *e)
{
    size_t len = strcspn(*text, " \t");

    for (size_t i = 0; i < ARRAY_LEN(nicknames); i++)
        if (len == strlen(nicknames[i].word) && strncasecmp(*text, nicknames[i].word, len) == 0 &&
            (*text)[len + strspn(*text + len, " \t")] == '\0') {
            *text = nicknames[i].fields;
            return 0;
        }
    return err_set(e, ERR_CONFIG,
                   "\"%.40s\" is none of @hourly, @daily, @weekly, @monthly and @yearly", *text);
}

static int split(const char *text, struct strlist *words, struct err *e)
{
    if (strlist_split(words, text, e) < 0)
        return err_wrap(e, "cron");
    if (words->count != FIELD_COUNT)
        return err_set(e, ERR_CONFIG,
                       "cron takes 5 fields (minute, hour, day of month, month, day of week), not "
                       "%zu",
                       words->count);
    return 0;
}

int calendar_cron_parse(const char *text, struct calendar *ret, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist words = {0};
    uint64_t mask[FIELD_COUNT];
    bool varies[FIELD_COUNT];

    text += strspn(text, " \t");
    if (text[0] == '@' && expand_nickname(&text, e) < 0)
        return -1;
    if (split(text, &words, e) < 0)
        return -1;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (calendar_field_parse(&fields[i], words.items[i], &mask[i], &varies[i], e) < 0)
            return -1;
    *ret = (struct calendar){
        .minutes = mask[MINUTE],
        .hours = (uint32_t)mask[HOUR],
        .days = (uint32_t)mask[DAY],
        .months = (uint16_t)mask[MONTH],
        .weekdays = (uint8_t)((mask[WEEKDAY] | mask[WEEKDAY] >> 7) & ALL_DAYS_OF_WEEK),
        .elapsed = varies[HOUR],
        .either_day = words.items[DAY][0] != '*' && words.items[WEEKDAY][0] != '*',
    };
    return 0;
}
