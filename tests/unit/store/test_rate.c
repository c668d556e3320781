#include "lib/store/rate.h"
#include "tests/lib/seam.h"
#include "tests/lib/test.h"

/* How long it takes to send so much, by a clock that only sleeping moves. */
static int64_t send_ms(struct rate_limiter *r, size_t bytes)
{
    int64_t begin = clock_mono().us;

    while (bytes > 0) {
        int64_t before = clock_mono().us;
        size_t may = rate_limiter_take(r, bytes);
        ASSERT(may >= 1 && may <= bytes);
        ASSERT(clock_mono().us - before <= 1000000);
        bytes -= may;
    }
    return (clock_mono().us - begin) / 1000;
}

static void about(int64_t ms, int64_t want)
{
    ASSERT(ms >= want - want / 20 - 20 && ms <= want + want / 20 + 20);
}

TEST(no_plan_is_no_limit)
{
    struct rate_plan none = {0};
    struct rate_limiter *a = rate_limiter_new(NULL), *b = rate_limiter_new(&none);

    seam_clock_set(1000000000000000);
    ASSERT_EQ(rate_limiter_take(a, 12345), 12345);
    ASSERT_EQ(rate_limiter_take(b, 12345), 12345);
    ASSERT_EQ(clock_wall().us, 1000000000000000);
    rate_limiter_free(a);
    rate_limiter_free(b);
    rate_limiter_free(NULL);
}

TEST(bytes_take_their_time)
{
    struct rate_step step = {{0}, 1 << 20};
    struct rate_plan plan = {&step, 1};
    struct rate_limiter *r = rate_limiter_new(&plan);

    seam_clock_set(1000000000000000);
    about(send_ms(r, 10 << 20), 10000);
    seam_clock_advance(60000000); /* what was not used in a minute is gone */
    about(send_ms(r, 2 << 20), 2000);
    rate_limiter_free(r);
}

TEST(steps_follow_the_wall_clock)
{
    int64_t t0 = 1000000000000000;
    struct rate_step steps[] = {{{t0 + 10000000}, 1 << 20}, {{t0 + 20000000}, 0}};
    struct rate_plan plan = {steps, 2};
    struct rate_limiter *r = rate_limiter_new(&plan);

    seam_clock_set(t0);
    ASSERT_EQ(send_ms(r, 100 << 20), 0); /* before the first step */
    seam_clock_advance(10000000);
    about(send_ms(r, 100 << 20), 10000); /* ten seconds at 1 MiB/s, the rest at once */
    rate_limiter_free(r);
}

TEST(tiny_rates_give_a_byte)
{
    struct rate_step step = {{0}, 1};
    struct rate_plan plan = {&step, 1};
    struct rate_limiter *r = rate_limiter_new(&plan);

    seam_clock_set(1000000000000000);
    ASSERT_EQ(rate_limiter_take(r, 100), 1);
    ASSERT_EQ(rate_limiter_take(r, 100), 1);
    ASSERT_EQ(clock_wall().us, 1000000001000000);
    rate_limiter_free(r);
}
