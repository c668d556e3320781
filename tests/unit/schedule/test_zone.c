/* test_zone.c — time zones: known instants, the footer's rule, hostile files. */
#include <fcntl.h>

#include "lib/base/fs.h"
#include "lib/base/mem.h"
#include "lib/schedule/zone.h"
#include "tests/lib/test.h"

static struct zone *load(const char *name)
{
    struct zone *z = NULL;
    struct err e = {0};

    ASSERT_OK(zone_load(name, &z, &e), e);
    return z;
}

static void shows(const char *zone, const char *utc, const char *local)
{
    struct zone *z = load(zone);
    struct wall t = {0};
    char out[48];

    ASSERT_EQ(clock_parse_iso8601(utc, &t), 0);
    ASSERT_STR(zone_format(z, t, out), local);
    zone_free(z);
}

TEST(clocks_show_what_the_tables_say)
{
    shows("Europe/Berlin", "2026-11-20T13:30:00Z", "2026-11-20 14:30 CET");
    shows("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 01:59 CET");
    shows("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 03:00 CEST");
    shows("America/New_York", "2000-01-01T00:00:00Z", "1999-12-31 19:00 EST");
    shows("Asia/Kathmandu", "2026-06-01T00:00:00Z", "2026-06-01 05:45 +0545");
    shows("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31 00:00 +14");
    shows("Etc/UTC", "2026-06-01T12:00:00Z", "2026-06-01 12:00 UTC");
    shows("Europe/Berlin", "1969-12-31T23:59:59Z", "1970-01-01 00:59 CET");
}

TEST(behind_the_table_the_footer_decides)
{
    shows("Europe/Berlin", "2199-07-01T00:00:00Z", "2199-07-01 02:00 CEST");
    shows("Europe/Berlin", "2199-12-01T00:00:00Z", "2199-12-01 01:00 CET");
    shows("Europe/Dublin", "2150-01-15T00:00:00Z", "2150-01-15 00:00 GMT");
    shows("Europe/Dublin", "2150-07-15T00:00:00Z", "2150-07-15 01:00 IST");
    shows("Australia/Lord_Howe", "2150-01-15T00:00:00Z", "2150-01-15 11:00 +11");
    shows("Australia/Lord_Howe", "2150-07-15T00:00:00Z", "2150-07-15 10:30 +1030");
}

TEST(null_is_the_systems_own_zone)
{
    struct zone *z = load(NULL);

    ASSERT(zone_offset(z, (struct wall){0}) > -90000);
    zone_free(z);
}

TEST(a_system_without_a_zone_runs_in_utc)
{
    struct zone *z = NULL;
    struct err e = {0};
    char *path = mem_printf("%s/localtime", test_dir()), out[48];

    ASSERT_OK(zone_load_system(path, &z, &e), e);
    ASSERT_STR(zone_format(z, (struct wall){0}, out), "1970-01-01 00:00 UTC");
    ASSERT_EQ(zone_stretch(z, 0).end, INT64_MAX);
    zone_free(z);
    ASSERT_OK(fs_make_dirs(AT_FDCWD, path, 0700, &e), e); /* there, but no zone */
    ASSERT_ERR(zone_load_system(path, &z, &e), e, ERR_CONFIG);
    free(path);
}

TEST(first_at_is_the_first_pass_of_a_fold_and_the_end_of_a_gap)
{
    struct zone *z = load("Europe/Berlin");
    int64_t spring = civil_to_days(2026, 3, 29) * DAY_S,
            autumn = civil_to_days(2026, 10, 25) * DAY_S;

    ASSERT_EQ(zone_first_at(z, spring + 2 * 3600 + 1800), spring + 3600);
    ASSERT_EQ(zone_first_at(z, spring + 2 * 3600), spring + 3600);
    ASSERT_EQ(zone_first_at(z, spring + 3 * 3600), spring + 3600);
    ASSERT_EQ(zone_first_at(z, autumn + 2 * 3600 + 1800), autumn + 1800);
    ASSERT_EQ(zone_first_at(z, autumn + 3 * 3600), autumn + 2 * 3600);
    zone_free(z);
}

TEST(names_that_leave_the_folder_are_refused)
{
    static const char *const names[] = {
        "/etc/passwd",  "../../etc/passwd", "Europe/../../x", "",        "Europe/Berlin\n",
        "Mars/Olympus", "Europe",           "tzdata.zi",      "zone.tab"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct zone *z = NULL;
        struct err e = {0};
        ASSERT_ERR(zone_load(names[i], &z, &e), e, ERR_CONFIG);
    }
}

TEST(a_missing_zone_is_said_plainly)
{
    struct zone *z = NULL;
    struct err e = {0};

    ASSERT_ERR(zone_load("Europe/Berln", &z, &e), e, ERR_CONFIG);
    ASSERT_STR(e.text, "time zone Europe/Berln: there is no file "
                       "/usr/share/zoneinfo/Europe/Berln (is the package tzdata installed?)");
}

static struct zone_stretch at(const char *rule, const char *utc)
{
    static struct zone_rule r;
    struct wall t = {0};
    struct err e = {0};

    ASSERT_OK(zone_rule_parse(rule, &r, &e), e);
    ASSERT_EQ(clock_parse_iso8601(utc, &t), 0);
    return zone_rule_stretch(&r, t.us / 1000000);
}

TEST(rules_of_every_form)
{
    ASSERT_EQ(at("<+0330>-3:30", "2100-01-01T00:00:00Z").offset, 12600);
    ASSERT_EQ(at("EST5EDT,M3.2.0,M11.1.0", "2100-03-14T06:59:59Z").offset, -18000);
    ASSERT_EQ(at("EST5EDT,M3.2.0,M11.1.0", "2100-03-14T07:00:00Z").offset, -14400);
    ASSERT_EQ(at("EST5EDT,0/0,J365/25", "2100-01-01T05:00:00Z").offset, -14400); /* all year */
    ASSERT_EQ(at("EST5EDT,0/0,J365/25", "2099-12-31T12:00:00Z").offset, -14400);
    ASSERT_EQ(at("AAA0BBB,J60/0,J61/0", "2104-02-29T12:00:00Z").offset, 0); /* J60 is March 1st */
    ASSERT_EQ(at("AAA0BBB,J60/0,J61/0", "2104-03-01T12:00:00Z").offset, 3600);
    ASSERT_EQ(at("AAA0BBB,59/0,60/0", "2104-02-29T12:00:00Z").offset, 3600); /* counts leap days */
    ASSERT_EQ(at("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2100-03-28T00:59:59Z").offset, -7200);
    ASSERT_EQ(at("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2100-03-28T01:00:00Z").offset, -3600);
    ASSERT_STR(at("IST-1GMT0,M10.5.0,M3.5.0/1", "2100-12-01T00:00:00Z").abbreviation, "GMT");
    ASSERT_EQ(at("AAA0BBB,M1.1.1/-167,M12.5.0/167", "2099-12-30T00:00:00Z").offset, 3600);
}

TEST(rules_that_are_none)
{
    static const char *const rules[] = {"",
                                        "CE-1",
                                        "CET",
                                        "CET-1CEST",
                                        "CET-25",
                                        "CET-1:60",
                                        "CET-1CEST,M13.1.0,M1.1.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/168",
                                        "CET-1CEST,M3.5.0,M10.5.0x",
                                        "<CET-1",
                                        "CET-1CEST,J0,J1",
                                        "CET-1CEST,366,1",
                                        "AVERYLONGABBREVIATION-1"};

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct zone_rule r;
        struct err e = {0};
        ASSERT_ERR(zone_rule_parse(rules[i], &r, &e), e, ERR_FORMAT);
    }
}

static struct buf berlin(void)
{
    struct buf data = BUF_INIT(1 << 20);
    struct err e = {0};

    ASSERT_OK(fs_read_file(AT_FDCWD, "/usr/share/zoneinfo/Europe/Berlin", &data, &e), e);
    return data;
}

TEST(a_file_cut_at_any_length_is_refused)
{
    struct buf data = berlin();

    for (size_t len = 0; len < data.len; len++) {
        struct zone *z = NULL;
        struct err e = {0};
        void *exact = mem_copy(data.data, len); /* so that the sanitizer sees a byte too far */
        ASSERT_ERR(zone_parse(exact, len, &z, &e), e, ERR_FORMAT);
        free(exact);
    }
    test_note("%zu lengths", data.len);
    buf_deinit(&data);
}

TEST(a_flipped_bit_never_hurts)
{
    struct buf data = berlin();
    int parsed = 0;

    for (size_t bit = 0; bit < data.len * 8; bit++) {
        struct zone *z = NULL;
        data.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (zone_parse(data.data, data.len, &z, NULL) == 0) {
            parsed++;
            for (int64_t t = -4000000000; t < 8000000000; t += 500000000) {
                struct zone_stretch s = zone_stretch(z, t);
                ASSERT(s.end > t && s.offset > -90000 && s.offset < 93600);
                (void)zone_first_at(z, t);
            }
        }
        zone_free(z);
        data.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    test_note("%zu flips, %d still parsed", data.len * 8, parsed);
    buf_deinit(&data);
}

TEST(zones_that_count_leap_seconds_are_refused)
{
    struct buf data = berlin();
    struct zone *z = NULL;
    struct err e = {0};

    data.data[4] = 0; /* version 1: the first block counts; say that a leap second is in it */
    data.data[31] = 1;
    data.data[35] = 0;
    data.data[34] = 0;
    ASSERT_ERR(zone_parse(data.data, data.len, &z, &e), e, ERR_FORMAT);
    ASSERT_CONTAINS(e.text, "leap seconds");
    buf_deinit(&data);
}

TEST(civil_dates_follow_each_other_for_400_years)
{
    struct civil last = civil_from_days(civil_to_days(1899, 12, 31));

    for (int64_t day = civil_to_days(1900, 1, 1); day < civil_to_days(2300, 1, 1); day++) {
        struct civil c = civil_from_days(day);
        ASSERT_EQ(civil_to_days(c.year, c.month, c.day), day);
        ASSERT_EQ(c.weekday, (last.weekday + 1) % 7);
        bool next_day = c.month == last.month && c.day == last.day + 1;
        bool next_month = c.day == 1 && last.day == civil_month_length(last.year, last.month);
        ASSERT(next_day || next_month);
        last = c;
    }
    ASSERT_EQ(civil_weekday(civil_to_days(2026, 11, 20)), 5);
    ASSERT_EQ(civil_to_days(1970, 1, 1), 0);
}
