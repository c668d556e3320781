/* methods_restore.c — beside a restore, which the caller does with rights of its own: what it needs
 * to know, a read pin, a pause of the schedule, and the copy of the present state beforehand. */
#include <string.h>

#include "daemon/kept.h"
#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/record.h"
#include "daemon/restores.h"
#include "lib/protocol/job.h"

struct begin {
    struct request *request;
    struct daemon *daemon;
    struct config *config;
    struct destination *destination;
    char *job, *id;
    json_t *elsewhere; /* names of the others that hold the set, the nearest first */
    struct job_secrets secrets;
    struct err error;
    int rc;
};

static void read_key(void *arg)
{
    struct begin *b = arg;

    b->rc = job_read_secrets(b->destination, job_read_secret_here, &b->secrets, &b->error);
}

static json_t *key_for(const struct begin *b)
{
    /* a key that only we can read is for root alone; everybody else brings their own */
    return request_uid(b->request) == 0 && b->secrets.key.text != NULL
               ? json_string(b->secrets.key.text)
               : json_null();
}

static json_t *old_keys_for(const struct begin *b)
{
    json_t *array = json_array();

    for (size_t i = 0; request_uid(b->request) == 0 && i < b->secrets.old_key_count; i++)
        (void)json_array_append_new(array, json_string(b->secrets.old_keys[i].text));
    return array;
}

static json_t *begin_result(const struct begin *b, const char *token)
{
    struct daemon *d = b->daemon;
    const struct repositories *known = history_repositories(d->history);
    json_t *store =
        job_store(b->destination, request_uid(b->request) == 0 ? &b->secrets : NULL,
                  &(struct job_store_context){
                      .owner = d->owner,
                      .known_id = catalog_known_id(d->catalog, b->destination->name),
                      .known_writer = repositories_head(known, b->destination->name, "writer"),
                      .known_pruner = repositories_head(known, b->destination->name, "pruner")});

    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:O,s:o,s:o,s:o,s:s}", "token", token, "config_file",
                     d->config->file, "job", b->job, "id", b->id, "destination",
                     b->destination->name, "elsewhere", b->elsewhere, "store", store, "key",
                     key_for(b), "old_keys", old_keys_for(b), "owner", d->owner);
}

static void begin_free(struct begin *b)
{
    job_secrets_deinit(&b->secrets);
    json_decref(b->elsewhere);
    free(b->job);
    free(b->id);
    config_unref(b->config);
    free(b);
}

static void on_key_read(void *arg)
{
    struct begin *b = arg;
    struct request *r = b->request;
    struct daemon *d = b->daemon;
    const char *purpose = json_opt_string(request_params(r), "purpose", "restore");
    char token[33];

    /* without the key root can still bring it by --key: only root is told that it is missing */
    if (b->rc < 0 && request_uid(r) == 0) {
        request_fail(r, &b->error);
    } else if (request_is_gone(r)) {
        request_fail(r, &(struct err){.code = ERR_CANCELLED});
    } else {
        restores_begin(d->restores, request_client(r), b->job, b->id, purpose, token);
        json_t *record =
            json_pack("{s:s,s:s,s:s,s:s,s:s}", "type", RECORD_RESTORE_BEGUN, "job", b->job, "id",
                      b->id, "destination", b->destination->name, "purpose", purpose);
        method_reply_after(r, record, begin_result(b, token));
    }
    begin_free(b);
}

/* The destinations that hold a set: whole copies before damaged ones, near ones before far ones,
 * then as the job names them. */
static json_t *holders(struct daemon *d, const struct job *job, const char *id)
{
    struct catalog_job *known = catalog_job(d->catalog, job->name);
    json_t *names = json_array();

    for (int rank = 0; rank < 4; rank++)
        for (size_t i = 0; i < job->destination_count; i++) {
            const struct destination *dest = job->destinations[i];
            const struct set *s = catalog_find(known, dest->name, id);
            if (s != NULL && rank == (s->damaged ? 2 : 0) + (destination_is_remote(dest) ? 1 : 0))
                (void)json_array_append_new(names, json_string(dest->name));
        }
    return names;
}

static void method_restore_begin(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const struct job *job;
    const struct set *s = method_set(r, &job);
    struct err e = {0};

    if (s == NULL)
        return;
    json_t *names = json_object_get(request_params(r), "destination") != NULL
                        ? json_array()
                        : holders(d, job, s->id);
    const char *nearest = json_string_value(json_array_get(names, 0));
    struct destination *dest =
        config_destination(d->config, nearest != NULL ? nearest : s->destination);
    if (dest == NULL) {
        (void)err_set(&e, ERR_NOT_FOUND, "destination \"%s\" is not configured any more",
                      s->destination);
        request_fail(r, &e);
        json_decref(names);
        return;
    }
    (void)json_array_remove(names, 0);
    struct begin *b = mem_alloc(sizeof(*b));
    *b = (struct begin){.request = r,
                        .daemon = d,
                        .config = config_ref(d->config),
                        .destination = dest,
                        .elsewhere = names,
                        .job = mem_strdup(job->name),
                        .id = mem_strdup(s->id)};
    loop_run_task(&d->loop, read_key, on_key_read, b);
}

static int get_token(struct request *r, const char **ret)
{
    struct err e = {0};

    if (json_get_string(request_params(r), "token", ret, &e) == 0)
        return 0;
    e.code = ERR_USAGE;
    request_fail(r, &e);
    return -1;
}

static void on_end_durable(void *arg)
{
    request_reply(arg, json_object());
}

static void method_restore_end(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const json_t *params = request_params(r);
    const char *token;
    struct err e = {0};

    if (get_token(r, &token) < 0)
        return;
    if (restores_end(d->restores, request_client(r), token, json_opt_bool(params, "ok", false),
                     json_opt_string(params, "error", NULL), json_object_get(params, "summary"),
                     on_end_durable, r) < 0) {
        (void)err_set(&e, ERR_NOT_FOUND, "no restore of this connection has that token");
        request_fail(r, &e);
    }
}

static void method_restore_worker(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const char *token;
    struct err e = {0};
    int64_t pid;

    if (get_token(r, &token) < 0)
        return;
    if (json_get_i64(request_params(r), "pid", 2, INT32_MAX, &pid, &e) < 0) {
        e.code = ERR_USAGE;
        request_fail(r, &e);
    } else if (restores_watch(d->restores, request_client(r), token, (pid_t)pid, &e) < 0) {
        request_fail(r, &e);
    } else {
        request_reply(r, json_object());
    }
}

/* The caller undid a restore by itself, with or without us; what is told goes to the journal. */
static void method_restore_undone(struct request *r)
{
    const json_t *params = request_params(r);
    const char *run;
    struct err e = {0};

    if (json_get_string(params, "undone", &run, &e) < 0) {
        e.code = ERR_USAGE;
        request_fail(r, &e);
        return;
    }
    method_reply_after(r,
                       json_pack("{s:s,s:s,s:b,s:s*}", "type", RECORD_RESTORE_UNDONE, "undone", run,
                                 "ok", json_opt_bool(params, "ok", false), "error",
                                 json_opt_string(params, "error", NULL)),
                       json_object());
    kept_refresh(request_daemon(r)->kept);
}

static void method_pre_restore(struct request *r)
{
    struct daemon *d = request_daemon(r);
    const struct job *job = method_job(r);
    const char *token;
    struct err e = {0};

    if (job == NULL || get_token(r, &token) < 0)
        return;
    if (!restores_has(d->restores, token, job->name)) {
        (void)err_set(&e, ERR_REFUSED, "no restore of job \"%s\" has that token", job->name);
        request_fail(r, &e);
        return;
    }
    _cleanup_json_ json_t *details = request_origin(r);
    json_t *sources = json_object_get(request_params(r), "sources");
    if (json_is_array(sources))
        (void)json_object_set(details, "sources", sources);
    method_queue_run(r, (struct event){.job = job->name, .run_kind = RUN_PRE_RESTORE}, details);
}

const struct method methods_restore[] = {
    {"restore-begin", ROLE_RESTORE, method_restore_begin, true},
    {"restore-worker", ROLE_RESTORE, method_restore_worker, false},
    {"restore-end", ROLE_RESTORE, method_restore_end, false},
    {"restore-undone", ROLE_RESTORE, method_restore_undone, false},
    {"pre-restore", ROLE_RESTORE, method_pre_restore, false},
    {0}};
