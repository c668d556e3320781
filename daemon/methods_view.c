/* methods_view.c — what may be seen: status, list, show, schedule, explain, log, wait. */
#include <string.h>

#include "daemon/copies.h"
#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/prune.h"
#include "daemon/record.h"
#include "daemon/set_json.h"
#include "daemon/status.h"

enum { DUE_MAX = 100, DUE_DEFAULT = 5, LOG_MAX = 2000, LOG_DEFAULT = 100, PAGE_SETS = 1000 };

static void method_status(struct request *r)
{
    const struct job *job;

    if (method_optional_job(r, &job) >= 0)
        request_reply(r, status_to_json(request_daemon(r), job != NULL ? job->name : NULL));
}

/* --- list, show --- */

static int newer_first(const void *a, const void *b)
{
    const struct set *x = *(const struct set *const *)a, *y = *(const struct set *const *)b;
    int order = strcmp(y->id, x->id);

    return order != 0 ? order : strcmp(x->destination, y->destination);
}

/* Where a page ends, and the next one goes on: behind this copy of a set. */
struct page {
    const char *job, *id, *destination; /* borrowed; job NULL: from the beginning */
    bool full;
};

static bool is_behind(const struct set *s, const struct page *p)
{
    int order = strcmp(s->id, p->id);

    return order < 0 || (order == 0 && strcmp(s->destination, p->destination) > 0);
}

/* page NULL: all of them. */
static void add_sets(struct daemon *d, const struct catalog_job *known, const char *destination,
                     const char *id, struct page *page, json_t *array)
{
    const struct set **sorted = mem_alloc((known->sets.count + 1) * sizeof(*sorted));
    bool goes_on = page != NULL && page->job != NULL && strcmp(page->job, known->name) == 0;
    size_t count = 0;

    for (size_t i = 0; i < known->sets.count; i++) {
        const struct set *s = &known->sets.items[i];
        if ((destination == NULL || strcmp(destination, s->destination) == 0) &&
            (id == NULL || strcmp(id, s->id) == 0) && (!goes_on || is_behind(s, page)))
            sorted[count++] = s;
    }
    qsort(sorted, count, sizeof(*sorted), newer_first);
    for (size_t i = 0; i < count; i++) {
        if (page != NULL && json_array_size(array) == PAGE_SETS) {
            page->full = true;
            break;
        }
        (void)json_array_append_new(array, set_to_status(sorted[i], known->name, d->config));
        if (page != NULL)
            *page = (struct page){known->name, sorted[i]->id, sorted[i]->destination, false};
    }
    free(sorted);
}

/* Jobs are gone through in the order of their names, so that a page can go on behind one that has
 * left meanwhile. */
static struct catalog_job *next_job(struct daemon *d, const char *after, bool itself)
{
    struct catalog_job *next = NULL, *known;

    for (size_t i = 0; (known = catalog_job_at(d->catalog, i)) != NULL; i++) {
        int order = after == NULL ? 1 : strcmp(known->name, after);
        if ((order > 0 || (itself && order == 0)) &&
            (next == NULL || strcmp(known->name, next->name) < 0))
            next = known;
    }
    return next;
}

static json_t *list_page(struct daemon *d, const char *only, const char *destination,
                         struct page *page)
{
    json_t *sets = json_array();
    struct catalog_job *known = next_job(d, page->job, true);

    for (; known != NULL && !page->full; known = next_job(d, known->name, false))
        if (only == NULL || strcmp(known->name, only) == 0)
            add_sets(d, known, destination, NULL, page, sets);
    return sets;
}

/* Sets of jobs that have left the configuration are listed too: they can still be restored. */
static void method_list(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const json_t *params = request_params(r), *after = json_object_get(params, "after");
    const char *only = json_opt_string(params, "job", NULL);
    struct page page = {.job = json_opt_string(after, "job", NULL),
                        .id = json_opt_string(after, "id", ""),
                        .destination = json_opt_string(after, "destination", "")};
    const char *destination = json_opt_string(params, "destination", NULL);
    json_t *sets = list_page(d, only, destination, &page);
    const struct job *job;

    if (only != NULL && json_array_size(sets) == 0 && method_optional_job(r, &job) < 0) {
        json_decref(sets); /* answered: there is no such job */
    } else if (destination != NULL && json_array_size(sets) == 0 && after == NULL &&
               config_destination(d->config, destination) == NULL) {
        json_decref(sets);
        method_fail_destination(r, destination);
    } else
        request_reply(r, json_pack("{s:o,s:o}", "sets", sets, "next",
                                   page.full ? json_pack("{s:s,s:s,s:s}", "job", page.job, "id",
                                                         page.id, "destination", page.destination)
                                             : json_null()));
}

static void method_show(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const struct job *job;
    const struct set *s = method_set(r, &job);
    json_t *sets;

    if (s == NULL)
        return;
    sets = json_array();
    add_sets(d, catalog_job(d->catalog, job->name),
             json_opt_string(request_params(r), "destination", NULL), s->id, NULL, sets);
    request_reply(r, json_pack("{s:o}", "sets", sets));
}

/* --- schedule --- */

static json_t *due_of_job(struct daemon *d, const struct job *job, size_t count)
{
    struct planner_due due[DUE_MAX];
    json_t *array = json_array();
    const char *zone = job->timezone != NULL ? job->timezone : d->config->timezone;
    size_t n = planner_upcoming(d->planner, job->name, clock_wall(), due, count);

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(array, json_pack("{s:o,s:o}", "at", time_to_json(due[i].at),
                                                     "tiers", tiers_to_json(due[i].tiers)));
    return json_pack("{s:s,s:s?,s:o}", "job", job->name, "timezone", zone, "due", array);
}

static void method_schedule(struct request *r)
{
    struct daemon *d = request_daemon(r);
    int64_t count = json_opt_i64(request_params(r), "count", DUE_DEFAULT);
    const struct job *only;
    json_t *jobs;

    if (method_optional_job(r, &only) < 0)
        return;
    count = count < 1 ? 1 : count > DUE_MAX ? DUE_MAX : count;
    jobs = json_array();
    for (size_t i = 0; i < d->config->job_count; i++)
        if (only == NULL || only == d->config->jobs[i])
            (void)json_array_append_new(jobs, due_of_job(d, d->config->jobs[i], (size_t)count));
    request_reply(r, json_pack("{s:o}", "jobs", jobs));
}

/* --- explain --- */

static void explain_at(struct daemon *d, const struct job *job, const struct destination *dest,
                       const char *id, json_t *lines)
{
    const char *destination = dest->name;
    struct retention_plan plan = {0};
    const char *why = NULL;
    struct err e = {0};
    int rc = prune_decide(d, job, destination, &plan, &why, &e);

    if (rc != 0)
        (void)json_array_append_new(lines, json_pack("{s:s,s:o}", "destination", destination, "why",
                                                     json_printable(rc > 0 ? why : e.text)));
    for (size_t i = 0; rc == 0 && i < plan.count; i++) {
        const struct retention_verdict *v = &plan.verdicts[i];
        if (strcmp(v->set->id, id) != 0)
            continue;
        _cleanup_free_ char *text = mem_printf(
            "%s%s", v->why,
            v->remove && !dest->deletes ? ", but delete = no leaves that to another identity" : "");
        (void)json_array_append_new(
            lines, json_pack("{s:s,s:o}", "destination", destination, "why", json_printable(text)));
    }
    if (rc == 0)
        retention_plan_deinit(&plan);
}

static void method_explain(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const struct job *job;
    const struct set *s = method_set(r, &job);
    json_t *lines;

    if (s == NULL)
        return;
    lines = json_array();
    for (size_t i = 0; i < job->destination_count; i++)
        explain_at(d, job, job->destinations[i], s->id, lines);
    request_reply(r, json_pack("{s:o}", "lines", lines));
}

/* --- log: read on the thread pool, beside the writer --- */

struct log_task {
    struct request *request;
    struct daemon *daemon;
    char *state_dir, *job;
    int64_t after, count;
    bool newest; /* no "after": the last `count` ones */
    json_t *records;
    int64_t last;
    struct err error;
    int rc;
};

static int take_log_record(void *arg, const json_t *record, struct err *e)
{
    struct log_task *t = arg;
    const char *job = json_opt_string(record, "job", NULL);

    (void)e;
    if (!t->newest && (int64_t)json_array_size(t->records) >= t->count)
        return 0;
    t->last = json_opt_i64(record, "seq", t->last);
    if (strcmp(json_opt_string(record, "type", ""), RECORD_CHECKPOINT) == 0 ||
        (t->job != NULL && (job == NULL || strcmp(job, t->job) != 0)))
        return 0;
    (void)json_array_append(t->records, (json_t *)record);
    if ((int64_t)json_array_size(t->records) > t->count)
        (void)json_array_remove(t->records, 0);
    return 0;
}

/* The newest ones stand in the last segments; how many that are depends on what is asked for. */
static int read_newest(struct log_task *t)
{
    for (size_t segments = 1;; segments *= 4) {
        (void)json_array_clear(t->records);
        if (journal_tail(t->state_dir, segments, &t->after, &t->error) < 0 ||
            journal_read(t->state_dir, t->after, take_log_record, t, &t->error) < 0)
            return -1;
        if (t->after == 0 || (int64_t)json_array_size(t->records) >= t->count)
            return 0;
    }
}

static void read_log(void *arg)
{
    struct log_task *t = arg;

    t->rc = t->newest ? read_newest(t)
                      : journal_read(t->state_dir, t->after, take_log_record, t, &t->error);
}

static void on_log_read(void *arg)
{
    struct log_task *t = arg;

    if (t->rc < 0)
        request_fail(t->request, &t->error);
    else
        request_reply(t->request,
                      json_pack("{s:O,s:I}", "records", t->records, "last", (json_int_t)t->last));
    json_decref(t->records);
    free(t->state_dir);
    free(t->job);
    free(t);
}

static void method_log(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const json_t *params = request_params(r);
    int64_t count = json_opt_i64(params, "count", LOG_DEFAULT);
    int64_t after = json_opt_i64(params, "after", -1);
    struct log_task *t = mem_alloc(sizeof(*t));

    *t = (struct log_task){.request = r,
                           .daemon = d,
                           .state_dir = mem_strdup(d->config->state_dir),
                           .job = mem_strdup(json_opt_string(params, "job", NULL)),
                           .after = after < 0 ? 0 : after,
                           .newest = after < 0,
                           .count = count < 1         ? 1
                                    : count > LOG_MAX ? LOG_MAX
                                                      : count,
                           .records = json_array()};
    loop_run_task(&d->loop, read_log, on_log_read, t);
}

/* --- wait --- */

/* Late at the end of the run, and everywhere since. */
static bool has_caught_up(const json_t *record, const json_t *destinations)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)destinations, i,
                       item) if (!json_opt_bool(item, "ok", false)) return false;
    return str_equal(json_opt_string(record, "code", ""), err_word(ERR_LATE));
}

json_t *control_wait_result(struct daemon *d, const json_t *record, bool copies)
{
    const char *job = json_opt_string(record, "job", ""), *id = json_opt_string(record, "id", "");
    json_t *own = json_object_get(record, "destinations"), *item;
    _cleanup_json_ json_t *list =
        copies ? copies_complete(d->copies, job, id, own) : json_incref(own);
    const bool caught_up = copies && has_caught_up(record, list);
    _cleanup_free_ char *place = NULL, *restore = NULL;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const struct destination *dest =
            config_destination(d->config, json_opt_string(item, "destination", ""));
        if (place == NULL && dest != NULL &&
            (json_opt_i64(item, "bytes", 0) > 0 || json_opt_bool(item, "ok", false)))
            place = set_place(dest, job, id);
    }
    if (place != NULL)
        restore = mem_printf("synbakctl restore %s/%s", job, id);
    return json_pack("{s:O?,s:O?,s:O?,s:s,s:O?,s:o,s:O?,s:O?,s:O?,s:O?,s:s?}", "run",
                     json_object_get(record, "run"), "job", json_object_get(record, "job"),
                     "outcome", json_object_get(record, "outcome"), "code",
                     caught_up ? err_word(ERR_NONE) : json_opt_string(record, "code", ""), "id",
                     json_object_get(record, "id"), "place",
                     place != NULL ? json_printable(place) : json_null(), "bytes",
                     json_object_get(record, "bytes"), "error",
                     caught_up ? NULL : json_object_get(record, "error"), "destinations", list,
                     "problems", json_object_get(record, "problems"), "restore", restore);
}

static void method_wait(struct request *r)
{
    struct daemon *d = request_daemon(r);
    int64_t run;
    struct err e = {0};

    if (json_get_i64(request_params(r), "run", 1, INT64_MAX, &run, &e) < 0) {
        e.code = ERR_USAGE;
        request_fail(r, &e);
        return;
    }
    const json_t *finished = history_run_record(d->history, run, RECORD_RUN_FINISHED);
    const bool copies = json_opt_bool(request_params(r), "copies", false);
    if (finished != NULL && copies) {
        request_wait_for_copies(r, json_incref((json_t *)finished));
    } else if (finished != NULL) {
        request_reply(r, control_wait_result(d, finished, false));
    } else if (history_run_record(d->history, run, RECORD_RUN_QUEUED) != NULL) {
        request_wait_for_run(r, run, copies);
    } else {
        (void)err_set(&e, ERR_NOT_FOUND, "run %lld is not known any more (synbakctl log)",
                      (long long)run);
        request_fail(r, &e);
    }
}

const struct method methods_view[] = {
    {"status", ROLE_VIEW, method_status, false},  {"list", ROLE_VIEW, method_list, true},
    {"show", ROLE_VIEW, method_show, true},       {"schedule", ROLE_VIEW, method_schedule, false},
    {"explain", ROLE_VIEW, method_explain, true}, {"log", ROLE_VIEW, method_log, false},
    {"wait", ROLE_VIEW, method_wait, false},      {0}};
