/* copies_plan.c — what is owed now, asked of lib/schedule/copying for each job and kept in memory of
 * our own, because the catalog moves underneath; and the attempts that have failed. */
#include <string.h>

#include "daemon/copies_state.h"
#include "daemon/daemon.h"
#include "lib/base/io.h"

enum { STALE_US = 60 * 1000000 };

static void owed_deinit(struct owed *o)
{
    free(o->job);
    free(o->id);
    free(o->from);
    free(o->to);
}

static void lag_deinit(struct lag *l)
{
    free(l->job);
    free(l->destination);
    free(l->newest);
}

void copies_drop_plan(struct copies *c)
{
    for (size_t i = 0; i < c->owed_count; i++)
        owed_deinit(&c->owed[i]);
    for (size_t i = 0; i < c->lag_count; i++)
        lag_deinit(&c->lags[i]);
    free(c->owed);
    free(c->lags);
    c->owed = NULL;
    c->lags = NULL;
    c->owed_count = c->lag_count = 0;
}

/* --- attempts --- */

static void attempt_deinit(struct attempt *a)
{
    free(a->job);
    free(a->id);
    free(a->to);
    free(a->from);
}

struct attempt *copies_attempt(const struct copies *c, const char *job, const char *id,
                               const char *to)
{
    for (size_t i = 0; i < c->attempt_count; i++) {
        struct attempt *a = &c->attempts[i];
        if (strcmp(a->job, job) == 0 && strcmp(a->id, id) == 0 && strcmp(a->to, to) == 0)
            return a;
    }
    return NULL;
}

void copies_note_failure(struct copies *c, const struct lane *l)
{
    struct attempt *a = copies_attempt(c, l->job, l->id, l->to);
    uint32_t jitter = 0;

    if (a == NULL) {
        c->attempts = mem_resize_array(c->attempts, c->attempt_count + 1, sizeof(*c->attempts));
        a = &c->attempts[c->attempt_count++];
        *a = (struct attempt){
            .job = mem_strdup(l->job), .id = mem_strdup(l->id), .to = mem_strdup(l->to)};
    }
    free(a->from);
    a->from = mem_strdup(l->from);
    a->error = l->error;
    a->failures++;
    (void)io_random(&jitter, sizeof(jitter)); /* without, they only start more at once */
    int64_t delay_us = copying_delay_s(a->failures, jitter) * 1000000;
    a->next.us = clock_mono().us + delay_us;
    a->next_at.us = clock_wall().us + delay_us;
}

void copies_forget_attempt(struct copies *c, const char *job, const char *id, const char *to)
{
    struct attempt *a = copies_attempt(c, job, id, to);

    if (a == NULL)
        return;
    attempt_deinit(a);
    *a = c->attempts[--c->attempt_count];
}

/* What is not owed any more, because retention or a hand has settled it, has not failed either. */
static void forget_settled(struct copies *c)
{
    for (size_t i = c->attempt_count; i-- > 0;) {
        const struct attempt *a = &c->attempts[i];
        if (copies_find_owed(c, a->job, a->id, a->to) == NULL &&
            catalog_destination(c->daemon->catalog, a->to)->listed)
            copies_forget_attempt(c, a->job, a->id, a->to);
    }
}

/* --- the plan --- */

const struct owed *copies_find_owed(const struct copies *c, const char *job, const char *id,
                                    const char *to)
{
    for (size_t i = 0; i < c->owed_count; i++) {
        const struct owed *o = &c->owed[i];
        if (strcmp(o->job, job) == 0 && strcmp(o->id, id) == 0 && strcmp(o->to, to) == 0)
            return o;
    }
    return NULL;
}

/* A place that has not answered since start: what came there last, and whether something that others
 * hold has been missing there for too long. */
static void remember_lag(const struct copies *c, const struct job *job,
                         const struct destination *dest, struct lag *lag)
{
    const struct daemon *d = c->daemon;
    const struct catalog_job *known = catalog_job(d->catalog, job->name);
    const char *id = history_last_at(d->history, job->name, dest->name);

    if (catalog_destination(d->catalog, dest->name)->known || id == NULL)
        return;
    free(lag->newest);
    lag->newest = mem_strdup(id);
    lag->remembered = clock_parse_set_id(id, &lag->newest_at) == 0;
    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        if (s->state == SET_GOOD && !s->stays && !set_is_pre_restore(s) && strcmp(s->id, id) > 0 &&
            !clock_watch_in_doubt(&d->clock) &&
            clock_wall().us - s->started.us > dest->copy_within_s * 1000000)
            lag->late++;
    }
}

static void take_answer(struct copies *c, const struct job *job, const struct copying *answer)
{
    c->owed = mem_resize_array(c->owed, c->owed_count + answer->count + 1, sizeof(*c->owed));
    for (size_t i = 0; i < answer->count; i++) {
        const struct copy_owed *o = &answer->items[i];
        c->owed[c->owed_count++] = (struct owed){.job = mem_strdup(job->name),
                                                 .id = mem_strdup(o->set->id),
                                                 .from = mem_strdup(o->set->destination),
                                                 .to = mem_strdup(o->to),
                                                 .startable = o->startable,
                                                 .next = o->next,
                                                 .late = o->late,
                                                 .failures = o->failures,
                                                 .priority = job->priority,
                                                 .started = o->set->started};
    }
    c->lags =
        mem_resize_array(c->lags, c->lag_count + job->destination_count + 1, sizeof(*c->lags));
    for (size_t i = 0; i < job->destination_count; i++) {
        const struct copy_lag *lag = &answer->lags[i];
        c->lags[c->lag_count++] =
            (struct lag){.job = mem_strdup(job->name),
                         .destination = mem_strdup(job->destinations[i]->name),
                         .newest = lag->newest != NULL ? mem_strdup(lag->newest->id) : NULL,
                         .newest_at = lag->newest != NULL ? lag->newest->started : (struct wall){0},
                         .lacks = lag->lacks,
                         .late = lag->late};
        remember_lag(c, job, job->destinations[i], &c->lags[c->lag_count - 1]);
    }
    if (answer->next_try.us < c->next_try.us)
        c->next_try = answer->next_try;
}

static bool is_paused(struct daemon *d, const char *job)
{
    struct planner_view view;

    return planner_view(d->planner, job, clock_wall(), &view, NULL) < 0 || view.paused;
}

static void plan_job(struct copies *c, const struct job *job)
{
    struct daemon *d = c->daemon;
    _cleanup_free_ struct copy_place *places =
        mem_alloc((job->destination_count + 1) * sizeof(*places));
    _cleanup_free_ struct copy_attempt *attempts =
        mem_alloc((c->attempt_count + 1) * sizeof(*attempts));
    struct copying answer;
    struct err e = {0};
    struct copying_input in = {.job = job,
                               .sets = &catalog_job(d->catalog, job->name)->sets,
                               .places = places,
                               .attempts = attempts,
                               .now = clock_wall(),
                               .mono_now = clock_mono(),
                               .timezone =
                                   job->timezone != NULL ? job->timezone : d->config->timezone,
                               .clock_in_doubt = clock_watch_in_doubt(&d->clock),
                               .paused = is_paused(d, job->name)};

    for (size_t i = 0; i < job->destination_count; i++) {
        const struct catalog_destination *known =
            catalog_destination(d->catalog, job->destinations[i]->name);
        places[i] = (struct copy_place){.known = known->known, .listed = known->listed};
    }
    for (size_t i = 0; i < c->attempt_count; i++)
        if (strcmp(c->attempts[i].job, job->name) == 0)
            attempts[in.attempt_count++] =
                (struct copy_attempt){.id = c->attempts[i].id,
                                      .destination = c->attempts[i].to,
                                      .failures = c->attempts[i].failures,
                                      .next = c->attempts[i].next};
    if (copying_decide(&in, &answer, &e) < 0) {
        log_error(d->log, "%s", e.text);
        return;
    }
    take_answer(c, job, &answer);
    copying_deinit(&answer);
}

void copies_plan(struct copies *c)
{
    struct daemon *d = c->daemon;
    struct mono now = clock_mono();

    if (!c->dirty && c->generation == catalog_generation(d->catalog) && now.us < c->next_try.us &&
        now.us - c->planned.us < STALE_US)
        return;
    copies_drop_plan(c);
    c->dirty = false;
    c->generation = catalog_generation(d->catalog);
    c->planned = now;
    c->next_try.us = INT64_MAX;
    for (size_t i = 0; i < d->config->job_count; i++)
        plan_job(c, d->config->jobs[i]);
    forget_settled(c);
}
