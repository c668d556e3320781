#include "daemon/status.h"

#include <string.h>

#include "daemon/copies.h"
#include "daemon/kept.h"
#include "daemon/record.h"
#include "daemon/rolling.h"
#include "daemon/set_json.h"
#include "daemon/status_problems.h"

static json_t *running_to_json(const struct run *r)
{
    if (r == NULL)
        return json_null();
    return json_pack("{s:I,s:s,s:s,s:I,s:I,s:o}", "run", (json_int_t)r->number, "kind",
                     record_kind_word(r->kind), "step", r->step, "done", (json_int_t)r->done,
                     "total", (json_int_t)r->total, "since", time_to_json(r->started));
}

/* What a queued run waits for, in the words of the queue alarm. */
static char *waits_for(const struct daemon *d, const char *job, const struct planner_view *view)
{
    const struct run *own = daemon_run_of_job(d, job);

    if (own != NULL)
        return mem_printf("run %lld of the same job", (long long)own->number);
    if (view->paused)
        return mem_printf("job \"%s\" to be resumed", job);
    if (d->run_count > 0)
        return mem_printf("run %lld of job \"%s\"", (long long)d->runs[0]->number,
                          d->runs[0]->job->name);
    return mem_strdup("nothing: it is about to start");
}

static json_t *queued_to_json(const struct daemon *d, const char *job,
                              const struct planner_view *view)
{
    json_t *array = json_array();
    int64_t run;

    for (size_t i = 0; (run = history_open_run(d->history, i)) != 0; i++) {
        const json_t *queued = history_run_record(d->history, run, RECORD_RUN_QUEUED);
        if (history_run_record(d->history, run, RECORD_RUN_STARTED) != NULL ||
            strcmp(json_opt_string(queued, "job", ""), job) != 0)
            continue;
        _cleanup_free_ char *what = waits_for(d, job, view);
        (void)json_array_append_new(array, json_pack("{s:I,s:s,s:s,s:s}", "run", (json_int_t)run,
                                                     "why", json_opt_string(queued, "why", ""),
                                                     "since", json_opt_string(queued, "time", ""),
                                                     "waits_for", what));
    }
    return array;
}

static json_t *last_run_to_json(const struct daemon *d, const char *job)
{
    const json_t *run = history_last_run(d->history, job);

    if (run == NULL)
        return json_null();
    return json_pack("{s:O?,s:O?,s:O?,s:O?,s:O?,s:O?,s:O?}", "run", json_object_get(run, "run"),
                     "outcome", json_object_get(run, "outcome"), "code",
                     json_object_get(run, "code"), "finished", json_object_get(run, "time"),
                     "error", json_object_get(run, "error"), "duration_s",
                     json_object_get(run, "duration_s"), "bytes", json_object_get(run, "bytes"));
}

static void add_latest(json_t *o, const struct catalog_job *known)
{
    const struct set *latest = sets_latest(&known->sets, NULL);

    (void)json_object_update_new(
        o, json_pack("{s:o,s:s?,s:s?,s:I,s:I}", "recoverable_until",
                     latest != NULL ? time_to_json(latest->started) : json_null(), "grade",
                     latest == NULL             ? NULL
                     : latest->verified.us != 0 ? "verified"
                                                : "written",
                     "latest", latest != NULL ? latest->id : NULL, "latest_bytes",
                     latest != NULL ? (json_int_t)set_bytes(latest) : 0, "sets",
                     (json_int_t)known->sets.count));
}

static json_t *job_to_json(struct daemon *d, const struct job *job, int *level)
{
    struct planner_view view = {.next.us = INT64_MAX};
    struct problems problems = {.texts = json_array()};
    const struct catalog_job *known = catalog_job(d->catalog, job->name);

    if (planner_view(d->planner, job->name, clock_wall(), &view, NULL) < 0)
        problems_add(&problems, 2, "the planner does not know it");
    problems_of_job(d, job, &view, &problems);
    if (problems.level > *level)
        *level = problems.level;
    json_t *o = json_pack(
        "{s:s,s:i,s:o,s:o,s:o,s:o,s:b,s:o,s:b,s:o,s:o,s:o,s:o,s:I}", "name", job->name, "level",
        problems.level, "next", time_to_json(view.next), "next_tiers",
        tiers_to_json(view.next_tiers), "running", running_to_json(daemon_run_of_job(d, job->name)),
        "queued", queued_to_json(d, job->name, &view), "paused", view.paused, "paused_until",
        time_to_json(view.paused_until), "held", history_is_held(d->history, job->name), "owed",
        tiers_to_json(view.owed), "last_run", last_run_to_json(d, job->name), "problems",
        problems.texts, "retry_at", time_to_json(view.retry_at), "skipped",
        (json_int_t)view.skipped);
    (void)json_object_set_new(o, "destinations", copies_of_job(d->copies, job));
    add_latest(o, known);
    return o;
}

/* Whole seconds since then, by the clock that it was noted with. */
static json_t *unread_to_json(struct wall since)
{
    const int64_t us = clock_wall().us - since.us;

    if (since.us == INT64_MAX)
        return json_null();
    return json_integer(us > 0 ? us / 1000000 : 0);
}

static json_t *destination_to_json(struct daemon *d, const struct destination *dest,
                                   json_t *all_problems, int *level)
{
    const struct catalog_destination *known = catalog_destination(d->catalog, dest->name);
    struct problems problems = {.texts = json_array()};
    _cleanup_free_ char *place = destination_place(dest);
    json_t *text;
    size_t i;

    problems_of_destination(d, dest, &problems);
    if (problems.level > *level)
        *level = problems.level;
    json_array_foreach(problems.texts, i, text)(void) json_array_append_new(
        all_problems,
        json_pack("{s:s,s:O}", "level", problems.level > 1 ? "critical" : "warning", "text", text));
    json_t *first = json_array_get(problems.texts, 0);
    const struct wall since = rolling_read_since(d, dest);
    json_t *o =
        json_pack("{s:s,s:o,s:I,s:I,s:b,s:O,s:b,s:b,s:b}", "name", dest->name, "place",
                  json_printable(place), "free_bytes", (json_int_t)known->free_bytes, "total_bytes",
                  (json_int_t)known->total_bytes, "listed", known->listed, "problem",
                  first != NULL ? first : json_null(), "encrypted", dest->key.kind != SECRET_NONE,
                  "repository", dest->format == FORMAT_REPOSITORY, "key_alone", known->key_alone);
    (void)json_object_update_new(o, json_pack("{s:o,s:I}", "unread_s", unread_to_json(since),
                                              "verify_within_s",
                                              (json_int_t)destination_verify_within_s(dest)));
    json_decref(problems.texts);
    return o;
}

static void add_daemon_problems(struct daemon *d, json_t *all_problems, int *level)
{
    struct problems problems = {.texts = json_array()};
    json_t *text;
    size_t i;

    problems_of_daemon(d, &problems);
    if (problems.level > *level)
        *level = problems.level;
    json_array_foreach(problems.texts, i, text)(void) json_array_append_new(
        all_problems,
        json_pack("{s:s,s:O}", "level", problems.level > 1 ? "critical" : "warning", "text", text));
    json_decref(problems.texts);
}

json_t *status_to_json(struct daemon *d, const char *only)
{
    json_t *jobs = json_array(), *destinations = json_array(), *problems = json_array();
    const struct config *c = d->config;
    int level = 0;

    for (size_t i = 0; i < c->job_count; i++)
        if (only == NULL || strcmp(c->jobs[i]->name, only) == 0)
            (void)json_array_append_new(jobs, job_to_json(d, c->jobs[i], &level));
    for (size_t i = 0; i < c->destination_count; i++)
        (void)json_array_append_new(destinations,
                                    destination_to_json(d, c->destinations[i], problems, &level));
    add_daemon_problems(d, problems, &level);
    return json_pack("{s:i,s:o,s:o,s:o,s:O,s:b,s:s,s:o}", "level", level, "jobs", jobs,
                     "destinations", destinations, "problems", problems, "kept", kept_list(d->kept),
                     "clock_in_doubt", clock_watch_in_doubt(&d->clock), "version", SYNBAK_VERSION,
                     "started", time_to_json(d->started));
}
