#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

TEST(both_forms_there_and_back)
{
    char text[32];
    const int64_t seconds[] = {0, 951782400, 1795271400, 4102444799, 253402300799};

    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        struct wall t = {seconds[i] * 1000000}, back;
        ASSERT_EQ(clock_parse_iso8601(clock_iso8601(t, text), &back), 0);
        ASSERT_EQ(back.us, t.us);
        ASSERT_EQ(clock_parse_set_id(clock_set_id(t, text), &back), 0);
        ASSERT_EQ(back.us, t.us);
    }
    ASSERT_STR(clock_iso8601((struct wall){951782400000000}, text), "2000-02-29T00:00:00Z");
    ASSERT_STR(clock_set_id((struct wall){951782400999999}, text), "20000229_000000");
    ASSERT_STR(clock_iso8601((struct wall){-1}, text), "1969-12-31T23:59:59Z");
}

TEST(what_is_no_time_is_refused)
{
    const char *ids[] = {"",
                         "latest",
                         "20261120",
                         "20261120_14300",
                         "20261120_1430000",
                         "20261120-143000",
                         "20261301_000000",
                         "20260230_000000",
                         "20261120_240000",
                         "20261120_146000",
                         "2026112a_143000",
                         "20261120_143000/"};
    const char *times[] = {"",
                           "2026-11-20T14:30:00",
                           "2026-11-20 14:30:00Z",
                           "2026-11-20T14:30:00+01",
                           "2026-02-29T00:00:00Z",
                           "2026-11-20T14:30:60Z",
                           " 2026-11-20T14:30:00Z"};
    struct wall t;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ASSERT_EQ(clock_parse_set_id(ids[i], &t), -1);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        ASSERT_EQ(clock_parse_iso8601(times[i], &t), -1);
}

TEST(far_times_print_something)
{
    char text[32];

    (void)clock_iso8601((struct wall){INT64_MAX}, text);
    (void)clock_iso8601((struct wall){INT64_MIN}, text);
    ASSERT(strlen(clock_set_id((struct wall){INT64_MAX}, text)) < 32);
}

TEST(the_seam_moves_time)
{
    seam_clock_set(1000000);
    int64_t mono = clock_mono().us;
    clock_sleep_ms(5000);
    ASSERT_EQ(clock_wall().us, 6000000);
    ASSERT_EQ(clock_mono().us - mono, 5000000);
    seam_clock_unsynchronised(true);
    ASSERT(!clock_is_synchronised());
}
