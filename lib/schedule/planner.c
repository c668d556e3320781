/* planner.c — one event, step by step. See planner.h for the rules. */
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/planner_state.h"

enum { TIER_MASK = (1 << TIER_COUNT) - 1 };

struct planner *planner_new(void)
{
    return mem_alloc(sizeof(struct planner));
}

void planner_free(struct planner *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->job_count; i++)
        planner_job_deinit(&p->jobs[i]);
    free(p->jobs);
    free(p->runs);
    free(p);
}

struct planner_job *planner_job_find(const struct planner *p, const char *name)
{
    for (size_t i = 0; i < p->job_count; i++)
        if (strcmp(p->jobs[i].name, name) == 0)
            return &p->jobs[i];
    return NULL;
}

/* Refuse unknown names before anything changes. */
static int check_names(const struct planner *p, const struct event *event, struct err *e)
{
    switch (event->kind) {
    case EVENT_TRIGGER:
    case EVENT_PAUSE:
    case EVENT_RESUME:
        if (event->job == NULL || planner_job_find(p, event->job) == NULL)
            return err_set(e, ERR_NOT_FOUND, "there is no job \"%s\"",
                           event->job != NULL ? event->job : "");
        return 0;
    case EVENT_CANCEL:
    case EVENT_RUN_FINISHED:
        if (planner_run_find(p, event->run) == NULL)
            return err_set(e, ERR_NOT_FOUND, "there is no run %lld that waits or works",
                           (long long)event->run);
        return 0;
    default:
        return 0;
    }
}

const char *planner_trigger_why(const struct event *event)
{
    if (event->run_kind == RUN_PRE_RESTORE)
        return "before a restore";
    return event->why != NULL ? event->why : "manual";
}

static void trigger(struct planner *p, const struct event *event, struct actions *out)
{
    struct planner_run run = {
        .kind = event->run_kind,
        .tiers = event->tiers != 0 ? event->tiers : 1U << TIER_MANUAL,
        .fragment = event->fragment,
    };

    (void)snprintf(run.why, sizeof(run.why), "%s", planner_trigger_why(event));

    if (run.kind == RUN_PRE_RESTORE) {
        run.tiers = 1U << TIER_PRE_RESTORE;
    } else if (run.kind == RUN_VERIFY) {
        run.tiers = 1U << TIER_MANUAL; /* tells it from a scheduled one after a restart */
    }
    (void)snprintf(run.job, sizeof(run.job), "%s", event->job);
    actions_add_run(out, ACTION_QUEUE_RUN, planner_queue(p, run, event->now));
}

static void cancel(struct planner *p, struct planner_run *run, struct actions *out)
{
    struct planner_job *job = planner_job_find(p, run->job);

    if (run->running) {
        if (!run->cancel_asked)
            actions_add_run(out, ACTION_CANCEL_RUN, run);
        run->cancel_asked = true;
        return;
    }
    if (job != NULL && run->scheduled && planner_carries_tiers(run))
        job->waiting |= job->owed; /* or the same run would be queued again at once */
    struct action *a = actions_add_run(out, ACTION_DROP_RUN, run);
    (void)snprintf(a->why, sizeof(a->why), "cancelled");
    planner_run_remove(p, run);
}

static void stop(struct planner *p, struct actions *out)
{
    p->stopping = true;
    for (size_t i = 0; i < p->run_count; i++)
        if (p->runs[i].running && !p->runs[i].cancel_asked) /* not asked for by a person */
            actions_add_run(out, ACTION_CANCEL_RUN, &p->runs[i]);
}

static void pause_job(struct planner *p, const struct event *event, bool paused)
{
    struct planner_job *job = planner_job_find(p, event->job);

    if (job == NULL)
        return;
    job->paused = paused;
    job->paused_until = paused ? event->until : (struct wall){0};
}

static void end_pauses(struct planner *p, struct wall now)
{
    for (size_t i = 0; i < p->job_count; i++) {
        struct planner_job *job = &p->jobs[i];
        if (job->paused && job->paused_until.us != 0 && job->paused_until.us <= now.us)
            job->paused = false;
    }
}

/* What the journal says of a job also says that the job was there: its due times count from its
 * first record on. Without catch_up nothing falls due before the daemon has started. */
static struct planner_job *replay_job(struct planner *p, const struct event *event)
{
    const struct planner_run *run = planner_run_find(p, event->run);
    const char *name = event->job != NULL ? event->job : run != NULL ? run->job : "";
    struct planner_job *job = planner_job_find(p, name);

    if (job == NULL)
        return NULL;
    if (!job->known || !job->config->catch_up)
        planner_restart_due(job, event->now);
    else
        planner_note_due(p, job, event->now, NULL);
    job->known = true;
    return job;
}

static void replay_queued(struct planner *p, const struct event *event, struct planner_job *job)
{
    struct planner_run run = {
        .number = event->run,
        .kind = event->run_kind,
        .tiers = event->tiers,
        .fragment = event->fragment,
        .scheduled = (event->tiers >> TIER_MANUAL & 1) == 0 && event->run_kind != RUN_PRE_RESTORE,
        .why = "queued before the restart",
    };

    (void)snprintf(run.job, sizeof(run.job), "%s", event->job != NULL ? event->job : "");
    if (job != NULL && run.kind == RUN_VERIFY)
        job->verify_owed = false;
    if (job != NULL && planner_carries_tiers(&run)) {
        if (job->retry_at.us != 0 && job->retry_at.us <= event->now.us) {
            planner_begin_retry(job);
            run.retry = job->retries_used;
        }
        job->owed |= run.tiers & TIER_MASK;
    }
    planner_queue(p, run, event->now);
}

static void replay_started(struct planner *p, const struct event *event, struct planner_job *job)
{
    struct planner_run *run = planner_run_find(p, event->run);

    if (run == NULL) {
        replay_queued(p, event, job);
        run = planner_run_find(p, event->run);
    }
    run->running = true;
    run->tiers |= event->tiers;
    if (job != NULL && planner_carries_tiers(run)) {
        job->owed |= run->tiers & TIER_MASK;
        job->retry_at.us = 0;
    }
}

static void replay(struct planner *p, const struct event *event)
{
    struct planner_job *job = replay_job(p, event);
    struct planner_run *run = planner_run_find(p, event->run);

    switch (event->kind) {
    case EVENT_RUN_QUEUED:
        replay_queued(p, event, job);
        break;
    case EVENT_RUN_STARTED:
        replay_started(p, event, job);
        break;
    case EVENT_RUN_FINISHED:
        if (run != NULL)
            planner_finish(p, run, event->outcome, event->now);
        if (event->run > p->last_number)
            p->last_number = event->run;
        break;
    case EVENT_CANCEL:
        if (run != NULL)
            run->cancel_asked = true;
        break;
    case EVENT_PAUSE:
    case EVENT_RESUME:
        pause_job(p, event, event->kind == EVENT_PAUSE);
        break;
    default:
        break;
    }
}

static void start(struct planner *p, struct wall now)
{
    p->started = true;
    for (size_t i = 0; i < p->job_count; i++) {
        struct planner_job *job = &p->jobs[i];
        if (job->known && job->config->catch_up)
            planner_note_due(p, job, now, NULL);
        else
            planner_restart_due(job, now);
    }
    planner_clock_went_back(p, now); /* history may hold times of a clock that was wrong */
}

/* Everything that time alone brings about. */
static void advance(struct planner *p, const struct event *event, struct actions *out)
{
    if (event->now.us < p->last_now.us)
        planner_clock_went_back(p, event->now);
    p->last_now = event->now;
    for (size_t i = 0; i < p->job_count; i++)
        planner_note_due(p, &p->jobs[i], event->now, out);
    end_pauses(p, event->now);
}

static void apply(struct planner *p, const struct event *event, struct actions *out)
{
    switch (event->kind) {
    case EVENT_TRIGGER:
        trigger(p, event, out);
        break;
    case EVENT_CANCEL:
        cancel(p, planner_run_find(p, event->run), out);
        break;
    case EVENT_PAUSE:
    case EVENT_RESUME:
        pause_job(p, event, event->kind == EVENT_PAUSE);
        break;
    case EVENT_RUN_FINISHED:
        planner_finish(p, planner_run_find(p, event->run), event->outcome, event->now);
        break;
    case EVENT_STOP:
        stop(p, out);
        break;
    default: /* a tick or a jump: advance() has seen to it */
        break;
    }
}

static int step_config(struct planner *p, const struct event *event, struct actions *out,
                       struct err *e)
{
    struct planner_job *jobs = NULL;
    size_t count = 0;

    if (planner_compile(event->config, &jobs, &count, e) < 0)
        return -1;
    if (p->started)
        advance(p, event, out);
    planner_adopt(p, event->config, jobs, count, event->now);
    return 0;
}

int planner_step(struct planner *p, const struct event *event, struct actions *out, struct err *e)
{
    if (event->kind == EVENT_CONFIG) {
        if (step_config(p, event, out, e) < 0)
            return -1;
    } else if (event->kind == EVENT_STARTED) {
        start(p, event->now);
        advance(p, event, out);
    } else if (!p->started) {
        replay(p, event);
    } else {
        if (check_names(p, event, e) < 0)
            return -1;
        advance(p, event, out);
        apply(p, event, out);
    }
    if (p->started) {
        planner_launch(p, event->now, out);
        planner_arm(p, event->now, out);
    }
    return 0;
}
