/* daemon.c — the glue: the planner's actions performed, runs begun and ended, the timer.
 *
 * The happy path is: an event goes to the planner, apply() journals each action, and when its
 * record is durable the effect follows: a run begins, which ends in daemon_run_over(), whose record
 * gives the planner its next event. Possible failure modes: the journal cannot be written
 * (daemon_fail: stop at once, nothing unrecorded is believed). On close: life.c. */
#include "daemon/daemon.h"

#include <string.h>

#include "daemon/alarm.h"
#include "daemon/control.h"
#include "daemon/copies.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/ping.h"
#include "daemon/prune.h"
#include "daemon/record.h"
#include "daemon/report.h"
#include "daemon/restores.h"
#include "daemon/rolling.h"
#include "daemon/scan.h"

enum { WAKE_MAX_MS = 60000 };

void daemon_post(struct daemon *d, json_t *record, journal_durable_cb *cb, void *arg)
{
    journal_writer_post(d->journal, record, cb, arg);
}

/* --- runs --- */

struct run *daemon_find_run(const struct daemon *d, int64_t number)
{
    for (size_t i = 0; i < d->run_count; i++)
        if (d->runs[i]->number == number)
            return d->runs[i];
    return NULL;
}

struct run *daemon_run_of_job(const struct daemon *d, const char *job)
{
    struct run *found = NULL;

    for (size_t i = 0; i < d->run_count; i++)
        if (d->runs[i]->job != NULL && strcmp(d->runs[i]->job->name, job) == 0 &&
            (found == NULL || found->kind == RUN_VERIFY))
            found = d->runs[i];
    return found;
}

bool daemon_id_in_use(const struct daemon *d, const struct run *but, const char *job,
                      const char *id)
{
    for (size_t i = 0; i < d->run_count; i++)
        if (d->runs[i] != but && strcmp(d->runs[i]->job->name, job) == 0 &&
            strcmp(d->runs[i]->id, id) == 0)
            return true;
    return false;
}

json_t *daemon_sets_in_progress(const struct daemon *d)
{
    json_t *array = json_array();

    for (size_t i = 0; i < d->run_count; i++)
        if (d->runs[i]->id[0] != '\0')
            (void)json_array_append_new(
                array, json_sprintf("%s/%s", d->runs[i]->job->name, d->runs[i]->id));
    copies_add_in_progress(d->copies, array);
    return array;
}

void daemon_mark_in_use(struct daemon *d, const char *job)
{
    struct catalog_job *known = catalog_job(d->catalog, job);

    for (size_t i = 0; i < known->sets.count; i++) {
        struct set *s = &known->sets.items[i];
        s->in_use = daemon_id_in_use(d, NULL, job, s->id) ||
                    restores_use(d->restores, job, s->id) || copies_use(d->copies, job, s->id);
    }
}

void daemon_know_marker(struct daemon *d, const char *destination, const char *marker_id)
{
    const char *known = catalog_known_id(d->catalog, destination);

    if (marker_id[0] == '\0' || (known != NULL && strcmp(known, marker_id) == 0))
        return;
    daemon_post(d,
                json_pack("{s:s,s:s,s:s}", "type", RECORD_DESTINATION_KNOWN, "destination",
                          destination, "marker_id", marker_id),
                NULL, NULL);
}

void daemon_know_heads(struct daemon *d, const char *destination, const json_t *heads)
{
    if (heads == NULL ||
        !repositories_is_news(history_repositories(d->history), destination, heads))
        return;
    daemon_post(d,
                json_pack("{s:s,s:s,s:s,s:s}", "type", RECORD_HEADS, "destination", destination,
                          "writer", json_opt_string(heads, "writer", ""), "pruner",
                          json_opt_string(heads, "pruner", "")),
                NULL, NULL);
}

void daemon_run_progress(struct daemon *d, struct run *r)
{
    control_run_progress(d->control, r);
}

void daemon_add_run(struct daemon *d, struct run *r)
{
    d->runs = mem_resize_array(d->runs, d->run_count + 1, sizeof(*d->runs));
    d->runs[d->run_count++] = r;
}

static void remove_run(struct daemon *d, struct run *r)
{
    for (size_t i = 0; i < d->run_count; i++)
        if (d->runs[i] == r)
            d->runs[i] = d->runs[--d->run_count];
    run_free(r);
}

static void after_run(struct daemon *d, const struct run *r)
{
    if (r->kind == RUN_VERIFY || d->stopping)
        return;
    for (size_t i = 0; i < r->destination_count; i++)
        if (r->destinations[i].out) /* what became of it? */
            scan_start(d, r->destinations[i].destination->name, NULL, NULL);
        else
            scan_refresh(d, r->destinations[i].destination->name);
    if (r->outcome == OUTCOME_GOOD || r->outcome == OUTCOME_INCOMPLETE)
        prune_start(d, r->job->name);
    copies_changed(d->copies);
}

static void tell_manager(const struct daemon *d)
{
    _cleanup_free_ char *text = d->run_count == 0 ? mem_strdup("idle")
                                                  : mem_printf("%zu running, job \"%s\"",
                                                               d->run_count, d->runs[0]->job->name);

    if (!d->stopping)
        notify_status(text);
}

static void on_run_over_durable(void *arg)
{
    struct run *r = arg;
    struct daemon *d = r->daemon;
    struct err e = {0};
    const struct event event = {
        .kind = EVENT_RUN_FINISHED, .run = r->number, .outcome = r->outcome, .tiers = r->tiers};

    report_run(d, r);
    after_run(d, r);
    control_run_finished(d->control, history_run_record(d->history, r->number, RECORD_RUN_FINISHED),
                         r->number);
    remove_run(d, r);
    tell_manager(d);
    if (daemon_step(d, event, NULL, NULL, &e) < 0)
        log_error(d->log, "the planner does not know the run: %s", e.text);
    daemon_maybe_stopped(d);
}

void daemon_run_over(struct daemon *d, struct run *r)
{
    daemon_post(d, run_to_record(r, RECORD_RUN_FINISHED), on_run_over_durable, r);
}

/* --- actions --- */

static void on_run_started_durable(void *arg)
{
    struct run *r = arg;

    tell_manager(r->daemon);
    run_begin(r);
}

/* A dropped run is over as soon as that is durable: who waits for it must hear. */
struct dropped {
    struct daemon *daemon;
    int64_t run;
};

static void on_dropped_durable(void *arg)
{
    struct dropped *dropped = arg;
    struct daemon *d = dropped->daemon;

    control_run_finished(d->control,
                         history_run_record(d->history, dropped->run, RECORD_RUN_FINISHED),
                         dropped->run);
    free(dropped);
}

static void drop_run(struct daemon *d, const struct action *a)
{
    struct dropped *dropped = mem_alloc(sizeof(*dropped));

    *dropped = (struct dropped){d, a->run};
    daemon_post(d, record_run_dropped(a), on_dropped_durable, dropped);
}

static void cancel_run(struct daemon *d, const struct action *a)
{
    struct run *r = daemon_find_run(d, a->run);
    struct err why = {0};

    (void)err_set(&why, ERR_CANCELLED,
                  d->stopping ? "synbakd stopped" : "cancelled by an operator");
    if (r != NULL)
        run_cancel(r, d->stopping, &why);
}

static void queue_alarm(struct daemon *d, const struct action *a)
{
    const struct log_fields fields = {.job = a->job, .run = a->run};

    log_write(d->log, LOG_LEVEL_WARNING, LOG_QUEUE_ALARM, &fields,
              "job \"%s\": run %lld has been queued for too long: it %s", a->job, (long long)a->run,
              a->why);
    daemon_post(d, record_queue_alarm(a), NULL, NULL);
}

/* The one place that performs what the planner decides. */
static void apply(struct daemon *d, const struct action *a, const json_t *details)
{
    struct run *r;

    switch (a->kind) {
    case ACTION_QUEUE_RUN:
        daemon_post(d, record_run_queued(a, details), NULL, NULL);
        break;
    case ACTION_START_RUN:
        r = run_new(d, a);
        daemon_add_run(d, r);
        daemon_post(d, record_run_started(a), on_run_started_durable, r);
        break;
    case ACTION_CANCEL_RUN:
        cancel_run(d, a);
        break;
    case ACTION_DROP_RUN:
        drop_run(d, a);
        break;
    case ACTION_SKIP:
        daemon_post(d, record_skipped(a), NULL, NULL);
        break;
    case ACTION_ALARM_QUEUED:
        queue_alarm(d, a);
        break;
    case ACTION_ARM:
        d->wake = a->at;
        break;
    }
}

/* Never longer than a minute: the wall clock may be set, which no timer of ours notices. */
static void arm(struct daemon *d)
{
    int64_t ms = WAKE_MAX_MS, watchdog = notify_watchdog_ms();
    int64_t until = d->wake.us == INT64_MAX ? INT64_MAX : (d->wake.us - clock_wall().us) / 1000 + 1;
    int64_t copies = d->copies != NULL ? copies_wake_us(d->copies) : INT64_MAX;

    if (copies != INT64_MAX && (copies - clock_mono().us) / 1000 + 1 < ms)
        ms = (copies - clock_mono().us) / 1000 + 1;
    if (watchdog > 0 && watchdog < ms)
        ms = watchdog;
    if (until < ms)
        ms = until;
    if (d->timer != NULL) /* before the start is over, and after the stop, there is none */
        loop_timer_arm(d->timer, ms);
}

int daemon_step(struct daemon *d, struct event event, const json_t *details, int64_t *ret_run,
                struct err *e)
{
    struct actions actions = {0};

    event.now = clock_wall();
    d->wake.us = INT64_MAX;
    int rc = planner_step(d->planner, &event, &actions, e);
    for (size_t i = 0; i < actions.count; i++) {
        const struct action *a = &actions.items[i];
        /* the trigger's own run is the first that is queued after what time alone brought */
        bool own = a->kind == ACTION_QUEUE_RUN && event.kind == EVENT_TRIGGER &&
                   strcmp(a->job, event.job) == 0 && a->run_kind == event.run_kind &&
                   strcmp(a->why, planner_trigger_why(&event)) == 0;
        apply(d, a, own ? details : NULL);
        if (own && ret_run != NULL)
            *ret_run = a->run;
    }
    actions_deinit(&actions);
    if (event.kind == EVENT_PAUSE || event.kind == EVENT_RESUME)
        copies_changed(d->copies);
    arm(d);
    return rc;
}

/* --- time --- */

void daemon_tick(struct daemon *d)
{
    struct event event = {.kind = EVENT_TICK};
    struct err e = {0};

    if (d->closing)
        return;
    notify_watchdog();
    if (clock_watch_look(d)) {
        log_warning(d->log, "the wall clock was set: due times are computed anew");
        event.kind = EVENT_CLOCK_JUMPED;
    }
    if (daemon_step(d, event, NULL, NULL, &e) < 0)
        log_error(d->log, "tick: %s", e.text);
    scan_retry(d);
    copies_look(d->copies);
    rolling_look(d);
    alarms_look(d->alarms, d, event.kind == EVENT_CLOCK_JUMPED);
}

/* --- configuration --- */

/* Due times count from when a job was first seen; one that comes back later begins anew. */
void daemon_note_jobs(struct daemon *d)
{
    const char *stray;

    for (size_t i = 0; (stray = history_stray_job(d->history, d->config, i)) != NULL; i++)
        daemon_post(d, json_pack("{s:s,s:s}", "type", RECORD_JOB_GONE, "job", stray), NULL, NULL);
    for (size_t i = 0; i < d->config->job_count; i++)
        if (!history_knows_job(d->history, d->config->jobs[i]->name))
            daemon_post(
                d,
                json_pack("{s:s,s:s}", "type", RECORD_JOB_KNOWN, "job", d->config->jobs[i]->name),
                NULL, NULL);
}

int daemon_set_config(struct daemon *d, struct config *config, struct err *e)
{
    const struct event event = {.kind = EVENT_CONFIG, .config = config};
    struct config *old = d->config;

    d->config = config; /* runs that may start now are made of it */
    if (daemon_step(d, event, NULL, NULL, e) < 0) {
        d->config = old;
        config_unref(config);
        return -1;
    }
    catalog_set_config(d->catalog, config);
    config_unref(old);
    daemon_note_jobs(d);
    copies_reconfigured(d->copies);
    return 0;
}
