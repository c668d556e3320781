/* methods_operate.c — what an operator does: trigger, cancel, pause, resume, verify, hold, rescan.
 */
#include <string.h>

#include "daemon/catalog.h"
#include "daemon/methods.h"
#include "daemon/record.h"
#include "daemon/restores.h"
#include "daemon/scan.h"
#include "daemon/set_json.h"

/* --- trigger, verify: a run is queued, its number is the answer --- */

struct queued_reply {
    struct request *request;
    int64_t run;
};

static void on_queued(void *arg)
{
    struct queued_reply *q = arg;

    request_reply(q->request, json_pack("{s:I}", "run", (json_int_t)q->run));
    free(q);
}

void method_queue_run(struct request *r, struct event event, const json_t *details)
{
    struct daemon *d = request_daemon(r);
    struct queued_reply *q = mem_alloc(sizeof(*q));
    struct err e = {0};

    q->request = r;
    event.kind = EVENT_TRIGGER;
    if (daemon_step(d, event, details, &q->run, &e) < 0) {
        free(q);
        request_fail(r, &e);
        return;
    }
    journal_writer_after(d->journal, on_queued, q);
}

/* A list of names, each of which must be one of the job's. 1: not given. -1: failed the request. */
static int check_names(struct request *r, const char *key, const char *what,
                       bool (*has)(const struct job *, const char *), const struct job *job)
{
    json_t *list = json_object_get(request_params(r), key), *item;
    struct err e = {0};
    size_t i;

    if (list == NULL || json_is_null(list) || json_array_size(list) == 0)
        return 1;
    json_array_foreach(list, i, item)
    {
        const char *name = json_is_string(item) ? json_string_value(item) : "";
        if (has(job, name))
            continue;
        (void)err_set(&e, ERR_NOT_FOUND, "job \"%s\" has no %s \"%s\"", job->name, what, name);
        request_fail(r, &e);
        return -1;
    }
    return 0;
}

bool method_has_source(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->source_count; i++)
        if (strcmp(job->sources[i]->name, name) == 0)
            return true;
    return false;
}

static bool has_destination(const struct job *job, const char *name)
{
    for (size_t i = 0; i < job->destination_count; i++)
        if (strcmp(job->destinations[i]->name, name) == 0)
            return true;
    return false;
}

/* The members of the params that belong into the run's record. */
static json_t *trigger_details(const struct request *r)
{
    static const char *const keys[] = {"sources", "destinations", "local_only", "pin", "id"};
    json_t *details = request_origin(r);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(request_params(r), keys[i]);
        if (value != NULL && !json_is_null(value))
            (void)json_object_set(details, keys[i], value);
    }
    return details;
}

static bool has_local_destination(const struct job *job)
{
    for (size_t i = 0; i < job->destination_count; i++)
        if (!destination_is_remote(job->destinations[i]) &&
            destination_is_fed_live(job->destinations[i]))
            return true;
    return false;
}

/* 0, or -1 after the request was failed. */
static int check_local_only(struct request *r, const struct job *job, bool some_destinations)
{
    struct err e = {0};

    if (!json_opt_bool(request_params(r), "local_only", false))
        return 0;
    if (some_destinations)
        (void)err_set(&e, ERR_USAGE,
                      "either --local-only or --destination: one of them says where");
    else if (!has_local_destination(job))
        (void)err_set(&e, ERR_USAGE, "job \"%s\" has no local destination that is fed live",
                      job->name);
    else
        return 0;
    request_fail(r, &e);
    return -1;
}

static void method_trigger(struct request *r)
{
    const struct job *job = method_job(r);
    const char *tier = json_opt_string(request_params(r), "tier", NULL);
    struct event event = {.run_kind = RUN_BACKUP};
    struct err e = {0};
    int some_sources, some_destinations;

    if (job == NULL)
        return;
    if (tier != NULL) {
        int t = tier_from_word(tier);
        if (t < 0 || t >= TIER_PRE_RESTORE) {
            (void)err_set(&e, ERR_USAGE,
                          "\"%s\" is not a tier (hourly, daily, weekly, monthly, "
                          "yearly, manual)",
                          tier);
            request_fail(r, &e);
            return;
        }
        event.tiers = 1U << t;
    }
    some_sources = check_names(r, "sources", "source", method_has_source, job);
    if (some_sources < 0)
        return;
    some_destinations = check_names(r, "destinations", "destination", has_destination, job);
    if (some_destinations < 0 || check_local_only(r, job, some_destinations == 0) < 0)
        return;
    event.job = job->name;
    event.fragment = some_sources == 0 || some_destinations == 0 ||
                     json_opt_bool(request_params(r), "local_only", false);
    _cleanup_json_ json_t *details = trigger_details(r);
    method_queue_run(r, event, details);
}

static void method_verify(struct request *r)
{
    const struct job *job = method_job(r);
    const char *id = json_opt_string(request_params(r), "id", NULL);
    const char *destination = json_opt_string(request_params(r), "destination", NULL);

    if (job == NULL)
        return;
    _cleanup_json_ json_t *details = request_origin(r);
    if (id != NULL) {
        const struct set *s = method_set(r, &job);
        if (s == NULL)
            return;
        (void)json_object_set_new(details, "id", json_string(s->id));
    }
    if (json_opt_bool(request_params(r), "data", false))
        (void)json_object_set_new(details, "data", json_true());
    if (destination != NULL)
        (void)json_object_set_new(details, "destinations", json_pack("[s]", destination));
    method_queue_run(r, (struct event){.job = job->name, .run_kind = RUN_VERIFY}, details);
}

/* --- cancel --- */

static void method_cancel(struct request *r)
{
    struct event event = {.kind = EVENT_CANCEL};
    struct err e = {0};

    if (json_get_i64(request_params(r), "run", 1, INT64_MAX, &event.run, &e) < 0) {
        e.code = ERR_USAGE;
        request_fail(r, &e);
    } else if (daemon_step(request_daemon(r), event, NULL, NULL, &e) < 0) {
        request_fail(r, &e);
    } else {
        json_t *record =
            json_pack("{s:s,s:I}", "type", RECORD_CANCEL_ASKED, "asked_run", (json_int_t)event.run);
        method_reply_after(r, record, json_object());
    }
}

/* --- pause, resume, hold --- */

static void step_and_record(struct request *r, struct event event, json_t *record)
{
    struct err e = {0};

    if (daemon_step(request_daemon(r), event, NULL, NULL, &e) < 0) {
        json_decref(record);
        request_fail(r, &e);
        return;
    }
    restores_leave_pause(request_daemon(r)->restores, event.job);
    method_reply_after(r, record, json_object());
}

static void method_pause(struct request *r)
{
    const struct job *job = method_job(r);
    struct event event = {.kind = EVENT_PAUSE};

    if (job == NULL || method_until(r, &event.until) < 0)
        return;
    event.job = job->name;
    step_and_record(r, event,
                    json_pack("{s:s,s:s,s:o}", "type", RECORD_PAUSED, "job", job->name, "until",
                              time_to_json(event.until)));
}

static void method_resume(struct request *r)
{
    const struct job *job = method_job(r);

    if (job != NULL)
        step_and_record(r, (struct event){.kind = EVENT_RESUME, .job = job->name},
                        json_pack("{s:s,s:s}", "type", RECORD_RESUMED, "job", job->name));
}

static void method_hold(struct request *r)
{
    const struct job *job = method_job(r);

    if (job != NULL)
        method_reply_after(r, json_pack("{s:s,s:s}", "type", RECORD_HELD, "job", job->name),
                           json_object());
}

/* --- rescan --- */

struct rescan {
    struct request *request;
    char *only; /* or NULL */
    size_t left;
};

/* Of those that were looked at just now. */
static json_t *not_listed(struct daemon *d, const char *only)
{
    json_t *failed = json_array();

    for (size_t i = 0; i < d->config->destination_count; i++) {
        const char *name = d->config->destinations[i]->name;
        const struct catalog_destination *known = catalog_destination(d->catalog, name);
        if ((only == NULL || strcmp(only, name) == 0) && known->problem.code != ERR_NONE)
            (void)json_array_append_new(failed, json_pack("{s:s,s:o}", "destination", name, "error",
                                                          json_printable(known->problem.text)));
    }
    return failed;
}

static void on_rescanned(void *arg)
{
    struct rescan *rescan = arg;
    struct daemon *d = request_daemon(rescan->request);
    struct catalog_job *known;
    int64_t sets = 0;

    if (--rescan->left > 0)
        return;
    for (size_t i = 0; (known = catalog_job_at(d->catalog, i)) != NULL; i++)
        sets += (int64_t)known->sets.count;
    request_reply(rescan->request, json_pack("{s:I,s:o}", "sets", (json_int_t)sets, "failed",
                                             not_listed(d, rescan->only)));
    free(rescan->only);
    free(rescan);
}

static void method_rescan(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const char *only = json_opt_string(request_params(r), "destination", NULL);
    struct rescan *rescan;
    struct err e = {0};

    if (only != NULL && config_destination(d->config, only) == NULL) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no destination \"%s\"", only);
        request_fail(r, &e);
        return;
    }
    rescan = mem_alloc(sizeof(*rescan));
    *rescan = (struct rescan){r, only != NULL ? mem_strdup(only) : NULL, 1};
    for (size_t i = 0; i < d->config->destination_count; i++) {
        const char *name = d->config->destinations[i]->name;
        if (only != NULL && strcmp(only, name) != 0)
            continue;
        rescan->left++;
        scan_anew(d, name, on_rescanned, rescan);
    }
    on_rescanned(rescan); /* ours: so that it cannot end before all have begun */
}

const struct method methods_operate[] = {{"trigger", ROLE_OPERATE, method_trigger, false},
                                         {"verify", ROLE_OPERATE, method_verify, true},
                                         {"cancel", ROLE_OPERATE, method_cancel, false},
                                         {"pause", ROLE_OPERATE, method_pause, false},
                                         {"resume", ROLE_OPERATE, method_resume, false},
                                         {"hold", ROLE_OPERATE, method_hold, false},
                                         {"rescan", ROLE_OPERATE, method_rescan, false},
                                         {"pin", ROLE_OPERATE, method_pin, true},
                                         {"copy", ROLE_OPERATE, method_copy, true},
                                         {"accept", ROLE_OPERATE, method_accept, true},
                                         {0}};
