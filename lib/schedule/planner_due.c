/* planner_due.c — due times: noting what fell due, steps of the clock, and when to wake next. */
#include <stdio.h>
#include <string.h>

#include "lib/schedule/planner_state.h"

enum { SMALL_STEP_S = 3600 };

struct wall planner_next_due(const struct planner_job *job, int which, struct wall after)
{
    if (job->due[which].calendar == NULL)
        return (struct wall){PLANNER_NEVER};
    struct wall next = calendar_next(job->due[which].calendar, job->zone,
                                     (struct wall){after.us - job->jitter_us});
    if (next.us != PLANNER_NEVER)
        next.us += job->jitter_us;
    return next;
}

void planner_restart_due(struct planner_job *job, struct wall now)
{
    for (int i = 0; i < DUE_COUNT; i++)
        job->due[i].next = planner_next_due(job, i, now);
}

static void tiers_fell_due(struct planner *p, struct planner_job *job, unsigned tiers,
                           struct wall now, struct actions *out)
{
    const struct planner_run *run = planner_run_running(p, job->name);
    unsigned skipped = run != NULL && planner_carries_tiers(run) ? tiers & run->tiers : 0;
    unsigned owed = tiers & ~skipped;

    if (skipped != 0) {
        job->skipped++;
        if (out != NULL) {
            struct action *a = actions_add_run(out, ACTION_SKIP, run);
            a->tiers = skipped;
            planner_describe_due(job, skipped, now, a->why);
        }
    }
    if (owed != 0) { /* a new due time begins a new series of tries */
        job->owed |= owed;
        job->waiting &= ~owed;
        job->retry_at.us = 0;
        job->retries_used = 0;
    }
}

static void verify_fell_due(struct planner *p, struct planner_job *job, struct actions *out)
{
    for (size_t i = 0; i < p->run_count; i++) {
        const struct planner_run *run = &p->runs[i];
        if (run->kind != RUN_VERIFY || strcmp(run->job, job->name) != 0)
            continue;
        if (run->running) { /* a queued one reads everything that this one would */
            job->skipped++;
            if (out != NULL)
                actions_add_run(out, ACTION_SKIP, run)->tiers = 0;
        }
        return;
    }
    job->verify_owed = true;
}

void planner_note_due(struct planner *p, struct planner_job *job, struct wall now,
                      struct actions *out)
{
    unsigned tiers = 0;

    for (int i = 0; i < DUE_COUNT; i++) {
        struct planner_due_state *due = &job->due[i];
        if (due->next.us > now.us)
            continue;
        due->last = due->next; /* many missed ones are one, so a leap of years makes no storm */
        due->next = planner_next_due(job, i, now);
        if (i == DUE_VERIFY)
            verify_fell_due(p, job, out);
        else
            tiers |= 1U << i;
    }
    if (tiers != 0)
        tiers_fell_due(p, job, tiers, now, out);
}

static void bring_back(struct wall *t, int64_t latest_us)
{
    if (t->us > latest_us)
        t->us = latest_us;
}

/* Due times already noted do not come again after a small step; after a large one what was noted
 * says nothing, and backups must not wait for the clock to catch up. */
void planner_clock_went_back(struct planner *p, struct wall now)
{
    for (size_t i = 0; i < p->job_count; i++) {
        struct planner_job *job = &p->jobs[i];
        for (int k = 0; k < DUE_COUNT; k++) {
            struct wall last = job->due[k].last, from = now;
            if (last.us > now.us && last.us - now.us <= SMALL_STEP_S * 1000000LL)
                from = last;
            job->due[k].next = planner_next_due(job, k, from);
        }
        for (int k = 0; k < job->config->retry_delay_count && job->retry_at.us != 0; k++)
            if (k == job->retries_used || k == job->config->retry_delay_count - 1) {
                bring_back(&job->retry_at, now.us + job->config->retry_delays_s[k] * 1000000);
                break;
            }
    }
    for (size_t i = 0; i < p->run_count; i++)
        bring_back(&p->runs[i].queued_at, now.us);
}

void planner_describe_due(const struct planner_job *job, unsigned tiers, struct wall now,
                          char out[160])
{
    struct wall since = {PLANNER_NEVER};
    char words[80] = "", when[48];

    for (int i = 0; i < TIER_COUNT; i++) {
        if ((tiers >> i & 1) == 0)
            continue;
        size_t used = strlen(words);
        (void)snprintf(words + used, sizeof(words) - used, "%s%s", used > 0 ? ", " : "",
                       tier_word(i));
        if (job->due[i].last.us != 0 && job->due[i].last.us < since.us)
            since = job->due[i].last;
    }
    if (since.us == PLANNER_NEVER) {
        (void)snprintf(out, 160, "%s owed", words);
        return;
    }
    (void)zone_format(job->zone, since, when);
    if (now.us - since.us < 60 * 1000000LL)
        (void)snprintf(out, 160, "%s due %.5s", words, when + 11);
    else
        (void)snprintf(out, 160, "%s owed since %s", words, when);
}

static void consider(int64_t *earliest, int64_t candidate)
{
    if (candidate < *earliest)
        *earliest = candidate;
}

void planner_arm(const struct planner *p, struct wall now, struct actions *out)
{
    int64_t at = PLANNER_NEVER;

    for (size_t i = 0; i < p->job_count; i++) {
        const struct planner_job *job = &p->jobs[i];
        for (int k = 0; k < DUE_COUNT; k++)
            consider(&at, job->due[k].next.us);
        if (job->retry_at.us > now.us)
            consider(&at, job->retry_at.us);
        if (job->paused && job->paused_until.us != 0)
            consider(&at, job->paused_until.us);
    }
    for (size_t i = 0; i < p->run_count; i++) {
        const struct planner_job *job = planner_job_find(p, p->runs[i].job);
        if (!p->runs[i].running && !p->runs[i].alarmed && job != NULL &&
            job->config->queue_alarm_s > 0)
            consider(&at, p->runs[i].queued_at.us + job->config->queue_alarm_s * 1000000);
    }
    if (at != PLANNER_NEVER && !p->stopping)
        actions_add(out, ACTION_ARM)->at.us = at;
}
