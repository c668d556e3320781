/* test_planner_faults.c — failed, incomplete, suspect and cancelled runs; pause, reload, stop,
 * restart. */
#include "tests/lib/test.h"
#include "tests/lib/timeline.h"

/* After the third retry the tier waits for its next due time. */
TEST(a_failed_run_is_tried_again_with_growing_pauses)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "run a 1min incomplete\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-22 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:06 UTC] queue 2 a daily: retry 1 of 3\n"
                    "[2026-11-21 02:06 UTC] start 2 a daily\n"
                    "[2026-11-21 02:07 UTC] end   2 incomplete\n"
                    "[2026-11-21 02:17 UTC] queue 3 a daily: retry 2 of 3\n"
                    "[2026-11-21 02:17 UTC] start 3 a daily\n"
                    "[2026-11-21 02:18 UTC] end   3 failed\n"
                    "[2026-11-21 02:38 UTC] queue 4 a daily: retry 3 of 3\n"
                    "[2026-11-21 02:38 UTC] start 4 a daily\n"
                    "[2026-11-21 02:39 UTC] end   4 failed\n"
                    "[2026-11-22 02:00 UTC] queue 5 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 5 a daily\n"
                    "[2026-11-22 02:05 UTC] end   5 good\n");
}

TEST(a_retry_that_succeeds_ends_the_series)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "run a 1min good\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-22 02:30\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:06 UTC] queue 2 a daily: retry 1 of 3\n"
                    "[2026-11-21 02:06 UTC] start 2 a daily\n"
                    "[2026-11-21 02:07 UTC] end   2 good\n"
                    "[2026-11-22 02:00 UTC] queue 3 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 3 a daily\n"
                    "[2026-11-22 02:01 UTC] end   3 failed\n"
                    "[2026-11-22 02:06 UTC] queue 4 a daily: retry 1 of 3\n"
                    "[2026-11-22 02:06 UTC] start 4 a daily\n"
                    "[2026-11-22 02:11 UTC] end   4 good\n");
}

TEST(without_retry_the_tier_stays_owed)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" weekly=\"at Sun 02:30\" retry=0\n"
                    "run a 1min failed\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 12:00\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:01 UTC] end   1 failed\n"
                    "[2026-11-22 02:30 UTC] queue 2 a daily+weekly: weekly due 02:30\n"
                    "[2026-11-22 02:30 UTC] start 2 a daily+weekly\n"
                    "[2026-11-22 02:35 UTC] end   2 good\n");
}

TEST(a_new_due_time_ends_a_pending_retry)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"at :00\" daily=\"at 02:03\"\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 01:30\n"
                    "to 2026-11-20 03:30\n",
                    "[2026-11-20 02:00 UTC] queue 1 a hourly: hourly due 02:00\n"
                    "[2026-11-20 02:00 UTC] start 1 a hourly\n"
                    "[2026-11-20 02:01 UTC] end   1 failed\n"
                    "[2026-11-20 02:03 UTC] queue 2 a hourly+daily: daily due 02:03\n"
                    "[2026-11-20 02:03 UTC] start 2 a hourly+daily\n"
                    "[2026-11-20 02:08 UTC] end   2 good\n"
                    "[2026-11-20 03:00 UTC] queue 3 a hourly: hourly due 03:00\n"
                    "[2026-11-20 03:00 UTC] start 3 a hourly\n"
                    "[2026-11-20 03:05 UTC] end   3 good\n");
}

/* And carries the failed tier along. */
TEST(a_tier_that_fell_due_during_a_failed_run_follows_at_once)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\" weekly=\"at Sun 02:10\"\n"
        "run a 20min failed\n"
        "start 2026-11-21 12:00\n"
        "to 2026-11-22 12:00\n",
        "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
        "[2026-11-22 02:00 UTC] start 1 a daily\n"
        "[2026-11-22 02:20 UTC] end   1 failed\n"
        "[2026-11-22 02:20 UTC] queue 2 a daily+weekly: weekly owed since 2026-11-22 02:10 UTC\n"
        "[2026-11-22 02:20 UTC] start 2 a daily+weekly\n"
        "[2026-11-22 02:25 UTC] end   2 good\n");
}

TEST(a_suspect_run_leaves_its_tiers_owed_without_retry)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" weekly=\"at Sun 02:00\"\n"
                    "run a 5min suspect\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-23 12:00\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily+weekly: daily, weekly due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily+weekly\n"
                    "[2026-11-22 02:05 UTC] end   1 suspect\n"
                    "[2026-11-23 02:00 UTC] queue 2 a daily+weekly: daily due 02:00\n"
                    "[2026-11-23 02:00 UTC] start 2 a daily+weekly\n"
                    "[2026-11-23 02:05 UTC] end   2 good\n");
}

TEST(a_cancelled_run_is_not_tried_again)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1h good\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:10\n"
                    "cancel 1\n"
                    "cancel 1\n"
                    "to 2026-11-23 03:00\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:10 UTC] stop  1\n"
                    "[2026-11-22 02:10 UTC] end   1 cancelled\n"
                    "[2026-11-23 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-23 02:00 UTC] start 2 a daily\n"
                    "[2026-11-23 02:05 UTC] end   2 good\n");
}

TEST(a_cancelled_queued_run_does_not_come_back_at_once)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job b daily=\"at 01:00\"\n"
                    "job a daily=\"at 02:00\"\n"
                    "run b 2h good\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:10\n"
                    "cancel 2\n"
                    "cancel 2\n"
                    "to 2026-11-23 00:30\n",
                    "[2026-11-22 01:00 UTC] queue 1 b daily: daily due 01:00\n"
                    "[2026-11-22 01:00 UTC] start 1 b daily\n"
                    "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-22 02:10 UTC] drop  2: cancelled\n"
                    "[2026-11-22 02:10 UTC] error there is no run 2 that waits or works\n"
                    "[2026-11-22 03:00 UTC] end   1 good\n");
}

TEST(a_manual_run_that_fails_is_not_tried_again)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 01:00\n"
                    "trigger a\n"
                    "to 2026-11-20 01:50\n",
                    "[2026-11-20 01:00 UTC] queue 1 a manual: manual\n"
                    "[2026-11-20 01:00 UTC] start 1 a manual\n"
                    "[2026-11-20 01:01 UTC] end   1 failed\n");
}

TEST(a_paused_job_starts_nothing_and_owes_one_run)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\"\n"
                    "start 2026-11-20 00:30\n"
                    "pause a\n"
                    "trigger a\n"
                    "to 2026-11-20 04:30\n"
                    "resume a\n"
                    "to 2026-11-20 05:30\n",
                    "[2026-11-20 00:30 UTC] queue 1 a manual: manual\n"
                    "[2026-11-20 01:30 UTC] alarm 1 waits for job \"a\" to be resumed\n"
                    "[2026-11-20 04:30 UTC] start 1 a hourly+manual\n"
                    "[2026-11-20 04:35 UTC] end   1 good\n"
                    "[2026-11-20 05:00 UTC] queue 2 a hourly: hourly due 05:00\n"
                    "[2026-11-20 05:00 UTC] start 2 a hourly\n"
                    "[2026-11-20 05:05 UTC] end   2 good\n");
}

TEST(a_pause_ends_by_itself)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\"\n"
        "start 2026-11-20 00:30\n"
        "pause a 2026-11-22 08:00\n"
        "to 2026-11-23 03:00\n",
        "[2026-11-22 08:00 UTC] queue 1 a daily: daily owed since 2026-11-22 02:00 UTC\n"
        "[2026-11-22 08:00 UTC] start 1 a daily\n"
        "[2026-11-22 08:05 UTC] end   1 good\n"
        "[2026-11-23 02:00 UTC] queue 2 a daily: daily due 02:00\n"
        "[2026-11-23 02:00 UTC] start 2 a daily\n"
        "[2026-11-23 02:05 UTC] end   2 good\n");
}

TEST(a_pre_restore_run_goes_first_and_through_a_pause)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job b daily=\"at 02:00\" priority=100\n"
                    "job a daily=\"at 02:00\"\n"
                    "run b 10min good\n"
                    "start 2026-11-20 00:30\n"
                    "pause a\n"
                    "to 2026-11-20 02:05\n"
                    "trigger b\n"
                    "pre-restore a\n"
                    "to 2026-11-20 03:00\n",
                    "[2026-11-20 02:00 UTC] queue 1 b daily: daily due 02:00\n"
                    "[2026-11-20 02:00 UTC] start 1 b daily\n"
                    "[2026-11-20 02:05 UTC] queue 2 b manual: manual\n"
                    "[2026-11-20 02:05 UTC] queue 3 a pre-restore pre-restore: before a restore\n"
                    "[2026-11-20 02:10 UTC] end   1 good\n"
                    "[2026-11-20 02:10 UTC] start 3 a pre-restore pre-restore\n"
                    "[2026-11-20 02:15 UTC] end   3 good\n"
                    "[2026-11-20 02:15 UTC] start 2 b manual\n"
                    "[2026-11-20 02:20 UTC] end   2 good\n");
}

/* The run goes on; new times count from the reload on. */
TEST(reload_mid_run_keeps_what_is_owed)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\" weekly=\"at Sun 02:10\"\n"
        "job b daily=\"at 02:30\"\n"
        "run a 1h good\n"
        "start 2026-11-21 12:00\n"
        "to 2026-11-22 02:20\n"
        "job a daily=\"at 01:00\" weekly=\"at Sun 02:10\"\n"
        "unjob b\n"
        "job c daily=\"at 02:25\"\n"
        "reload\n"
        "to 2026-11-23 03:00\n",
        "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
        "[2026-11-22 02:00 UTC] start 1 a daily\n"
        "[2026-11-22 02:20 UTC] ---- reload\n"
        "[2026-11-22 02:25 UTC] queue 2 c daily: daily due 02:25\n"
        "[2026-11-22 03:00 UTC] end   1 good\n"
        "[2026-11-22 03:00 UTC] queue 3 a weekly: weekly owed since 2026-11-22 02:10 UTC\n"
        "[2026-11-22 03:00 UTC] start 2 c daily\n"
        "[2026-11-22 03:05 UTC] end   2 good\n"
        "[2026-11-22 03:05 UTC] start 3 a weekly\n"
        "[2026-11-22 03:10 UTC] end   3 good\n"
        "[2026-11-23 01:00 UTC] queue 4 a daily: daily due 01:00\n"
        "[2026-11-23 01:00 UTC] start 4 a daily\n"
        "[2026-11-23 01:05 UTC] end   4 good\n"
        "[2026-11-23 02:25 UTC] queue 5 c daily: daily due 02:25\n"
        "[2026-11-23 02:25 UTC] start 5 c daily\n"
        "[2026-11-23 02:30 UTC] end   5 good\n");
}

TEST(a_job_that_leaves_drops_its_queue_but_not_its_run)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "job b daily=\"at 02:00\"\n"
                    "run a 1h failed\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:20\n"
                    "unjob a\n"
                    "unjob b\n"
                    "reload\n"
                    "to 2026-11-22 03:30\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] queue 2 b daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:20 UTC] ---- reload\n"
                    "[2026-11-22 02:20 UTC] drop  2: the job is not configured any more\n"
                    "[2026-11-22 03:00 UTC] end   1 failed\n");
}

TEST(a_wrong_reload_changes_nothing)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-21 12:00\n"
                    "job a daily=\"at 25:00\"\n"
                    "reload\n"
                    "to 2026-11-22 03:00\n",
                    "[2026-11-21 12:00 UTC] ---- reload\n"
                    "[2026-11-21 12:00 UTC] error job \"a\": daily: \"at 25:00\" is not what daily "
                    "takes: \"at HH:MM\", for example \"at 02:00\"\n"
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:05 UTC] end   1 good\n");
}

TEST(stop_cancels_and_starts_nothing)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "job b daily=\"at 02:00\"\n"
                    "run a 1h good\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:20\n"
                    "stop\n"
                    "trigger b\n"
                    "to 2026-11-23 12:00\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] queue 2 b daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:20 UTC] stop  1\n"
                    "[2026-11-22 02:20 UTC] queue 3 b manual: manual\n"
                    "[2026-11-22 02:20 UTC] end   1 cancelled\n");
}

TEST(missed_runs_are_one_run_after_a_restart)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\" daily=\"at 02:00\"\n"
                    "start 2026-11-20 00:30\n"
                    "to 2026-11-20 01:30\n"
                    "restart 2026-11-22 09:17\n"
                    "to 2026-11-22 10:30\n",
                    "[2026-11-20 01:00 UTC] queue 1 a hourly: hourly due 01:00\n"
                    "[2026-11-20 01:00 UTC] start 1 a hourly\n"
                    "[2026-11-20 01:05 UTC] end   1 good\n"
                    "[2026-11-22 09:17 UTC] queue 2 a hourly+daily: hourly, daily owed since "
                    "2026-11-20 02:00 UTC\n"
                    "[2026-11-22 09:17 UTC] start 2 a hourly+daily\n"
                    "[2026-11-22 09:22 UTC] end   2 good\n"
                    "[2026-11-22 10:00 UTC] queue 3 a hourly: hourly due 10:00\n"
                    "[2026-11-22 10:00 UTC] start 3 a hourly\n"
                    "[2026-11-22 10:05 UTC] end   3 good\n");
}

TEST(without_catch_up_nothing_is_owed_after_a_restart)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"\" daily=\"at 02:00\" catch_up=no\n"
                    "start 2026-11-20 00:30\n"
                    "to 2026-11-20 01:30\n"
                    "restart 2026-11-22 09:17\n"
                    "to 2026-11-22 10:30\n",
                    "[2026-11-20 01:00 UTC] queue 1 a hourly: hourly due 01:00\n"
                    "[2026-11-20 01:00 UTC] start 1 a hourly\n"
                    "[2026-11-20 01:05 UTC] end   1 good\n"
                    "[2026-11-22 10:00 UTC] queue 2 a hourly: hourly due 10:00\n"
                    "[2026-11-22 10:00 UTC] start 2 a hourly\n"
                    "[2026-11-22 10:05 UTC] end   2 good\n");
}

TEST(a_run_cut_off_by_a_crash_is_retried)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" catch_up=no\n"
                    "run a 1h good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:30\n"
                    "restart 2026-11-21 02:40\n"
                    "to 2026-11-21 03:30\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:40 UTC] end   1 failed\n"
                    "[2026-11-21 02:45 UTC] queue 2 a daily: retry 1 of 3\n"
                    "[2026-11-21 02:45 UTC] start 2 a daily\n"
                    "[2026-11-21 02:50 UTC] end   2 good\n");
}

TEST(queued_runs_outlive_a_restart)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job b daily=\"at 01:00\"\n"
                    "job a daily=\"at 02:00\"\n"
                    "run b 3h good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 01:30\n"
                    "trigger a\n"
                    "pause b\n"
                    "restart 2026-11-21 02:40\n"
                    "to 2026-11-21 03:30\n",
                    "[2026-11-21 01:00 UTC] queue 1 b daily: daily due 01:00\n"
                    "[2026-11-21 01:00 UTC] start 1 b daily\n"
                    "[2026-11-21 01:30 UTC] queue 2 a manual: manual\n"
                    "[2026-11-21 02:40 UTC] end   1 failed\n"
                    "[2026-11-21 02:40 UTC] start 2 a daily+manual\n"
                    "[2026-11-21 02:45 UTC] end   2 good\n");
}

TEST(retries_are_counted_through_a_restart)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:08\n"
                    "restart 2026-11-21 02:10\n"
                    "to 2026-11-21 12:00\n"
                    "restart 2026-11-21 12:10\n"
                    "to 2026-11-22 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:06 UTC] queue 2 a daily: retry 1 of 3\n"
                    "[2026-11-21 02:06 UTC] start 2 a daily\n"
                    "[2026-11-21 02:07 UTC] end   2 failed\n"
                    "[2026-11-21 02:17 UTC] queue 3 a daily: retry 2 of 3\n"
                    "[2026-11-21 02:17 UTC] start 3 a daily\n"
                    "[2026-11-21 02:18 UTC] end   3 failed\n"
                    "[2026-11-21 02:38 UTC] queue 4 a daily: retry 3 of 3\n"
                    "[2026-11-21 02:38 UTC] start 4 a daily\n"
                    "[2026-11-21 02:39 UTC] end   4 failed\n"
                    "[2026-11-22 02:00 UTC] queue 5 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 5 a daily\n"
                    "[2026-11-22 02:05 UTC] end   5 good\n");
}

TEST(unknown_names_are_refused)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "start 2026-11-20 12:00\n"
                    "trigger x\n"
                    "pause x\n"
                    "cancel 7\n",
                    "[2026-11-20 12:00 UTC] error there is no job \"x\"\n"
                    "[2026-11-20 12:00 UTC] error there is no job \"x\"\n"
                    "[2026-11-20 12:00 UTC] error there is no run 7 that waits or works\n");
}

TEST(a_new_due_time_begins_a_new_series_of_retries)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" weekly=\"at Sun 03:00\" retry=1\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 04:00\n",
                    "[2026-11-22 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-22 02:00 UTC] start 1 a daily\n"
                    "[2026-11-22 02:01 UTC] end   1 failed\n"
                    "[2026-11-22 02:06 UTC] queue 2 a daily: retry 1 of 1\n"
                    "[2026-11-22 02:06 UTC] start 2 a daily\n"
                    "[2026-11-22 02:07 UTC] end   2 failed\n"
                    "[2026-11-22 03:00 UTC] queue 3 a daily+weekly: weekly due 03:00\n"
                    "[2026-11-22 03:00 UTC] start 3 a daily+weekly\n"
                    "[2026-11-22 03:01 UTC] end   3 failed\n"
                    "[2026-11-22 03:06 UTC] queue 4 a daily+weekly: retry 1 of 1\n"
                    "[2026-11-22 03:06 UTC] start 4 a daily+weekly\n"
                    "[2026-11-22 03:11 UTC] end   4 good\n");
}

/* Not what failed for good, and what is retried only in its time. */
TEST(reload_starts_nothing_that_waits)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" retry=0\n"
                    "job b daily=\"at 02:00\"\n"
                    "run a 1min failed\n"
                    "run b 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:03\n"
                    "reload\n"
                    "to 2026-11-21 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] queue 2 b daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:01 UTC] start 2 b daily\n"
                    "[2026-11-21 02:02 UTC] end   2 failed\n"
                    "[2026-11-21 02:03 UTC] ---- reload\n"
                    "[2026-11-21 02:07 UTC] queue 3 b daily: retry 1 of 3\n"
                    "[2026-11-21 02:07 UTC] start 3 b daily\n"
                    "[2026-11-21 02:12 UTC] end   3 good\n");
}

TEST(reload_forgets_a_tier_that_is_gone)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" weekly=\"at Sun 03:00\"\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:03\n"
                    "job a weekly=\"at Sun 03:00\"\n"
                    "reload\n"
                    "to 2026-11-22 04:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:03 UTC] ---- reload\n"
                    "[2026-11-22 03:00 UTC] queue 2 a weekly: weekly due 03:00\n"
                    "[2026-11-22 03:00 UTC] start 2 a weekly\n"
                    "[2026-11-22 03:05 UTC] end   2 good\n");
}

TEST(reload_keeps_a_pause_and_what_is_owed_in_it)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\" verify=\"daily at 02:00\"\n"
        "start 2026-11-20 12:00\n"
        "pause a\n"
        "to 2026-11-21 02:03\n"
        "reload\n"
        "to 2026-11-21 04:00\n"
        "resume a\n"
        "to 2026-11-21 05:00\n",
        "[2026-11-21 02:03 UTC] ---- reload\n"
        "[2026-11-21 04:00 UTC] queue 1 a daily: daily owed since 2026-11-21 02:00 UTC\n"
        "[2026-11-21 04:00 UTC] queue 2 a verify -: verify due\n"
        "[2026-11-21 04:00 UTC] start 1 a daily\n"
        "[2026-11-21 04:05 UTC] end   1 good\n"
        "[2026-11-21 04:05 UTC] start 2 a verify -\n"
        "[2026-11-21 04:10 UTC] end   2 good\n");
}

TEST(without_catch_up_a_run_cut_off_brings_back_its_own_tiers_only)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a hourly=\"at :30\" daily=\"at 02:00\" catch_up=no\n"
                    "run a 10min good\n"
                    "run a 2h good\n"
                    "start 2026-11-20 23:55\n"
                    "to 2026-11-21 02:05\n"
                    "restart 2026-11-21 12:10\n"
                    "to 2026-11-21 13:00\n",
                    "[2026-11-21 00:30 UTC] queue 1 a hourly: hourly due 00:30\n"
                    "[2026-11-21 00:30 UTC] start 1 a hourly\n"
                    "[2026-11-21 00:40 UTC] end   1 good\n"
                    "[2026-11-21 01:30 UTC] queue 2 a hourly: hourly due 01:30\n"
                    "[2026-11-21 01:30 UTC] start 2 a hourly\n"
                    "[2026-11-21 12:10 UTC] end   2 failed\n"
                    "[2026-11-21 12:15 UTC] queue 3 a hourly: retry 1 of 3\n"
                    "[2026-11-21 12:15 UTC] start 3 a hourly\n"
                    "[2026-11-21 12:20 UTC] end   3 good\n"
                    "[2026-11-21 12:30 UTC] queue 4 a hourly: hourly due 12:30\n"
                    "[2026-11-21 12:30 UTC] start 4 a hourly\n"
                    "[2026-11-21 12:35 UTC] end   4 good\n");
}

TEST(tiers_that_a_queued_run_gathered_outlive_a_crash)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job b daily=\"at 01:30\"\n"
                    "job a daily=\"at 02:00\" weekly=\"at Sun 02:10\" catch_up=no\n"
                    "run b 1h good\n"
                    "run a 1h good\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:40\n"
                    "restart 2026-11-22 02:45\n"
                    "to 2026-11-22 03:30\n",
                    "[2026-11-22 01:30 UTC] queue 1 b daily: daily due 01:30\n"
                    "[2026-11-22 01:30 UTC] start 1 b daily\n"
                    "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-22 02:30 UTC] end   1 good\n"
                    "[2026-11-22 02:30 UTC] start 2 a daily+weekly\n"
                    "[2026-11-22 02:45 UTC] end   2 failed\n"
                    "[2026-11-22 02:50 UTC] queue 3 a daily+weekly: retry 1 of 3\n"
                    "[2026-11-22 02:50 UTC] start 3 a daily+weekly\n"
                    "[2026-11-22 02:55 UTC] end   3 good\n");
}

TEST(a_queued_run_outlives_a_restart_without_catch_up)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job b daily=\"at 01:30\"\n"
                    "job a daily=\"at 02:00\" catch_up=no\n"
                    "run b 1h good\n"
                    "start 2026-11-21 12:00\n"
                    "to 2026-11-22 02:10\n"
                    "restart 2026-11-22 02:15\n"
                    "to 2026-11-22 02:30\n",
                    "[2026-11-22 01:30 UTC] queue 1 b daily: daily due 01:30\n"
                    "[2026-11-22 01:30 UTC] start 1 b daily\n"
                    "[2026-11-22 02:00 UTC] queue 2 a daily: daily due 02:00\n"
                    "[2026-11-22 02:15 UTC] end   1 failed\n"
                    "[2026-11-22 02:15 UTC] start 2 a daily\n"
                    "[2026-11-22 02:20 UTC] end   2 good\n"
                    "[2026-11-22 02:20 UTC] queue 3 b daily: retry 1 of 3\n"
                    "[2026-11-22 02:20 UTC] start 3 b daily\n"
                    "[2026-11-22 02:25 UTC] end   3 good\n");
}

TEST(a_run_that_a_person_cancelled_before_the_crash_is_not_retried)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\"\n"
                    "run a 1h good\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:10\n"
                    "cancel 1\n"
                    "restart 2026-11-21 02:20\n"
                    "to 2026-11-21 03:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:10 UTC] stop  1\n"
                    "[2026-11-21 02:20 UTC] end   1 failed\n");
}

TEST(reload_goes_on_counting_retries)
{
    EXPECT_TIMELINE("zone UTC\n"
                    "job a daily=\"at 02:00\" retry=2\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "run a 1min failed\n"
                    "start 2026-11-20 12:00\n"
                    "to 2026-11-21 02:08\n"
                    "reload\n"
                    "to 2026-11-21 12:00\n",
                    "[2026-11-21 02:00 UTC] queue 1 a daily: daily due 02:00\n"
                    "[2026-11-21 02:00 UTC] start 1 a daily\n"
                    "[2026-11-21 02:01 UTC] end   1 failed\n"
                    "[2026-11-21 02:06 UTC] queue 2 a daily: retry 1 of 2\n"
                    "[2026-11-21 02:06 UTC] start 2 a daily\n"
                    "[2026-11-21 02:07 UTC] end   2 failed\n"
                    "[2026-11-21 02:08 UTC] ---- reload\n"
                    "[2026-11-21 02:17 UTC] queue 3 a daily: retry 2 of 2\n"
                    "[2026-11-21 02:17 UTC] start 3 a daily\n"
                    "[2026-11-21 02:18 UTC] end   3 failed\n");
}

TEST(reload_keeps_the_end_of_a_pause)
{
    EXPECT_TIMELINE(
        "zone UTC\n"
        "job a daily=\"at 02:00\"\n"
        "start 2026-11-20 12:00\n"
        "pause a 2026-11-21 03:00\n"
        "reload\n"
        "to 2026-11-21 04:00\n",
        "[2026-11-20 12:00 UTC] ---- reload\n"
        "[2026-11-21 03:00 UTC] queue 1 a daily: daily owed since 2026-11-21 02:00 UTC\n"
        "[2026-11-21 03:00 UTC] start 1 a daily\n"
        "[2026-11-21 03:05 UTC] end   1 good\n");
}
