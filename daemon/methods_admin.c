/* methods_admin.c — what only an administrator does: prune, unpin, release, adopt, keys-changed, clock-accept,
 * reload. */
#include <string.h>

#include "daemon/methods.h"
#include "daemon/prune.h"
#include "daemon/prune_replicas.h"
#include "daemon/record.h"
#include "daemon/reload.h"
#include "daemon/scan.h"

enum { ADOPT_TIMEOUT_S = 120 };

/* --- prune --- */

static json_t *plan_to_json(struct daemon *d, const struct job *job, const struct destination *dest)
{
    const char *destination = dest->name;
    struct retention_plan plan = {0};
    const char *why = NULL;
    struct err e = {0};
    json_t *remove = json_array();
    int rc = prune_decide(d, job, destination, &plan, &why, &e);
    bool capped = rc == 0 && plan.capped;

    for (size_t i = 0; rc == 0 && i < plan.count; i++)
        if (plan.verdicts[i].remove)
            (void)json_array_append_new(remove,
                                        json_pack("{s:s,s:s}", "id", plan.verdicts[i].set->id,
                                                  "why", plan.verdicts[i].why));
    if (rc == 0)
        retention_plan_deinit(&plan);
    return json_pack("{s:s,s:s,s:o,s:b,s:b,s:s?}", "job", job->name, "destination", destination,
                     "remove", remove, "deletes",
                     dest->deletes && !catalog_destination(d->catalog, destination)->write_only,
                     "capped", capped, "problem",
                     rc < 0   ? e.text
                     : rc > 0 ? why
                              : NULL);
}

static void method_prune(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const bool dry = json_opt_bool(request_params(r), "dry_run", false);
    const struct job *only;
    json_t *plans;

    if (method_optional_job(r, &only) < 0)
        return;
    plans = json_array();
    if (!dry)
        prune_collect_now(d);
    for (size_t i = 0; i < d->config->job_count; i++) {
        const struct job *job = d->config->jobs[i];
        if (only != NULL && only != job)
            continue;
        for (size_t k = 0; k < job->destination_count; k++)
            (void)json_array_append_new(plans, plan_to_json(d, job, job->destinations[k]));
        if (!dry)
            prune_start(d, job->name);
    }
    json_t *result = json_pack("{s:o}", "jobs", plans);
    if (dry)
        request_reply(r, result);
    else
        method_reply_after(r,
                           json_pack("{s:s,s:s?}", "type", RECORD_PRUNE_ASKED, "job",
                                     only != NULL ? only->name : NULL),
                           result);
}

static void method_release(struct request *r)
{
    const struct job *job = method_job(r);

    if (job != NULL)
        method_reply_after(r, json_pack("{s:s,s:s}", "type", RECORD_RELEASED, "job", job->name),
                           json_object());
}

/* --- adopt --- */

struct adopt {
    struct request *request;
    struct daemon *daemon;
    char *destination;
};

static void adopt_free(struct adopt *a)
{
    free(a->destination);
    free(a);
}

static void on_looked(void *arg)
{
    struct adopt *a = arg;

    request_reply(a->request, json_object());
    adopt_free(a);
}

/* What was wrong with the place is wrong until it is looked at, and only when what counts from now on is written
 * down may it be. */
static void on_accepted(void *arg)
{
    struct adopt *a = arg;

    scan_anew(a->daemon, a->destination, on_looked, a);
}

/* Of a repository, whatever was remembered: what lies there now is what counts. The other replicas may have got the
 * same records; what was remembered of those still counts. */
static void take_heads(struct adopt *a, json_t *all)
{
    const json_t *ours = json_object_get(all, a->destination);
    const char *name;
    json_t *heads;

    json_object_foreach(all, name, heads) if (heads != ours)
        daemon_know_heads(a->daemon, name, heads);
    if (ours == NULL && repositories_head(history_repositories(a->daemon->history), a->destination,
                                          "writer") == NULL) {
        on_accepted(a);
        return;
    }
    daemon_post(a->daemon,
                json_pack("{s:s,s:s,s:s,s:s}", "type", RECORD_HEADS, "destination", a->destination,
                          "writer", json_opt_string(ours, "writer", ""), "pruner",
                          json_opt_string(ours, "pruner", "")),
                on_accepted, a);
}

static void on_adopted(void *arg, const json_t *result, const struct err *e)
{
    struct adopt *a = arg;
    struct daemon *d = a->daemon;
    const char *marker = json_opt_string(result, "marker_id", "");

    if (result == NULL) {
        request_fail(a->request, e);
        adopt_free(a);
        return;
    }
    daemon_post(
        d,
        method_record(a->request, json_pack("{s:s,s:s,s:s}", "type", RECORD_ADOPTED, "destination",
                                            a->destination, "marker_id", marker)),
        NULL, NULL);
    catalog_set_marker(d->catalog, a->destination, marker);
    take_heads(a, json_object_get(result, "heads"));
}

static void method_adopt(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const char *name = json_opt_string(request_params(r), "destination", "");
    struct destination *dest = config_destination(d->config, name);
    struct err e = {0};

    if (dest == NULL) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no destination \"%s\"", name);
        request_fail(r, &e);
        return;
    }
    struct adopt *a = mem_alloc(sizeof(*a));
    *a = (struct adopt){r, d, mem_strdup(name)};
    _cleanup_free_ struct destination **all = NULL;
    const size_t count = prune_all_replicas(d, dest, &all);
    (void)operation_start(d, (struct operation_spec){.config = d->config,
                                                     .destinations = all,
                                                     .destination_count = count,
                                                     .stores = OPERATION_STORES,
                                                     .job = json_pack("{s:s}", "verb", "adopt"),
                                                     .worker = {.run_timeout_s = ADOPT_TIMEOUT_S},
                                                     .callbacks = {.done = on_adopted, .arg = a}});
}

/* --- keys --- */

static void add_text(json_t *record, const struct request *r, const char *member)
{
    const char *text = json_opt_string(request_params(r), member, NULL);

    if (text != NULL)
        (void)json_object_set_new(record, member, json_printable(text));
}

/* Who may open a repository is changed with rights of the caller's; here it is written down, and seen. */
static void method_keys_changed(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const char *name = json_opt_string(request_params(r), "destination", "");
    struct destination *dest = config_destination(d->config, name);
    int64_t generation = json_opt_i64(request_params(r), "generation", 0);
    struct err e = {0};

    if (dest == NULL || dest->format != FORMAT_REPOSITORY) {
        (void)err_set(&e, ERR_NOT_FOUND, "there is no repository at a destination \"%s\"", name);
        request_fail(r, &e);
        return;
    }
    json_t *record = json_pack("{s:s,s:s}", "type", RECORD_KEYS_CHANGED, "destination", name);
    add_text(record, r, "change");
    add_text(record, r, "slot");
    add_text(record, r, "kind");
    if (generation > 0)
        (void)json_object_set_new(record, "generation", json_integer(generation));
    method_reply_after(r, record, json_object());
    _cleanup_free_ struct destination **all = NULL;
    const size_t count = prune_all_replicas(d, dest, &all);
    for (size_t i = 0; i < count; i++)
        scan_anew(d, all[i]->name, NULL, NULL);
}

static void method_clock_accept(struct request *r)
{
    clock_watch_accept(request_daemon(r));
    method_reply_after(
        r,
        json_pack("{s:s,s:s}", "type", RECORD_CLOCK_TRUSTED, "why", "accepted by an administrator"),
        json_object());
}

static void method_reload(struct request *r)
{
    reload_start(request_daemon(r), r);
}

const struct method methods_admin[] = {{"prune", ROLE_ADMIN, method_prune, true},
                                       {"unpin", ROLE_ADMIN, method_unpin, true},
                                       {"release", ROLE_ADMIN, method_release, false},
                                       {"adopt", ROLE_ADMIN, method_adopt, false},
                                       {"keys-changed", ROLE_ADMIN, method_keys_changed, false},
                                       {"clock-accept", ROLE_ADMIN, method_clock_accept, false},
                                       {"reload", ROLE_ADMIN, method_reload, false},
                                       {0}};
