/* test_planner_days.c — ordinary days: new jobs, tiers that coincide, overlap, order, jitter. */
#include "tests/lib/test.h"
#include "tests/lib/timeline.h"

TEST(a_day_of_a_daily_job)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-22 12:00\n",
                    "[2026-11-21 02:00 CET] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 CET] start 1 a daily\n"
                    "[2026-11-21 02:05 CET] end   1 good\n"
                    "[2026-11-22 02:00 CET] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 CET] start 2 a daily\n"
                    "[2026-11-22 02:05 CET] end   2 good\n");
}

/* Sunday the 1st of a month: three tiers at one time. */
TEST(coinciding_tiers_are_one_run)
{
    EXPECT_TIMELINE(
        "zone Europe/Berlin\n"
        "job a daily=\"at 03:00\" weekly=\"at Sun 03:00\" monthly=\"at 1 03:00\" hourly=\"at "
        ":30\"\n"
        "start 2026-10-31 23:45\n"
        "to 2026-11-01 04:00\n",
        "[2026-11-01 00:30 CET] queue 1 a hourly: hourly due 00:30\n"
        "[2026-11-01 00:30 CET] start 1 a hourly\n"
        "[2026-11-01 00:35 CET] end   1 good\n"
        "[2026-11-01 01:30 CET] queue 2 a hourly: hourly due 01:30\n"
        "[2026-11-01 01:30 CET] start 2 a hourly\n"
        "[2026-11-01 01:35 CET] end   2 good\n"
        "[2026-11-01 02:30 CET] queue 3 a hourly: hourly due 02:30\n"
        "[2026-11-01 02:30 CET] start 3 a hourly\n"
        "[2026-11-01 02:35 CET] end   3 good\n"
        "[2026-11-01 03:00 CET] queue 4 a daily+weekly+monthly: daily, weekly, monthly due 03:00\n"
        "[2026-11-01 03:00 CET] start 4 a daily+weekly+monthly\n"
        "[2026-11-01 03:05 CET] end   4 good\n"
        "[2026-11-01 03:30 CET] queue 5 a hourly: hourly due 03:30\n"
        "[2026-11-01 03:30 CET] start 5 a hourly\n"
        "[2026-11-01 03:35 CET] end   5 good\n");
}

TEST(a_tier_due_during_a_run_of_another_follows_at_once)
{
    EXPECT_TIMELINE(
        "zone Europe/Berlin\n"
        "job a daily=\"at 02:00\" weekly=\"at Sun 02:30\"\n"
        "run a 1h good\n"
        "start 2026-11-21 12:00\n"
        "to 2026-11-22 12:00\n",
        "[2026-11-22 02:00 CET] queue 1 a daily: daily due 02:00\n"
        "[2026-11-22 02:00 CET] start 1 a daily\n"
        "[2026-11-22 03:00 CET] end   1 good\n"
        "[2026-11-22 03:00 CET] queue 2 a weekly: weekly owed since 2026-11-22 02:30 CET\n"
        "[2026-11-22 03:00 CET] start 2 a weekly\n"
        "[2026-11-22 03:05 CET] end   2 good\n");
}

TEST(a_tier_due_during_its_own_run_is_skipped)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\"\n"
                    "run a 150min good\n"
                    "start 2026-11-20 00:30\n"
                    "to 2026-11-20 05:00\n",
                    "[2026-11-20 01:00 UTC] queue 1 a hourly: hourly due 01:00\n"
                    "[2026-11-20 01:00 UTC] start 1 a hourly\n"
                    "[2026-11-20 02:00 UTC] skip  a hourly: hourly due 02:00\n"
                    "[2026-11-20 03:00 UTC] skip  a hourly: hourly due 03:00\n"
                    "[2026-11-20 03:30 UTC] end   1 good\n"
                    "[2026-11-20 04:00 UTC] queue 2 a hourly: hourly due 04:00\n"
                    "[2026-11-20 04:00 UTC] start 2 a hourly\n"
                    "[2026-11-20 04:05 UTC] end   2 good\n"
                    "[2026-11-20 05:00 UTC] queue 3 a hourly: hourly due 05:00\n"
                    "[2026-11-20 05:00 UTC] start 3 a hourly\n");
}

TEST(a_new_job_owes_nothing_before_its_first_due_time)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a weekly=\"at Sun 03:00\" monthly=\"at 1 04:00\"\n"
                    "start 2026-11-23 00:00\n"
                    "to 2026-11-29 12:00\n",
                    "[2026-11-29 03:00 UTC] queue 1 a weekly: weekly due 03:00\n"
                    "[2026-11-29 03:00 UTC] start 1 a weekly\n"
                    "[2026-11-29 03:05 UTC] end   1 good\n");
}

TEST(one_run_at_a_time_by_priority_then_age)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job low daily=\"at 02:00\" priority=10\n"
                    "job mid daily=\"at 02:00\"\n"
                    "job old daily=\"at 02:00\"\n"
                    "job high daily=\"at 02:05\" priority=90\n"
                    "run low 10min good\n"
                    "run mid 10min good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 low daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] queue 2 mid daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] queue 3 old daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 2 mid daily\n"
                    "[2026-11-21 02:05 UTC] queue 4 high daily: daily due 02:05\n"
                    "[2026-11-21 02:10 UTC] end   2 good\n"
                    "[2026-11-21 02:10 UTC] start 4 high daily\n"
                    "[2026-11-21 02:15 UTC] end   4 good\n"
                    "[2026-11-21 02:15 UTC] start 3 old daily\n"
                    "[2026-11-21 02:20 UTC] end   3 good\n"
                    "[2026-11-21 02:20 UTC] start 1 low daily\n"
                    "[2026-11-21 02:30 UTC] end   1 good\n");
}

TEST(two_runs_at_a_time_but_one_of_a_job)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "parallel 2\n"
                    "job a daily=\"at 02:00\"\n"
                    "job b daily=\"at 02:00\"\n"
                    "job c daily=\"at 02:00\"\n"
                    "run a 30min good\n"
                    "run b 10min good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:05\n"
                    "trigger a\n"
                    "to 2026-11-21 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] queue 2 b daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] queue 3 c daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:00 UTC] start 2 b daily\n"
                    "[2026-11-21 02:05 UTC] queue 4 a manual: manual\n"
                    "[2026-11-21 02:10 UTC] end   2 good\n"
                    "[2026-11-21 02:10 UTC] start 3 c daily\n"
                    "[2026-11-21 02:15 UTC] end   3 good\n"
                    "[2026-11-21 02:30 UTC] end   1 good\n"
                    "[2026-11-21 02:30 UTC] start 4 a manual\n"
                    "[2026-11-21 02:35 UTC] end   4 good\n");
}

TEST(a_queued_run_is_an_alarm_that_names_what_it_waits_for)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\"\n"
        "job b daily=\"at 02:10\" queue_alarm=1800\n"
        "run a 3h good\n"
        "start 2026-11-20 12:00\n"
        "to 2026-11-21 06:00\n",
        "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
        "[2026-11-21 02:00 UTC] start 1 a daily\n"
        "[2026-11-21 02:10 UTC] queue 2 b daily: daily due 02:10\n"
        "[2026-11-21 02:40 UTC] alarm 2 waits for run 1 of job \"a\" to end (parallel = 1)\n"
        "[2026-11-21 05:00 UTC] end   1 good\n"
        "[2026-11-21 05:00 UTC] start 2 b daily\n"
        "[2026-11-21 05:05 UTC] end   2 good\n");
}

/* The same for both tiers, so that they still coincide. */
TEST(jitter_is_one_offset_of_the_job)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job media daily=\"at 02:00\" weekly=\"at Sun 02:00\" jitter=3600\n"
                    "start 2026-11-21 00:00\n"
                    "to 2026-11-23 12:00\n",
                    "[2026-11-21 02:52 UTC] queue 1 media daily: daily due 02:52\n"
                    "[2026-11-21 02:52 UTC] start 1 media daily\n"
                    "[2026-11-21 02:57 UTC] end   1 good\n"
                    "[2026-11-22 02:52 UTC] queue 2 media daily+weekly: daily, weekly due 02:52\n"
                    "[2026-11-22 02:52 UTC] start 2 media daily+weekly\n"
                    "[2026-11-22 02:57 UTC] end   2 good\n"
                    "[2026-11-23 02:52 UTC] queue 3 media daily: daily due 02:52\n"
                    "[2026-11-23 02:52 UTC] start 3 media daily\n"
                    "[2026-11-23 02:57 UTC] end   3 good\n");
}

TEST(manual_runs_queue_and_carry_what_is_owed)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-20 01:00\n"
                    "run a 2h good\n"
                    "trigger a\n"
                    "trigger a\n"
                    "trigger a\n"
                    "to 2026-11-20 04:00\n",
                    "[2026-11-20 01:00 UTC] queue 1 a manual: manual\n"
                    "[2026-11-20 01:00 UTC] start 1 a manual\n"
                    "[2026-11-20 01:00 UTC] queue 2 a manual: manual\n"
                    "[2026-11-20 01:00 UTC] queue 3 a manual: manual\n"
                    "[2026-11-20 02:00 UTC] alarm 2 waits for run 1 of the same job to end\n"
                    "[2026-11-20 02:00 UTC] alarm 3 waits for run 1 of the same job to end\n"
                    "[2026-11-20 03:00 UTC] end   1 good\n"
                    "[2026-11-20 03:00 UTC] start 2 a daily+manual\n"
                    "[2026-11-20 03:05 UTC] end   2 good\n"
                    "[2026-11-20 03:05 UTC] start 3 a manual\n"
                    "[2026-11-20 03:10 UTC] end   3 good\n");
}

TEST(a_manual_run_waits_behind_a_queued_one)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job b daily=\"at 01:30\"\n"
        "job a daily=\"at 02:00\"\n"
        "run b 2h good\n"
        "start 2026-11-20 01:00\n"
        "to 2026-11-20 02:10\n"
        "trigger a weekly\n"
        "to 2026-11-20 06:00\n",
        "[2026-11-20 01:30 UTC] queue 1 b daily: daily due 01:30\n"
        "[2026-11-20 01:30 UTC] start 1 b daily\n"
        "[2026-11-20 02:00 UTC] queue 2 a daily: daily due 02:00\n"
        "[2026-11-20 02:10 UTC] queue 3 a weekly: manual\n"
        "[2026-11-20 03:00 UTC] alarm 2 waits for run 1 of job \"b\" to end (parallel = 1)\n"
        "[2026-11-20 03:10 UTC] alarm 3 waits for run 1 of job \"b\" to end (parallel = 1)\n"
        "[2026-11-20 03:30 UTC] end   1 good\n"
        "[2026-11-20 03:30 UTC] start 2 a daily\n"
        "[2026-11-20 03:35 UTC] end   2 good\n"
        "[2026-11-20 03:35 UTC] start 3 a weekly\n"
        "[2026-11-20 03:40 UTC] end   3 good\n");
}

TEST(a_fragment_satisfies_nothing)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\"\n"
        "run a 10min good\n"
        "start 2026-11-20 01:55\n"
        "fragment a\n"
        "to 2026-11-20 03:00\n",
        "[2026-11-20 01:55 UTC] queue 1 a manual fragment: manual\n"
        "[2026-11-20 01:55 UTC] start 1 a manual\n"
        "[2026-11-20 02:05 UTC] end   1 good\n"
        "[2026-11-20 02:05 UTC] queue 2 a daily: daily owed since 2026-11-20 02:00 UTC\n"
        "[2026-11-20 02:05 UTC] start 2 a daily\n"
        "[2026-11-20 02:10 UTC] end   2 good\n");
}

/* And holds back no backup, however long it lasts. */
TEST(verification_has_its_own_calendar)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" verify=\"weekly at Sun 02:01\"\n"
                    "run a 5min good\n"
                    "run a 5min good\n"
                    "run a 3d good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-30 12:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:05 UTC] end   1 good\n"
                    "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 2 a daily\n"
                    "[2026-11-22 02:01 UTC] queue 3 a verify -: verify due\n"
                    "[2026-11-22 02:05 UTC] end   2 good\n"
                    "[2026-11-22 02:05 UTC] start 3 a verify -\n"
                    "[2026-11-23 02:00 UTC] queue 4 a daily: daily due 02:00\n"
                    "[2026-11-23 02:00 UTC] start 4 a daily\n"
                    "[2026-11-23 02:05 UTC] end   4 good\n"
                    "[2026-11-24 02:00 UTC] queue 5 a daily: daily due 02:00\n"
                    "[2026-11-24 02:00 UTC] start 5 a daily\n"
                    "[2026-11-24 02:05 UTC] end   5 good\n"
                    "[2026-11-25 02:00 UTC] queue 6 a daily: daily due 02:00\n"
                    "[2026-11-25 02:00 UTC] start 6 a daily\n"
                    "[2026-11-25 02:05 UTC] end   6 good\n"
                    "[2026-11-25 02:05 UTC] end   3 good\n"
                    "[2026-11-26 02:00 UTC] queue 7 a daily: daily due 02:00\n"
                    "[2026-11-26 02:00 UTC] start 7 a daily\n"
                    "[2026-11-26 02:05 UTC] end   7 good\n"
                    "[2026-11-27 02:00 UTC] queue 8 a daily: daily due 02:00\n"
                    "[2026-11-27 02:00 UTC] start 8 a daily\n"
                    "[2026-11-27 02:05 UTC] end   8 good\n"
                    "[2026-11-28 02:00 UTC] queue 9 a daily: daily due 02:00\n"
                    "[2026-11-28 02:00 UTC] start 9 a daily\n"
                    "[2026-11-28 02:05 UTC] end   9 good\n"
                    "[2026-11-29 02:00 UTC] queue 10 a daily: daily due 02:00\n"
                    "[2026-11-29 02:00 UTC] start 10 a daily\n"
                    "[2026-11-29 02:01 UTC] queue 11 a verify -: verify due\n"
                    "[2026-11-29 02:05 UTC] end   10 good\n"
                    "[2026-11-29 02:05 UTC] start 11 a verify -\n"
                    "[2026-11-29 02:10 UTC] end   11 good\n"
                    "[2026-11-30 02:00 UTC] queue 12 a daily: daily due 02:00\n"
                    "[2026-11-30 02:00 UTC] start 12 a daily\n"
                    "[2026-11-30 02:05 UTC] end   12 good\n");
}
