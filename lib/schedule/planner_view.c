/* planner_view.c — what status and `synbakctl schedule` show of a job. */
#include <string.h>

#include "lib/schedule/planner_state.h"

int planner_view(const struct planner *p, const char *job, struct wall now,
                 struct planner_view *ret, struct err *e)
{
    const struct planner_job *j = planner_job_find(p, job);
    struct planner_due next = {.at.us = PLANNER_NEVER};

    if (j == NULL)
        return err_set(e, ERR_NOT_FOUND, "there is no job \"%s\"", job);
    (void)planner_upcoming(p, job, now, &next, 1);
    *ret = (struct planner_view){
        .paused = j->paused,
        .paused_until = j->paused_until,
        .owed = j->owed,
        .next = next.at,
        .next_tiers = next.tiers,
        .retry_at = j->retry_at,
        .retries_used = j->retries_used,
        .skipped = j->skipped,
        .shortest_interval_s = j->shortest_interval_s,
    };
    for (size_t i = 0; i < p->run_count; i++) {
        const struct planner_run *run = &p->runs[i];
        if (strcmp(run->job, job) != 0)
            continue;
        if (run->running && (run->kind != RUN_VERIFY || ret->running == 0))
            ret->running = run->number;
        else if (ret->queued == 0)
            ret->queued = run->number;
    }
    return 0;
}

size_t planner_upcoming(const struct planner *p, const char *job, struct wall now,
                        struct planner_due *out, size_t max)
{
    const struct planner_job *j = planner_job_find(p, job);
    struct wall next[TIER_COUNT];
    size_t count = 0;

    for (int i = 0; i < TIER_COUNT && j != NULL; i++)
        next[i] = planner_next_due(j, i, now);
    while (j != NULL && count < max) {
        struct planner_due due = {.at.us = PLANNER_NEVER};
        for (int i = 0; i < TIER_COUNT; i++) {
            if (next[i].us < due.at.us)
                due = (struct planner_due){.at = next[i]};
            if (next[i].us == due.at.us && next[i].us != PLANNER_NEVER)
                due.tiers |= 1U << i;
        }
        if (due.at.us == PLANNER_NEVER)
            break;
        for (int i = 0; i < TIER_COUNT; i++)
            if ((due.tiers >> i & 1) != 0)
                next[i] = planner_next_due(j, i, due.at);
        out[count++] = due;
    }
    return count;
}
