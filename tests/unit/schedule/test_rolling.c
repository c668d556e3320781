/* test_rolling.c — months of daily portions, simulated: nothing stays unread for longer than promised,
 * and no day reads much more than its share. */
#include "lib/schedule/rolling.h"
#include "tests/lib/test.h"
#include "tests/unit/schedule/random.h"

enum { DAY = 86400, WITHIN = 30 * DAY, MAX = 400 };

struct place {
    struct rolling_piece pieces[MAX];
    size_t count;
    struct wall now;
    uint64_t most;    /* that one day has read */
    int64_t oldest_s; /* that anything was ever unread */
};

static struct place place_new(void)
{
    return (struct place){.now = {INT64_C(1800000000) * 1000000}};
}

static uint64_t total(const struct place *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->count; i++)
        sum += p->pieces[i].bytes;
    return sum;
}

static void add(struct place *p, uint64_t bytes, int64_t age_s, bool divisible)
{
    ASSERT(p->count < MAX);
    p->pieces[p->count++] = (struct rolling_piece){
        .bytes = bytes, .read = {p->now.us - age_s * 1000000}, .divisible = divisible};
}

/* What was taken of a divisible piece becomes a piece of its own. */
static void take(struct place *p)
{
    for (size_t i = 0, n = p->count; i < n; i++) {
        struct rolling_piece *x = &p->pieces[i];
        if (x->take == 0)
            continue;
        if (x->take < x->bytes) {
            ASSERT(x->divisible);
            add(p, x->take, 0, true);
            x->bytes -= x->take;
        } else {
            x->read = p->now;
        }
        x->take = 0;
    }
}

static void join(struct place *p) /* those read at one moment: the piece is one again */
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = i + 1; k < p->count;)
            if (p->pieces[i].divisible && p->pieces[k].divisible &&
                p->pieces[i].read.us == p->pieces[k].read.us) {
                p->pieces[i].bytes += p->pieces[k].bytes;
                p->pieces[k] = p->pieces[--p->count];
            } else {
                k++;
            }
}

static uint64_t day(struct place *p, bool reads)
{
    uint64_t taken;

    p->now.us += (int64_t)DAY * 1000000;
    struct wall oldest = rolling_oldest(p->pieces, p->count);
    int64_t age_s = p->count > 0 ? (p->now.us - oldest.us) / 1000000 : 0;
    if (age_s > p->oldest_s)
        p->oldest_s = age_s;
    taken = rolling_choose(p->pieces, p->count, WITHIN, p->now);
    if (!reads)
        return 0;
    take(p);
    join(p);
    if (taken > p->most)
        p->most = taken;
    return taken;
}

TEST(nothing_is_read_of_what_is_not_there)
{
    struct place p = place_new();

    ASSERT_EQ(rolling_choose(p.pieces, 0, WITHIN, p.now), 0);
    ASSERT_EQ(rolling_oldest(p.pieces, 0).us, INT64_MAX);
}

TEST(what_was_just_written_waits)
{
    struct place p = place_new();

    add(&p, 1000, 0, false);
    for (int i = 0; i < 24; i++)
        ASSERT_EQ(day(&p, true), 0);
}

TEST(one_large_set_is_read_once_a_month)
{
    struct place p = place_new();
    uint64_t read = 0;

    add(&p, 1000, 0, false);
    for (int i = 0; i < 300; i++)
        read += day(&p, true);
    ASSERT(read >= 10 * 1000 && read <= 12 * 1000);
    ASSERT(p.oldest_s <= WITHIN);
}

TEST(even_ages_read_their_share_each_day)
{
    struct place p = place_new();

    for (int i = 0; i < 300; i++)
        add(&p, 100, i * (int64_t)DAY / 10, false);
    for (int i = 0; i < 30; i++)
        day(&p, true);
    p.most = 0;
    p.oldest_s = 0;
    for (int i = 0; i < 120; i++)
        day(&p, true);
    ASSERT(p.oldest_s <= WITHIN);
    ASSERT(p.most <= total(&p) / 20);
}

TEST(what_can_be_cut_is_read_evenly)
{
    struct place p = place_new();
    uint64_t read = 0;

    add(&p, 1 << 30, 0, true);
    for (int i = 0; i < 300; i++)
        read += day(&p, true);
    ASSERT(p.oldest_s <= WITHIN);
    ASSERT(p.most <= (1 << 30) / 20);
    ASSERT(read <= 13 * (UINT64_C(1) << 30));
}

TEST(overdue_bytes_are_all_read_at_once)
{
    struct place p = place_new();

    add(&p, 100, 40 * (int64_t)DAY, false);
    add(&p, 900, 50 * (int64_t)DAY, true);
    add(&p, 5000, 0, false);
    ASSERT_EQ(day(&p, true), 1000);
    ASSERT_EQ(p.pieces[0].read.us, p.now.us);
    ASSERT_EQ(p.pieces[1].read.us, p.now.us);
}

/* A portion that does not come, or fails, is made up for before its bytes are late. */
TEST(two_days_missed_are_no_byte_late)
{
    struct place p = place_new();

    for (int i = 0; i < 60; i++)
        add(&p, 100 + (uint64_t)i, i * (int64_t)DAY / 3, i % 2 == 0);
    for (int i = 0; i < 200; i++)
        day(&p, i % 3 == 0);
    ASSERT(p.oldest_s <= WITHIN);
}

TEST(downtime_is_made_up_for_by_the_first_portion)
{
    struct place p = place_new();

    for (int i = 0; i < 30; i++)
        add(&p, 100, i * (int64_t)DAY, false);
    for (int i = 0; i < 90; i++)
        day(&p, true);
    p.now.us += 45 * (int64_t)DAY * 1000000;
    day(&p, true);
    p.oldest_s = 0;
    for (int i = 0; i < 90; i++)
        day(&p, true);
    ASSERT(p.oldest_s <= WITHIN);
}

/* Sets come and go as they like; a third of all days reads nothing, but never three in a row. */
TEST(any_history_keeps_the_promise)
{
    int days = 0;

    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct place p = place_new();
        int missed = 0;
        random_seed(seed);
        for (int i = 0; i < 150; i++, days++) {
            if (p.count < MAX / 4 && rnd(3) != 0)
                add(&p, 1 + (rnd(100) == 0 ? rnd(1000000) : rnd(1000)), 0, rnd(4) == 0);
            if (p.count > 0 && rnd(4) == 0) {
                size_t gone = rnd((unsigned)p.count);
                p.pieces[gone] = p.pieces[--p.count];
            }
            bool reads = missed == 2 || rnd(3) != 0;
            missed = reads ? 0 : missed + 1;
            day(&p, reads);
        }
        if (p.oldest_s > WITHIN)
            test_fail(__FILE__, __LINE__, "seed %d: %d days unread", (int)seed,
                      (int)(p.oldest_s / DAY));
    }
    ASSERT_EQ(days, 200 * 150);
}

/* --- the moment --- */

static struct rolling_moment moment(int64_t last_s, int64_t run_s)
{
    const int64_t now = INT64_C(1800000000) * 1000000;

    return (struct rolling_moment){.now = {now},
                                   .up_since = {now - 40 * INT64_C(86400) * 1000000},
                                   .last = {now - last_s * 1000000},
                                   .last_run = {now - run_s * 1000000}};
}

TEST(a_portion_follows_the_first_run_of_a_new_day)
{
    struct rolling_moment m = moment(21 * 3600, 600);

    ASSERT(rolling_is_time(&m));
    m.busy = true;
    ASSERT(!rolling_is_time(&m));
    m = moment(21 * 3600, 60); /* the hook's dust has not settled */
    ASSERT(!rolling_is_time(&m));
    m = moment(3 * 3600, 600);
    ASSERT(!rolling_is_time(&m));
}

TEST(without_runs_it_comes_a_day_later)
{
    struct rolling_moment m = moment(23 * 3600, 9 * 3600);

    ASSERT(!rolling_is_time(&m));
    m = moment(24 * 3600 + 60, 9 * 3600);
    ASSERT(rolling_is_time(&m));
    m.jitter = 7200;
    ASSERT(!rolling_is_time(&m));
    m = moment(26 * 3600 + 60, 9 * 3600);
    m.jitter = 7200;
    ASSERT(rolling_is_time(&m));
    m = moment(28 * 3600, 9 * 3600);
    m.jitter = UINT32_MAX;
    ASSERT(rolling_is_time(&m));
}

TEST(a_failure_is_tried_again_in_hours)
{
    struct rolling_moment m = moment(3 * 3600, 9 * 3600);

    m.last_failed = true;
    ASSERT(rolling_is_time(&m));
    m = moment(3600, 9 * 3600);
    m.last_failed = true;
    ASSERT(!rolling_is_time(&m));
}

TEST(the_first_one_waits_for_the_start_to_settle)
{
    struct rolling_moment m = moment(0, 0);

    m.last.us = m.last_run.us = 0;
    m.up_since.us = m.now.us - 60 * 1000000;
    ASSERT(!rolling_is_time(&m));
    m.up_since.us = m.now.us - 9 * INT64_C(3600) * 1000000;
    ASSERT(rolling_is_time(&m));
}
