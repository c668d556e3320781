/* test_copying.c — what is owed to whom, rule by rule. test_copying_histories.c has what must hold
 * whatever the history. */
#include "lib/schedule/copying.h"
#include "tests/unit/schedule/sets.h"

enum { PLACES = 3 };

struct world {
    struct destination destinations[PLACES], *list[PLACES];
    struct job job;
    struct copy_place places[PLACES];
    struct sets sets;
    struct copying_input in;
};

static char *const names[PLACES] = {(char[]){"local"}, (char[]){"nas"}, (char[]){"vault"}};

static char job_name[] = "a", usual_time[] = "";

/* Three destinations, all of them listed: a disk, a slow mount, a bucket. */
static struct world *world(const char *sets)
{
    static struct world w;

    w = (struct world){0};
    for (int i = 0; i < PLACES; i++) {
        w.destinations[i] = (struct destination){
            .name = names[i], .feed = i == 1 ? FEED_COPY : FEED_AUTO, .copy_within_s = 86400};
        w.list[i] = &w.destinations[i];
        w.places[i] = (struct copy_place){.known = true, .listed = true};
    }
    w.destinations[2].type = DESTINATION_S3;
    w.job = (struct job){.name = job_name,
                         .destinations = w.list,
                         .destination_count = PLACES,
                         .keep_last = KEEP_UNSET,
                         .keep_manual = KEEP_FOREVER,
                         .max_delete = 10,
                         .size_drop_percent = 50};
    w.sets = sets_from(sets);
    sets_classify(&w.sets, 50);
    w.in = (struct copying_input){.job = &w.job,
                                  .sets = &w.sets,
                                  .places = w.places,
                                  .timezone = "Europe/Berlin",
                                  .mono_now = {1000000000}};
    ASSERT_EQ(clock_parse_iso8601("2026-11-20T12:00:00Z", &w.in.now), 0);
    return &w;
}

/* "ID FROM>TO [FLAG]" a line; flags: waits (cannot start now), late. */
static struct copying decided(struct world *w, const char *expected)
{
    struct copying c;
    struct err e = {0};
    char text[4096] = "";

    ASSERT_OK(copying_decide(&w->in, &c, &e), e);
    for (size_t i = 0; i < c.count; i++) {
        size_t used = strlen(text);
        const struct copy_owed *o = &c.items[i];
        (void)snprintf(text + used, sizeof(text) - used, "%s %s>%s%s%s\n", o->set->id,
                       o->set->destination, o->to, o->startable ? "" : " waits",
                       o->late ? " late" : "");
    }
    ASSERT_STR(text, expected);
    return c;
}

static void owes(struct world *w, const char *expected)
{
    struct copying c = decided(w, expected);

    copying_deinit(&c);
    sets_deinit(&w->sets);
}

#define BOTH "20261120_020000 nas daily db:100\n20261120_020000 vault daily db:100\n"

TEST(nothing_is_owed_where_all_have_all)
{
    owes(world("20261120_020000 local daily db:100\n" BOTH), "");
    owes(world(""), "");
}

TEST(an_empty_place_gets_the_newest_good_set_alone)
{
    struct world *w =
        world("20261118_020000 local daily db:100\n20261119_020000 local daily db:100\n"
              "20261120_020000 local daily db:100 incomplete\n");

    w->job.destination_count = 2;
    owes(w, "20261119_020000 local>nas late\n");
}

TEST(a_place_without_a_good_set_gets_the_newest_good_one)
{
    struct world *w =
        world("20261118_020000 local daily db:100\n20261119_020000 local daily db:100\n"
              "20261120_020000 nas daily db:100 incomplete\n");

    w->job.destination_count = 2;
    owes(w, "20261120_020000 nas>local\n20261119_020000 local>nas late\n");
}

TEST(an_empty_place_gets_what_can_be_read)
{
    struct world *w =
        world("20261118_020000 local daily db:100\n20261119_020000 vault daily db:100\n");

    w->places[2].listed = false;
    struct copying c = decided(w, "20261119_020000 vault>local waits late\n"
                                  "20261119_020000 vault>nas waits late\n"
                                  "20261118_020000 local>nas late\n");
    copying_deinit(&c);
    sets_deinit(&w->sets);
}

TEST(nothing_good_is_owed_to_nobody)
{
    owes(world("20261119_020000 local daily db:100 incomplete\n"), "");
}

TEST(what_came_after_the_oldest_is_owed_newest_first)
{
    struct world *w =
        world("20261116_020000 local daily db:100\n20261117_020000 local daily db:100\n"
              "20261118_020000 local daily db:100\n20261119_020000 local daily db:100\n"
              "20261120_020000 local daily db:100\n");

    sets_add(&w->sets, "20261117_020000 nas daily db:100");
    w->sets.items[5].sequence = 2;
    sets_add(&w->sets, "20261119_020000 nas daily db:100");
    w->sets.items[6].sequence = 4;
    sets_classify(&w->sets, 50);
    w->job.destination_count = 2;
    owes(w, "20261120_020000 local>nas\n20261118_020000 local>nas late\n");
}

TEST(what_retention_would_not_keep_is_not_owed)
{
    struct world *w =
        world("20261115_020000 nas daily db:100\n20261116_020000 local daily db:100\n"
              "20261117_020000 local daily db:100\n20261118_020000 local daily db:100\n"
              "20261119_020000 local daily db:100\n20261120_020000 local daily db:100\n");

    w->job.destination_count = 2;
    w->job.tiers[TIER_DAILY] = (struct tier_rule){.on = true, .when = usual_time, .keep = 2};
    owes(w, "20261120_020000 local>nas\n20261119_020000 local>nas late\n");
}

TEST(what_is_read_now_is_not_owed_for_that)
{
    struct world *w = world("20261115_020000 nas daily db:100\n"
                            "20261119_020000 local daily db:100 in-use\n"
                            "20261120_020000 local daily db:100\n");

    w->job.destination_count = 2;
    w->job.tiers[TIER_DAILY] = (struct tier_rule){.on = true, .when = usual_time, .keep = 1};
    owes(w, "20261120_020000 local>nas\n");
}

TEST(deletion_on_hold_or_bounded_makes_nothing_owed)
{
    struct world *w =
        world("20261115_020000 nas daily db:100\n20261118_020000 local daily db:100\n"
              "20261119_020000 local daily db:100\n20261120_020000 local daily db:100\n");

    w->job.destination_count = 2;
    w->job.max_delete = 1;
    w->job.tiers[TIER_DAILY] = (struct tier_rule){.on = true, .when = usual_time, .keep = 1};
    owes(w, "20261120_020000 local>nas\n");
}

TEST(the_nearest_that_can_be_read_supplies)
{
    struct world *w = world("20261120_020000 nas daily db:100\n");

    owes(w, "20261120_020000 nas>local\n20261120_020000 nas>vault\n");
    w = world("20261120_020000 vault daily db:100\n");
    sets_add(&w->sets, "20261120_020000 local daily db:100");
    w->sets.items[1].sequence = 1;
    owes(w, "20261120_020000 local>nas\n");
    w = world("20261120_020000 vault daily db:100\n");
    sets_add(&w->sets, "20261120_020000 local daily db:100");
    w->sets.items[1].sequence = 1;
    w->places[0].listed = false;
    owes(w, "20261120_020000 vault>nas\n");
    w = world("20261120_020000 vault daily db:100\n");
    sets_add(&w->sets, "20261120_020000 local daily db:100 damaged");
    w->sets.items[1].sequence = 1;
    owes(w, "20261120_020000 vault>nas\n");
}

TEST(what_stays_or_is_damaged_or_before_a_restore_is_never_owed)
{
    struct world *w =
        world("20261119_020000 local daily db:100\n20261120_020000 local daily db:100\n"
              "20261120_030000 local daily db:100 damaged\n"
              "20261120_040000 local pre-restore db:100\n");

    w->job.destination_count = 2;
    w->sets.items[1].stays = true;
    owes(w, "20261119_020000 local>nas late\n");
}

TEST(a_set_that_stays_there_does_not_make_a_place_full)
{
    struct world *w =
        world("20261119_020000 local daily db:100\n20261120_020000 nas manual db:100\n");

    w->job.destination_count = 2;
    w->sets.items[1].stays = true;
    owes(w, "20261119_020000 local>nas late\n");
}

TEST(a_place_that_is_away_is_owed_but_gets_nothing)
{
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->places[1].listed = false;
    owes(w, "20261120_020000 local>nas waits\n");
}

TEST(of_a_place_never_listed_nobody_knows_what_it_lacks)
{
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->places[1] = (struct copy_place){0};
    owes(w, "");
}

TEST(a_supplier_that_is_away_supplies_nothing)
{
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->places[0].listed = w->places[2].listed = false;
    owes(w, "20261120_020000 local>nas waits\n");
}

TEST(a_paused_job_starts_no_copies)
{
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->in.paused = true;
    owes(w, "20261120_020000 local>nas waits\n");
}

TEST(a_place_where_we_do_not_delete_is_owed_the_same)
{
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->destinations[1].deletes = false;
    owes(w, "20261120_020000 local>nas\n");
}

/* Beside the 90,000 of the 17th the set of the 20th is suspect, and the incomplete one stays; without
 * it the incomplete one has a good follower and goes. */
TEST(what_would_go_before_its_witness_is_there_comes_after_it)
{
    struct world *w = world("20261001_020000 nas daily db:100\n"
                            "20261017_020000 local daily db:90000\n"
                            "20261018_020000 local daily db:100 incomplete\n"
                            "20261020_020000 local daily db:100\n");

    sets_add(&w->sets, "20261020_020000 nas daily db:100");
    w->sets.items[4].sequence = 4;
    sets_classify(&w->sets, 50);
    w->job.destination_count = 2;
    struct copying c =
        decided(w, "20261018_020000 local>nas late\n20261017_020000 local>nas late\n");
    ASSERT(!c.items[0].next && c.items[1].next);
    copying_deinit(&c);
    sets_add(&w->sets, "20261017_020000 nas daily db:90000");
    w->sets.items[5].sequence = 2;
    sets_classify(&w->sets, 50);
    c = decided(w, "20261018_020000 local>nas late\n");
    ASSERT(c.items[0].next);
    copying_deinit(&c);
    sets_deinit(&w->sets);
}

TEST(a_failed_attempt_waits_for_its_time)
{
    const struct copy_attempt attempt = {
        .id = "20261120_020000", .destination = "nas", .failures = 2, .next = {1060000000}};
    struct world *w =
        world("20261120_020000 local daily db:100\n20261120_020000 vault daily db:100\n");

    w->in.attempts = &attempt;
    w->in.attempt_count = 1;
    struct copying c = decided(w, "20261120_020000 local>nas waits\n");
    ASSERT_EQ(c.next_try.us, 1060000000);
    ASSERT_EQ(c.items[0].failures, 2);
    copying_deinit(&c);
    w->in.mono_now.us = 1060000000;
    c = decided(w, "20261120_020000 local>nas\n");
    ASSERT_EQ(c.next_try.us, INT64_MAX);
    copying_deinit(&c);
    sets_deinit(&w->sets);
}

TEST(late_is_what_was_made_longer_ago_than_allowed)
{
    struct world *w =
        world("20261118_020000 local daily db:100\n20261119_110000 local daily db:100\n"
              "20261119_130000 local daily db:100\n");

    sets_add(&w->sets, "20261118_020000 nas daily db:100");
    w->sets.items[3].sequence = 1;
    sets_classify(&w->sets, 50);
    w->job.destination_count = 2;
    struct copying c = decided(w, "20261119_130000 local>nas\n20261119_110000 local>nas late\n");
    ASSERT_EQ(c.lags[0].lacks, 0);
    ASSERT_EQ(c.lags[1].lacks, 2);
    ASSERT_EQ(c.lags[1].late, 1);
    ASSERT_STR(c.lags[1].newest->id, "20261118_020000");
    copying_deinit(&c);
    w->in.clock_in_doubt = true; /* nobody can tell how old anything is */
    c = decided(w, "20261119_130000 local>nas\n20261119_110000 local>nas\n");
    ASSERT_EQ(c.lags[1].late, 0);
    copying_deinit(&c);
    sets_deinit(&w->sets);
}

TEST(delays_double_up_to_an_hour)
{
    const int64_t expected[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};

    for (int i = 0; i < 8; i++) {
        ASSERT_EQ(copying_delay_s(i + 1, 0), expected[i]);
        for (uint32_t jitter = 1; jitter < 4000; jitter += 7) {
            int64_t delay = copying_delay_s(i + 1, jitter);
            ASSERT(delay >= expected[i] && delay <= expected[i] + expected[i] / 8);
        }
    }
    ASSERT_EQ(copying_delay_s(1000000, 0), 3600);
}
