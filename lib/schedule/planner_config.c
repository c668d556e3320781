/* planner_config.c — a configuration compiled, and put in force without losing what is owed. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/schedule/planner_state.h"

void planner_job_deinit(struct planner_job *job)
{
    for (int i = 0; i < DUE_COUNT; i++) {
        calendar_free(job->due[i].calendar);
        free(job->due[i].text);
    }
    zone_free(job->zone);
    free(job->zone_name);
    free(job->name);
    *job = (struct planner_job){0};
}

/* One offset per job, from its name alone: the same after every restart and on every host. */
static int64_t jitter_us(const struct job *config)
{
    uint64_t hash = 0xcbf29ce484222325ULL; /* FNV-1a */

    if (config->jitter_s <= 0)
        return 0;
    for (const char *p = config->name; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 0x100000001b3ULL;
    hash ^= hash >> 32; /* short names leave the low bits alike */
    return (int64_t)(hash % (uint64_t)(config->jitter_s + 1)) * 1000000;
}

static const struct tier_rule *rule_of(const struct job *config, int which)
{
    return which == DUE_VERIFY ? &config->verify : &config->tiers[which];
}

static int compile_rule(struct planner_job *job, int which, struct err *e)
{
    const struct tier_rule *rule = rule_of(job->config, which);
    int tier = which == DUE_VERIFY ? CALENDAR_VERIFY : which;
    struct planner_due_state *due = &job->due[which];

    due->next.us = PLANNER_NEVER;
    if (!rule->on)
        return 0;
    if (calendar_compile(rule->when, tier, &due->calendar, e) < 0)
        return err_wrap(e, "job \"%s\": %s", job->name,
                        which == DUE_VERIFY ? "verify" : tier_word(tier));
    due->text = mem_strdup(rule->when != NULL ? rule->when : "");
    return 0;
}

static int compile_job(const struct config *config, const struct job *model,
                       struct planner_job *job, struct err *e)
{
    const char *zone = model->timezone != NULL ? model->timezone : config->timezone;

    job->config = model;
    job->name = mem_strdup(model->name);
    job->zone_name = mem_strdup(zone);
    job->jitter_us = jitter_us(model);
    if (zone_load(zone, &job->zone, e) < 0)
        return err_wrap(e, "job \"%s\"", model->name);
    for (int i = 0; i < DUE_COUNT; i++)
        if (compile_rule(job, i, e) < 0)
            return -1;
    return 0;
}

static void find_shortest_interval(struct planner_job *job, struct wall now)
{
    for (int i = 0; i < TIER_COUNT; i++) {
        int64_t interval = 0;
        if (job->due[i].calendar != NULL)
            interval = calendar_interval(job->due[i].calendar, job->zone, now);
        if (interval > 0 && (job->shortest_interval_s == 0 || interval < job->shortest_interval_s))
            job->shortest_interval_s = interval;
    }
}

int planner_compile(const struct config *config, struct planner_job **ret_jobs, size_t *ret_count,
                    struct err *e)
{
    struct planner_job *jobs = mem_alloc(config->job_count * sizeof(*jobs));

    for (size_t i = 0; i < config->job_count; i++)
        if (compile_job(config, config->jobs[i], &jobs[i], e) < 0) {
            for (size_t k = 0; k <= i; k++)
                planner_job_deinit(&jobs[k]);
            free(jobs);
            if (e != NULL)
                e->code = ERR_CONFIG;
            return -1;
        }
    *ret_jobs = jobs;
    *ret_count = config->job_count;
    return 0;
}

/* A schedule that reads as before goes on as before; a new one counts from now. */
static void keep_due(struct planner_job *job, const struct planner_job *old, struct wall now)
{
    bool same_place = str_equal(job->zone_name, old->zone_name) && job->jitter_us == old->jitter_us;

    for (int i = 0; i < DUE_COUNT; i++) {
        struct planner_due_state *due = &job->due[i];
        if (due->calendar == NULL) {
            if (i < TIER_COUNT)
                job->owed &= ~(1U << i);
            continue;
        }
        if (same_place && str_equal(due->text, old->due[i].text)) {
            due->next = old->due[i].next;
            due->last = old->due[i].last;
        } else {
            due->next = planner_next_due(job, i, now);
        }
    }
}

static void keep_state(struct planner_job *job, const struct planner_job *old, struct wall now)
{
    job->known = old->known;
    job->owed = old->owed;
    job->retry_at = old->retry_at;
    job->retries_used = old->retries_used;
    job->paused = old->paused;
    job->paused_until = old->paused_until;
    job->skipped = old->skipped;
    keep_due(job, old, now);
    job->waiting = old->waiting;
    job->verify_owed = old->verify_owed && job->due[DUE_VERIFY].calendar != NULL;
    if (job->owed == 0)
        job->retry_at.us = 0;
}

void planner_adopt(struct planner *p, const struct config *config, struct planner_job *jobs,
                   size_t count, struct wall now)
{
    for (size_t i = 0; i < count; i++) {
        const struct planner_job *old = planner_job_find(p, jobs[i].name);
        find_shortest_interval(&jobs[i], now);
        if (old != NULL)
            keep_state(&jobs[i], old, now);
        else
            planner_restart_due(&jobs[i], now);
    }
    for (size_t i = 0; i < p->job_count; i++)
        planner_job_deinit(&p->jobs[i]);
    free(p->jobs);
    p->jobs = jobs;
    p->job_count = count;
    p->config = config;
}
