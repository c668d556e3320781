/* planner_run.c — runs: queued for what is owed, started in order, finished, tried again.
 *
 *   queued --planner_launch--> running --planner_finish--> gone
 *      \--> dropped: cancelled, its job is gone, or nothing is owed any more */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/planner_state.h"

bool planner_carries_tiers(const struct planner_run *run)
{
    return run->kind == RUN_BACKUP && !run->fragment;
}

struct planner_run *planner_run_find(const struct planner *p, int64_t number)
{
    for (size_t i = 0; i < p->run_count; i++)
        if (p->runs[i].number == number)
            return &p->runs[i];
    return NULL;
}

struct planner_run *planner_run_running(const struct planner *p, const char *job)
{
    for (size_t i = 0; i < p->run_count; i++)
        if (p->runs[i].running && p->runs[i].kind != RUN_VERIFY && strcmp(p->runs[i].job, job) == 0)
            return &p->runs[i];
    return NULL;
}

/* What a queued run of the job has to wait for: backups for backups, verifications for both. */
static const struct planner_run *run_in_the_way(const struct planner *p,
                                                const struct planner_run *run)
{
    for (size_t i = 0; i < p->run_count; i++)
        if (p->runs[i].running && strcmp(p->runs[i].job, run->job) == 0 &&
            (p->runs[i].kind != RUN_VERIFY || run->kind == RUN_VERIFY))
            return &p->runs[i];
    return NULL;
}

void planner_run_remove(struct planner *p, struct planner_run *run)
{
    size_t at = (size_t)(run - p->runs);

    memmove(run, run + 1, (p->run_count - at - 1) * sizeof(*run));
    p->run_count--;
}

struct planner_run *planner_queue(struct planner *p, struct planner_run run, struct wall now)
{
    if (run.number == 0)
        run.number = p->last_number + 1;
    if (run.number > p->last_number)
        p->last_number = run.number;
    run.queued_at = now;
    p->runs = mem_resize_array(p->runs, p->run_count + 1, sizeof(*p->runs));
    p->runs[p->run_count] = run;
    return &p->runs[p->run_count++];
}

void planner_begin_retry(struct planner_job *job)
{
    job->retry_at.us = 0;
    job->retries_used++;
    job->waiting = 0;
}

static void drop(struct planner *p, struct planner_run *run, const char *why, struct actions *out)
{
    struct action *a = actions_add_run(out, ACTION_DROP_RUN, run);

    (void)snprintf(a->why, sizeof(a->why), "%s", why);
    planner_run_remove(p, run);
}

static bool has_queued(const struct planner *p, const char *job,
                       bool (*which)(const struct planner_run *))
{
    for (size_t i = 0; i < p->run_count; i++)
        if (!p->runs[i].running && which(&p->runs[i]) && strcmp(p->runs[i].job, job) == 0)
            return true;
    return false;
}

static void queue_owed(struct planner *p, struct planner_job *job, struct wall now,
                       struct actions *out)
{
    struct planner_run run = {.kind = RUN_BACKUP, .tiers = job->owed, .scheduled = true};
    const struct planner_run *running = planner_run_running(p, job->name);
    unsigned ready = job->owed & ~job->waiting;
    bool retry = job->retry_at.us != 0 && job->retry_at.us <= now.us;

    if (running != NULL && running->kind == RUN_BACKUP)
        return; /* what it does not carry follows when it ends */
    if ((ready == 0 && !retry) || has_queued(p, job->name, planner_carries_tiers))
        return;
    if (retry) {
        planner_begin_retry(job);
        run.retry = job->retries_used;
        (void)snprintf(run.why, sizeof(run.why), "retry %d of %d", job->retries_used,
                       job->config->retry_count);
    } else {
        planner_describe_due(job, ready, now, run.why);
    }
    (void)snprintf(run.job, sizeof(run.job), "%s", job->name);
    actions_add_run(out, ACTION_QUEUE_RUN, planner_queue(p, run, now));
}

static void queue_verify(struct planner *p, struct planner_job *job, struct wall now,
                         struct actions *out)
{
    struct planner_run run = {.kind = RUN_VERIFY, .scheduled = true, .why = "verify due"};

    if (!job->verify_owed)
        return;
    job->verify_owed = false;
    (void)snprintf(run.job, sizeof(run.job), "%s", job->name);
    actions_add_run(out, ACTION_QUEUE_RUN, planner_queue(p, run, now));
}

static bool may_start(const struct planner *p, const struct planner_run *run)
{
    const struct planner_job *job = planner_job_find(p, run->job);

    if (run->running || job == NULL || run_in_the_way(p, run) != NULL)
        return false;
    return !job->paused || run->kind == RUN_PRE_RESTORE; /* restoring pauses the job itself */
}

/* Someone waits for a pre-restore run; then by priority, then the older. */
static bool goes_before(const struct planner *p, const struct planner_run *a,
                        const struct planner_run *b)
{
    bool a_first = a->kind == RUN_PRE_RESTORE, b_first = b->kind == RUN_PRE_RESTORE;
    int x = planner_job_find(p, a->job)->config->priority;
    int y = planner_job_find(p, b->job)->config->priority;

    if (a_first != b_first)
        return a_first;
    return x != y ? x > y : a->number < b->number;
}

/* A verification takes a place that is free, but takes none from a backup: it can last for hours. */
static bool has_place(const struct planner *p, const struct planner_run *run)
{
    int running = 0;

    for (size_t i = 0; i < p->run_count; i++)
        running += p->runs[i].running && (p->runs[i].kind != RUN_VERIFY || run->kind == RUN_VERIFY);
    return running < p->config->parallel;
}

static struct planner_run *choose(const struct planner *p)
{
    struct planner_run *best = NULL;

    for (size_t i = 0; i < p->run_count; i++)
        if (may_start(p, &p->runs[i]) && has_place(p, &p->runs[i]) &&
            (best == NULL || goes_before(p, &p->runs[i], best)))
            best = &p->runs[i];
    return best;
}

/* A run carries every tier owed at its start; a retry that was pending is thereby done. */
static void take_over(struct planner_job *job, struct planner_run *run)
{
    run->tiers = run->scheduled ? job->owed : run->tiers | job->owed;
    job->retry_at.us = 0;
}

static void start(struct planner *p, struct planner_run *run, struct actions *out)
{
    struct planner_job *job = planner_job_find(p, run->job);

    if (run->scheduled && planner_carries_tiers(run) && job->owed == 0) {
        drop(p, run, "nothing is owed any more", out);
        return;
    }
    run->running = true;
    if (planner_carries_tiers(run))
        take_over(job, run);
    actions_add_run(out, ACTION_START_RUN, run);
}

static void describe_wait(const struct planner *p, const struct planner_run *run, char out[160])
{
    const struct planner_run *other = run_in_the_way(p, run);
    const struct planner_job *job = planner_job_find(p, run->job);

    for (size_t i = 0; i < p->run_count && other == NULL && !job->paused; i++)
        if (p->runs[i].running && (p->runs[i].kind != RUN_VERIFY || run->kind == RUN_VERIFY))
            other = &p->runs[i];
    if (other == NULL)
        (void)snprintf(out, 160, "waits for job \"%s\" to be resumed", run->job);
    else if (strcmp(other->job, run->job) == 0)
        (void)snprintf(out, 160, "waits for run %lld of the same job to end",
                       (long long)other->number);
    else
        (void)snprintf(out, 160, "waits for run %lld of job \"%s\" to end (parallel = %d)",
                       (long long)other->number, other->job, p->config->parallel);
}

static void raise_alarms(struct planner *p, struct wall now, struct actions *out)
{
    for (size_t i = 0; i < p->run_count; i++) {
        struct planner_run *run = &p->runs[i];
        const struct planner_job *job = planner_job_find(p, run->job);
        if (run->running || run->alarmed || job == NULL || job->config->queue_alarm_s <= 0 ||
            now.us - run->queued_at.us < job->config->queue_alarm_s * 1000000)
            continue;
        run->alarmed = true;
        describe_wait(p, run, actions_add_run(out, ACTION_ALARM_QUEUED, run)->why);
    }
}

void planner_launch(struct planner *p, struct wall now, struct actions *out)
{
    struct planner_run *run = NULL;

    for (size_t i = 0; i < p->run_count;)
        if (!p->runs[i].running && planner_job_find(p, p->runs[i].job) == NULL)
            drop(p, &p->runs[i], "the job is not configured any more", out);
        else
            i++;
    if (p->stopping || p->config == NULL)
        return;
    for (size_t i = 0; i < p->job_count; i++)
        if (!p->jobs[i].paused) {
            queue_owed(p, &p->jobs[i], now, out);
            queue_verify(p, &p->jobs[i], now, out);
        }
    while ((run = choose(p)) != NULL)
        start(p, run, out);
    raise_alarms(p, now, out);
}

static void schedule_retry(struct planner_job *job, struct wall now)
{
    const struct job *config = job->config;
    int last = config->retry_delay_count - 1;
    int i = job->retries_used < last ? job->retries_used : last;

    job->retry_at.us = 0;
    if (job->retries_used < config->retry_count)
        job->retry_at.us = now.us + (i >= 0 ? config->retry_delays_s[i] * 1000000 : 1000000);
}

void planner_finish(struct planner *p, struct planner_run *run, enum run_outcome outcome,
                    struct wall now)
{
    struct planner_job *job = planner_job_find(p, run->job);
    struct planner_run done = *run;

    planner_run_remove(p, run);
    /* cut off by a stop of the daemon: weekly must not become fortnightly by it */
    if (job != NULL && done.kind == RUN_VERIFY && done.scheduled && !done.cancel_asked &&
        outcome == OUTCOME_CANCELLED)
        job->verify_owed = job->due[DUE_VERIFY].calendar != NULL;
    if (job == NULL || !planner_carries_tiers(&done))
        return;
    unsigned carried = done.tiers & job->owed;
    if (outcome == OUTCOME_GOOD) {
        job->owed &= ~carried;
        job->retries_used = 0;
        return;
    }
    job->waiting |= carried;
    if (carried == 0 || outcome == OUTCOME_SUSPECT || done.cancel_asked)
        return; /* by itself it comes again at the next due time only */
    schedule_retry(job, now);
}
