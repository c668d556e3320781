/* timeline.c — see timeline.h. Runs are played, not done: a plan says how long one takes and how it
 * ends. */
#include "tests/lib/timeline.h"

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/schedule/planner.h"
#include "lib/schedule/zone.h"
#include "tests/lib/test.h"

enum { MAX_JOBS = 16, MAX_RUNS = 64, MAX_HISTORY = 4096, MAX_PLANS = 32, MAX_BLOCKS = 256 };

struct plan { /* how the next run of a job goes */
    char job[64];
    int64_t seconds;
    enum run_outcome outcome;
};

struct work { /* a run in progress */
    int64_t run;
    struct wall end;
    enum run_outcome outcome;
};

struct timeline {
    struct planner *planner;
    struct zone *zone;
    char *zone_name;
    struct config *config; /* in force */
    struct job *jobs[MAX_JOBS];
    size_t job_count;
    int parallel;
    struct wall now, armed;
    struct plan plans[MAX_PLANS];
    size_t plan_count;
    struct work work[MAX_RUNS];
    size_t work_count;
    struct event *history;
    size_t history_count;
    struct buf out;
    struct strlist kept;      /* strings that the model and history borrow */
    void *blocks[MAX_BLOCKS]; /* every model ever in force, freed at the end */
    size_t block_count;
};

static struct timeline
    *t; /* one script at a time; reachable, so that the leak checker is content */

static void step(struct event event);

static const char *keep(const char *s)
{
    strlist_add(&t->kept, s);
    return t->kept.items[t->kept.count - 1];
}

static void *keep_block(void *p)
{
    if (t->block_count == MAX_BLOCKS)
        test_fail(__FILE__, __LINE__, "the script has too many jobs");
    t->blocks[t->block_count++] = p;
    return p;
}

static struct wall parse_time(const char *text)
{
    int y = 0, mo = 0, d = 0, h = 0, m = 0;
    struct wall at;

    if (clock_parse_iso8601(text, &at) == 0)
        return at;
    if (sscanf(text, "%d-%d-%d %d:%d", &y, &mo, &d, &h, &m) != 5)
        test_fail(__FILE__, __LINE__, "no time: %s", text);
    at.us = zone_first_at(t->zone, civil_to_days(y, mo, d) * DAY_S + h * 3600 + m * 60) * 1000000;
    return at;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    char text[512], when[48];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (buf_printf(&t->out, NULL, "[%s] %s\n", zone_format(t->zone, t->now, when), text) < 0)
        test_fail(__FILE__, __LINE__, "the timeline is too long");
}

static const char *words(unsigned tiers)
{
    static char out[128];

    out[0] = '\0';
    for (int i = 0; i < TIER_ALL_COUNT; i++)
        if ((tiers >> i & 1) != 0) {
            if (out[0] != '\0')
                strcat(out, "+");
            strcat(out, tier_word(i));
        }
    return out[0] != '\0' ? out : "-";
}

static void record(struct event event)
{
    if (t->history_count == MAX_HISTORY)
        test_fail(__FILE__, __LINE__, "the history is too long");
    t->history[t->history_count++] = event;
}

static void begin_work(const struct action *a)
{
    struct plan plan = {.seconds = 300, .outcome = OUTCOME_GOOD};

    for (size_t i = 0; i < t->plan_count; i++)
        if (strcmp(t->plans[i].job, a->job) == 0) {
            plan = t->plans[i];
            memmove(&t->plans[i], &t->plans[i + 1], (--t->plan_count - i) * sizeof(plan));
            break;
        }
    t->work[t->work_count++] =
        (struct work){a->run, {t->now.us + plan.seconds * 1000000}, plan.outcome};
}

static void cut_work_short(int64_t run)
{
    for (size_t i = 0; i < t->work_count; i++)
        if (t->work[i].run == run) {
            t->work[i].end = t->now;
            t->work[i].outcome = OUTCOME_CANCELLED;
        }
}

static void perform(const struct action *a)
{
    static const char *const kinds[] = {"", " verify", " pre-restore"};
    const char *kind = kinds[a->run_kind];
    struct event event = {.now = t->now,
                          .job = keep(a->job),
                          .run = a->run,
                          .run_kind = a->run_kind,
                          .tiers = a->tiers,
                          .fragment = a->fragment};

    switch (a->kind) {
    case ACTION_QUEUE_RUN:
        say("queue %lld %s%s %s%s: %s", (long long)a->run, a->job, kind, words(a->tiers),
            a->fragment ? " fragment" : "", a->why);
        event.kind = EVENT_RUN_QUEUED;
        record(event);
        break;
    case ACTION_START_RUN:
        say("start %lld %s%s %s", (long long)a->run, a->job, kind, words(a->tiers));
        event.kind = EVENT_RUN_STARTED;
        record(event);
        begin_work(a);
        break;
    case ACTION_CANCEL_RUN:
        say("stop  %lld", (long long)a->run);
        cut_work_short(a->run);
        break;
    case ACTION_DROP_RUN:
        say("drop  %lld: %s", (long long)a->run, a->why);
        event.kind = EVENT_RUN_FINISHED;
        event.outcome = OUTCOME_CANCELLED;
        record(event);
        break;
    case ACTION_SKIP:
        say("skip  %s %s: %s", a->job, words(a->tiers), a->why);
        break;
    case ACTION_ALARM_QUEUED:
        say("alarm %lld %s", (long long)a->run, a->why);
        break;
    case ACTION_ARM:
        t->armed = a->at;
        break;
    }
}

static void step(struct event event)
{
    struct actions actions = {0};
    struct err e = {0};

    event.now = t->now;
    if (planner_step(t->planner, &event, &actions, &e) < 0)
        say("error %s", e.text); /* the alarm clock stays as it was */
    else
        t->armed.us = INT64_MAX;
    for (size_t i = 0; i < actions.count; i++)
        perform(&actions.items[i]);
    actions_deinit(&actions);
}

static void finish(size_t at)
{
    struct work done = t->work[at];
    struct event event = {
        .kind = EVENT_RUN_FINISHED, .now = t->now, .run = done.run, .outcome = done.outcome};

    memmove(&t->work[at], &t->work[at + 1], (--t->work_count - at) * sizeof(done));
    say("end   %lld %s", (long long)done.run, run_outcome_word(done.outcome));
    record(event);
    step(event);
}

static void pass_to(struct wall until)
{
    for (;;) {
        size_t first = t->work_count;
        struct wall next = t->armed;
        for (size_t i = 0; i < t->work_count; i++)
            if (t->work[i].end.us <= next.us) {
                next = t->work[i].end;
                first = i;
            }
        if (next.us > until.us)
            break;
        if (next.us > t->now.us)
            t->now = next;
        if (first < t->work_count)
            finish(first);
        else
            step((struct event){.kind = EVENT_TICK});
    }
    t->now = until;
}

static void set_rule(struct tier_rule *rule, const char *value)
{
    *rule = (struct tier_rule){.on = !str_equal(value, "off"),
                               .when = (char *)(uintptr_t)keep(value),
                               .keep = KEEP_FOREVER};
}

static void set_key(struct job *job, const char *key, const char *value)
{
    if (tier_from_word(key) >= 0)
        set_rule(&job->tiers[tier_from_word(key)], value);
    else if (str_equal(key, "verify"))
        set_rule(&job->verify, value);
    else if (str_equal(key, "priority"))
        job->priority = atoi(value);
    else if (str_equal(key, "retry"))
        job->retry_count = atoi(value);
    else if (str_equal(key, "jitter"))
        job->jitter_s = atoi(value);
    else if (str_equal(key, "queue_alarm"))
        job->queue_alarm_s = atoi(value);
    else if (str_equal(key, "catch_up"))
        job->catch_up = str_equal(value, "yes");
    else
        test_fail(__FILE__, __LINE__, "no such key: %s", key);
}

static void set_job(const struct strlist *words_)
{
    struct job *job = keep_block(mem_alloc(sizeof(*job)));
    size_t at = 0;

    *job = (struct job){.name = (char *)(uintptr_t)keep(words_->items[1]),
                        .priority = 50,
                        .retry_count = 3,
                        .retry_delays_s = {300, 600, 1200},
                        .retry_delay_count = 3,
                        .queue_alarm_s = 3600,
                        .catch_up = true};
    while (at < t->job_count && strcmp(t->jobs[at]->name, job->name) != 0)
        at++;
    t->jobs[at] = job; /* the one before stays with the configuration in force */
    if (at == t->job_count)
        t->job_count++;
    for (size_t i = 2; i < words_->count; i++) {
        char *equals = strchr(words_->items[i], '=');
        if (equals == NULL)
            test_fail(__FILE__, __LINE__, "no KEY=VALUE: %s", words_->items[i]);
        *equals = '\0';
        set_key(job, words_->items[i], equals + 1);
    }
}

static void remove_job(const char *name)
{
    for (size_t i = 0; i < t->job_count; i++)
        if (strcmp(t->jobs[i]->name, name) == 0)
            memmove(&t->jobs[i], &t->jobs[i + 1], (--t->job_count - i) * sizeof(t->jobs[0]));
}

static void load(void)
{
    struct config *c = keep_block(mem_alloc(sizeof(*c)));

    c->timezone = t->zone_name;
    c->parallel = t->parallel;
    c->job_count = t->job_count;
    c->jobs = keep_block(mem_copy(t->jobs, sizeof(t->jobs)));
    t->config = c;
    step((struct event){.kind = EVENT_CONFIG, .config = c});
}

static void restart(struct wall at)
{
    struct wall real = at;

    planner_free(t->planner);
    t->planner = planner_new();
    load();
    for (size_t i = 0; i < t->history_count; i++) {
        t->now = t->history[i].now;
        step(t->history[i]);
    }
    t->now = real;
    while (t->work_count > 0) {
        t->work[0].outcome = OUTCOME_FAILED;
        finish(0);
    }
    step((struct event){.kind = EVENT_STARTED});
}

static void add_plan(const struct strlist *w)
{
    struct plan plan = {.outcome = (enum run_outcome)run_outcome_from_word(w->items[3])};
    struct err e = {0};

    ASSERT_OK(str_to_seconds(w->items[2], &plan.seconds, &e), e);
    ASSERT((int)plan.outcome >= 0);
    (void)snprintf(plan.job, sizeof(plan.job), "%s", w->items[1]);
    ASSERT(t->plan_count < MAX_PLANS);
    t->plans[t->plan_count++] = plan;
}

static void ask(enum event_kind kind, const char *job, struct event event)
{
    event.kind = kind;
    event.job = keep(job);
    event.now = t->now;
    if (kind == EVENT_PAUSE || kind == EVENT_RESUME)
        record(event);
    step(event);
}

/* Commands that set the scene or let time pass; false: another kind. */
static bool scene_command(const char *name, const char *rest, const struct strlist *w)
{
    struct err e = {0};

    if (str_equal(name, "zone")) {
        zone_free(t->zone);
        t->zone_name = (char *)(uintptr_t)keep(rest);
        ASSERT_OK(zone_load(rest, &t->zone, &e), e);
    } else if (str_equal(name, "parallel")) {
        t->parallel = atoi(rest);
    } else if (str_equal(name, "job")) {
        set_job(w);
    } else if (str_equal(name, "unjob")) {
        remove_job(rest);
    } else if (str_equal(name, "start")) {
        t->now = parse_time(rest);
        load();
        step((struct event){.kind = EVENT_STARTED});
    } else if (str_equal(name, "to")) {
        pass_to(parse_time(rest));
    } else if (str_equal(name, "run")) {
        add_plan(w);
    } else if (str_equal(name, "jump")) {
        int64_t old = t->now.us;
        t->now = parse_time(rest);
        for (size_t i = 0; i < t->work_count; i++) /* workers follow the monotonic clock */
            t->work[i].end.us += t->now.us - old;
        say("---- the clock jumps");
        step((struct event){.kind = EVENT_CLOCK_JUMPED});
    } else if (str_equal(name, "reload")) {
        say("---- reload");
        load();
    } else if (str_equal(name, "restart")) {
        restart(parse_time(rest));
    } else {
        return false;
    }
    return true;
}

static bool request_command(const char *name, const char *rest, const struct strlist *w)
{
    const char *job = w->count > 1 ? w->items[1] : "";
    struct event event = {0};

    if (str_equal(name, "trigger")) {
        if (w->count > 2)
            event.tiers = 1U << tier_from_word(w->items[2]);
        ask(EVENT_TRIGGER, job, event);
    } else if (str_equal(name, "fragment")) {
        event.fragment = true;
        ask(EVENT_TRIGGER, job, event);
    } else if (str_equal(name, "verify")) {
        event.run_kind = RUN_VERIFY;
        ask(EVENT_TRIGGER, job, event);
    } else if (str_equal(name, "pre-restore")) {
        event.run_kind = RUN_PRE_RESTORE;
        ask(EVENT_TRIGGER, job, event);
    } else if (str_equal(name, "pause")) {
        if (w->count > 2)
            event.until = parse_time(rest + strlen(job) + 1);
        ask(EVENT_PAUSE, job, event);
    } else if (str_equal(name, "resume")) {
        ask(EVENT_RESUME, job, event);
    } else if (str_equal(name, "cancel")) {
        event = (struct event){.kind = EVENT_CANCEL, .run = atoi(rest), .now = t->now};
        record(event);
        step(event);
    } else if (str_equal(name, "stop")) {
        step((struct event){.kind = EVENT_STOP});
    } else {
        return false;
    }
    return true;
}

static void command(char *line)
{
    _cleanup_(strlist_deinit) struct strlist w = {0};
    struct err e = {0};

    line += strspn(line, " ");
    if (line[0] == '\0' || line[0] == '#')
        return;
    ASSERT_OK(strlist_split(&w, line, &e), e);
    const char *rest = strchr(line, ' ') != NULL ? strchr(line, ' ') + 1 : "";
    if (!scene_command(w.items[0], rest, &w) && !request_command(w.items[0], rest, &w))
        test_fail(__FILE__, __LINE__, "no such command: %s", line);
}

char *timeline_run(const char *script)
{
    _cleanup_free_ char *copy = mem_strdup(script);
    char *position = NULL;
    struct err e = {0};

    t = mem_alloc(sizeof(*t));
    t->planner = planner_new();
    t->parallel = 1;
    t->out = BUF_INIT(1 << 20);
    t->history = mem_alloc(MAX_HISTORY * sizeof(*t->history));
    t->zone_name = (char *)(uintptr_t)keep("UTC");
    ASSERT_OK(zone_load("UTC", &t->zone, &e), e);
    for (char *line = strtok_r(copy, "\n", &position); line != NULL;
         line = strtok_r(NULL, "\n", &position))
        command(line);
    char *out = buf_take_string(&t->out);
    planner_free(t->planner);
    zone_free(t->zone);
    strlist_deinit(&t->kept);
    for (size_t i = 0; i < t->block_count; i++)
        free(t->blocks[i]);
    free(t->history);
    free(t);
    return out;
}

void timeline_expect(const char *file, int line, const char *script, const char *expected)
{
    _cleanup_free_ char *actual = timeline_run(script);

    if (strcmp(actual, expected) != 0)
        test_fail(file, line, "the timeline is\n%s\nand should be\n%s", actual, expected);
}
