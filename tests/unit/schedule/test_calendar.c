/* test_calendar.c — the three notations: what they mean, and what is wrong with those that mean
 * nothing. Clock changes are in tests/integration/test_dst.py. */
#include "lib/base/mem.h"
#include "lib/schedule/calendar.h"
#include "tests/lib/test.h"

static struct zone *load(const char *name)
{
    struct zone *z = NULL;
    struct err e = {0};

    ASSERT_OK(zone_load(name, &z, &e), e);
    return z;
}

static struct calendar *compile(const char *when, int tier)
{
    struct calendar *c = NULL;
    struct err e = {0};

    ASSERT_OK(calendar_compile(when, tier, &c, &e), e);
    return c;
}

/* The first firings after 2026-11-20 12:00 UTC (a Friday), in UTC, separated by blanks. */
static void fires(const char *when, int tier, const char *expected)
{
    struct calendar *c = compile(when, tier);
    struct zone *z = load("UTC");
    struct wall t = {0};
    char text[256] = "", one[32];

    ASSERT_EQ(clock_parse_iso8601("2026-11-20T12:00:00Z", &t), 0);
    while (strlen(text) < strlen(expected)) {
        t = calendar_next(c, z, t);
        ASSERT(t.us != INT64_MAX);
        if (text[0] != '\0')
            strcat(text, " ");
        strncat(text, clock_iso8601(t, one), 16);
    }
    ASSERT_STR(text, expected);
    calendar_free(c);
    zone_free(z);
}

TEST(tier_times)
{
    fires("at 02:00", TIER_DAILY, "2026-11-21T02:00 2026-11-22T02:00");
    fires("at 2:05", TIER_DAILY, "2026-11-21T02:05");
    fires("at :15", TIER_HOURLY, "2026-11-20T12:15 2026-11-20T13:15");
    fires("at Sun 03:00", TIER_WEEKLY, "2026-11-22T03:00 2026-11-29T03:00");
    fires("at saturday 03:00", TIER_WEEKLY, "2026-11-21T03:00");
    fires("at 1 04:00", TIER_MONTHLY, "2026-12-01T04:00 2027-01-01T04:00");
    fires("at 31 04:00", TIER_MONTHLY,
          "2026-11-30T04:00 2026-12-31T04:00 2027-01-31T04:00 2027-02-28T04:00 2027-03-31T04:00");
    fires("at 01-31 04:00", TIER_YEARLY, "2027-01-31T04:00 2028-01-31T04:00");
    fires("at 02-29 04:00", TIER_YEARLY, "2027-02-28T04:00 2028-02-29T04:00 2029-02-28T04:00");
}

TEST(tier_times_by_default)
{
    fires("", TIER_HOURLY, "2026-11-20T13:00 2026-11-20T14:00");
    fires("", TIER_DAILY, "2026-11-21T02:00");
    fires("", TIER_WEEKLY, "2026-11-22T03:00");
    fires("", TIER_MONTHLY, "2026-12-01T04:00");
    fires("", TIER_YEARLY, "2027-01-01T05:00");
}

TEST(verification_names_its_own_tier)
{
    fires("weekly", CALENDAR_VERIFY, "2026-11-22T03:00");
    fires("monthly", CALENDAR_VERIFY, "2026-12-01T04:00");
    fires("daily at 05:00", CALENDAR_VERIFY, "2026-11-21T05:00");
    fires("at Sat 05:00", CALENDAR_VERIFY, "2026-11-21T05:00");
    fires("cron 0 6 * * *", CALENDAR_VERIFY, "2026-11-21T06:00");
}

TEST(cron)
{
    fires("cron 0 2 * * *", TIER_DAILY, "2026-11-21T02:00");
    fires("cron */20 * * * *", TIER_DAILY, "2026-11-20T12:20 2026-11-20T12:40 2026-11-20T13:00");
    fires("cron 5,10-12 4 * * *", TIER_DAILY,
          "2026-11-21T04:05 2026-11-21T04:10 2026-11-21T04:11 2026-11-21T04:12 2026-11-22T04:05");
    fires("cron 0 0-23/6 * * *", TIER_DAILY, "2026-11-20T18:00 2026-11-21T00:00");
    fires("cron 0 0 * jan mon", TIER_DAILY, "2027-01-04T00:00");
    fires("cron 0 0 * * 7", TIER_DAILY, "2026-11-22T00:00");
    fires("cron 0 0 * * 0", TIER_DAILY, "2026-11-22T00:00");
    fires("cron 0 0 * * fri-sun", TIER_DAILY, "2026-11-21T00:00 2026-11-22T00:00 2026-11-27T00:00");
    fires("cron 0 0 * * 5-7", TIER_DAILY, "2026-11-21T00:00 2026-11-22T00:00 2026-11-27T00:00");
    fires("cron @daily", TIER_DAILY, "2026-11-21T00:00");
    fires("cron @yearly", TIER_DAILY, "2027-01-01T00:00");
    fires("cron 0 4 31 * *", TIER_DAILY, "2026-12-31T04:00 2027-01-31T04:00 2027-03-31T04:00");
    fires("cron 0 0 29 2 *", TIER_YEARLY, "2028-02-29T00:00 2032-02-29T00:00");
}

TEST(cron_takes_either_day_when_both_are_restricted)
{
    fires("cron 0 0 13 * 5", TIER_DAILY,
          "2026-11-27T00:00 2026-12-04T00:00 2026-12-11T00:00 "
          "2026-12-13T00:00");
    fires("cron 0 0 */2 * 5", TIER_DAILY, "2026-11-27T00:00 2026-12-11T00:00"); /* `*` means both */
    fires("cron 0 0 13 * *", TIER_DAILY, "2026-12-13T00:00 2027-01-13T00:00");
}

TEST(calendar_expressions)
{
    fires("on daily", TIER_DAILY, "2026-11-21T00:00");
    fires("on Weekly", TIER_DAILY, "2026-11-23T00:00");
    fires("on quarterly", TIER_DAILY, "2027-01-01T00:00 2027-04-01T00:00");
    fires("on *-*-01", TIER_DAILY, "2026-12-01T00:00 2027-01-01T00:00");
    fires("on Mon..Fri 02,14:30", TIER_DAILY, "2026-11-20T14:30 2026-11-23T02:30 2026-11-23T14:30");
    fires("on Mon,Wed *-*-* 02:00", TIER_DAILY, "2026-11-23T02:00 2026-11-25T02:00");
    fires("on Sat..Mon 02:00", TIER_DAILY, "2026-11-21T02:00 2026-11-22T02:00 2026-11-23T02:00");
    fires("on *:0/15", TIER_DAILY, "2026-11-20T12:15 2026-11-20T12:30");
    fires("on *-02-29 04:00", TIER_DAILY, "2028-02-29T04:00");
    fires("on Fri *-*-13 00:00", TIER_DAILY, "2027-08-13T00:00");
    fires("on *-*-01/10 00:00", TIER_DAILY, "2026-11-21T00:00 2026-12-01T00:00");
    fires("on 12-24 18:00", TIER_DAILY, "2026-12-24T18:00");
    fires("on *-01..03-01 00:00", TIER_DAILY, "2027-01-01T00:00 2027-02-01T00:00");
    fires("on 8..10/2:00", TIER_DAILY, "2026-11-21T08:00 2026-11-21T10:00");
}

TEST(errors_name_the_field)
{
    static const struct {
        const char *when;
        int tier;
        const char *text;
    } cases[] = {
        {"02:00", TIER_DAILY, "must begin with \"at\", \"cron\" or \"on\""},
        {"at 25:00", TIER_DAILY, "\"at 25:00\" is not what daily takes: \"at HH:MM\""},
        {"at 02:60", TIER_DAILY, "daily takes"},
        {"at 02:0", TIER_DAILY, "daily takes"},
        {"at 02:000", TIER_DAILY, "daily takes"},
        {"at 02:00 x", TIER_DAILY, "daily takes"},
        {"at", TIER_DAILY, "daily takes"},
        {"at 02:00", TIER_WEEKLY, "\"at WEEKDAY HH:MM\""},
        {"at Sux 02:00", TIER_WEEKLY, "weekly takes"},
        {"at 32 02:00", TIER_MONTHLY, "\"at DAY HH:MM\""},
        {"at 0 02:00", TIER_MONTHLY, "monthly takes"},
        {"at 13-01 02:00", TIER_YEARLY, "\"at MM-DD HH:MM\""},
        {"at 02:15", TIER_HOURLY, "\"at :MM\""},
        {"cron 0 2 * *", TIER_DAILY, "cron takes 5 fields"},
        {"cron 0 2 * * * *", TIER_DAILY, "not 6"},
        {"cron 60 2 * * *", TIER_DAILY, "minute: \"60\" is not in 0 to 59"},
        {"cron 0 24 * * *", TIER_DAILY, "hour: \"24\""},
        {"cron 0 2 0 * *", TIER_DAILY, "day of month: \"0\""},
        {"cron 0 2 * foo *", TIER_DAILY, "month: \"foo\" is not in 1 to 12, nor a name"},
        {"cron 0 2 * * 8", TIER_DAILY, "day of week: \"8\""},
        {"cron 0 20-2 * * *", TIER_DAILY, "hour: the range \"20-2\" runs backwards"},
        {"cron 0/5 2 * * *", TIER_DAILY, "minute: the step in \"0/5\" needs a range"},
        {"cron */0 2 * * *", TIER_DAILY, "minute: the step \"/0\" is not in 1 to 59"},
        {"cron 0,,5 2 * * *", TIER_DAILY, "minute: a value is missing"},
        {"cron 0, 2 * * *", TIER_DAILY, "minute: a value is missing"},
        {"cron 0 2 30 2 *", TIER_DAILY, "names a day that no month has"},
        {"cron 0 2 31 4,6 *", TIER_DAILY, "names a day that no month has"},
        {"cron @reboot", TIER_DAILY, "is none of @hourly"},
        {"on", TIER_DAILY, "takes a calendar expression"},
        {"on 02:00:00", TIER_DAILY, "has seconds"},
        {"on 2026-01-01 02:00", TIER_DAILY, "year: \"2026\" must be *"},
        {"on *-02~1", TIER_DAILY, "\"~\" is not supported"},
        {"on 02:00 Europe/Berlin", TIER_DAILY, "stands behind the time"},
        {"on 02:00 Mon", TIER_DAILY, "stands behind the time"},
        {"on Mon Tue 02:00", TIER_DAILY, "each once"},
        {"on Foo 02:00", TIER_DAILY, "weekday: \"Foo\""},
        {"on 25:00", TIER_DAILY, "hour: \"25\""},
        {"on 02:99", TIER_DAILY, "minute: \"99\""},
        {"on *-02-30", TIER_DAILY, "names a day that no month has"},
        {"on 17", TIER_DAILY, "is no weekday, date"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct calendar *c = NULL;
        struct err e = {0};
        ASSERT_ERR(calendar_compile(cases[i].when, cases[i].tier, &c, &e), e, ERR_CONFIG);
        ASSERT_CONTAINS(e.text, cases[i].text);
    }
}

TEST(it_ends_with_the_year_2200)
{
    struct calendar *c = compile("at 02:00", TIER_DAILY);
    struct zone *z = load("UTC");
    struct wall t = {0};
    char text[32];

    ASSERT_EQ(clock_parse_iso8601("2199-12-31T01:00:00Z", &t), 0);
    t = calendar_next(c, z, t);
    ASSERT_STR(clock_iso8601(t, text), "2199-12-31T02:00:00Z");
    ASSERT_EQ(calendar_next(c, z, t).us, INT64_MAX);
    ASSERT_EQ(calendar_next(c, z, (struct wall){INT64_MAX}).us, INT64_MAX);
    ASSERT(calendar_next(c, z, (struct wall){INT64_MIN}).us < 0);
    calendar_free(c);
    zone_free(z);
}

TEST(a_leap_day_is_found_across_2100)
{
    struct calendar *c = compile("cron 0 0 29 2 *", TIER_DAILY);
    struct zone *z = load("Europe/Berlin");
    struct wall t = {0};
    char text[32];

    ASSERT_EQ(clock_parse_iso8601("2096-03-01T00:00:00Z", &t), 0);
    ASSERT_STR(clock_iso8601(calendar_next(c, z, t), text), "2104-02-28T23:00:00Z");
    calendar_free(c);
    zone_free(z);
}

TEST(firing_is_strictly_later)
{
    struct calendar *c = compile("at 02:00", TIER_DAILY);
    struct zone *z = load("UTC");
    struct wall t = {0}, at = {0};

    ASSERT_EQ(clock_parse_iso8601("2026-11-20T02:00:00Z", &at), 0);
    t.us = at.us - 1;
    ASSERT_EQ(calendar_next(c, z, t).us, at.us);
    ASSERT_EQ(calendar_next(c, z, at).us, at.us + 86400LL * 1000000);
    calendar_free(c);
    zone_free(z);
}

static void interval(const char *when, int tier, int64_t seconds)
{
    struct calendar *c = compile(when, tier);
    struct zone *z = load("Europe/Berlin");
    struct wall t = {0};

    ASSERT_EQ(clock_parse_iso8601("2026-11-20T02:00:00Z", &t), 0);
    ASSERT_EQ(calendar_interval(c, z, t), seconds);
    calendar_free(c);
    zone_free(z);
}

TEST(intervals_are_of_civil_time)
{
    interval("", TIER_HOURLY, 3600);
    interval("", TIER_DAILY, 86400);
    interval("", TIER_WEEKLY, 7 * 86400);
    interval("at 31 04:00", TIER_MONTHLY, 28 * 86400);
    interval("cron * * * * *", TIER_DAILY, 60);
    interval("cron 0 1,3 * * *", TIER_DAILY, 7200);
    interval("", TIER_YEARLY, 365 * 86400);
}

TEST(checking_a_configuration_finds_every_wrong_text)
{
    struct origin at = {.file = "synbak.conf", .line = 7};
    struct job a = {.name = (char[]){"a"}, .at = at};
    struct job b = {.name = (char[]){"b"}, .at = at, .timezone = (char[]){"Mars/Base"}};
    struct job *jobs[] = {&a, &b};
    struct config c = {.jobs = jobs, .job_count = 2, .timezone = (char[]){"Europe/Berlin"}};
    struct strlist errors = {0};
    struct err e = {0};

    a.tiers[TIER_DAILY] = (struct tier_rule){.on = true, .when = (char[]){"at 25:00"}, .at = at};
    a.verify = (struct tier_rule){.on = true, .when = (char[]){"fortnightly"}, .at = at};
    ASSERT_ERR(schedule_check_config(&c, &errors, &e), e, ERR_CONFIG);
    ASSERT_EQ(errors.count, 3);
    ASSERT_CONTAINS(e.text, "synbak.conf:7: job \"a\": daily: \"at 25:00\"");
    ASSERT_CONTAINS(errors.items[1], "synbak.conf:7: job \"a\": verify: ");
    ASSERT_CONTAINS(errors.items[2], "synbak.conf:7: job \"b\": timezone: time zone Mars/Base");
    strlist_deinit(&errors);
    c.job_count = 0;
    ASSERT_OK(schedule_check_config(&c, &errors, &e), e);
}
