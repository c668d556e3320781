/* test_copying_many.c — a job with ten thousands of sets: deciding what is copied and what goes must not
 * hold up the daemon. Counted are comparisons of names, of which there is one for each step of a
 * search: twice the sets may need little more than twice as many. */
#include "lib/schedule/copying.h"
#include "lib/schedule/retention.h"
#include "tests/unit/schedule/sets.h"

enum { HOUR = 3600, MANY = 20000, PLACES = 2 };

static uint64_t comparisons;

/* In place of the C library's. */
int strcmp(const char *a, const char *b)
{
    comparisons++;
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return (unsigned char)*a - (unsigned char)*b;
}

static char *const names[PLACES] = {(char[]){"local"}, (char[]){"nas"}};
static char job_name[] = "a", usual_time[] = "", database[] = "db", media[] = "media";

/* The newer half lacks a source that was given up. */
static struct set make_set(char id[16], struct set_source sources[2], size_t n, size_t count)
{
    struct set s = {.id = id,
                    .sequence = (int64_t)n + 1,
                    .tiers = 1U << TIER_HOURLY | (n % 24 == 0 ? 1U << TIER_DAILY : 0),
                    .started = {(1700000000 + (int64_t)n * HOUR) * 1000000},
                    .sources = sources,
                    .source_count = n % 3 == 0 || n > count / 2 ? 1 : 2,
                    .incomplete = n % 11 == 0,
                    .fragment = n % 301 == 0,
                    .accepted = n % 500 == 3,
                    .pinned = n % 97 == 0,
                    .damaged = n % 199 == 0};

    (void)snprintf(id, 16, "set-%06zu", n);
    sources[0] = (struct set_source){
        .name = database, .whole = true, .stored_bytes = n % 5000 < 2500 ? 1000 : 400};
    sources[1] =
        (struct set_source){.name = media, .whole = n % 11 != 0, .stored_bytes = 5000 + n % 10};
    s.finished = s.started;
    return s;
}

/* All lie at the first place, every second at the other one, as after years of failures. */
static struct sets history(size_t count)
{
    static char ids[MANY][16];
    static struct set_source sources[MANY][2];
    struct sets sets = {.items = mem_alloc(PLACES * count * sizeof(*sets.items))};

    for (size_t n = 0; n < count; n++) {
        struct set s = make_set(ids[n], sources[n], n, count);
        s.destination = names[0];
        sets.items[sets.count++] = s;
        s.destination = names[1];
        if (n % 2 == 0)
            sets.items[sets.count++] = s;
    }
    sets_classify(&sets, 50);
    return sets;
}

static struct copy_attempt *failed_attempts(const struct sets *sets, size_t *ret_count)
{
    struct copy_attempt *attempts = mem_alloc(sets->count * sizeof(*attempts));

    *ret_count = 0;
    for (size_t i = 0; i < sets->count; i++)
        if (sets->items[i].sequence % 4 == 2)
            attempts[(*ret_count)++] = (struct copy_attempt){
                .id = sets->items[i].id, .destination = names[1], .failures = 1, .next = {2}};
    return attempts;
}

static uint64_t copying_comparisons(struct job *job, size_t count)
{
    struct sets sets = history(count);
    const struct copy_place places[PLACES] = {{.known = true, .listed = true},
                                              {.known = true, .listed = true}};
    struct copying_input in = {.job = job,
                               .sets = &sets,
                               .places = places,
                               .now = sets.items[sets.count - 1].started,
                               .mono_now = {1},
                               .timezone = "UTC"};
    struct copying c;
    struct err e = {0};

    in.attempts = failed_attempts(&sets, &in.attempt_count);
    comparisons = 0;
    ASSERT_OK(copying_decide(&in, &c, &e), e);
    uint64_t needed = comparisons;
    ASSERT(c.count > count / 3);
    copying_deinit(&c);
    free((struct copy_attempt *)(uintptr_t)in.attempts);
    free(sets.items);
    return needed;
}

static uint64_t retention_comparisons(struct job *job, size_t count)
{
    struct sets sets = history(count);
    const struct retention_input in = {.job = job,
                                       .sets = &sets,
                                       .destination = names[0],
                                       .now = sets.items[sets.count - 1].started,
                                       .timezone = "UTC"};
    struct retention_plan plan;
    struct err e = {0};

    comparisons = 0;
    ASSERT_OK(retention_decide(&in, &plan, &e), e);
    uint64_t needed = comparisons;
    ASSERT(plan.removals > 0);
    retention_plan_deinit(&plan);
    free(sets.items);
    return needed;
}

static void expect_n_log_n(const char *what,
                           uint64_t (*count_comparisons)(struct job *job, size_t count))
{
    struct destination destinations[PLACES] = {
        {.name = names[0], .copy_within_s = HOUR},
        {.name = names[1], .copy_within_s = HOUR, .feed = FEED_COPY}};
    struct destination *list[PLACES] = {&destinations[0], &destinations[1]};
    struct job job = {.name = job_name,
                      .destinations = list,
                      .destination_count = PLACES,
                      .keep_last = MANY,
                      .keep_manual = KEEP_FOREVER,
                      .size_drop_percent = 50};

    job.tiers[TIER_HOURLY] = (struct tier_rule){.on = true, .when = usual_time, .keep = MANY};
    uint64_t half = count_comparisons(&job, MANY / 2), whole = count_comparisons(&job, MANY);
    test_note("%s: %llu comparisons for %d sets, %llu for %d", what, (unsigned long long)half,
              MANY / 2, (unsigned long long)whole, MANY);
    ASSERT(whole * 2 < half * 5);
}

TEST(what_is_owed_takes_n_log_n)
{
    expect_n_log_n("copying", copying_comparisons);
}

TEST(what_goes_takes_n_log_n)
{
    expect_n_log_n("retention", retention_comparisons);
}
