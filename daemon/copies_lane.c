/* copies_lane.c — one copy on its way to one destination.
 *
 * The happy path is: a `copy` worker with the secrets of both places, its result journalled, and
 * then told to copies.c, which puts the set into the catalog.
 * Possible failure modes: either place is away, full, foreign or slow to death; the key of one is
 * not at hand; the worker is killed. Both places are then listed before the lane goes on: one that
 * is away is not tried again and again, set by set.
 * On close: the worker is cancelled; what it had sent lies there without a manifest, is taken up by
 * the next try or swept. */
#include <string.h>

#include "daemon/copies_state.h"
#include "daemon/daemon.h"
#include "daemon/record.h"
#include "daemon/scan.h"
#include "daemon/set_json.h"
#include "lib/base/io.h"

/* A lane waits at most 4 min, whatever the number of failures: behind one set that cannot be copied
 * there may be others that can. That set itself waits longer (copies_plan.c). */
enum { FAILURES_MAX = 3 };

struct lane *copies_lane(const struct copies *c, const char *to)
{
    for (size_t i = 0; i < c->lane_count; i++)
        if (strcmp(c->lanes[i]->to, to) == 0)
            return c->lanes[i];
    return NULL;
}

struct lane *copies_make_lane(struct copies *c, const char *to)
{
    struct lane *l = copies_lane(c, to);

    if (l != NULL)
        return l;
    l = mem_alloc(sizeof(*l));
    l->copies = c;
    l->to = mem_strdup(to);
    c->lanes = mem_resize_array(c->lanes, c->lane_count + 1, sizeof(struct lane *));
    return c->lanes[c->lane_count++] = l;
}

bool lane_is_cooling(const struct lane *l)
{
    return l->not_before.us > clock_mono().us;
}

/* --- the end --- */

static void clear(struct lane *l)
{
    free(l->job);
    free(l->id);
    free(l->from);
    free(l->from_place);
    free(l->to_place);
    l->job = l->id = l->from = l->from_place = l->to_place = NULL;
    json_decref(l->result);
    l->result = NULL;
    set_deinit(&l->set);
    l->error = (struct err){0};
    l->step[0] = '\0';
    l->done = l->total = 0;
    l->state = LANE_IDLE;
}

void lane_free(struct lane *l)
{
    clear(l);
    free(l->to);
    free(l);
}

/* Where it failed is looked at before anything else is tried; and so is a place that was away and
 * has taken a copy all the same. */
static void on_listed(void *arg)
{
    struct lane *l = arg;

    clear(l);
    copies_changed(l->copies);
}

static void on_recorded(void *arg)
{
    struct lane *l = arg;
    struct copies *c = l->copies;
    struct daemon *d = c->daemon;
    const bool back = !catalog_destination(d->catalog, l->to)->listed;
    const bool look = (l->error.code != ERR_NONE || back) && !l->dropped && !c->stopping;

    copies_lane_over(c, l);
    if (look) {
        l->state = LANE_LISTING;
        scan_start(d, l->from, NULL, NULL);
        scan_start(d, l->to, on_listed, l);
        return;
    }
    clear(l);
    copies_changed(c);
    daemon_maybe_stopped(d);
}

static json_t *record_of(const struct lane *l, int failures)
{
    const bool ok = l->error.code == ERR_NONE;
    json_t *record =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:I}", "type", ok ? RECORD_COPIED : RECORD_COPY_FAILED,
                  "job", l->job, "id", l->id, "destination", l->to, "from", l->from, "duration_s",
                  (json_int_t)((clock_mono().us - l->began.us) / 1000000));

    if (ok)
        (void)json_object_update_new(
            record, json_pack("{s:I,s:I,s:b}", "bytes",
                              (json_int_t)json_opt_i64(l->result, "stored_bytes", 0), "sent_bytes",
                              (json_int_t)json_opt_i64(l->result, "sent_bytes", 0), "reencrypted",
                              json_opt_bool(l->result, "reencrypted", false)));
    else
        (void)json_object_update_new(
            record, json_pack("{s:s,s:o,s:i}", "code", err_word(l->error.code), "error",
                              json_printable(l->error.text), "failures", failures));
    return record;
}

static void tell_log(const struct lane *l, int failures)
{
    const struct log_fields fields = {.job = l->job,
                                      .destination = l->to,
                                      .id = l->id,
                                      .code = l->error.code != ERR_NONE ? err_word(l->error.code)
                                                                        : NULL};
    struct log *log = l->copies->daemon->log;
    char size[16], span[32];

    if (l->dropped)
        log_write(log, LOG_LEVEL_INFO, LOG_PLAIN, &fields,
                  "job \"%s\": copy of %s to \"%s\" was cut short: %s", l->job, l->id, l->to,
                  l->error.text);
    else if (l->error.code != ERR_NONE)
        log_write(log, LOG_LEVEL_WARNING, LOG_COPY_FAILED, &fields,
                  "job \"%s\": copy of %s from \"%s\" to \"%s\" failed (try %d): %s", l->job, l->id,
                  l->from, l->to, failures, l->error.text);
    else
        log_write(log, LOG_LEVEL_INFO, LOG_COPIED, &fields,
                  "job \"%s\": %s was copied from \"%s\" to \"%s\", %s sent in %s", l->job, l->id,
                  l->from, l->to,
                  str_bytes((uint64_t)json_opt_i64(l->result, "sent_bytes", 0), size),
                  str_duration((clock_mono().us - l->began.us) / 1000000, span));
}

static void count_failure(struct lane *l)
{
    uint32_t jitter = 0;

    copies_note_failure(l->copies, l);
    (void)io_random(&jitter, sizeof(jitter)); /* as in copies_note_failure */
    if (l->failures < FAILURES_MAX)
        l->failures++;
    l->not_before.us = clock_mono().us + copying_delay_s(l->failures, jitter) * 1000000;
}

static int take_set(struct lane *l, const json_t *result, struct err *e)
{
    if (set_from_json(json_object_get(result, "set"), l->to, &l->set, e) < 0)
        return err_wrap(e, "the worker's result");
    if (strcmp(l->set.id, l->id) == 0)
        return 0;
    set_deinit(&l->set);
    return err_set(e, ERR_INTERNAL, "the worker copied another set");
}

static void on_copied(void *arg, const json_t *result, const struct err *e)
{
    struct lane *l = arg;
    struct daemon *d = l->copies->daemon;
    int failures = 0;

    l->operation = NULL;
    l->error = (struct err){0};
    if (result == NULL)
        l->error = *e;
    else if (take_set(l, result, &l->error) == 0)
        l->result = json_incref((json_t *)result);
    if (l->error.code == ERR_NONE) {
        l->dropped = false; /* it got there in time */
        l->failures = 0;
        l->not_before.us = 0;
        daemon_know_marker(d, l->to, json_opt_string(result, "marker_id", ""));
        daemon_know_heads(d, l->to, json_object_get(result, "heads"));
    } else if (!l->dropped) {
        count_failure(l);
        failures = copies_attempt(l->copies, l->job, l->id, l->to)->failures;
    }
    tell_log(l, failures);
    l->state = LANE_RECORDING;
    if (l->dropped)
        journal_writer_after(d->journal, on_recorded, l); /* not from inside done() */
    else
        daemon_post(d, record_of(l, failures), on_recorded, l);
}

/* --- the way --- */

static void on_progress(void *arg, const char *step, int64_t done, int64_t total)
{
    struct lane *l = arg;

    (void)snprintf(l->step, sizeof(l->step), "%s", step);
    l->done = done;
    l->total = total;
    copies_lane_progress(l->copies, l);
}

static void on_log(void *arg, bool warning, const char *text)
{
    struct lane *l = arg;
    const struct log_fields fields = {.job = l->job, .destination = l->to, .id = l->id};

    log_write(l->copies->daemon->log, warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, LOG_PLAIN,
              &fields, "job \"%s\": copy to \"%s\": %s", l->job, l->to, text);
}

bool lane_start(struct lane *l, const char *job_name, const char *id, const char *from_name)
{
    struct daemon *d = l->copies->daemon;
    const struct job *job = config_job(d->config, job_name);
    struct destination *between[] = {config_destination(d->config, from_name),
                                     config_destination(d->config, l->to)};

    if (job == NULL || between[0] == NULL || between[1] == NULL)
        return false;
    l->job = mem_strdup(job_name);
    l->id = mem_strdup(id);
    l->from = mem_strdup(from_name);
    l->from_place = destination_place(between[0]);
    l->to_place = destination_place(between[1]);
    l->state = LANE_WORKING;
    l->dropped = false;
    l->since = clock_wall();
    l->began = clock_mono();
    l->operation = operation_start(
        d, (struct operation_spec){
               .config = d->config,
               .destinations = between,
               .destination_count = 2,
               .stores = OPERATION_FROM_TO,
               .job = json_pack("{s:s,s:s,s:s}", "verb", "copy", "job", job_name, "id", id),
               .worker = {.nice = job->nice,
                          .io_class = job->io_class,
                          .progress_timeout_s = job->progress_timeout_s},
               .callbacks = {.progress = on_progress, .log = on_log, .done = on_copied, .arg = l}});
    return true;
}

void lane_drop(struct lane *l, const char *why)
{
    struct err e = {0};

    if (l->state != LANE_WORKING)
        return;
    l->dropped = true;
    (void)err_set(&e, ERR_CANCELLED, "%s", why);
    operation_cancel(l->operation, &e);
}
