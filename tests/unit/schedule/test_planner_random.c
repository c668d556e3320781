/* test_planner_random.c — storms of random events. Whatever comes, after each step:
 *
 *   one run of a job at a time and one verification beside it, never more than `parallel` of each
 *   a run is queued once, under a number higher than all before, and started at most once
 *   a paused job starts nothing but a pre-restore run; a stopped planner starts nothing
 *   one step queues at most two runs of a job (and the one asked for): no storm after a jump
 *   as long as anything is scheduled, an alarm clock is set, never later than the next due time
 *
 * and when the storm is over and every run is good, within three days nothing is owed. */
#include "lib/base/mem.h"
#include "lib/schedule/planner.h"
#include "tests/lib/test.h"

enum { JOBS = 4, RUNS_MAX = 4096, STEPS = 120, SHORT = 400, LONG = 40000, DAY = 86400 };
#define YEAR_2199_S 7226582400LL

struct seen_run {
    char job[64];
    enum run_kind kind;
    enum { ABSENT, QUEUED, RUNNING, GONE } state;
};

struct storm {
    uint64_t random;
    struct planner *planner;
    struct job models[2][JOBS];
    struct job *jobs[2][JOBS];
    struct config configs[2];
    struct seen_run runs[RUNS_MAX];
    int64_t last_number;
    struct wall now, armed;
    bool stopped;
};

static char *const names[JOBS] = {(char[]){"a"}, (char[]){"b"}, (char[]){"c"}, (char[]){"d"}};
static char *const whens[] = {(char[]){""}, (char[]){"cron */20 * * * *"}, (char[]){"on *:07"}};

static unsigned rnd(struct storm *s, unsigned below)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (unsigned)((s->random * 0x2545f4914f6cdd1dULL) >> 33) % below;
}

static void make_config(struct storm *s, int which)
{
    struct config *c = &s->configs[which];

    *c = (struct config){.jobs = s->jobs[which]};
    c->timezone = (char *)(uintptr_t) "Europe/Berlin";
    c->parallel = 1 + (int)rnd(s, 3);
    for (int i = 0; i < JOBS; i++) {
        struct job *job = &s->models[which][i];
        if (i > 0 && rnd(s, 6) == 0)
            continue; /* not in this configuration */
        *job = (struct job){.name = names[i],
                            .priority = (int)rnd(s, 3) * 50,
                            .retry_count = (int)rnd(s, 4),
                            .retry_delays_s = {300, 600, 1200},
                            .retry_delay_count = 3,
                            .jitter_s = rnd(s, 2) * 900,
                            .queue_alarm_s = rnd(s, 2) * 3600,
                            .catch_up = rnd(s, 4) != 0};
        for (int tier = 0; tier < TIER_COUNT; tier++)
            job->tiers[tier] = (struct tier_rule){.on = tier == TIER_DAILY || rnd(s, 2) == 0,
                                                  .when = tier == 0 ? whens[rnd(s, 3)] : whens[0]};
        job->verify = (struct tier_rule){.on = rnd(s, 2) == 0, .when = whens[0]};
        s->jobs[which][c->job_count++] = job;
    }
}

/* Of that job, or of all; verifications or all else. */
static int running(const struct storm *s, const char *job, bool verifying)
{
    int count = 0;

    for (int64_t i = 1; i <= s->last_number; i++)
        count += s->runs[i].state == RUNNING && (s->runs[i].kind == RUN_VERIFY) == verifying &&
                 (job == NULL || strcmp(s->runs[i].job, job) == 0);
    return count;
}

static void check_start(struct storm *s, const struct action *a, int parallel)
{
    struct planner_view view;
    struct err e = {0};

    ASSERT_EQ(s->runs[a->run].state, QUEUED);
    ASSERT_STR(s->runs[a->run].job, a->job);
    ASSERT(!s->stopped);
    s->runs[a->run].state = RUNNING;
    ASSERT_EQ(running(s, a->job, a->run_kind == RUN_VERIFY), 1);
    ASSERT(a->run_kind == RUN_VERIFY || running(s, NULL, false) <= parallel);
    if (a->run_kind == RUN_VERIFY) { /* it waits for all else, and nothing waits for it */
        ASSERT_EQ(running(s, a->job, false), 0);
        ASSERT(running(s, NULL, false) + running(s, NULL, true) <= parallel);
    }
    ASSERT_OK(planner_view(s->planner, a->job, s->now, &view, &e), e);
    ASSERT(!view.paused || a->run_kind == RUN_PRE_RESTORE);
    ASSERT(a->run_kind != RUN_BACKUP || a->tiers != 0);
}

static void check_queue(struct storm *s, const struct action *a)
{
    struct seen_run *run = &s->runs[a->run];

    ASSERT(a->run > s->last_number && a->run < RUNS_MAX);
    s->last_number = a->run;
    run->state = QUEUED;
    run->kind = a->run_kind;
    (void)snprintf(run->job, sizeof(run->job), "%s", a->job);
}

static void check_actions(struct storm *s, const struct actions *actions, int parallel, int extra)
{
    int queued = 0, ended = 0;

    s->armed.us = INT64_MAX;
    for (size_t i = 0; i < actions->count; i++) {
        const struct action *a = &actions->items[i];
        if (a->kind == ACTION_QUEUE_RUN) {
            check_queue(s, a);
            queued++;
        } else if (a->kind == ACTION_START_RUN) {
            check_start(s, a, parallel);
        } else if (a->kind == ACTION_DROP_RUN) {
            ASSERT_EQ(s->runs[a->run].state, QUEUED);
            s->runs[a->run].state = GONE;
            ended++;
        } else if (a->kind == ACTION_CANCEL_RUN) {
            ASSERT_EQ(s->runs[a->run].state, RUNNING);
        } else if (a->kind == ACTION_ARM) {
            s->armed = a->at;
        }
    }
    ASSERT(queued <= 2 * JOBS + extra);
    ASSERT(s->stopped || s->armed.us < INT64_MAX);
}

static void step(struct storm *s, struct event event)
{
    /* A reload with a smaller bound does not end what runs. */
    int parallel = s->configs[0].parallel > s->configs[1].parallel ? s->configs[0].parallel
                                                                   : s->configs[1].parallel;
    struct actions actions = {0};
    struct err e = {0};

    event.now = s->now;
    int rc = planner_step(s->planner, &event, &actions, &e);
    if (rc < 0) {
        ASSERT_EQ(e.code, ERR_NOT_FOUND);
        ASSERT_EQ(actions.count, 0);
    } else {
        s->stopped |= event.kind == EVENT_STOP;
        check_actions(s, &actions, parallel, event.kind == EVENT_TRIGGER);
    }
    actions_deinit(&actions);
}

static int64_t any_running(struct storm *s)
{
    int64_t start = s->last_number > 0 ? 1 + rnd(s, (unsigned)s->last_number) : 1;

    for (int64_t i = 0; i < s->last_number; i++) {
        int64_t run = (start + i - 1) % s->last_number + 1;
        if (s->runs[run].state == RUNNING)
            return run;
    }
    return 0;
}

static void finish(struct storm *s, int64_t run, enum run_outcome outcome)
{
    if (run == 0)
        return;
    s->runs[run].state = GONE;
    step(s, (struct event){.kind = EVENT_RUN_FINISHED, .run = run, .outcome = outcome});
}

/* Up to 27 years either way, within the years that calendars know (calendar.h). */
static void jump(struct storm *s)
{
    int64_t to;

    do
        to = s->now.us + ((int64_t)rnd(s, 20000) - 10000) * DAY * 1000000;
    while (to < 0 || to > YEAR_2199_S * 1000000);
    s->now.us = to;
    step(s, (struct event){.kind = EVENT_CLOCK_JUMPED});
}

static void random_step(struct storm *s)
{
    const char *job = names[rnd(s, JOBS)];

    switch (rnd(s, 16)) {
    case 0:
        jump(s);
        break;
    case 1:
        make_config(s, 1);
        step(s, (struct event){.kind = EVENT_CONFIG, .config = &s->configs[1]});
        s->configs[0] = s->configs[1]; /* the old one is gone, as after a real reload */
        break;
    case 2:
        step(s, (struct event){.kind = EVENT_PAUSE,
                               .job = job,
                               .until = {rnd(s, 2) * (s->now.us + DAY * 1000000LL)}});
        break;
    case 3:
        step(s, (struct event){.kind = EVENT_RESUME, .job = job});
        break;
    case 4:
    case 5:
        step(s, (struct event){.kind = EVENT_TRIGGER,
                               .job = job,
                               .run_kind = (enum run_kind)rnd(s, 3),
                               .tiers = rnd(s, 2) << rnd(s, TIER_COUNT),
                               .fragment = rnd(s, 4) == 0});
        break;
    case 6:
        step(s,
             (struct event){.kind = EVENT_CANCEL, .run = 1 + rnd(s, (unsigned)s->last_number + 2)});
        break;
    case 7:
    case 8:
    case 9:
    case 10:
        finish(s, any_running(s), (enum run_outcome)rnd(s, 5));
        break;
    default:
        if (rnd(s, 3) == 0 && s->armed.us > s->now.us && s->armed.us < INT64_MAX)
            s->now = s->armed;
        else
            s->now.us += (int64_t)rnd(s, 7200) * 1000000;
        step(s, (struct event){.kind = EVENT_TICK});
        break;
    }
}

/* Everything goes well from here on. */
static void calm(struct storm *s)
{
    struct planner_view view;
    struct err e = {0};
    int64_t end = s->now.us + 3LL * DAY * 1000000;

    for (int i = 0; i < JOBS; i++)
        step(s, (struct event){.kind = EVENT_RESUME, .job = names[i]});
    while (s->now.us < end && s->last_number < RUNS_MAX - 64) {
        int64_t run = any_running(s);
        if (run != 0) {
            finish(s, run, OUTCOME_GOOD);
            continue;
        }
        if (s->armed.us > s->now.us)
            s->now = s->armed;
        step(s, (struct event){.kind = EVENT_TICK});
    }
    for (int64_t run; (run = any_running(s)) != 0;)
        finish(s, run, OUTCOME_GOOD);
    for (size_t i = 0; i < s->configs[0].job_count; i++) {
        ASSERT_OK(planner_view(s->planner, s->configs[0].jobs[i]->name, s->now, &view, &e), e);
        ASSERT_EQ(view.owed, 0);
        ASSERT_EQ(view.queued, 0);
        ASSERT(view.next.us > s->now.us);
    }
}

static void storm(uint64_t seed)
{
    static struct storm s;

    s = (struct storm){.random = seed * 0x9e3779b97f4a7c15ULL + 1, .now = {1790000000LL * 1000000}};
    s.planner = planner_new();
    make_config(&s, 0);
    s.configs[1] = s.configs[0];
    s.stopped = true; /* nothing comes before EVENT_STARTED */
    step(&s, (struct event){.kind = EVENT_CONFIG, .config = &s.configs[0]});
    s.stopped = false;
    step(&s, (struct event){.kind = EVENT_STARTED});
    for (int i = 0; i < STEPS; i++)
        random_step(&s);
    if (seed % 4 == 0) {
        step(&s, (struct event){.kind = EVENT_STOP});
        for (int64_t run; (run = any_running(&s)) != 0;)
            finish(&s, run, OUTCOME_CANCELLED);
    } else {
        calm(&s);
    }
    planner_free(s.planner);
}

TEST(no_storm_of_events_breaks_the_rules)
{
    uint64_t count = test_long() ? LONG : SHORT;

    for (uint64_t seed = 1; seed <= count; seed++)
        storm(seed);
    test_note("%llu storms of %d events", (unsigned long long)count, STEPS);
}
