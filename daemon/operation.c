/* operation.c — see operation.h.
 *
 * The happy path is: secrets on the thread pool, the stores put into the job, one worker, its
 * result.
 * Possible failure modes: a secret cannot be read; the worker does not start; it fails.
 * On close: an operation frees itself right after done(). */
#include "daemon/operation.h"

#include "daemon/catalog.h"
#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/prune_replicas.h"
#include "daemon/stretched.h"
#include "lib/protocol/job.h"
#include "lib/schedule/upload.h"

struct store_piece { /* what a STORE needs beside the configuration */
    struct job_secrets secrets;
    struct rate_course rates;
    struct err error; /* why there are none */
};

struct operation {
    struct daemon *daemon;
    struct operation_spec spec;
    struct store_piece *pieces; /* one for each destination, until the worker has them */
    struct err failed;          /* from the thread pool */
    struct err cancelled;       /* before the worker ran */
    struct worker_process *worker;
};

static void wipe_secrets(struct operation *op)
{
    for (size_t i = 0; op->pieces != NULL && i < op->spec.destination_count; i++) {
        job_secrets_deinit(&op->pieces[i].secrets);
        upload_course_free(&op->pieces[i].rates);
    }
    free(op->pieces);
    op->pieces = NULL;
}

static void finish(struct operation *op, const json_t *result, const struct err *e)
{
    struct worker_callbacks callbacks = op->spec.callbacks;

    struct daemon *d = op->daemon;

    callbacks.done(callbacks.arg, result, e);
    wipe_secrets(op);
    json_decref(op->spec.job);
    free(op->spec.destinations);
    config_unref(op->spec.config);
    free(op);
    daemon_operation_ended(d);
}

static void on_progress(void *arg, const char *step, int64_t done, int64_t total)
{
    struct operation *op = arg;

    if (op->spec.callbacks.progress != NULL)
        op->spec.callbacks.progress(op->spec.callbacks.arg, step, done, total);
}

static void on_log(void *arg, bool warning, const char *text)
{
    struct operation *op = arg;

    if (op->spec.callbacks.log != NULL)
        op->spec.callbacks.log(op->spec.callbacks.arg, warning, text);
}

static void on_stretched(void *arg, const char *destination, const char *text)
{
    stretched_note(((struct operation *)arg)->daemon->stretched, destination, text);
}

static void on_worker_done(void *arg, const json_t *result, const struct err *e)
{
    finish(arg, result, e);
}

/* --- secrets, on the thread pool --- */

/* One of several destinations that cannot be opened holds back none of the others: the worker
 * reports it as failed. */
static void read_secrets(void *arg)
{
    struct operation *op = arg;
    size_t count = op->spec.destination_count, unreadable = 0;

    for (size_t i = 0; i < count; i++) {
        const struct destination *dest = op->spec.destinations[i];
        struct store_piece *piece = &op->pieces[i];
        if (job_read_secrets(dest, job_read_secret_here, &piece->secrets, &piece->error) == 0 &&
            upload_course_in(&dest->upload_limit, op->spec.config->timezone, clock_wall(),
                             &piece->rates, &piece->error) == 0)
            continue;
        unreadable++;
        if (op->failed.code == ERR_NONE)
            op->failed = piece->error;
    }
    if (op->spec.stores == OPERATION_STORES && unreadable < count)
        op->failed = (struct err){0};
}

static json_t *store_of(const struct operation *op, size_t i)
{
    const struct destination *dest = op->spec.destinations[i];

    const struct store_piece *piece = &op->pieces[i];
    const bool whole = piece->error.code == ERR_NONE;
    const struct repositories *known = history_repositories(op->daemon->history);
    _cleanup_free_ char *cache = mem_printf("%s/repositories", op->spec.config->state_dir);

    return job_store(
        dest, whole ? &piece->secrets : NULL,
        &(struct job_store_context){.owner = op->daemon->owner,
                                    .known_id = catalog_known_id(op->daemon->catalog, dest->name),
                                    .rates = &piece->rates,
                                    .known_writer = repositories_head(known, dest->name, "writer"),
                                    .known_pruner = repositories_head(known, dest->name, "pruner"),
                                    .newest_writer = prune_newest(op->daemon, dest, "writer"),
                                    .newest_pruner = prune_newest(op->daemon, dest, "pruner"),
                                    .cache_dir = cache,
                                    .stretched = stretched_find(op->daemon->stretched, dest->name),
                                    .unreadable = whole ? NULL : piece->error.text});
}

static void add_stores(struct operation *op)
{
    json_t *job = op->spec.job;

    if (op->spec.stores == OPERATION_FROM_TO) {
        (void)json_object_set_new(job, "from", store_of(op, 0));
        (void)json_object_set_new(job, "to", store_of(op, 1));
        return;
    }
    if (op->spec.stores == OPERATION_STORE) {
        if (op->spec.destination_count > 0)
            (void)json_object_set_new(job, "store", store_of(op, 0));
        return;
    }
    json_t *stores = json_array();
    for (size_t i = 0; i < op->spec.destination_count; i++)
        (void)json_array_append_new(stores, store_of(op, i));
    (void)json_object_set_new(job, "stores", stores);
}

static void on_secrets_read(void *arg)
{
    struct operation *op = arg;

    if (op->failed.code != ERR_NONE || op->cancelled.code != ERR_NONE) {
        struct err e = op->failed.code != ERR_NONE ? op->failed : op->cancelled;
        finish(op, NULL, &e);
        return;
    }
    add_stores(op);
    wipe_secrets(op);
    const struct worker_callbacks ours = {.progress = on_progress,
                                          .log = on_log,
                                          .stretched = on_stretched,
                                          .done = on_worker_done,
                                          .arg = op};
    struct err e = {0};
    int rc = worker_process_start(&op->worker, &op->daemon->loop, &op->spec.worker, op->spec.job,
                                  &ours, &e);
    json_decref(op->spec.job); /* with the secrets in it */
    op->spec.job = NULL;
    if (rc < 0)
        finish(op, NULL, &e);
}

struct operation *operation_start(struct daemon *d, struct operation_spec spec)
{
    struct operation *op = mem_alloc(sizeof(*op));

    d->operations++;
    op->daemon = d;
    op->spec = spec;
    op->spec.config = config_ref(spec.config);
    op->spec.destinations = mem_alloc(spec.destination_count * sizeof(*spec.destinations));
    for (size_t i = 0; i < spec.destination_count; i++)
        op->spec.destinations[i] = spec.destinations[i];
    op->spec.worker.program = d->worker_program;
    (void)json_object_set_new(op->spec.job, "type", json_string("job"));
    op->pieces = mem_alloc(spec.destination_count * sizeof(*op->pieces));
    loop_run_task(&d->loop, read_secrets, on_secrets_read, op);
    return op;
}

void operation_cancel(struct operation *op, const struct err *why)
{
    if (op->worker != NULL)
        worker_process_cancel(op->worker, why);
    else if (op->cancelled.code == ERR_NONE)
        op->cancelled = *why;
}
