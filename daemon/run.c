/* run.c — see run.h.
 *
 * The happy path is: make sure that every destination has been listed, choose id and sequence
 * number and journal them, ping, run the before hook, read the sources one after the other, commit,
 * pin, journal the result, run the after hook, report to the daemon.
 * Possible failure modes: any of these steps; each failure is recorded in `error` and the
 * run goes to RESULT; the after hook runs all the same. A failed source does not stop the others.
 * On close: a run is freed by the daemon after its last record is durable; until then no operation
 * is left. */
#include "daemon/run.h"

#include <string.h>

#include "daemon/catalog.h"
#include "daemon/daemon.h"
#include "daemon/record.h"
#include "daemon/rolling.h"
#include "daemon/scan.h"
#include "daemon/set_json.h"

enum { HOOK_GRACE_S = 30, PRE_RESTORE_PIN_DAYS = 14, PORTION_NICE = 19 };

/* --- operations --- */

static void on_run_progress(void *arg, const char *step, int64_t done, int64_t total)
{
    struct run *r = arg;

    (void)snprintf(r->step, sizeof(r->step), "%s", step);
    r->done = done;
    r->total = total;
    daemon_run_progress(r->daemon, r);
}

static void on_run_log(void *arg, bool warning, const char *text)
{
    struct run *r = arg;
    const struct log_fields fields = {.job = r->job->name, .run = r->number};

    if (warning && strlist_contains(&r->warned, text)) /* each worker of the run meets it */
        return;
    if (warning)
        strlist_add(&r->warned, text);
    log_write(r->daemon->log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, LOG_PLAIN, &fields,
              "job \"%s\": %s", r->job->name, text);
}

/* run_timeout is for the whole run; 0: none. */
static int64_t time_left_s(const struct run *r)
{
    int64_t left = r->job->run_timeout_s - (clock_mono().us - r->began.us) / 1000000;

    return r->job->run_timeout_s <= 0 ? 0 : left < 1 ? 1 : left;
}

static void start_on(struct run *r, json_t *job, struct destination **chosen, size_t count,
                     bool several, bool read_capability, bool hook, run_operation_cb *done)
{
    const bool portion = rolling_is_portion(r);

    r->pending = true;
    r->operation = operation_start(
        r->daemon,
        (struct operation_spec){
            .config = r->config,
            .destinations = chosen,
            .destination_count = count,
            .stores = several ? OPERATION_STORES : OPERATION_STORE,
            .job = job,
            .worker = {.read_capability = read_capability,
                       .nice = portion ? PORTION_NICE : r->job->nice,
                       .io_class = portion ? IO_IDLE : r->job->io_class,
                       .progress_timeout_s = hook ? 0 : r->job->progress_timeout_s,
                       .run_timeout_s =
                           hook ? r->job->hook_timeout_s + HOOK_GRACE_S : time_left_s(r)},
            .callbacks = {.progress = on_run_progress, .log = on_run_log, .done = done, .arg = r}});
}

void run_start_operation(struct run *r, json_t *job, ssize_t index, bool several,
                         bool read_capability, bool hook, run_operation_cb *done)
{
    _cleanup_free_ struct destination **chosen =
        mem_alloc(r->destination_count * sizeof(struct destination *));
    size_t count = 0;

    for (size_t i = 0; i < r->destination_count && !hook; i++)
        if (index < 0 ? !r->destinations[i].out : (size_t)index == i)
            chosen[count++] = r->destinations[i].destination;
    start_on(r, job, chosen, count, several, read_capability, hook, done);
}

void run_fail(struct run *r, const struct err *e)
{
    if (r->error.code == ERR_NONE)
        r->error = *e;
}

void run_cancel(struct run *r, bool stopping, const struct err *why)
{
    if (r->cancelled.code != ERR_NONE || r->state >= RUN_RESULT)
        return; /* the result is decided; what is left is to say so */
    r->cancelled = *why;
    r->stopped = stopping;
    if (r->operation != NULL)
        operation_cancel(r->operation, why);
    else
        run_tick(r);
}

/* No further work for the set: a failure, or somebody wants it to end. */
static bool run_must_stop(const struct run *r)
{
    return r->cancelled.code != ERR_NONE || r->error.code != ERR_NONE;
}

/* What every operation's callback does first. */
static void operation_over(struct run *r)
{
    r->operation = NULL;
    r->pending = false;
}

/* --- LISTING: the sequence number must be above all that any destination holds --- */

static void on_listed(void *arg)
{
    struct run *r = arg;

    r->pending = false;
    run_tick(r);
}

static size_t count_in(const struct run *r)
{
    size_t in = 0;

    for (size_t i = 0; i < r->destination_count; i++)
        in += !r->destinations[i].out;
    return in;
}

/* Every destination has been tried: who takes part, and is there anything to do? */
static void end_listing(struct run *r)
{
    const size_t in = count_in(r);

    if (r->destination_count == 0)
        (void)err_set(&r->error, ERR_NOT_FOUND, "none of its destinations is configured any more");
    else if (in == 0)
        run_fail(r, &r->destinations[0].error);
    if (r->source_count == 0 && r->kind != RUN_VERIFY)
        (void)err_set(&r->error, ERR_NOT_FOUND, "none of its sources is configured any more");
}

static bool step_listing(struct run *r)
{
    for (; r->index < r->destination_count && r->cancelled.code == ERR_NONE; r->index++) {
        struct run_destination *rd = &r->destinations[r->index];
        struct catalog_destination *d =
            catalog_destination(r->daemon->catalog, rd->destination->name);
        if (d->listed)
            continue;
        if (!rd->listing_asked) {
            rd->listing_asked = r->pending = true;
            scan_start(r->daemon, rd->destination->name, on_listed, r);
            return true;
        }
        rd->out = true;
        rd->error = d->problem;
        (void)err_wrap(&rd->error, "destination \"%s\"", rd->destination->name);
    }
    /* none that is fed can be written: then those that otherwise get a copy are all there is */
    if (r->cancelled.code == ERR_NONE && count_in(r) == 0 && run_feed_all(r))
        return step_listing(r);
    end_listing(r);
    return false;
}

/* --- BEGINNING: the id and the sequence number, given out once and for all --- */

static void on_set_begun(void *arg)
{
    struct run *r = arg;

    r->pending = false;
    run_tick(r);
}

/* The present second, or the next one that no destination has a set of. */
static void choose_id(struct run *r)
{
    struct catalog_job *known = catalog_job(r->daemon->catalog, r->job->name);
    struct wall t = r->started;

    (void)clock_set_id(t, r->id);
    while (catalog_find(known, NULL, r->id) != NULL ||
           daemon_id_in_use(r->daemon, r, r->job->name, r->id)) {
        t.us += 1000000;
        (void)clock_set_id(t, r->id);
    }
    if (r->kind == RUN_BACKUP)
        r->sequence = ++known->last_sequence;
}

static bool step_beginning(struct run *r)
{
    if (r->id[0] != '\0')
        return false;
    choose_id(r);
    r->pending = true;
    daemon_post(r->daemon,
                json_pack("{s:s,s:I,s:s,s:s,s:I}", "type", RECORD_SET_BEGUN, "run",
                          (json_int_t)r->number, "job", r->job->name, "id", r->id, "sequence",
                          (json_int_t)r->sequence),
                on_set_begun, r);
    return true;
}

/* --- the hooks --- */

static void on_before_done(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;

    operation_over(r);
    if (result == NULL) {
        struct err why = *e;
        (void)err_wrap(&why, "before hook");
        if (r->job->before_failure == FAILURE_ABORT)
            run_fail(r, &why);
        else
            strlist_add(&r->problems, why.text);
    }
    run_tick(r);
}

static void on_after_done(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;

    operation_over(r);
    if (result == NULL) {
        struct err why = *e;
        (void)err_wrap(&why, "after hook");
        strlist_add(&r->problems, why.text);
        if (r->job->after_failure == FAILURE_ABORT && r->outcome < OUTCOME_FAILED) {
            if (r->outcome == OUTCOME_GOOD) /* late somewhere: this is worse */
                r->error = (struct err){0};
            r->outcome = OUTCOME_FAILED;
            run_fail(r, &why);
        }
    }
    run_tick(r);
}

/* --- reading and committing --- */

static void on_source_done(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;

    operation_over(r);
    run_take_source(r, &r->sources[r->index++], result, e);
    run_tick(r);
}

static bool step_reading(struct run *r)
{
    if (r->index >= r->source_count || run_must_stop(r))
        return false;
    const struct run_source *s = &r->sources[r->index];
    run_start_operation(r, run_source_job(r, s), -1, true, s->source->type == SOURCE_FILES, false,
                        on_source_done);
    return true;
}

static bool something_read(const struct run *r)
{
    for (size_t i = 0; i < r->destination_count; i++)
        for (size_t k = 0; k < r->source_count && !r->destinations[i].out; k++)
            if (json_object_get(r->sources[k].artifacts, r->destinations[i].destination->name) !=
                NULL)
                return true;
    return false;
}

static void on_commit_done(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;

    operation_over(r);
    run_take_commit(r, result, e);
    run_tick(r);
}

/* --- PINNING: trigger --pin, and the copy before a restore --- */

static void note_pin(struct run *r, const struct destination *d)
{
    struct set *s = catalog_find(catalog_job(r->daemon->catalog, r->job->name), d->name, r->id);

    if (s == NULL)
        return;
    s->pinned = true;
    free(s->pin_reason);
    s->pin_reason = mem_strdup(json_opt_string(r->request, "pin", "before a restore"));
    if (r->kind == RUN_PRE_RESTORE)
        s->pin_until.us = r->started.us + PRE_RESTORE_PIN_DAYS * 86400LL * 1000000;
}

static bool is_same_repository(const struct destination *a, const struct destination *b)
{
    return a->repository != NULL && str_equal(a->repository, b->repository);
}

/* The committed destinations that are marked together with this one, itself first: a mark in a
 * repository is one record for all replicas. */
static size_t pinned_with(const struct run *r, size_t index, struct destination **ret)
{
    const struct destination *first = r->destinations[index].destination;
    size_t count = 0;

    ret[count++] = r->destinations[index].destination;
    for (size_t i = index + 1; i < r->destination_count; i++)
        if (r->destinations[i].committed &&
            is_same_repository(first, r->destinations[i].destination))
            ret[count++] = r->destinations[i].destination;
    return count;
}

static bool is_pinned_already(const struct run *r, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (r->destinations[i].committed &&
            is_same_repository(r->destinations[i].destination, r->destinations[index].destination))
            return true;
    return false;
}

static void on_pin_done(void *arg, const json_t *result, const struct err *e)
{
    struct run *r = arg;
    const size_t index = r->index++;
    const char *name = r->destinations[index].destination->name;
    _cleanup_free_ struct destination **all =
        mem_alloc(r->destination_count * sizeof(struct destination *));

    operation_over(r);
    if (result == NULL)
        strlist_addf(&r->problems, "pin at \"%s\": %s", name, e->text);
    for (size_t i = result == NULL ? 0 : pinned_with(r, index, all); i > 0; i--)
        note_pin(r, all[i - 1]);
    daemon_know_heads(r->daemon, name, json_object_get(result, "heads"));
    run_tick(r);
}

static bool wants_pin(const struct run *r)
{
    return r->kind == RUN_PRE_RESTORE || json_opt_string(r->request, "pin", NULL) != NULL;
}

static bool step_pinning(struct run *r)
{
    while (r->index < r->destination_count &&
           (!r->destinations[r->index].committed || is_pinned_already(r, r->index)))
        r->index++;
    if (!wants_pin(r) || r->index >= r->destination_count)
        return false;
    struct wall until = {0};
    if (r->kind == RUN_PRE_RESTORE)
        until.us = r->started.us + PRE_RESTORE_PIN_DAYS * 86400LL * 1000000;
    _cleanup_free_ struct destination **all =
        mem_alloc(r->destination_count * sizeof(struct destination *));
    const size_t count = pinned_with(r, r->index, all);
    start_on(r,
             json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "verb", "mark", "job", r->job->name, "id",
                       r->id, "kind", "pin", "reason",
                       json_opt_string(r->request, "pin", "before a restore"), "until",
                       time_to_json(until)),
             all, count, all[0]->repository != NULL, false, false, on_pin_done);
    return true;
}

/* --- the order of things --- */

static void on_result_durable(void *arg)
{
    struct run *r = arg;

    r->pending = false;
    run_tick(r);
}

static bool step_result(struct run *r)
{
    if (r->entered)
        return false;
    r->entered = r->pending = true;
    run_judge(r);
    daemon_post(r->daemon, run_to_record(r, RECORD_RUN_RESULT), on_result_durable, r);
    return true;
}

static bool step_hook(struct run *r, bool after)
{
    const struct strlist *argv = after ? &r->job->after : &r->job->before;

    if (r->entered || argv->count == 0 || r->kind != RUN_BACKUP)
        return false;
    r->entered = true;
    run_start_operation(r, run_hook_job(r, argv, after), -1, false, false, true,
                        after ? on_after_done : on_before_done);
    return true;
}

static bool step_committing(struct run *r)
{
    if (r->entered || run_must_stop(r) || !something_read(r))
        return false;
    r->entered = true;
    run_start_operation(r, run_commit_job(r), -1, true, false, false, on_commit_done);
    return true;
}

static bool step_verifying(struct run *r)
{
    if (!r->entered)
        run_plan_checks(r);
    r->entered = true;
    run_skip_removed(r);
    if (r->index >= r->check_count || r->cancelled.code != ERR_NONE)
        return false;
    run_start_check(r);
    return true;
}

/* Begin the next piece of the present state's work. false: there is none, the state is over. */
static bool step(struct run *r)
{
    switch (r->state) {
    case RUN_LISTING:
        return step_listing(r);
    case RUN_BEGINNING:
        return step_beginning(r);
    case RUN_BEFORE:
        return step_hook(r, false);
    case RUN_READING:
        return step_reading(r);
    case RUN_COMMITTING:
        return step_committing(r);
    case RUN_PINNING:
        return step_pinning(r);
    case RUN_VERIFYING:
        return step_verifying(r);
    case RUN_RESULT:
        return step_result(r);
    case RUN_AFTER:
        return step_hook(r, true);
    case RUN_FINISHED:
        break;
    }
    return false;
}

static enum run_state next_state(const struct run *r)
{
    switch (r->state) {
    case RUN_LISTING:
        if (run_must_stop(r) || r->interrupted)
            return RUN_RESULT;
        return r->kind == RUN_VERIFY ? RUN_VERIFYING : RUN_BEGINNING;
    case RUN_BEGINNING:
        return run_must_stop(r) ? RUN_RESULT : RUN_BEFORE;
    case RUN_BEFORE:
        return run_must_stop(r) ? RUN_RESULT : RUN_READING;
    case RUN_READING:
        return run_must_stop(r) ? RUN_RESULT : RUN_COMMITTING;
    case RUN_COMMITTING:
        return RUN_PINNING;
    case RUN_PINNING:
    case RUN_VERIFYING:
        return RUN_RESULT;
    case RUN_RESULT:
        return RUN_AFTER;
    case RUN_AFTER:
    case RUN_FINISHED:
        break;
    }
    return RUN_FINISHED;
}

void run_tick(struct run *r)
{
    if (r->state == RUN_FINISHED)
        return;
    while (!r->pending && !step(r)) {
        r->state = next_state(r);
        r->index = 0;
        r->entered = false;
        if (r->state == RUN_FINISHED) {
            daemon_run_over(r->daemon, r);
            return;
        }
    }
}
