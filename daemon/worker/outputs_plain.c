/* outputs_plain.c — the plain destinations of a job: one artifact writer over all that are alive. */
#include "daemon/worker/outputs_parts.h"
#include "lib/base/mem.h"
#include "lib/tree/tree_tar.h"

struct plain_side {
    struct worker *worker;
    const char *prefix;
    int threads;
    struct output **all;
    size_t count;
    struct artifact_target *targets; /* of the writer that is open */
    struct output **target_output;   /* whose each target is */
    size_t target_count;
    struct artifact_writer *writer; /* NULL: none is open */
    struct tree_tar *tar;           /* of a tree */
};

struct plain_side *plain_side_new(struct worker *w, const char *prefix, int threads)
{
    struct plain_side *p = mem_alloc(sizeof(*p));

    *p = (struct plain_side){.worker = w, .prefix = prefix, .threads = threads};
    return p;
}

void plain_side_add(struct plain_side *p, struct output *out)
{
    p->all = mem_resize_array(p->all, p->count + 1, sizeof(struct output *));
    p->all[p->count++] = out;
    p->targets = mem_resize_array(p->targets, p->count, sizeof(*p->targets));
    p->target_output = mem_resize_array(p->target_output, p->count, sizeof(struct output *));
}

bool plain_side_alive(const struct plain_side *p)
{
    for (size_t i = 0; i < p->count; i++)
        if (!p->all[i]->failed)
            return true;
    return false;
}

/* What is open cannot go on anywhere. */
static void fail_all(struct plain_side *p, const struct err *why)
{
    for (size_t i = 0; i < p->target_count; i++)
        if (!p->target_output[i]->failed)
            output_fail(p->worker, p->target_output[i], why);
    plain_side_abort(p);
}

static int on_tar(void *arg, const void *data, size_t len, struct err *e)
{
    struct plain_side *p = arg;

    return artifact_write(p->writer, data, len, e);
}

static void choose_targets(struct plain_side *p)
{
    p->target_count = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct destination *d = &p->all[i]->to;
        if (p->all[i]->failed)
            continue;
        p->target_output[p->target_count] = p->all[i];
        p->targets[p->target_count] = destination_target(d, p->prefix);
        p->targets[p->target_count++].may_lag = d->remote;
    }
}

static const char *kind_of(const struct output_artifact *about)
{
    return str_equal(about->kind, "tree") ? "tar" : about->kind;
}

void plain_side_begin(struct plain_side *p, const struct output_artifact *about)
{
    _cleanup_free_ char *base = manifest_file_name(about->source, kind_of(about), about->database);
    struct err why = {0};

    choose_targets(p);
    if (p->target_count == 0)
        return;
    if (artifact_create(&p->writer, base, p->targets, p->target_count, p->threads, &why) < 0 ||
        (str_equal(about->kind, "tree") && tree_tar_open(&p->tar, on_tar, p, &why) < 0))
        fail_all(p, &why);
}

void plain_side_write(struct plain_side *p, const void *data, size_t len)
{
    struct err why = {0};

    if (p->writer != NULL && artifact_write(p->writer, data, len, &why) < 0)
        fail_all(p, &why);
}

void plain_side_member(struct plain_side *p, const struct tree_member *m)
{
    struct err why = {0};

    if (p->writer != NULL && tree_tar_member(p->tar, m, &why) < 0)
        fail_all(p, &why);
}

void plain_side_data(struct plain_side *p, const void *data, size_t len)
{
    struct err why = {0};

    if (p->writer != NULL && tree_tar_data(p->tar, data, len, &why) < 0)
        fail_all(p, &why);
}

static void note_result(struct output *out, const struct output_artifact *about,
                        const struct artifact_result *r, uint64_t raw_bytes)
{
    const struct output_artifact named = {.source = about->source,
                                          .type = about->type,
                                          .kind = kind_of(about),
                                          .database = about->database,
                                          .details = about->details};
    const struct manifest_artifact a = {
        .volumes = r->volumes,
        .volume_count = r->volume_count,
        .segments = r->segments,
        .raw_bytes = raw_bytes,
        .stored_bytes = r->stored_bytes,
        .gzip = out->to.gzip,
        .encrypted = out->to.key.text != NULL,
    };

    output_note(out, &named, &a);
}

static void finish_writer(struct plain_side *p, const struct output_artifact *about)
{
    struct artifact_result *results = mem_alloc(p->target_count * sizeof(*results));
    uint64_t raw_bytes = artifact_raw_bytes(p->writer);
    struct err unused; /* each target tells its own */

    int rc = artifact_finish(TAKE(p->writer), results, &unused);
    for (size_t i = 0; i < p->target_count; i++) {
        if (results[i].failed)
            output_fail(p->worker, p->target_output[i], &results[i].error);
        else if (rc == 0)
            note_result(p->target_output[i], about, &results[i], raw_bytes);
        artifact_result_deinit(&results[i]);
    }
    free(results);
}

void plain_side_end(struct plain_side *p, const struct output_artifact *about)
{
    struct err why = {0};

    if (p->writer == NULL)
        return;
    if (p->tar != NULL && tree_tar_finish(p->tar, &why) < 0) {
        fail_all(p, &why);
        return;
    }
    tree_tar_free(TAKE(p->tar));
    finish_writer(p, about);
}

void plain_side_abort(struct plain_side *p)
{
    tree_tar_free(TAKE(p->tar));
    artifact_abort(TAKE(p->writer));
}

void plain_side_free(struct plain_side *p)
{
    if (p == NULL)
        return;
    plain_side_abort(p);
    free(p->all);
    free(p->targets);
    free(p->target_output);
    free(p);
}
