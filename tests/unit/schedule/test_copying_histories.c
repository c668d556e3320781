/* test_copying_histories.c — random histories of a job with three destinations: failures, damage,
 * pins, places that are away, clocks in doubt. All that is owed is copied, then retention passes,
 * until neither has anything to do. Whatever the history:
 *
 *   rest      that point is reached, and no set is copied to the same place twice: copy and prune
 *             never take turns
 *   sense     what is owed is lacked there, held undamaged elsewhere, and not one that stays
 *   newest    then the newest good set of all lies at each place that was listed, unless it
 *             would be suspect beside what lies there
 *
 * A failure prints the seed of its history. */
#include "lib/schedule/copying.h"
#include "lib/schedule/retention.h"
#include "tests/unit/schedule/random.h"
#include "tests/unit/schedule/sets.h"

enum { PLACES = 3, IDS = 14, SOURCES = 2, DAY = 86400, SHORT = 12000, LONG = 400000, ROUNDS = 60 };

struct history {
    struct job job;
    struct destination destinations[PLACES], *list[PLACES];
    struct copy_place places[PLACES];
    struct set sets[PLACES * IDS];
    size_t count;
    struct set_source sources[IDS][SOURCES];
    char ids[IDS][32];
    int copied[PLACES][IDS]; /* how often */
    struct wall now;
    bool in_doubt;
};

static char *const names[PLACES] = {(char[]){"local"}, (char[]){"nas"}, (char[]){"vault"}};
static char *const source_names[SOURCES] = {(char[]){"db"}, (char[]){"media"}};

static char job_name[] = "a";

static void random_job(struct history *h)
{
    h->job = (struct job){.name = job_name,
                          .destinations = h->list,
                          .destination_count = PLACES,
                          .keep_last = rnd(4) == 0 ? (int)rnd(4) : KEEP_UNSET,
                          .keep_within_s = rnd(4) == 0 ? (int64_t)rnd(30) * DAY : 0,
                          .keep_manual = rnd(3) == 0 ? (int)rnd(3) : KEEP_FOREVER,
                          .max_delete = (int)rnd(4),
                          .size_drop_percent = 50};
    random_tiers(&h->job, 4);
    for (int i = 0; i < PLACES; i++) {
        h->destinations[i] =
            (struct destination){.name = names[i], .feed = (enum feed)rnd(3), .copy_within_s = DAY};
        h->list[i] = &h->destinations[i];
        h->places[i] = (struct copy_place){.known = true, .listed = rnd(8) != 0};
    }
    h->in_doubt = rnd(10) == 0;
}

static struct set random_set(struct history *h, size_t n, uint64_t *size, int64_t *clock)
{
    (void)snprintf(h->ids[n], sizeof(h->ids[n]), "set-%02zu", n);
    if (rnd(10) == 0)
        *size = 10 + rnd(100000); /* the database shrank, grew or was emptied */
    *clock += rnd(40) == 0 ? (int64_t)rnd(4000) * DAY - 2000LL * DAY : rnd(2 * DAY);
    struct set s = {.id = h->ids[n],
                    .sequence = (int64_t)n + 1,
                    .tiers = rnd(64),
                    .started = {*clock * 1000000},
                    .sources = h->sources[n],
                    .incomplete = rnd(6) == 0,
                    .fragment = rnd(10) == 0,
                    .accepted = rnd(20) == 0,
                    .stays = rnd(10) == 0,
                    .pinned = rnd(10) == 0};
    if (rnd(20) == 0) {
        s.tiers = 1U << TIER_PRE_RESTORE;
        s.sequence = 0;
    }
    for (unsigned k = 0; k < SOURCES; k++)
        if (k == 0 || rnd(3) != 0)
            s.sources[s.source_count++] =
                (struct set_source){.name = source_names[k],
                                    .whole = rnd(8) != 0 || !s.incomplete,
                                    .stored_bytes = *size * (k + 1) + rnd(20)};
    return s;
}

static void random_history(struct history *h, uint64_t seed)
{
    uint64_t size = 0;
    int64_t clock = 1700000000;

    *h = (struct history){0};
    random_seed(seed);
    size = 1000 + rnd(1000);
    random_job(h);
    unsigned ids = rnd(IDS + 1), sparse = 1 + rnd(4), begins[PLACES];
    for (int i = 0; i < PLACES; i++)
        begins[i] = rnd(IDS + 1); /* one that came later, or is still empty */
    for (unsigned n = 0; n < ids; n++) {
        struct set s = random_set(h, n, &size, &clock);
        for (unsigned i = 0; i < PLACES; i++)
            if (n >= begins[i] && rnd(sparse) == 0) {
                h->sets[h->count] = s;
                h->sets[h->count].destination = names[i];
                h->sets[h->count++].damaged = rnd(12) == 0;
            }
    }
    h->now.us = (clock + rnd(20 * DAY)) * 1000000;
}

static int place_at(const char *name)
{
    for (int i = 0; i < PLACES; i++)
        if (str_equal(names[i], name))
            return i;
    return -1;
}

static bool holds(const struct history *h, const char *destination, const char *id)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_equal(h->sets[i].destination, destination) && str_equal(h->sets[i].id, id))
            return true;
    return false;
}

static const char *copy_one(struct history *h, const struct copy_owed *o)
{
    struct set copy = *o->set;
    int to = place_at(o->to);

    if (holds(h, o->to, copy.id))
        return "it is there already";
    if (copy.damaged || copy.stays || set_is_pre_restore(&copy))
        return "it must not be copied";
    if (h->copied[to][atoi(copy.id + 4)]++ > 0)
        return "it was copied there before: copy and prune take turns";
    copy.destination = names[to];
    h->sets[h->count++] = copy;
    return NULL;
}

/* The first that may start; *ret_any is false when nothing may. */
static const char *copy_next(struct history *h, bool *ret_any)
{
    struct sets sets = {.items = h->sets, .count = h->count};
    const struct copying_input in = {.job = &h->job,
                                     .sets = &sets,
                                     .places = h->places,
                                     .now = h->now,
                                     .timezone = "UTC",
                                     .clock_in_doubt = h->in_doubt};
    struct copying c;
    struct err e = {0};
    const char *broken = NULL;

    *ret_any = false;
    sets_classify(&sets, 50);
    ASSERT_OK(copying_decide(&in, &c, &e), e);
    size_t start = c.count > 0 ? rnd((unsigned)c.count) : 0; /* lanes run side by side */
    for (size_t i = 0; i < c.count && !*ret_any; i++) {
        const struct copy_owed *o = &c.items[(start + i) % c.count];
        if (!o->next)
            continue;
        *ret_any = true;
        broken = copy_one(h, o);
    }
    copying_deinit(&c);
    return broken;
}

/* One retention pass at one place. Returns how many went. */
static size_t prune(struct history *h, int place)
{
    struct sets sets = {.items = h->sets, .count = h->count};
    const struct retention_input in = {.job = &h->job,
                                       .sets = &sets,
                                       .destination = names[place],
                                       .now = h->now,
                                       .timezone = "UTC",
                                       .clock_in_doubt = h->in_doubt};
    struct retention_plan plan;
    struct err e = {0};
    bool goes[PLACES * IDS] = {0};
    size_t left = 0;

    sets_classify(&sets, 50);
    ASSERT_OK(retention_decide(&in, &plan, &e), e);
    for (size_t i = 0; i < plan.count; i++)
        goes[plan.verdicts[i].set - h->sets] = plan.verdicts[i].remove;
    for (size_t i = 0; i < h->count; i++)
        if (!goes[i])
            h->sets[left++] = h->sets[i];
    size_t removed = h->count - left;
    h->count = left;
    retention_plan_deinit(&plan);
    return removed;
}

/* Beside other sets the same one may be suspect. */
static bool would_be_good(const struct history *h, const struct set *s, int place)
{
    static struct set items[PLACES * IDS + 1];
    struct sets sets = {.items = items};

    for (size_t i = 0; i < h->count; i++)
        if (str_equal(h->sets[i].destination, names[place]))
            items[sets.count++] = h->sets[i];
    items[sets.count] = *s;
    items[sets.count++].destination = names[place];
    sets_classify(&sets, 50);
    return items[sets.count - 1].state == SET_GOOD;
}

/* The newest set that is good anywhere and may be copied lies at every place that is listed, if it
 * is listed where it lies. */
static const char *missing_newest(struct history *h)
{
    struct sets sets = {.items = h->sets, .count = h->count};
    const struct set *newest = NULL;

    sets_classify(&sets, 50);
    for (size_t i = 0; i < h->count; i++) {
        const struct set *s = &h->sets[i];
        if (s->state == SET_GOOD && !s->stays && !set_is_pre_restore(s) &&
            h->places[place_at(s->destination)].listed &&
            (newest == NULL || s->sequence > newest->sequence))
            newest = s;
    }
    for (int i = 0; i < PLACES && newest != NULL; i++) {
        const struct set *there = sets_latest(&sets, names[i]);
        if (h->places[i].listed && !holds(h, names[i], newest->id) &&
            (there == NULL || there->sequence < newest->sequence) && would_be_good(h, newest, i))
            return "a place lacks the newest good set";
    }
    return NULL;
}

/* Copies and passes in any order until both rest; NULL if all held. */
static const char *run_history(struct history *h, uint64_t *copies, uint64_t *removals)
{
    const char *broken = NULL;

    for (int round = 0; round < ROUNDS; round++) {
        bool any = true;
        size_t removed = 0;
        for (unsigned steps = rnd(3) == 0 ? rnd(3) : ROUNDS; any && steps > 0; steps--) {
            broken = copy_next(h, &any);
            *copies += any;
            if (broken != NULL)
                return broken;
        }
        for (int i = 0; i < PLACES; i++)
            if (h->places[i].listed)
                removed += prune(h, i);
        *removals += removed;
        if (!any && removed == 0)
            return missing_newest(h);
    }
    return "it never comes to rest";
}

static void campaign(uint64_t from, uint64_t count)
{
    static struct history h;
    uint64_t copies = 0, removals = 0;

    for (uint64_t seed = from; seed < from + count; seed++) {
        random_history(&h, seed);
        const char *broken = run_history(&h, &copies, &removals);
        if (broken != NULL)
            test_fail(__FILE__, __LINE__, "history %llu: %s", (unsigned long long)seed, broken);
    }
    test_note("%llu random histories, %llu copies, %llu removals, 0 violations",
              (unsigned long long)count, (unsigned long long)copies, (unsigned long long)removals);
}

/* Four tests, because each has its own limit of time. */
static void quarter(uint64_t which)
{
    uint64_t count = (test_long() ? (uint64_t)LONG : SHORT) / 4;

    campaign(1 + which * count, count);
}

TEST(copy_and_prune_come_to_rest_1)
{
    quarter(0);
}

TEST(copy_and_prune_come_to_rest_2)
{
    quarter(1);
}

TEST(copy_and_prune_come_to_rest_3)
{
    quarter(2);
}

TEST(copy_and_prune_come_to_rest_4)
{
    quarter(3);
}
