/* scan.c — see scan.h.
 *
 * The happy path is: a scan worker with the destination's keys, its result into the catalog, a new
 * marker id into the journal, the waiters called.
 * Possible failure modes: not mounted, foreign, wrong key, unreadable: noted as the
 * destination's problem, logged once per change, and the waiters are called all the same. */
#include "daemon/scan.h"

#include <string.h>

#include "daemon/catalog.h"
#include "daemon/copies.h"
#include "daemon/daemon.h"
#include "lib/schedule/copying.h"

enum { SWEEP_AGE_S = 86400, PROGRESS_TIMEOUT_S = 120, FRESH_US = 600 * 1000000 };

struct waiter {
    scan_done_cb *done;
    void *arg;
};

struct scan {
    struct daemon *daemon;
    char *destination;
    uint64_t generation;
    struct operation *operation;
    struct waiter *waiters;
    size_t waiter_count;
};

struct scans {
    struct daemon *daemon;
    struct scan **items;
    size_t count;
};

struct scans *scans_new(struct daemon *d)
{
    struct scans *s = mem_alloc(sizeof(*s));

    s->daemon = d;
    return s;
}

void scans_free(struct scans *s)
{
    if (s != NULL)
        free(s->items);
    free(s);
}

bool scans_idle(const struct scans *s)
{
    return s->count == 0;
}

void scans_cancel(struct scans *s)
{
    struct err why = {0};

    (void)err_set(&why, ERR_CANCELLED, "synbakd stops");
    for (size_t i = 0; i < s->count; i++)
        operation_cancel(s->items[i]->operation, &why);
}

static struct scan *find(const struct scans *s, const char *destination)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->items[i]->destination, destination) == 0)
            return s->items[i];
    return NULL;
}

bool scan_goes_on(const struct scans *s, const char *destination)
{
    return find(s, destination) != NULL;
}

static void add_waiter(struct scan *scan, scan_done_cb *done, void *arg)
{
    if (done == NULL)
        return;
    scan->waiters = mem_resize_array(scan->waiters, scan->waiter_count + 1, sizeof(*scan->waiters));
    scan->waiters[scan->waiter_count++] = (struct waiter){done, arg};
}

static void note_failure(struct daemon *d, const char *destination, const struct err *e)
{
    const struct catalog_destination *known = catalog_destination(d->catalog, destination);
    const struct log_fields fields = {.destination = destination, .code = err_word(e->code)};

    if (e->code != ERR_CANCELLED && strcmp(known->problem.text, e->text) != 0)
        log_write(d->log, LOG_LEVEL_WARNING, LOG_DESTINATION_PROBLEM, &fields,
                  "destination \"%s\": %s", destination, e->text);
    catalog_scan_failed(d->catalog, destination, e);
}

static void forget(struct scans *s, struct scan *scan)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->items[i] == scan)
            s->items[i] = s->items[--s->count];
}

static void on_scanned(void *arg, const json_t *result, const struct err *e)
{
    struct scan *scan = arg;
    struct daemon *d = scan->daemon;
    struct err bad = *e;
    const struct catalog_destination *known = catalog_destination(d->catalog, scan->destination);
    const bool away = known->tried && !known->listed;

    if (result != NULL &&
        catalog_take_scan(d->catalog, scan->destination, scan->generation, result, &bad) < 0)
        result = NULL;
    if (result != NULL && catalog_known_id(d->catalog, scan->destination) == NULL)
        daemon_know_marker(d, scan->destination, json_opt_string(result, "marker_id", ""));
    if (result != NULL)
        daemon_know_heads(d, scan->destination, json_object_get(result, "heads"));
    if (result != NULL && away)
        copies_place_is_back(d->copies, scan->destination);
    if (result == NULL)
        note_failure(d, scan->destination, &bad);
    forget(d->scans, scan);
    for (size_t i = 0; i < scan->waiter_count; i++)
        scan->waiters[i].done(scan->waiters[i].arg);
    free(scan->waiters);
    free(scan->destination);
    free(scan);
    copies_changed(d->copies);
    daemon_maybe_stopped(d);
}

/* Runs that a stop or a removal overtakes: the destination has left the configuration. */
static void report_missing(struct daemon *d, const char *destination, scan_done_cb *done, void *arg)
{
    struct err e = {0};

    (void)err_set(&e, ERR_NOT_FOUND, "it is not configured any more");
    catalog_scan_failed(d->catalog, destination, &e);
    if (done != NULL)
        done(arg);
}

void scan_start(struct daemon *d, const char *destination, scan_done_cb *done, void *arg)
{
    struct scans *s = d->scans;
    struct scan *scan = find(s, destination);
    struct destination *dest = config_destination(d->config, destination);

    if (scan != NULL) {
        add_waiter(scan, done, arg);
        return;
    }
    if (dest == NULL) {
        report_missing(d, destination, done, arg);
        return;
    }
    scan = mem_alloc(sizeof(*scan));
    scan->daemon = d;
    scan->destination = mem_strdup(destination);
    scan->generation = catalog_generation(d->catalog);
    add_waiter(scan, done, arg);
    s->items = mem_resize_array(s->items, s->count + 1, sizeof(*s->items));
    s->items[s->count++] = scan;
    scan->operation = operation_start(
        d,
        (struct operation_spec){
            .config = d->config,
            .destinations = &dest,
            .destination_count = 1,
            /* Who asks for sets right after the start waits for this, and it is tried again anyway. */
            .job = json_pack("{s:s,s:b,s:[],s:i,s:o}", "verb", "scan", "person_waits", true, "jobs",
                             "sweep_age_s", SWEEP_AGE_S, "in_progress", daemon_sets_in_progress(d)),
            .worker = {.nice = 10, .io_class = IO_IDLE, .progress_timeout_s = PROGRESS_TIMEOUT_S},
            .callbacks = {.done = on_scanned, .arg = scan}});
}

struct anew {
    struct daemon *daemon;
    char *destination;
    scan_done_cb *done;
    void *arg;
};

static void on_first_scanned(void *arg)
{
    struct anew *a = arg;

    if (a->daemon->stopping)
        a->done(a->arg);
    else
        scan_start(a->daemon, a->destination, a->done, a->arg);
    free(a->destination);
    free(a);
}

void scan_anew(struct daemon *d, const char *destination, scan_done_cb *done, void *arg)
{
    if (!scan_goes_on(d->scans, destination)) {
        scan_start(d, destination, done, arg);
        return;
    }
    struct anew *a = mem_alloc(sizeof(*a));
    *a = (struct anew){d, mem_strdup(destination), done, arg};
    scan_start(d, destination, on_first_scanned, a);
}

void scan_all(struct daemon *d)
{
    for (size_t i = 0; i < d->config->destination_count; i++)
        scan_start(d, d->config->destinations[i]->name, NULL, NULL);
}

static bool is_stale(const struct catalog_destination *d)
{
    return clock_mono().us - d->scanned.us > FRESH_US;
}

/* The longer it has been away, the seldomer it is asked; never less than what is fresh. */
static bool is_to_be_tried(const struct catalog_destination *d)
{
    int64_t delay_us = copying_delay_s(d->failures, 0) * 1000000;

    return clock_mono().us - d->scanned.us > (delay_us < FRESH_US ? delay_us : FRESH_US);
}

/* One that was away may be back: nobody should have to wait for the next run to see it. */
void scan_retry(struct daemon *d)
{
    for (size_t i = 0; i < d->config->destination_count && !d->stopping; i++) {
        const char *name = d->config->destinations[i]->name;
        const struct catalog_destination *known = catalog_destination(d->catalog, name);
        if (known->tried && !known->listed && is_to_be_tried(known))
            scan_start(d, name, NULL, NULL);
    }
}

void scan_refresh(struct daemon *d, const char *destination)
{
    const struct catalog_destination *known = catalog_destination(d->catalog, destination);

    if (!known->listed || is_stale(known))
        scan_start(d, destination, NULL, NULL);
}
