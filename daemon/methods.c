#include "daemon/methods.h"

#include <string.h>

#include "daemon/set_json.h"

static const char *nearest_job(const struct config *c, const char *word)
{
    const char **names = mem_alloc((c->job_count + 1) * sizeof(*names));

    for (size_t i = 0; i < c->job_count; i++)
        names[i] = c->jobs[i]->name;
    const char *near = str_nearest(word, names, c->job_count);
    free(names);
    return near;
}

static const struct job *find_job(struct request *r, const char *name)
{
    const struct config *c = request_daemon(r)->config;
    const struct job *job = config_job(c, name);
    const char *near;
    struct err e = {0};

    if (job != NULL)
        return job;
    near = nearest_job(c, name);
    (void)err_set(&e, ERR_NOT_FOUND, "there is no job \"%s\"%s%s%s", name,
                  near != NULL ? ", did you mean \"" : " (synbakctl status lists them)",
                  near != NULL ? near : "", near != NULL ? "\"?" : "");
    request_fail(r, &e);
    return NULL;
}

const struct job *method_job(struct request *r)
{
    const struct config *c = request_daemon(r)->config;
    const char *name = json_opt_string(request_params(r), "job", NULL);
    struct err e = {0};

    if (name != NULL)
        return find_job(r, name);
    if (c->job_count == 1)
        return c->jobs[0];
    (void)err_set(&e, ERR_USAGE, "which job? There are %zu (synbakctl status lists them)",
                  c->job_count);
    request_fail(r, &e);
    return NULL;
}

int method_optional_job(struct request *r, const struct job **ret)
{
    const char *name = json_opt_string(request_params(r), "job", NULL);

    *ret = NULL;
    if (name == NULL)
        return 1;
    *ret = find_job(r, name);
    return *ret != NULL ? 0 : -1;
}

static const char *nearest_set(const struct catalog_job *known, const char *id)
{
    const char **ids = mem_alloc((known->sets.count + 1) * sizeof(*ids));

    for (size_t i = 0; i < known->sets.count; i++)
        ids[i] = known->sets.items[i].id;
    const char *near = str_nearest(id, ids, known->sets.count);
    free(ids);
    return near;
}

static void fail_no_set(struct request *r, const struct catalog_job *known, const char *id)
{
    const char *near = id != NULL ? nearest_set(known, id) : NULL;
    struct err e = {0};

    if (id == NULL)
        (void)err_set(&e, ERR_NOT_FOUND, "job \"%s\" has no good set yet (synbakctl list %s)",
                      known->name, known->name);
    else
        (void)err_set(&e, ERR_NOT_FOUND, "job \"%s\" has no set \"%s\"%s%s (synbakctl list %s)",
                      known->name, id, near != NULL ? ", the nearest is " : "",
                      near != NULL ? near : "", known->name);
    request_fail(r, &e);
}

const struct set *method_set(struct request *r, const struct job **ret_job)
{
    return method_set_at(r, json_opt_string(request_params(r), "destination", NULL), ret_job);
}

void method_fail_destination(struct request *r, const char *name)
{
    struct err e = {0};

    (void)err_set(&e, ERR_NOT_FOUND, "there is no destination \"%s\" (synbakctl status lists them)",
                  name);
    request_fail(r, &e);
}

const struct set *method_set_at(struct request *r, const char *destination,
                                const struct job **ret_job)
{
    struct daemon *d = request_daemon(r);
    const char *id = json_opt_string(request_params(r), "id", NULL);
    const struct set *s;

    *ret_job = method_job(r);
    if (*ret_job == NULL)
        return NULL;
    struct catalog_job *known = catalog_job(d->catalog, (*ret_job)->name);
    if (id != NULL && strcmp(id, "latest") == 0)
        id = NULL;
    s = id == NULL ? sets_latest(&known->sets, destination) : catalog_find(known, destination, id);
    if (s == NULL && destination != NULL && config_destination(d->config, destination) == NULL)
        method_fail_destination(r, destination);
    else if (s == NULL)
        fail_no_set(r, known, id);
    return s;
}

int method_until(struct request *r, struct wall *ret)
{
    const char *text = json_opt_string(request_params(r), "until", NULL);
    struct err e = {0};

    *ret = (struct wall){0};
    if (text == NULL || clock_parse_iso8601(text, ret) == 0)
        return 0;
    (void)err_set(&e, ERR_USAGE, "\"until\" is not a time like 2026-11-20T14:30:00Z");
    request_fail(r, &e);
    return -1;
}

json_t *method_record(const struct request *r, json_t *record)
{
    _cleanup_json_ json_t *origin = request_origin(r);

    (void)json_object_update_missing(record, origin);
    return record;
}

struct reply_after {
    struct request *request;
    json_t *result;
};

static void on_durable(void *arg)
{
    struct reply_after *after = arg;

    request_reply(after->request, after->result);
    free(after);
}

void method_reply_after(struct request *r, json_t *record, json_t *result)
{
    struct reply_after *after = mem_alloc(sizeof(*after));

    *after = (struct reply_after){r, result};
    daemon_post(request_daemon(r), method_record(r, record), on_durable, after);
}
