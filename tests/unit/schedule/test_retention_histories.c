/* test_retention_histories.c — random histories of months: failures, damage, pins, clocks that lie,
 * shrinking databases. Whatever happens, after each pass these hold:
 *
 *   floor     each source that a good set held is held by the same newest good set
 *   pins      what was pinned, in use or held stands
 *   cap       no pass removes more than max_delete
 *   latest    the newest good set stands, and is still good when the rest is judged anew
 *   states    no good set that stands turned suspect
 *   rest      once nothing more goes, a second pass agrees
 *
 * A failure prints the seed of its history. */
#include "lib/schedule/retention.h"
#include "tests/unit/schedule/random.h"
#include "tests/unit/schedule/sets.h"

enum { SETS_MAX = 24, SOURCES = 3, DAY = 86400, SHORT = 100000, LONG = 1000000 };

struct history {
    struct job job;
    struct set sets[SETS_MAX];
    struct set_source sources[SETS_MAX][SOURCES];
    char ids[SETS_MAX][32];
    size_t count;
    struct wall now;
    bool held, in_doubt;
};

static char *const source_names[SOURCES] = {(char[]){"db"}, (char[]){"media"}, (char[]){"keys"}};

static char job_name[] = "a";

static void random_job(struct history *h)
{
    h->job = (struct job){.name = job_name,
                          .keep_last = rnd(4) == 0 ? (int)rnd(4) : KEEP_UNSET,
                          .keep_within_s = rnd(4) == 0 ? (int64_t)rnd(30) * DAY : 0,
                          .keep_manual = rnd(3) == 0 ? (int)rnd(3) : KEEP_FOREVER,
                          .max_delete = (int)rnd(6),
                          .size_drop_percent = 50};
    random_tiers(&h->job, 5);
    h->held = rnd(16) == 0;
    h->in_doubt = rnd(8) == 0;
}

static void random_set(struct history *h, size_t i, uint64_t *size, int64_t *clock)
{
    struct set *s = &h->sets[i];

    if (rnd(12) == 0)
        *size = 10 + rnd(100000); /* the database shrank, grew or was emptied */
    *clock += rnd(40) == 0 ? (int64_t)rnd(4000) * DAY - 2000LL * DAY : rnd(3 * DAY);
    *s = (struct set){.id = h->ids[i],
                      .sequence = (int64_t)i + 1,
                      .tiers = rnd(64),
                      .started = {*clock * 1000000},
                      .sources = h->sources[i],
                      .incomplete = rnd(6) == 0,
                      .fragment = rnd(12) == 0,
                      .accepted = rnd(20) == 0,
                      .pinned = rnd(10) == 0,
                      .damaged = rnd(10) == 0,
                      .in_use = rnd(30) == 0};
    s->destination = (char *)(uintptr_t) "l";
    if (rnd(3) == 0)
        s->pin_until.us = (*clock + (int64_t)rnd(60) * DAY) * 1000000;
    if (rnd(20) == 0) {
        s->tiers = 1U << TIER_PRE_RESTORE;
        s->sequence = 0;
    }
    for (unsigned k = 0; k < SOURCES; k++)
        if (k == 0 || rnd(3) != 0)
            s->sources[s->source_count++] =
                (struct set_source){.name = source_names[k],
                                    .whole = rnd(8) != 0 || !s->incomplete,
                                    .stored_bytes = *size * (k + 1) + rnd(20)};
}

static void random_history(struct history *h, uint64_t seed)
{
    uint64_t size = 0;
    int64_t clock = 1700000000;

    random_seed(seed);
    size = 1000 + rnd(1000);
    random_job(h);
    h->count = rnd(SETS_MAX + 1);
    for (size_t i = 0; i < h->count; i++) {
        (void)snprintf(h->ids[i], sizeof(h->ids[i]), "set-%02zu", i);
        random_set(h, i, &size, &clock);
    }
    h->now.us = (clock + rnd(20 * DAY)) * 1000000;
}

static bool is_good(const struct set *s)
{
    return s->state == SET_GOOD && !set_is_pre_restore(s);
}

static const struct set *newest_good_with(const struct set *sets, size_t count, const char *source)
{
    const struct set *newest = NULL;

    for (size_t i = 0; i < count; i++) {
        const struct set_source *held = set_source_find(&sets[i], source);
        if (is_good(&sets[i]) && held != NULL && held->whole &&
            (newest == NULL || sets[i].sequence > newest->sequence))
            newest = &sets[i];
    }
    return newest;
}

static bool is_removed(const struct retention_plan *plan, const struct set *s)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->verdicts[i].set == s)
            return plan->verdicts[i].remove;
    return true; /* no verdict: as bad as a removal */
}

static const char *broken_floor(const struct history *h, const struct retention_plan *plan)
{
    for (int k = 0; k < SOURCES; k++) {
        const struct set *floor = newest_good_with(h->sets, h->count, source_names[k]);
        if (floor != NULL && is_removed(plan, floor))
            return "the newest good set of a source goes";
    }
    return NULL;
}

static const char *broken_marks(const struct history *h, const struct retention_plan *plan)
{
    size_t removed = 0;

    for (size_t i = 0; i < h->count; i++) {
        const struct set *s = &h->sets[i];
        bool pinned =
            s->pinned && (s->pin_until.us == 0 || s->pin_until.us > h->now.us || h->in_doubt);
        if (!is_removed(plan, s))
            continue;
        removed++;
        if (pinned || s->in_use || h->held)
            return "a pinned, used or held set goes";
        if (set_is_pre_restore(s) && h->now.us - s->started.us < 14LL * DAY * 1000000)
            return "a young pre-restore set goes";
    }
    if (removed != plan->removals || plan->count != h->count)
        return "the plan does not count right";
    if (h->job.max_delete > 0 && removed > (size_t)h->job.max_delete)
        return "more than max_delete go";
    return NULL;
}

/* Take out what goes; what is left is judged anew. */
static const char *carry_out(struct history *h, const struct retention_plan *plan)
{
    enum set_state before[SETS_MAX];
    struct sets sets = {.items = h->sets};

    for (size_t i = 0; i < h->count; i++)
        if (!is_removed(plan, &h->sets[i])) {
            before[sets.count] = h->sets[i].state;
            h->sets[sets.count++] = h->sets[i]; /* verdicts point here: not used after this */
        }
    h->count = sets.count;
    sets_classify(&sets, h->job.size_drop_percent);
    for (size_t i = 0; i < h->count; i++)
        if (before[i] == SET_GOOD && h->sets[i].state != SET_GOOD)
            return "a good set turned suspect";
    return NULL;
}

/* Passes until nothing goes any more; NULL if all held. */
static const char *run_history(struct history *h, uint64_t *removed)
{
    struct sets sets = {.items = h->sets, .count = h->count};
    const char *broken = NULL;

    sets_classify(&sets, h->job.size_drop_percent);
    for (int pass = 0; pass <= SETS_MAX && broken == NULL; pass++) {
        struct retention_plan plan = {0};
        struct retention_input in = {.job = &h->job,
                                     .sets = &sets,
                                     .destination = "l",
                                     .now = h->now,
                                     .timezone = "UTC",
                                     .clock_in_doubt = h->in_doubt,
                                     .held = h->held};
        struct err e = {0};
        sets.count = h->count;
        ASSERT_OK(retention_decide(&in, &plan, &e), e);
        size_t gone = plan.removals;
        *removed += gone;
        broken = broken_floor(h, &plan);
        if (broken == NULL)
            broken = broken_marks(h, &plan);
        if (broken == NULL)
            broken = carry_out(h, &plan);
        retention_plan_deinit(&plan);
        if (gone == 0)
            return broken;
    }
    return broken != NULL ? broken : "it never comes to rest";
}

static void campaign(uint64_t from, uint64_t count)
{
    static struct history h;
    uint64_t removed = 0;

    for (uint64_t seed = from; seed < from + count; seed++) {
        random_history(&h, seed);
        const char *broken = run_history(&h, &removed);
        if (broken != NULL)
            test_fail(__FILE__, __LINE__, "history %llu: %s", (unsigned long long)seed, broken);
    }
    test_note("%llu random histories, %llu sets removed, 0 violations", (unsigned long long)count,
              (unsigned long long)removed);
}

/* Four tests, because each has its own limit of time. */
static void quarter(uint64_t which)
{
    uint64_t count = (test_long() ? LONG : SHORT) / 4;

    campaign(1 + which * count, count);
}

TEST(nothing_that_must_stay_goes_1)
{
    quarter(0);
}

TEST(nothing_that_must_stay_goes_2)
{
    quarter(1);
}

TEST(nothing_that_must_stay_goes_3)
{
    quarter(2);
}

TEST(nothing_that_must_stay_goes_4)
{
    quarter(3);
}
