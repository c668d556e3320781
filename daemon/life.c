/* life.c — how synbakd starts and stops.
 *
 * Start: lock and replay the journal into a fresh planner, take up what a crash cut off, listen,
 * list the destinations, say READY. What cannot start says why and exits.
 * Stop: refuse new work, cancel runs, scans, prunes and pings, journal what became of them,
 * journal "stopped", then close every handle; the loop ends when the last one is closed.
 * A second signal changes nothing: each of these steps is bounded by its worker's TERM and KILL. */
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "daemon/alarm.h"
#include "daemon/control.h"
#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "daemon/kept.h"
#include "daemon/loop.h"
#include "daemon/notify.h"
#include "daemon/owner.h"
#include "daemon/ping.h"
#include "daemon/prune.h"
#include "daemon/record.h"
#include "daemon/reload.h"
#include "daemon/restores.h"
#include "daemon/scan.h"
#include "daemon/stretched.h"
#include "lib/base/fs.h"
#include "lib/base/io.h"

/* --- start --- */

static int replay(void *arg, const json_t *record, struct err *e)
{
    struct daemon *d = arg;

    (void)e;
    history_note(d->history, (json_t *)record);
    return 0;
}

static int open_state(struct daemon *d, struct journal **ret, struct err *e)
{
    const char *dir = d->config->state_dir;

    if (fs_make_dirs(AT_FDCWD, dir, 0700, e) < 0)
        return err_wrap(e, "state directory");
    if (journal_open(dir, ret, replay, d, e) < 0)
        return -1;
    return owner_load(dir, d->owner, e);
}

static int start_planner(struct daemon *d, const struct journal *journal, struct err *e)
{
    struct actions none = {0};
    struct wall then = journal_last_time(journal);
    const struct event config = {
        .kind = EVENT_CONFIG, .config = d->config, .now = then.us != 0 ? then : clock_wall()};

    d->planner = planner_new();
    int rc = planner_step(d->planner, &config, &none, e);
    actions_deinit(&none);
    return rc < 0 ? -1 : history_feed(d->history, d->planner, e);
}

static void on_timer(void *arg)
{
    daemon_tick(arg);
    (void)malloc_trim(0); /* what listings and long answers took is not kept while idle */
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;

    if (number == SIGHUP)
        reload_start(d, NULL);
    else
        daemon_stop(d);
}

static void watch_signals(struct daemon *d)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        (void)uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
    }
    (void)signal(SIGPIPE, SIG_IGN);
}

/* A run whose job has left the configuration meanwhile can only be written off. */
static void write_off(struct daemon *d, int64_t run, const json_t *queued)
{
    const struct event event = {.kind = EVENT_RUN_FINISHED, .run = run, .outcome = OUTCOME_FAILED};
    struct err e = {0};

    daemon_post(d,
                json_pack("{s:s,s:I,s:s,s:s,s:s,s:s}", "type", RECORD_RUN_FINISHED, "run",
                          (json_int_t)run, "job", json_opt_string(queued, "job", ""), "outcome",
                          run_outcome_word(OUTCOME_FAILED), "code", err_word(ERR_NOT_FOUND),
                          "error", "interrupted, and its job is not configured any more"),
                NULL, NULL);
    if (daemon_step(d, event, NULL, NULL, &e) < 0)
        log_error(d->log, "run %lld: %s", (long long)run, e.text);
}

static void take_up_interrupted(struct daemon *d)
{
    int64_t run;

    for (size_t i = 0; (run = history_open_run(d->history, i)) != 0; i++) {
        if (history_run_record(d->history, run, RECORD_RUN_STARTED) == NULL)
            continue; /* it only waited: the planner knows it and goes on with it */
        struct run *r = run_new_interrupted(d, run);
        if (r == NULL) {
            write_off(d, run, history_run_record(d->history, run, RECORD_RUN_QUEUED));
            continue;
        }
        daemon_add_run(d, r);
        run_tick(r);
    }
}

static void create_parts(struct daemon *d)
{
    d->scans = scans_new(d);
    d->prunes = prunes_new(d);
    d->copies = copies_new(d);
    d->pings = pings_new(d);
    d->restores = restores_new(d);
    d->alarms = alarms_new();
    d->kept = kept_new(d);
    kept_refresh(d->kept);
    d->timer = loop_timer_new(&d->loop, on_timer, d);
    watch_signals(d);
}

int daemon_start(struct daemon *d, struct config *config, struct err *e)
{
    struct journal *journal = NULL;
    const struct event started = {.kind = EVENT_STARTED};

    d->config = config;
    d->started = clock_wall();
    d->catalog = catalog_new();
    d->history = history_new(d->catalog);
    d->stretched = stretched_new();
    if (open_state(d, &journal, e) < 0 || start_planner(d, journal, e) < 0) {
        journal_close(journal);
        return -1;
    }
    struct wall last = journal_last_time(journal);
    if (uv_loop_init(&d->loop) != 0) {
        journal_close(journal);
        return err_set(e, ERR_INTERNAL, "the event loop does not start");
    }
    d->journal = journal_writer_new(d, journal);
    catalog_set_config(d->catalog, config);
    if (control_new(d, &d->control, e) < 0)
        return -1;
    create_parts(d);
    daemon_post(d, json_pack("{s:s,s:s}", "type", RECORD_STARTED, "version", SYNBAK_VERSION), NULL,
                NULL);
    clock_watch_start(d, last);
    scan_all(d);
    pings_take_up(d->pings);
    take_up_interrupted(d);
    daemon_note_jobs(d);
    return daemon_step(d, started, NULL, NULL, e);
}

void daemon_run(struct daemon *d)
{
    const struct log_fields none = {0};

    log_write(d->log, LOG_LEVEL_INFO, LOG_STARTED, &none, "synbakd %s is ready: %zu job%s, %s",
              SYNBAK_VERSION, d->config->job_count, d->config->job_count == 1 ? "" : "s",
              d->config->file);
    notify_ready("idle");
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
}

/* --- stop --- */

void daemon_stop(struct daemon *d)
{
    const struct event stop = {.kind = EVENT_STOP};
    struct err e = {0};

    if (d->stopping)
        return;
    d->stopping = true;
    notify_stopping();
    log_write(d->log, LOG_LEVEL_INFO, LOG_STOPPING, NULL, "synbakd stops");
    if (daemon_step(d, stop, NULL, NULL, &e) < 0)
        log_error(d->log, "stop: %s", e.text);
    scans_cancel(d->scans);
    prunes_cancel(d->prunes);
    copies_cancel(d->copies);
    pings_stop(d->pings);
    control_stop(d->control);
    daemon_maybe_stopped(d);
}

void daemon_fail(struct daemon *d, const struct err *e)
{
    if (d->failure.code == ERR_NONE)
        d->failure = *e;
    log_write(d->log, LOG_LEVEL_ERROR, LOG_JOURNAL_FAILED, NULL,
              "the journal cannot be written, synbakd stops: %s", e->text);
    notify_status(e->text);
    daemon_stop(d);
    /* records of runs will never be durable now: nobody waits for them, but their workers must end
     */
    for (size_t i = 0; i < d->run_count; i++)
        run_cancel(d->runs[i], true, e);
}

/* When the journal has failed, what waits for it will wait for ever: only workers must end. */
static bool all_idle(const struct daemon *d)
{
    if (d->reloading || d->operations > 0 || !journal_writer_idle(d->journal))
        return false;
    return d->failure.code != ERR_NONE ||
           (d->run_count == 0 && scans_idle(d->scans) && prunes_idle(d->prunes) &&
            copies_idle(d->copies) && pings_idle(d->pings) && control_idle(d->control));
}

static void on_closing(uv_handle_t *handle)
{
    (void)handle;
}

static void close_handles(struct daemon *d)
{
    d->closing = true;
    for (size_t i = 0; i < ARRAY_LEN(d->signals); i++)
        uv_close((uv_handle_t *)&d->signals[i], on_closing);
    loop_timer_free(d->timer);
    d->timer = NULL;
    pings_free(d->pings);
    d->pings = NULL;
    control_close(d->control);
    restores_close(d->restores);
}

void daemon_maybe_stopped(struct daemon *d)
{
    if (!d->stopping || d->closing || !all_idle(d))
        return;
    if (!d->stop_recorded && d->failure.code == ERR_NONE) {
        d->stop_recorded = true;
        daemon_post(d, json_pack("{s:s}", "type", RECORD_STOPPED), NULL, NULL);
        return;
    }
    close_handles(d);
}

void daemon_operation_ended(struct daemon *d)
{
    if (--d->operations == 0)
        stretched_wipe(d->stretched);
    daemon_maybe_stopped(d);
}

void daemon_deinit(struct daemon *d)
{
    for (size_t i = 0; i < d->run_count; i++)
        run_free(d->runs[i]);
    free(d->runs);
    prunes_free(d->prunes);
    copies_free(d->copies);
    scans_free(d->scans);
    restores_free(d->restores);
    kept_free(d->kept);
    alarms_free(d->alarms);
    control_free(d->control);
    journal_writer_free(d->journal);
    history_free(d->history);
    stretched_free(d->stretched);
    catalog_free(d->catalog);
    planner_free(d->planner);
    config_unref(d->config);
    if (d->closing)
        (void)uv_loop_close(&d->loop);
}
