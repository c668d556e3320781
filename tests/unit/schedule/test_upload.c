/* test_upload.c — an upload limit over days, also those on which clocks are set. */
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/schedule/upload.h"
#include "tests/lib/test.h"

static struct zone *load(const char *name)
{
    struct zone *z = NULL;
    struct err e = {0};

    ASSERT_OK(zone_load(name, &z, &e), e);
    return z;
}

static struct config *parse(const char *limit)
{
    struct config *c = NULL;
    struct err e = {0};
    _cleanup_free_ char *text = mem_printf("[destination d]\ntype = sftp\nhost = h\nuser = u\n"
                                           "path = p\nkey = none\nupload_limit = %s\n",
                                           limit);

    ASSERT_OK(config_parse("t", text, strlen(text), &c, NULL, &e), e);
    return c;
}

/* The course as "TIME BYTES, ..." in UTC, compared as text. */
static void follows(const char *limit, const char *zone, const char *now, int days,
                    const char *expected)
{
    struct config *c = parse(limit);
    struct zone *z = load(zone);
    struct buf out = BUF_INIT(1 << 16);
    struct wall t = {0};
    struct err e = {0};

    ASSERT_EQ(clock_parse_iso8601(now, &t), 0);
    struct rate_course course = upload_course(&c->destinations[0]->upload_limit, z, t, days);
    for (size_t i = 0; i < course.count; i++) {
        char at[32];
        struct wall from = {.us = course.items[i].from_s * 1000000};
        ASSERT_OK(buf_printf(&out, &e, "%s%.16s %lld", i > 0 ? ", " : "", clock_iso8601(from, at),
                             (long long)course.items[i].bytes_per_second),
                  e);
    }
    ASSERT_STR(out.data != NULL ? (char *)out.data : "", expected);
    buf_deinit(&out);
    upload_course_free(&course);
    zone_free(z);
    config_unref(c);
}

TEST(a_window_of_the_day_and_the_rest)
{
    follows("2K 08:00-18:00, 20K", "Europe/Berlin", "2026-11-20T05:00:00Z", 2,
            "2026-11-20T05:00 20480, 2026-11-20T07:00 2048, 2026-11-20T17:00 20480, "
            "2026-11-21T07:00 2048, 2026-11-21T17:00 20480");
}

TEST(what_no_window_holds_has_no_bound)
{
    follows("2K 08:00-18:00", "UTC", "2026-11-20T12:00:00Z", 1,
            "2026-11-20T12:00 2048, 2026-11-20T18:00 0, 2026-11-21T08:00 2048");
}

TEST(a_rate_alone_holds_always)
{
    follows("5K", "Europe/Berlin", "2026-11-20T12:00:00Z", 31, "2026-11-20T12:00 5120");
}

TEST(a_window_goes_over_midnight_and_the_first_counts)
{
    follows("none 22:00-06:00, 1K 05:00-07:00, 3K", "UTC", "2026-11-20T23:30:00Z", 1,
            "2026-11-20T23:30 0, 2026-11-21T06:00 1024, 2026-11-21T07:00 3072, "
            "2026-11-21T22:00 0");
}

TEST(the_end_of_a_day_may_be_written)
{
    follows("1K 18:00-24:00, 2K", "UTC", "2026-11-20T12:00:00Z", 1,
            "2026-11-20T12:00 2048, 2026-11-20T18:00 1024, 2026-11-21T00:00 2048");
}

/* 2026-10-25, Berlin: 02:00 to 03:00 comes twice, UTC 00:00 to 02:00. */
TEST(in_a_fold_a_window_holds_in_both_passes)
{
    follows("1K 02:15-02:45, 2K", "Europe/Berlin", "2026-10-24T22:00:00Z", 1,
            "2026-10-24T22:00 2048, 2026-10-25T00:15 1024, 2026-10-25T00:45 2048, "
            "2026-10-25T01:15 1024, 2026-10-25T01:45 2048");
    follows("1K 01:00-02:30, 2K", "Europe/Berlin", "2026-10-24T22:00:00Z", 1,
            "2026-10-24T22:00 2048, 2026-10-24T23:00 1024, 2026-10-25T00:30 2048, "
            "2026-10-25T01:00 1024, 2026-10-25T01:30 2048");
}

/* 2026-03-29, Berlin: clocks go from 02:00 to 03:00 at 01:00 UTC. */
TEST(what_clocks_skip_does_not_come)
{
    follows("1K 02:15-02:45, 2K", "Europe/Berlin", "2026-03-28T23:00:00Z", 1,
            "2026-03-28T23:00 2048");
    follows("1K 02:15-04:00, 2K", "Europe/Berlin", "2026-03-28T23:00:00Z", 1,
            "2026-03-28T23:00 2048, 2026-03-29T01:00 1024, 2026-03-29T02:00 2048");
    follows("1K 01:00-02:30, 2K", "Europe/Berlin", "2026-03-28T23:00:00Z", 1,
            "2026-03-28T23:00 2048, 2026-03-29T00:00 1024, 2026-03-29T01:00 2048");
}

TEST(without_windows_there_is_no_course)
{
    const struct rate_windows none = {0};
    struct rate_course course;
    struct err e = {0};

    ASSERT_OK(upload_course_in(&none, "No/Where", (struct wall){0}, &course, &e), e);
    ASSERT_EQ(course.count, 0);
    ASSERT(course.items == NULL);
}

TEST(a_zone_that_is_not_there_is_said)
{
    struct config *c = parse("5K");
    struct rate_course course;
    struct err e = {0};

    ASSERT_ERR(upload_course_in(&c->destinations[0]->upload_limit, "No/Where", (struct wall){0},
                                &course, &e),
               e, ERR_CONFIG);
    ASSERT_CONTAINS(e.text, "upload_limit");
    config_unref(c);
}
