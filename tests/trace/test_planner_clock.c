/* test_planner_clock.c — daylight saving time both ways in Europe/Berlin, and clocks that jump. */
#include "tests/lib/test.h"
#include "tests/lib/timeline.h"

TEST(spring_a_fixed_time_in_the_gap_fires_right_after_it)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a daily=\"at 02:30\"\n"
                    "start 2027-03-27 12:00\n"
                    "to 2027-03-29 12:00\n",
                    "[2027-03-28 03:00 CEST] queue 1 a daily: daily due 03:00\n"
                    "[2027-03-28 03:00 CEST] start 1 a daily\n"
                    "[2027-03-28 03:05 CEST] end   1 good\n"
                    "[2027-03-29 02:30 CEST] queue 2 a daily: daily due 02:30\n"
                    "[2027-03-29 02:30 CEST] start 2 a daily\n"
                    "[2027-03-29 02:35 CEST] end   2 good\n");
}

TEST(autumn_a_fixed_time_in_the_fold_fires_once)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a daily=\"at 02:30\"\n"
                    "start 2026-10-24 12:00\n"
                    "to 2026-10-26 12:00\n",
                    "[2026-10-25 02:30 CEST] queue 1 a daily: daily due 02:30\n"
                    "[2026-10-25 02:30 CEST] start 1 a daily\n"
                    "[2026-10-25 02:35 CEST] end   1 good\n"
                    "[2026-10-26 02:30 CET] queue 2 a daily: daily due 02:30\n"
                    "[2026-10-26 02:30 CET] start 2 a daily\n"
                    "[2026-10-26 02:35 CET] end   2 good\n");
}

TEST(hourly_runs_follow_elapsed_time_both_ways)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a hourly=\"at :15\"\n"
                    "start 2027-03-28 00:30\n"
                    "to 2027-03-28 04:30\n",
                    "[2027-03-28 01:15 CET] queue 1 a hourly: hourly due 01:15\n"
                    "[2027-03-28 01:15 CET] start 1 a hourly\n"
                    "[2027-03-28 01:20 CET] end   1 good\n"
                    "[2027-03-28 03:15 CEST] queue 2 a hourly: hourly due 03:15\n"
                    "[2027-03-28 03:15 CEST] start 2 a hourly\n"
                    "[2027-03-28 03:20 CEST] end   2 good\n"
                    "[2027-03-28 04:15 CEST] queue 3 a hourly: hourly due 04:15\n"
                    "[2027-03-28 04:15 CEST] start 3 a hourly\n"
                    "[2027-03-28 04:20 CEST] end   3 good\n");
}

TEST(hourly_runs_in_the_fold_come_in_both_hours)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a hourly=\"at :15\"\n"
                    "start 2026-10-25 01:30\n"
                    "to 2026-10-25 04:30\n",
                    "[2026-10-25 02:15 CEST] queue 1 a hourly: hourly due 02:15\n"
                    "[2026-10-25 02:15 CEST] start 1 a hourly\n"
                    "[2026-10-25 02:20 CEST] end   1 good\n"
                    "[2026-10-25 02:15 CET] queue 2 a hourly: hourly due 02:15\n"
                    "[2026-10-25 02:15 CET] start 2 a hourly\n"
                    "[2026-10-25 02:20 CET] end   2 good\n"
                    "[2026-10-25 03:15 CET] queue 3 a hourly: hourly due 03:15\n"
                    "[2026-10-25 03:15 CET] start 3 a hourly\n"
                    "[2026-10-25 03:20 CET] end   3 good\n"
                    "[2026-10-25 04:15 CET] queue 4 a hourly: hourly due 04:15\n"
                    "[2026-10-25 04:15 CET] start 4 a hourly\n"
                    "[2026-10-25 04:20 CET] end   4 good\n");
}

TEST(a_step_of_hours_fires_when_clocks_show_it)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a daily=\"cron 0 */2 * * *\"\n"
                    "start 2026-10-24 23:30\n"
                    "to 2026-10-25 05:00\n",
                    "[2026-10-25 00:00 CEST] queue 1 a daily: daily due 00:00\n"
                    "[2026-10-25 00:00 CEST] start 1 a daily\n"
                    "[2026-10-25 00:05 CEST] end   1 good\n"
                    "[2026-10-25 02:00 CEST] queue 2 a daily: daily due 02:00\n"
                    "[2026-10-25 02:00 CEST] start 2 a daily\n"
                    "[2026-10-25 02:05 CEST] end   2 good\n"
                    "[2026-10-25 02:00 CET] queue 3 a daily: daily due 02:00\n"
                    "[2026-10-25 02:00 CET] start 3 a daily\n"
                    "[2026-10-25 02:05 CET] end   3 good\n"
                    "[2026-10-25 04:00 CET] queue 4 a daily: daily due 04:00\n"
                    "[2026-10-25 04:00 CET] start 4 a daily\n"
                    "[2026-10-25 04:05 CET] end   4 good\n");
}

/* All three are due at 03:00 that day. */
TEST(tiers_in_the_gap_meet_in_one_run)
{
    EXPECT_TIMELINE(
        "zone Europe/Berlin\n"
        "job a daily=\"at 02:00\" weekly=\"at Sun 02:30\" monthly=\"at 28 03:00\"\n"
        "start 2027-03-28 00:00\n"
        "to 2027-03-28 05:00\n",
        "[2027-03-28 03:00 CEST] queue 1 a daily+weekly+monthly: daily, weekly, monthly due 03:00\n"
        "[2027-03-28 03:00 CEST] start 1 a daily+weekly+monthly\n"
        "[2027-03-28 03:05 CEST] end   1 good\n");
}

TEST(a_run_over_the_fold_skips_what_it_carries)
{
    EXPECT_TIMELINE("zone Europe/Berlin\n"
                    "job a hourly=\"\"\n"
                    "run a 90min good\n"
                    "start 2026-10-25 01:30\n"
                    "to 2026-10-25 05:10\n",
                    "[2026-10-25 02:00 CEST] queue 1 a hourly: hourly due 02:00\n"
                    "[2026-10-25 02:00 CEST] start 1 a hourly\n"
                    "[2026-10-25 02:00 CET] skip  a hourly: hourly due 02:00\n"
                    "[2026-10-25 02:30 CET] end   1 good\n"
                    "[2026-10-25 03:00 CET] queue 2 a hourly: hourly due 03:00\n"
                    "[2026-10-25 03:00 CET] start 2 a hourly\n"
                    "[2026-10-25 03:05 CET] end   2 good\n"
                    "[2026-10-25 04:00 CET] queue 3 a hourly: hourly due 04:00\n"
                    "[2026-10-25 04:00 CET] start 3 a hourly\n"
                    "[2026-10-25 04:05 CET] end   3 good\n"
                    "[2026-10-25 05:00 CET] queue 4 a hourly: hourly due 05:00\n"
                    "[2026-10-25 05:00 CET] start 4 a hourly\n"
                    "[2026-10-25 05:05 CET] end   4 good\n");
}

TEST(suspend_for_eight_hours_is_one_run)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\" daily=\"at 02:00\"\n"
                    "start 2026-11-20 22:30\n"
                    "to 2026-11-20 23:30\n"
                    "jump 2026-11-21 07:40\n"
                    "to 2026-11-21 08:30\n",
                    "[2026-11-20 23:00 UTC] queue 1 a hourly: hourly due 23:00\n"
                    "[2026-11-20 23:00 UTC] start 1 a hourly\n"
                    "[2026-11-20 23:05 UTC] end   1 good\n"
                    "[2026-11-21 07:40 UTC] ---- the clock jumps\n"
                    "[2026-11-21 07:40 UTC] queue 2 a hourly+daily: hourly, daily owed since "
                    "2026-11-21 00:00 UTC\n"
                    "[2026-11-21 07:40 UTC] start 2 a hourly+daily\n"
                    "[2026-11-21 07:45 UTC] end   2 good\n"
                    "[2026-11-21 08:00 UTC] queue 3 a hourly: hourly due 08:00\n"
                    "[2026-11-21 08:00 UTC] start 3 a hourly\n"
                    "[2026-11-21 08:05 UTC] end   3 good\n");
}

TEST(ten_years_forward_is_one_run_and_back_again_none_is_lost)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\" daily=\"at 02:00\"\n"
                    "start 2026-11-20 22:30\n"
                    "jump 2036-11-20 22:30\n"
                    "to 2036-11-20 23:30\n"
                    "jump 2026-11-20 23:40\n"
                    "to 2026-11-21 02:30\n",
                    "[2036-11-20 22:30 UTC] ---- the clock jumps\n"
                    "[2036-11-20 22:30 UTC] queue 1 a hourly+daily: hourly, daily owed since "
                    "2026-11-20 23:00 UTC\n"
                    "[2036-11-20 22:30 UTC] start 1 a hourly+daily\n"
                    "[2036-11-20 22:35 UTC] end   1 good\n"
                    "[2036-11-20 23:00 UTC] queue 2 a hourly: hourly due 23:00\n"
                    "[2036-11-20 23:00 UTC] start 2 a hourly\n"
                    "[2036-11-20 23:05 UTC] end   2 good\n"
                    "[2026-11-20 23:40 UTC] ---- the clock jumps\n"
                    "[2026-11-21 00:00 UTC] queue 3 a hourly: hourly due 00:00\n"
                    "[2026-11-21 00:00 UTC] start 3 a hourly\n"
                    "[2026-11-21 00:05 UTC] end   3 good\n"
                    "[2026-11-21 01:00 UTC] queue 4 a hourly: hourly due 01:00\n"
                    "[2026-11-21 01:00 UTC] start 4 a hourly\n"
                    "[2026-11-21 01:05 UTC] end   4 good\n"
                    "[2026-11-21 02:00 UTC] queue 5 a hourly+daily: hourly, daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 5 a hourly+daily\n"
                    "[2026-11-21 02:05 UTC] end   5 good\n");
}

TEST(a_step_back_of_a_minute_repeats_nothing)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" hourly=\"at :30\"\n"
                    "run a 1min good\n"
                    "start 2026-11-20 22:45\n"
                    "to 2026-11-21 02:02\n"
                    "jump 2026-11-21 01:59\n"
                    "to 2026-11-21 03:45\n",
                    "[2026-11-20 23:30 UTC] queue 1 a hourly: hourly due 23:30\n"
                    "[2026-11-20 23:30 UTC] start 1 a hourly\n"
                    "[2026-11-20 23:31 UTC] end   1 good\n"
                    "[2026-11-21 00:30 UTC] queue 2 a hourly: hourly due 00:30\n"
                    "[2026-11-21 00:30 UTC] start 2 a hourly\n"
                    "[2026-11-21 00:35 UTC] end   2 good\n"
                    "[2026-11-21 01:30 UTC] queue 3 a hourly: hourly due 01:30\n"
                    "[2026-11-21 01:30 UTC] start 3 a hourly\n"
                    "[2026-11-21 01:35 UTC] end   3 good\n"
                    "[2026-11-21 02:00 UTC] queue 4 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 4 a daily\n"
                    "[2026-11-21 01:59 UTC] ---- the clock jumps\n"
                    "[2026-11-21 02:02 UTC] end   4 good\n"
                    "[2026-11-21 02:30 UTC] queue 5 a hourly: hourly due 02:30\n"
                    "[2026-11-21 02:30 UTC] start 5 a hourly\n"
                    "[2026-11-21 02:35 UTC] end   5 good\n"
                    "[2026-11-21 03:30 UTC] queue 6 a hourly: hourly due 03:30\n"
                    "[2026-11-21 03:30 UTC] start 6 a hourly\n"
                    "[2026-11-21 03:35 UTC] end   6 good\n");
}

TEST(a_day_back_goes_on_with_the_calendar)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-20 22:30\n"
                    "to 2026-11-21 02:30\n"
                    "jump 2026-11-20 01:00\n"
                    "to 2026-11-21 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:05 UTC] end   1 good\n"
                    "[2026-11-20 01:00 UTC] ---- the clock jumps\n"
                    "[2026-11-20 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-20 02:00 UTC] start 2 a daily\n"
                    "[2026-11-20 02:05 UTC] end   2 good\n"
                    "[2026-11-21 02:00 UTC] queue 3 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 3 a daily\n"
                    "[2026-11-21 02:05 UTC] end   3 good\n");
}

TEST(a_boot_in_1970_is_one_run_when_the_clock_is_set)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\"\n"
        "start 1970-01-01 00:00\n"
        "jump 2026-11-21 10:00\n"
        "to 2026-11-22 03:00\n",
        "[2026-11-21 10:00 UTC] ---- the clock jumps\n"
        "[2026-11-21 10:00 UTC] queue 1 a daily: daily owed since 1970-01-01 02:00 UTC\n"
        "[2026-11-21 10:00 UTC] start 1 a daily\n"
        "[2026-11-21 10:05 UTC] end   1 good\n"
        "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
        "[2026-11-22 02:00 UTC] start 2 a daily\n"
        "[2026-11-22 02:05 UTC] end   2 good\n");
}

TEST(a_pending_retry_survives_a_jump_back)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 22:30\n"
                    "to 2026-11-21 02:02\n"
                    "jump 2026-11-19 12:00\n"
                    "to 2026-11-19 13:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-19 12:00 UTC] ---- the clock jumps\n"
                    "[2026-11-19 12:05 UTC] queue 2 a daily: retry 1 of 3\n"
                    "[2026-11-19 12:05 UTC] start 2 a daily\n"
                    "[2026-11-19 12:10 UTC] end   2 good\n");
}

TEST(a_history_from_the_future_does_not_stop_the_schedule)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2036-11-20 22:30\n"
                    "to 2036-11-21 03:00\n"
                    "restart 2026-11-20 22:30\n"
                    "to 2026-11-21 03:00\n",
                    "[2036-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2036-11-21 02:00 UTC] start 1 a daily\n"
                    "[2036-11-21 02:05 UTC] end   1 good\n"
                    "[2026-11-21 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 2 a daily\n"
                    "[2026-11-21 02:05 UTC] end   2 good\n");
}

TEST(the_alarm_of_a_queued_run_survives_a_jump_back)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job b daily=\"at 01:30\"\n"
        "job a daily=\"at 02:00\"\n"
        "run b 5h good\n"
        "start 2026-11-21 12:00\n"
        "to 2026-11-22 02:10\n"
        "jump 2026-11-01 02:10\n"
        "to 2026-11-01 03:30\n",
        "[2026-11-22 01:30 UTC] queue 1 b daily: daily due 01:30\n"
        "[2026-11-22 01:30 UTC] start 1 b daily\n"
        "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
        "[2026-11-01 02:10 UTC] ---- the clock jumps\n"
        "[2026-11-01 03:10 UTC] alarm 2 waits for run 1 of job \"b\" to end (parallel = 1)\n");
}

TEST(a_reload_with_another_zone_counts_anew)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-20 22:30\n"
                    "zone Europe/Berlin\n"
                    "reload\n"
                    "to 2026-11-21 12:00\n",
                    "[2026-11-20 23:30 CET] ---- reload\n"
                    "[2026-11-21 02:00 CET] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 CET] start 1 a daily\n"
                    "[2026-11-21 02:05 CET] end   1 good\n");
}
