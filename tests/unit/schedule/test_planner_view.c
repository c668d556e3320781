/* test_planner_view.c — what status and `synbakctl schedule` are told, and run numbers. */
#include "lib/base/mem.h"
#include "lib/schedule/planner.h"
#include "tests/lib/test.h"

static struct job job;
static struct job *jobs[] = {&job};
static struct config config;

static struct wall at(const char *text)
{
    struct wall t = {0};

    ASSERT_EQ(clock_parse_iso8601(text, &t), 0);
    return t;
}

static struct actions step(struct planner *p, struct event event, const char *now)
{
    struct actions actions = {0};
    struct err e = {0};

    event.now = at(now);
    ASSERT_OK(planner_step(p, &event, &actions, &e), e);
    return actions;
}

static void quiet(struct planner *p, struct event event, const char *now)
{
    struct actions actions = step(p, event, now);

    actions_deinit(&actions);
}

static struct planner *loaded(void)
{
    struct planner *p = planner_new();

    job = (struct job){.name = (char *)(uintptr_t) "a",
                       .retry_count = 3,
                       .retry_delays_s = {300},
                       .retry_delay_count = 1,
                       .catch_up = true};
    job.tiers[TIER_DAILY] = (struct tier_rule){.on = true, .when = (char *)(uintptr_t) "at 02:00"};
    job.tiers[TIER_WEEKLY] =
        (struct tier_rule){.on = true, .when = (char *)(uintptr_t) "at Sun 02:00"};
    config = (struct config){
        .timezone = (char *)(uintptr_t) "UTC", .parallel = 1, .jobs = jobs, .job_count = 1};
    quiet(p, (struct event){.kind = EVENT_CONFIG, .config = &config}, "2026-11-20T12:00:00Z");
    return p;
}

static struct planner_view view(const struct planner *p, const char *now)
{
    struct planner_view v;
    struct err e = {0};

    ASSERT_OK(planner_view(p, "a", at(now), &v, &e), e);
    return v;
}

TEST(the_view_of_a_job)
{
    struct planner *p = loaded();
    struct planner_view v;

    quiet(p, (struct event){.kind = EVENT_STARTED}, "2026-11-20T12:00:00Z");
    v = view(p, "2026-11-20T12:00:00Z");
    ASSERT_EQ(v.next.us, at("2026-11-21T02:00:00Z").us);
    ASSERT_EQ(v.next_tiers, 1 << TIER_DAILY);
    ASSERT_EQ(v.shortest_interval_s, 86400);
    ASSERT_EQ(v.owed, 0);
    quiet(p, (struct event){.kind = EVENT_TICK}, "2026-11-22T02:00:00Z");
    v = view(p, "2026-11-22T02:00:00Z");
    ASSERT_EQ(v.running, 1);
    ASSERT_EQ(v.owed, 1 << TIER_DAILY | 1 << TIER_WEEKLY);
    quiet(p, (struct event){.kind = EVENT_TRIGGER, .job = "a"}, "2026-11-22T02:01:00Z");
    ASSERT_EQ(view(p, "2026-11-22T02:01:00Z").queued, 2);
    quiet(p, (struct event){.kind = EVENT_CANCEL, .run = 2}, "2026-11-22T02:02:00Z");
    quiet(p, (struct event){.kind = EVENT_TICK}, "2026-11-23T02:00:00Z");
    ASSERT_EQ(view(p, "2026-11-23T02:00:00Z").skipped, 1);
    quiet(p, (struct event){.kind = EVENT_CONFIG, .config = &config}, "2026-11-23T02:00:00Z");
    ASSERT_EQ(view(p, "2026-11-23T02:00:00Z").skipped, 1); /* since the start, not the reload */
    quiet(p, (struct event){.kind = EVENT_RUN_FINISHED, .run = 1, .outcome = OUTCOME_FAILED},
          "2026-11-23T02:10:00Z");
    v = view(p, "2026-11-23T02:10:00Z");
    ASSERT_EQ(v.running, 0);
    ASSERT_EQ(v.retry_at.us, at("2026-11-23T02:15:00Z").us);
    quiet(p, (struct event){.kind = EVENT_PAUSE, .job = "a", .until = at("2026-12-01T00:00:00Z")},
          "2026-11-23T02:11:00Z");
    v = view(p, "2026-11-23T02:11:00Z");
    ASSERT(v.paused);
    ASSERT_EQ(v.paused_until.us, at("2026-12-01T00:00:00Z").us);
    planner_free(p);
}

TEST(the_next_due_times_join_tiers_that_coincide)
{
    struct planner *p = loaded();
    struct planner_due due[3];

    ASSERT_EQ(planner_upcoming(p, "a", at("2026-11-20T12:00:00Z"), due, 3), 3);
    ASSERT_EQ(due[0].at.us, at("2026-11-21T02:00:00Z").us);
    ASSERT_EQ(due[0].tiers, 1 << TIER_DAILY);
    ASSERT_EQ(due[1].at.us, at("2026-11-22T02:00:00Z").us);
    ASSERT_EQ(due[1].tiers, 1 << TIER_DAILY | 1 << TIER_WEEKLY);
    ASSERT_EQ(due[2].at.us, at("2026-11-23T02:00:00Z").us);
    ASSERT_EQ(planner_upcoming(p, "x", at("2026-11-20T12:00:00Z"), due, 3), 0);
    planner_free(p);
}

TEST(a_job_without_tiers_has_no_next_run)
{
    struct planner *p = loaded();
    struct planner_view v;

    job.tiers[TIER_DAILY].on = job.tiers[TIER_WEEKLY].on = false;
    quiet(p, (struct event){.kind = EVENT_CONFIG, .config = &config}, "2026-11-20T12:00:00Z");
    quiet(p, (struct event){.kind = EVENT_STARTED}, "2026-11-20T12:00:00Z");
    v = view(p, "2026-11-20T12:00:00Z");
    ASSERT_EQ(v.next.us, INT64_MAX);
    ASSERT_EQ(v.shortest_interval_s, 0);
    planner_free(p);
}

TEST(numbers_go_on_behind_everything_that_was_replayed)
{
    struct planner *p = loaded();
    struct actions actions;

    quiet(p, (struct event){.kind = EVENT_RUN_FINISHED, .run = 41, .job = ""},
          "2026-11-20T12:00:00Z");
    quiet(p, (struct event){.kind = EVENT_STARTED}, "2026-11-20T12:00:00Z");
    actions = step(p, (struct event){.kind = EVENT_TRIGGER, .job = "a"}, "2026-11-20T12:01:00Z");
    ASSERT_EQ(actions.items[0].run, 42);
    actions_deinit(&actions);
    planner_free(p);
}

TEST(a_job_known_to_the_journal_catches_up_its_first_due_time)
{
    struct planner *p = loaded();

    quiet(p, (struct event){.kind = EVENT_JOB_KNOWN, .job = "a"}, "2026-11-20T12:00:00Z");
    quiet(p, (struct event){.kind = EVENT_STARTED}, "2026-11-21T12:00:00Z");
    ASSERT_EQ(view(p, "2026-11-21T12:00:00Z").running, 1);
    planner_free(p);
    p = loaded();
    quiet(p, (struct event){.kind = EVENT_STARTED}, "2026-11-21T12:00:00Z");
    ASSERT_EQ(view(p, "2026-11-21T12:00:00Z").running, 0);
    planner_free(p);
}

TEST(outcomes_have_words)
{
    for (int i = OUTCOME_GOOD; i <= OUTCOME_CANCELLED; i++)
        ASSERT_EQ(run_outcome_from_word(run_outcome_word((enum run_outcome)i)), i);
    ASSERT_EQ(run_outcome_from_word("splendid"), -1);
    ASSERT_EQ(run_outcome_from_word(NULL), -1);
}
