/* test_retention.c — each rule on its own, with its sentence. test_retention_histories.c has what
 * must hold whatever the history. */
#include "lib/schedule/retention.h"
#include "tests/unit/schedule/sets.h"

static char job_name[] = "a", usual_time[] = "";

static struct job job_with(void)
{
    return (struct job){.name = job_name,
                        .keep_last = KEEP_UNSET,
                        .keep_manual = KEEP_FOREVER,
                        .max_delete = 10,
                        .size_drop_percent = 50};
}

static void keep(struct job *job, int tier, int n)
{
    job->tiers[tier] = (struct tier_rule){.on = true, .when = usual_time, .keep = n};
}

static struct retention_input input(const struct job *job, const struct sets *sets)
{
    struct retention_input in = {
        .job = job, .sets = sets, .destination = "l", .timezone = "Europe/Berlin"};

    ASSERT_EQ(clock_parse_iso8601("2026-11-20T12:00:00Z", &in.now), 0);
    return in;
}

/* "ID: why" a line, newest first. */
static void decides_in(struct retention_input in, struct sets *sets, const char *expected)
{
    struct retention_plan plan = {0};
    struct err e = {0};
    char text[8192] = "";

    sets_classify(sets, in.job->size_drop_percent);
    ASSERT_OK(retention_decide(&in, &plan, &e), e);
    for (size_t i = 0; i < plan.count; i++) {
        size_t used = strlen(text);
        const struct retention_verdict *v = &plan.verdicts[i];
        ASSERT_EQ(v->remove, strncmp(v->why, "goes: ", 6) == 0);
        (void)snprintf(text + used, sizeof(text) - used, "%s %s\n", v->set->id, v->why);
    }
    ASSERT_STR(text, expected);
    retention_plan_deinit(&plan);
    sets_deinit(sets);
}

static void decides(const struct job *job, const char *text, const char *expected)
{
    struct sets sets = sets_from(text);

    decides_in(input(job, &sets), &sets, expected);
}

TEST(the_newest_of_a_tier_are_kept)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 2);
    decides(&job,
            "20261101_020000 l daily db:100\n20261102_020000 l daily db:100\n"
            "20261103_020000 l daily db:100\n20261104_020000 l daily db:100\n",
            "20261104_020000 stays: the newest good set that holds \"db\"\n"
            "20261103_020000 stays: the 2nd of 2 daily sets kept\n"
            "20261102_020000 goes: only the newest 2 daily sets are kept\n"
            "20261101_020000 goes: only the newest 2 daily sets are kept\n");
}

TEST(one_set_of_a_period_counts)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 3);
    decides(&job,
            "20261101_020000 l daily db:100\n20261102_020000 l daily db:100\n"
            "20261102_220000 l daily db:100\n20261102_230000 l daily db:100\n",
            "20261102_230000 stays: the newest good set that holds \"db\"\n" /* 3rd, local time */
            "20261102_220000 stays: the 2nd of 3 daily sets kept\n"          /* 2nd 23:00 */
            "20261102_020000 goes: a newer daily set of the same period stays\n"
            "20261101_020000 stays: the 3rd of 3 daily sets kept\n");
}

TEST(each_tier_has_its_periods)
{
    struct job job = job_with();

    keep(&job, TIER_HOURLY, 2);
    keep(&job, TIER_WEEKLY, 2);
    keep(&job, TIER_MONTHLY, 2);
    keep(&job, TIER_YEARLY, 2);
    decides(&job,
            "20251231_220000 l yearly db:100\n20251231_230000 l yearly db:100\n"
            "20261031_220000 l monthly db:100\n20261031_233000 l monthly db:100\n"
            "20261108_220000 l weekly db:100\n20261108_233000 l weekly db:100\n"
            "20261120_100000 l hourly db:100\n20261120_103000 l hourly db:100\n"
            "20261120_110000 l hourly db:100\n",
            "20261120_110000 stays: the newest good set that holds \"db\"\n"
            "20261120_103000 stays: the 2nd of 2 hourly sets kept\n"
            "20261120_100000 goes: a newer hourly set of the same period stays\n"
            "20261108_233000 stays: the 1st of 2 weekly sets kept\n" /* Monday in Berlin */
            "20261108_220000 stays: the 2nd of 2 weekly sets kept\n"
            "20261031_233000 stays: the 1st of 2 monthly sets kept\n"
            "20261031_220000 stays: the 2nd of 2 monthly sets kept\n"
            "20251231_230000 stays: the 1st of 2 yearly sets kept\n"
            "20251231_220000 stays: the 2nd of 2 yearly sets kept\n");
}

TEST(both_hours_of_a_fold_count)
{
    struct job job = job_with();

    keep(&job, TIER_HOURLY, 3);
    decides(&job,
            "20261024_230000 l hourly db:100\n20261025_000000 l hourly db:100\n"
            "20261025_010000 l hourly db:100\n20261025_020000 l hourly db:100\n",
            "20261025_020000 stays: the newest good set that holds \"db\"\n"
            "20261025_010000 stays: the 2nd of 3 hourly sets kept\n"
            "20261025_000000 stays: the 3rd of 3 hourly sets kept\n"
            "20261024_230000 goes: only the newest 3 hourly sets are kept\n");
}

TEST(a_set_of_several_tiers_stays_for_any_of_them)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    keep(&job, TIER_MONTHLY, 12);
    decides(&job,
            "20261101_020000 l daily+monthly db:100\n20261102_020000 l daily db:100\n"
            "20261103_020000 l daily db:100\n",
            "20261103_020000 stays: the newest good set that holds \"db\"\n"
            "20261102_020000 goes: only the newest 1 daily sets are kept\n"
            "20261101_020000 stays: the 1st of 12 monthly sets kept\n");
}

TEST(manual_sets_stay_for_ever_by_default)
{
    struct job job = job_with();
    const char *sets = "20260101_020000 l manual db:100\n20260102_020000 l - db:100\n"
                       "20261103_020000 l daily db:100\n";

    keep(&job, TIER_DAILY, 1);
    decides(&job, sets,
            "20261103_020000 stays: the newest good set that holds \"db\"\n"
            "20260102_020000 stays: every manual set is kept\n"
            "20260101_020000 stays: every manual set is kept\n");
    job.keep_manual = 1;
    decides(&job, sets,
            "20261103_020000 stays: the newest good set that holds \"db\"\n"
            "20260102_020000 stays: the 1st of 1 manual sets kept\n"
            "20260101_020000 goes: only the newest 1 manual sets are kept\n");
}

TEST(keep_last_and_keep_within)
{
    struct job job = job_with();
    const char *sets = "20261101_020000 l daily db:100\n20261116_020000 l daily db:100\n"
                       "20261117_020000 l daily db:100\n20261118_020000 l daily db:100\n";

    job.keep_last = 2;
    decides(&job, sets,
            "20261118_020000 stays: the newest good set that holds \"db\"\n"
            "20261117_020000 stays: the 2nd of the last 2 sets kept\n"
            "20261116_020000 goes: no rule of the job keeps it\n"
            "20261101_020000 goes: no rule of the job keeps it\n");
    job.keep_within_s = 7 * 86400;
    decides(&job, sets,
            "20261118_020000 stays: the newest good set that holds \"db\"\n"
            "20261117_020000 stays: the 2nd of the last 2 sets kept\n"
            "20261116_020000 stays: younger than 7 d 0 h\n"
            "20261101_020000 goes: no rule of the job keeps it\n");
}

TEST(a_job_without_rules_keeps_everything)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, KEEP_FOREVER);
    decides(&job, "20200101_020000 l daily db:100\n20261118_020000 l hourly db:100\n",
            "20261118_020000 stays: the newest good set that holds \"db\"\n"
            "20200101_020000 stays: every daily set is kept\n");
}

TEST(pins_and_their_ends)
{
    struct job job = job_with();
    struct sets sets = sets_from("20260101_020000 l daily db:100 pinned\n"
                                 "20260102_020000 l daily db:100 pinned\n"
                                 "20260103_020000 l daily db:100 pinned\n"
                                 "20260104_020000 l daily db:100 in-use\n"
                                 "20261118_020000 l daily db:100\n");

    keep(&job, TIER_DAILY, 1);
    sets.items[0].pin_reason = mem_strdup("before the move");
    ASSERT_EQ(clock_parse_iso8601("2026-11-20T12:00:00Z", &sets.items[1].pin_until), 0);
    ASSERT_EQ(clock_parse_iso8601("2026-11-20T12:00:01Z", &sets.items[2].pin_until), 0);
    decides_in(input(&job, &sets), &sets,
               "20261118_020000 stays: the newest good set that holds \"db\"\n"
               "20260104_020000 stays: a restore, a verification or a copy reads it now\n"
               "20260103_020000 stays: pinned until 2026-11-20 13:00 CET (no reason given)\n"
               "20260102_020000 goes: only the newest 1 daily sets are kept\n"
               "20260101_020000 stays: pinned (before the move)\n");
}

TEST(pre_restore_sets_stay_14_days_and_never_count)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job,
            "20261110_020000 l daily db:100\n20261106_115959 l pre-restore db:100\n"
            "20261106_120001 l pre-restore db:100\n20261119_020000 l pre-restore db:100\n",
            "20261110_020000 stays: the newest good set that holds \"db\"\n"
            "20261119_020000 stays: made before a restore less than 14 days ago\n"
            "20261106_120001 stays: made before a restore less than 14 days ago\n"
            "20261106_115959 goes: made before a restore more than 14 days ago\n");
}

TEST(the_floor_is_per_source)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job,
            "20261101_020000 l daily db:100 old:5\n20261102_020000 l daily db:100 media:7\n"
            "20261103_020000 l daily db:100\n20261104_020000 l daily db:100\n",
            "20261104_020000 stays: the newest good set that holds \"db\"\n"
            "20261103_020000 goes: only the newest 1 daily sets are kept\n"
            "20261102_020000 stays: the newest good set that holds \"media\"\n"
            "20261101_020000 stays: the newest good set that holds \"old\"\n");
}

TEST(keep_zero_leaves_the_floor)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 0);
    decides(&job, "20261101_020000 l daily db:100\n20261102_020000 l daily db:100\n",
            "20261102_020000 stays: the newest good set that holds \"db\"\n"
            "20261101_020000 goes: only the newest 0 daily sets are kept\n");
}

TEST(other_destinations_do_not_count)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job, "20261101_020000 l daily db:100\n20261102_020000 r daily db:100\n",
            "20261101_020000 stays: the newest good set that holds \"db\"\n");
}

TEST(one_pass_removes_at_most_max_delete_oldest_first)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    job.max_delete = 2;
    decides(&job,
            "20261101_020000 l daily db:100\n20261102_020000 l daily db:100\n"
            "20261103_020000 l daily db:100\n20261104_020000 l daily db:100\n",
            "20261104_020000 stays: the newest good set that holds \"db\"\n"
            "20261103_020000 stays: one pass removes at most 2 sets (only the newest 1 daily sets "
            "are kept)\n"
            "20261102_020000 goes: only the newest 1 daily sets are kept\n"
            "20261101_020000 goes: only the newest 1 daily sets are kept\n");
}

TEST(sets_that_are_not_good_stay_a_week_behind_a_good_one)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job,
            "20261101_020000 l daily db:100\n20261112_020000 l daily db:100 incomplete -db\n"
            "20261113_030000 l daily db:10\n20261113_120000 l daily db:100 fragment\n"
            "20261113_120001 l daily db:100 fragment\n20261119_020000 l daily db:100\n",
            "20261119_020000 stays: the newest good set that holds \"db\"\n"
            "20261113_120001 stays: fragment, kept for 7 days to be looked into\n"
            "20261113_120000 goes: fragment, 7 days old, and a newer good set holds its sources\n"
            "20261113_030000 goes: suspect, 7 days old, and a newer good set holds its sources\n"
            "20261112_020000 goes: incomplete, 7 days old, and a newer good set holds its "
            "sources\n"
            "20261101_020000 goes: only the newest 1 daily sets are kept\n");
}

TEST(without_a_newer_good_set_the_newest_three_stay)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job,
            "20260101_020000 l daily db:100\n20260102_020000 l daily db:100 incomplete\n"
            "20260103_020000 l daily db:100 incomplete\n20260104_020000 l daily db:1\n"
            "20260105_020000 l daily db:100 incomplete -db\n",
            "20260105_020000 stays: incomplete, but no newer good set holds its sources yet\n"
            "20260104_020000 stays: suspect, but no newer good set holds its sources yet\n"
            "20260103_020000 stays: incomplete, but no newer good set holds its sources yet\n"
            "20260102_020000 goes: incomplete, and 3 newer such sets stay\n"
            "20260101_020000 stays: the newest good set that holds \"db\"\n");
}

TEST(what_no_good_set_holds_keeps_its_newest_copy)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    decides(&job,
            "20260101_020000 l daily db:100 media:9 incomplete -media\n"
            "20260102_020000 l daily db:100 media:9 incomplete -db -media\n"
            "20260103_020000 l daily db:100 media:9 incomplete -db -media\n"
            "20260104_020000 l daily db:100 media:9 incomplete -db -media\n",
            "20260104_020000 stays: incomplete, but no newer good set holds its sources yet\n"
            "20260103_020000 stays: incomplete, but no newer good set holds its sources yet\n"
            "20260102_020000 stays: incomplete, but no newer good set holds its sources yet\n"
            "20260101_020000 stays: the newest set that holds \"db\" whole\n");
}

TEST(damaged_sets_push_nothing_out_and_are_no_floor)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 2);
    decides(&job,
            "20261101_020000 l daily db:100 damaged\n20261102_020000 l daily db:100\n"
            "20261103_020000 l daily db:100\n20261104_020000 l daily db:100 damaged\n"
            "20261105_020000 l daily db:100\n20261106_020000 l daily db:100 damaged\n",
            "20261106_020000 stays: damaged, but as young as the newest 2 daily sets\n"
            "20261105_020000 stays: the newest good set that holds \"db\"\n"
            "20261104_020000 stays: damaged, but as young as the newest 2 daily sets\n"
            "20261103_020000 stays: the 2nd of 2 daily sets kept\n"
            "20261102_020000 goes: only the newest 2 daily sets are kept\n"
            "20261101_020000 goes: damaged, 7 days old, and a newer good set holds its sources\n");
}

TEST(a_hold_keeps_everything)
{
    struct job job = job_with();
    struct sets sets =
        sets_from("20261101_020000 l daily db:100\n20261102_020000 l daily db:100\n");
    struct retention_input in = input(&job, &sets);

    keep(&job, TIER_DAILY, 1);
    in.held = true;
    decides_in(in, &sets,
               "20261102_020000 stays: deletion is on hold\n"
               "20261101_020000 stays: deletion is on hold\n");
}

TEST(a_clock_in_doubt_stops_rules_of_age_not_of_counting)
{
    struct job job = job_with();
    struct sets sets = sets_from("20260101_020000 l daily db:100 incomplete\n"
                                 "20260102_020000 l daily db:100 pinned\n"
                                 "20260103_020000 l pre-restore db:100\n"
                                 "20261102_020000 l daily db:100\n"
                                 "20261103_020000 l daily db:100\n");
    struct retention_input in = input(&job, &sets);

    keep(&job, TIER_DAILY, 1);
    in.clock_in_doubt = true;
    sets.items[1].pin_until.us = 1;
    decides_in(in, &sets,
               "20261103_020000 stays: the newest good set that holds \"db\"\n"
               "20261102_020000 goes: only the newest 1 daily sets are kept\n"
               "20260102_020000 stays: pinned until 1970-01-01 01:00 CET (no reason given)\n"
               "20260101_020000 stays: incomplete, kept for 7 days to be looked into\n"
               "20260103_020000 stays: made before a restore less than 14 days ago\n");
}

TEST(a_clock_in_doubt_stops_keep_within)
{
    struct job job = job_with();
    struct sets sets =
        sets_from("20200102_020000 l daily db:100\n20261103_020000 l daily db:100\n");
    struct retention_input in = input(&job, &sets);

    job.keep_within_s = 86400;
    in.clock_in_doubt = true;
    decides_in(in, &sets,
               "20261103_020000 stays: the newest good set that holds \"db\"\n"
               "20200102_020000 stays: the clock is in doubt, so its age is\n");
}

TEST(proofs_of_a_smaller_size_stay_while_larger_sets_do)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    keep(&job, TIER_MONTHLY, 1);
    decides(&job,
            "20261001_020000 l daily+monthly db:100\n20261002_020000 l daily db:10\n"
            "20261003_020000 l daily db:10\n20261004_020000 l daily db:10\n"
            "20261005_020000 l daily db:10\n20261006_020000 l daily db:10\n",
            "20261006_020000 stays: the newest good set that holds \"db\"\n"
            "20261005_020000 goes: only the newest 1 daily sets are kept\n"
            "20261004_020000 stays: shows that sets are rightly smaller since then\n"
            "20261003_020000 stays: shows that sets are rightly smaller since then\n"
            "20261002_020000 stays: shows that sets are rightly smaller since then\n"
            "20261001_020000 stays: the 1st of 1 monthly sets kept\n");
}

TEST(no_removal_makes_a_good_set_suspect)
{
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    keep(&job, TIER_MONTHLY, 1);
    decides(&job,
            "20261001_020000 l daily db:100\n20261002_020000 l daily db:100\n"
            "20261003_020000 l daily+monthly db:220\n20261004_020000 l daily db:95\n",
            "20261004_020000 stays: the newest good set that holds \"db\"\n"
            "20261003_020000 stays: the 1st of 1 monthly sets kept\n"
            "20261002_020000 stays: shows that the size of 20261004_020000 is usual\n"
            "20261001_020000 stays: shows that the size of 20261004_020000 is usual\n");
}

TEST(until_when_a_set_is_locked_is_said)
{
    char here[] = "l", elsewhere[] = "x";
    struct destination locking = {.name = here, .lock_s = 10 * 86400},
                       other = {.name = elsewhere, .lock_s = 100 * 86400},
                       *destinations[] = {&other, &locking};
    struct job job = job_with();

    keep(&job, TIER_DAILY, 1);
    job.destinations = destinations;
    job.destination_count = ARRAY_LEN(destinations);
    decides(&job,
            "20261101_020000 l daily db:100\n20261112_020000 l daily db:100\n"
            "20261119_020000 l daily db:100\n",
            "20261119_020000 stays: the newest good set that holds \"db\", locked until at least "
            "2026-11-29 02:00 UTC\n"
            "20261112_020000 goes: only the newest 1 daily sets are kept, locked until at least "
            "2026-11-22 02:00 UTC\n"
            "20261101_020000 goes: only the newest 1 daily sets are kept\n");
}

TEST(an_unknown_zone_decides_nothing)
{
    struct job job = job_with();
    struct sets sets = {0};
    struct retention_input in = input(&job, &sets);
    struct retention_plan plan = {0};
    struct err e = {0};

    in.timezone = "Mars/Base";
    ASSERT_ERR(retention_decide(&in, &plan, &e), e, ERR_CONFIG);
    retention_plan_deinit(&plan);
}
