/* prune.c — see prune.h.
 *
 * The happy path is: decide, journal what goes and why, delete it by a worker, journal what is
 * gone, take it out of the catalog, next.
 * Possible failure modes: a set that cannot be deleted stays in the catalog and is tried by the
 * next pass; a crash between record and deletion leaves sets that the next pass decides on
 * again (R4). */
#include "daemon/prune.h"

#include <string.h>

#include "daemon/catalog.h"
#include "daemon/clock_watch.h"
#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "daemon/history.h"
#include "daemon/prune_replicas.h"
#include "daemon/record.h"
#include "daemon/restores.h"

enum { PROGRESS_TIMEOUT_S = 600 };
static const int64_t collect_every_us = INT64_C(86400) * 1000000;

struct pass {
    char *job, *destination;
};

struct prunes {
    struct daemon *daemon;
    struct pass *waiting;
    size_t count;
    bool busy, stopping;
    struct pass now;   /* while busy */
    json_t *ids;       /* of it */
    json_t *collected; /* {REPOSITORY: when what nothing needs was last looked for, monotonic} */
    struct operation *operation;
};

struct prunes *prunes_new(struct daemon *d)
{
    struct prunes *p = mem_alloc(sizeof(*p));

    p->daemon = d;
    p->collected = json_object();
    return p;
}

static void pass_deinit(struct pass *pass)
{
    free(pass->job);
    free(pass->destination);
    *pass = (struct pass){0};
}

static void drop_waiting(struct prunes *p)
{
    for (size_t i = 0; i < p->count; i++)
        pass_deinit(&p->waiting[i]);
    p->count = 0;
}

void prunes_free(struct prunes *p)
{
    if (p == NULL)
        return;
    drop_waiting(p);
    json_decref(p->collected);
    free(p->waiting);
    free(p);
}

bool prunes_idle(const struct prunes *p)
{
    return !p->busy;
}

bool prune_is_removing(const struct prunes *p, const char *job, const char *destination,
                       const char *id)
{
    if (!p->busy || strcmp(p->now.job, job) != 0 || strcmp(p->now.destination, destination) != 0)
        return false;
    for (size_t i = 0; i < json_array_size(p->ids); i++)
        if (strcmp(json_string_value(json_array_get(p->ids, i)), id) == 0)
            return true;
    return false;
}

void prunes_cancel(struct prunes *p)
{
    struct err why = {0};

    p->stopping = true;
    drop_waiting(p);
    (void)err_set(&why, ERR_CANCELLED, "synbakd stops");
    if (p->operation != NULL)
        operation_cancel(p->operation, &why);
}

/* By an operator, or because a restore of the job goes on: then nothing of it is deleted. */
static bool is_held(const struct daemon *d, const char *job)
{
    return history_is_held(d->history, job) || restores_hold(d->restores, job);
}

int prune_decide(struct daemon *d, const struct job *job, const char *destination,
                 struct retention_plan *ret, const char **why, struct err *e)
{
    const struct catalog_job *known = catalog_job(d->catalog, job->name);

    const struct catalog_destination *place = catalog_destination(d->catalog, destination);

    if (!place->listed) {
        *why = place->problem.code != ERR_NONE
                   ? place->problem.text
                   : "the destination has not been listed since synbakd started";
        return 1;
    }
    daemon_mark_in_use(d, job->name);
    const struct retention_input in = {.job = job,
                                       .sets = &known->sets,
                                       .destination = destination,
                                       .now = clock_wall(),
                                       .timezone = job->timezone != NULL ? job->timezone
                                                                         : d->config->timezone,
                                       .clock_in_doubt = clock_watch_in_doubt(&d->clock),
                                       .held = is_held(d, job->name)};
    return retention_decide(&in, ret, e);
}

/* --- one pass --- */

static void next_pass(struct prunes *p);

static void end_pass(struct prunes *p)
{
    pass_deinit(&p->now);
    json_decref(p->ids);
    p->ids = NULL;
    p->operation = NULL;
    p->busy = false;
    next_pass(p);
    copies_changed(p->daemon->copies);
    daemon_maybe_stopped(p->daemon);
}

/* A set that leaves a repository leaves all of its replicas. */
static void remove_from_catalog(struct prunes *p, const char *id)
{
    struct daemon *d = p->daemon;
    struct destination *dest = config_destination(d->config, p->now.destination);
    _cleanup_free_ struct destination **all = NULL;
    size_t count =
        dest != NULL && dest->format == FORMAT_REPOSITORY ? prune_replicas(d, dest, &all) : 0;

    catalog_remove(d->catalog, p->now.job, p->now.destination, id);
    for (size_t i = 1; i < count; i++)
        catalog_remove(d->catalog, p->now.job, all[i]->name, id);
}

/* A pass that found nothing to delete leaves no record. */
static void post_pruned(struct prunes *p, const json_t *result)
{
    json_t *removed = json_object_get(result, "removed");
    json_t *failed = json_object_get(result, "failed");
    const int64_t freed = json_opt_i64(result, "freed_bytes", 0);

    if (json_array_size(removed) > 0 || json_array_size(failed) > 0 || freed > 0)
        daemon_post(p->daemon,
                    json_pack("{s:s,s:s,s:s,s:O?,s:O?,s:I,s:I}", "type", RECORD_PRUNED, "job",
                              p->now.job, "destination", p->now.destination, "removed", removed,
                              "failed", failed, "freed_bytes", (json_int_t)freed, "trash_bytes",
                              (json_int_t)json_opt_i64(result, "trash_bytes", 0)),
                    NULL, NULL);
}

static void take_removed(struct prunes *p, const json_t *result)
{
    struct daemon *d = p->daemon;
    json_t *removed = json_object_get(result, "removed"), *failed, *id;
    const struct log_fields fields = {.job = p->now.job, .destination = p->now.destination};
    size_t i;

    failed = json_object_get(result, "failed");
    json_array_foreach(removed, i, id) remove_from_catalog(p, json_string_value(id));
    daemon_know_heads(d, p->now.destination, json_object_get(result, "heads"));
    json_array_foreach(json_object_get(result, "problems"), i, id)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_PLAIN, &fields, "retention at \"%s\": %s",
                  p->now.destination, json_string_value(id));
    if (json_array_size(removed) > 0)
        log_write(d->log, LOG_LEVEL_INFO, LOG_SETS_REMOVED, &fields,
                  "job \"%s\": retention removed %zu sets at \"%s\"", p->now.job,
                  json_array_size(removed), p->now.destination);
    if (json_array_size(failed) > 0)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_PLAIN, &fields,
                  "job \"%s\": %zu sets at \"%s\" could not be removed: %s", p->now.job,
                  json_array_size(failed), p->now.destination,
                  json_opt_string(json_array_get(failed, 0), "error", ""));
    post_pruned(p, result);
}

static void on_pruned(void *arg, const json_t *result, const struct err *e)
{
    struct prunes *p = arg;
    const struct log_fields fields = {
        .job = p->now.job, .destination = p->now.destination, .code = err_word(e->code)};

    if (result != NULL)
        take_removed(p, result);
    else
        log_write(p->daemon->log, LOG_LEVEL_WARNING, LOG_PLAIN, &fields,
                  "job \"%s\": retention at \"%s\": %s", p->now.job, p->now.destination, e->text);
    end_pass(p);
}

/* Somebody may have pinned it since; a pin that has ended is what retention let pass. */
static bool is_pinned(const struct set *s)
{
    return s->pinned && (s->pin_until.us == 0 || s->pin_until.us > clock_wall().us);
}

/* A restore may have begun while the record was being written: its set is not deleted. */
static void leave_out_in_use(struct prunes *p)
{
    struct catalog_job *known = catalog_job(p->daemon->catalog, p->now.job);

    daemon_mark_in_use(p->daemon, p->now.job);
    for (size_t i = json_array_size(p->ids); i-- > 0;) {
        const struct set *s =
            catalog_find(known, p->now.destination, json_string_value(json_array_get(p->ids, i)));
        if (s == NULL || s->in_use || is_pinned(s))
            (void)json_array_remove(p->ids, i);
    }
    if (is_held(p->daemon, p->now.job))
        (void)json_array_clear(p->ids);
}

/* What sets that are gone have left behind is looked for once a day. */
static bool is_collect_due(const struct prunes *p, const struct destination *dest)
{
    if (dest->format != FORMAT_REPOSITORY)
        return false;
    const json_t *last = json_object_get(p->collected, dest->repository);
    return last == NULL || clock_mono().us - json_integer_value(last) > collect_every_us;
}

static void start_worker(struct prunes *p, struct destination *dest)
{
    struct daemon *d = p->daemon;
    const bool repository = dest->format == FORMAT_REPOSITORY;
    _cleanup_free_ struct destination **all = NULL;
    const size_t count = prune_replicas(d, dest, &all);
    json_t *job = json_pack("{s:s,s:s,s:O}", "verb", "prune", "job", p->now.job, "ids", p->ids);
    if (repository) {
        prune_add_guards(d, dest, job);
        (void)json_object_set_new(job, "collect", json_boolean(is_collect_due(p, dest)));
        if (is_collect_due(p, dest))
            (void)json_object_set_new(p->collected, dest->repository,
                                      json_integer(clock_mono().us));
    }
    p->operation = operation_start(
        d,
        (struct operation_spec){
            .config = d->config,
            .destinations = all,
            .destination_count = count,
            .stores = repository ? OPERATION_STORES : OPERATION_STORE,
            .job = job,
            .worker = {.nice = 10, .io_class = IO_IDLE, .progress_timeout_s = PROGRESS_TIMEOUT_S},
            .callbacks = {.done = on_pruned, .arg = p}});
}

static void on_pass_durable(void *arg)
{
    struct prunes *p = arg;
    struct destination *dest = config_destination(p->daemon->config, p->now.destination);

    leave_out_in_use(p);
    if (dest == NULL || !dest->deletes || p->stopping ||
        (json_array_size(p->ids) == 0 && dest->format != FORMAT_REPOSITORY))
        end_pass(p);
    else
        start_worker(p, dest);
}

/* The record of what goes; fills p->ids. */
static json_t *prune_record(struct prunes *p, const struct retention_plan *plan)
{
    json_t *remove = json_array();

    p->ids = json_array();
    for (size_t i = 0; i < plan->count; i++) {
        const struct retention_verdict *v = &plan->verdicts[i];
        if (!v->remove)
            continue;
        (void)json_array_append_new(p->ids, json_string(v->set->id));
        (void)json_array_append_new(remove,
                                    json_pack("{s:s,s:s}", "id", v->set->id, "why", v->why));
    }
    return json_pack("{s:s,s:s,s:s,s:o}", "type", RECORD_PRUNE_BEGUN, "job", p->now.job,
                     "destination", p->now.destination, "remove", remove);
}

/* false: nothing goes there */
static bool begin_pass(struct prunes *p)
{
    struct daemon *d = p->daemon;
    const struct job *job = config_job(d->config, p->now.job);
    struct retention_plan plan = {0};
    const char *why;
    struct err e = {0};
    bool begun = false;

    struct destination *dest = config_destination(d->config, p->now.destination);
    if (job == NULL || dest == NULL || !dest->deletes ||
        catalog_destination(d->catalog, dest->name)->write_only)
        return false;
    int rc = prune_decide(d, job, p->now.destination, &plan, &why, &e);
    if (rc < 0)
        log_error(d->log, "job \"%s\": retention: %s", job->name, e.text);
    if (rc == 0 && (plan.removals > 0 || is_collect_due(p, dest))) {
        _cleanup_json_ json_t *record = prune_record(p, &plan);
        if (plan.removals > 0)
            daemon_post(d, json_incref(record), on_pass_durable, p);
        else
            start_worker(p, dest);
        begun = true;
    }
    if (rc == 0)
        retention_plan_deinit(&plan);
    return begun;
}

static void next_pass(struct prunes *p)
{
    while (!p->busy && p->count > 0 && !p->stopping) {
        p->now = p->waiting[0];
        memmove(p->waiting, p->waiting + 1, (p->count - 1) * sizeof(*p->waiting));
        p->count--;
        p->busy = begin_pass(p);
        if (!p->busy)
            pass_deinit(&p->now);
    }
}

static void add_pass(struct prunes *p, const char *job, const char *destination)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->waiting[i].job, job) == 0 &&
            strcmp(p->waiting[i].destination, destination) == 0)
            return;
    p->waiting = mem_resize_array(p->waiting, p->count + 1, sizeof(*p->waiting));
    p->waiting[p->count++] =
        (struct pass){.job = mem_strdup(job), .destination = mem_strdup(destination)};
}

void prune_collect_now(struct daemon *d)
{
    (void)json_object_clear(d->prunes->collected);
}

void prune_start(struct daemon *d, const char *name)
{
    const struct job *job = config_job(d->config, name);

    for (size_t i = 0; job != NULL && i < job->destination_count; i++)
        if (job->destinations[i]->deletes && prune_is_first(d, job, job->destinations[i]))
            add_pass(d->prunes, name, job->destinations[i]->name);
    next_pass(d->prunes);
}
