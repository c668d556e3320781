#include "daemon/worker/outputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/worker/destination.h"

enum { PROBLEMS_MAX = 100, THREADS_MAX = 64 };

struct output { /* one destination */
    struct destination to;
    char *name;
    bool open, failed;
    struct err error;
    json_t *artifacts;
};

struct outputs {
    struct worker *worker;
    char *source, *type, *prefix; /* prefix: "JOB/ID" */
    int threads;
    struct output *all;
    size_t count;
    struct artifact_target *targets; /* of the writer that is open */
    size_t *target_output;           /* its targets' places in all */
    size_t target_count;
    struct strlist problems;
    size_t problem_count;
    bool not_whole;
    uint64_t raw_bytes, files;
};

static void fail_output(struct outputs *o, struct output *out, const struct err *why)
{
    out->failed = true;
    out->error = *why;
    worker_log(o->worker, WORKER_WARNING, "destination \"%s\": %s", out->name, why->text);
}

static int open_one(struct outputs *o, struct output *out, const json_t *store, struct err *e)
{
    struct err why = {0};
    struct marker marker;
    const char *name;

    if (json_get_string(store, "destination", &name, e) < 0)
        return -1;
    out->name = mem_strdup(name);
    out->artifacts = json_array();
    if (destination_open(store, &out->to, &why) == 0) {
        out->open = true;
        if (destination_claim(&out->to, &marker, &why) == 0)
            return 0;
    } else if (why.code == ERR_FORMAT || why.code == ERR_INTERNAL) { /* of the job, not the place */
        if (e != NULL)
            *e = why;
        return -1;
    }
    fail_output(o, out, &why);
    return 0;
}

/* The first failure becomes the verb's when no destination is left. */
static int check_any_left(const struct outputs *o, struct err *e)
{
    for (size_t i = 0; i < o->count; i++)
        if (!o->all[i].failed)
            return 0;
    if (o->count == 0)
        return err_set(e, ERR_INTERNAL, "a job without destinations");
    return err_set(e, o->all[0].error.code, "destination \"%s\": %s", o->all[0].name,
                   o->all[0].error.text);
}

static int read_job(struct outputs *o, const json_t *job, struct err *e)
{
    const char *name, *id, *source, *type;
    json_t *source_object, *stores;
    int64_t threads;

    if (json_get_string(job, "job", &name, e) < 0 || json_get_string(job, "id", &id, e) < 0 ||
        json_get_i64(job, "threads", 1, THREADS_MAX, &threads, e) < 0 ||
        json_get_object(job, "source", &source_object, e) < 0 ||
        json_get_string(source_object, "name", &source, e) < 0 ||
        json_get_string(source_object, "type", &type, e) < 0 ||
        json_get_array(job, "stores", &stores, e) < 0)
        return -1;
    if (!str_is_name(name) || !str_is_name(source))
        return err_set(e, ERR_FORMAT, "the name of the job or source is no name");
    o->source = mem_strdup(source);
    o->type = mem_strdup(type);
    o->prefix = mem_printf("%s/%s", name, id);
    o->threads = (int)threads;
    o->count = json_array_size(stores);
    o->all = mem_resize_array(NULL, o->count + 1, sizeof(*o->all));
    o->targets = mem_resize_array(NULL, o->count + 1, sizeof(*o->targets));
    o->target_output = mem_resize_array(NULL, o->count + 1, sizeof(*o->target_output));
    for (size_t i = 0; i < o->count; i++)
        o->all[i] = (struct output){0};
    for (size_t i = 0; i < o->count; i++)
        if (open_one(o, &o->all[i], json_array_get(stores, i), e) < 0)
            return -1;
    return check_any_left(o, e);
}

int outputs_open(struct worker *w, const json_t *job, struct outputs **ret, struct err *e)
{
    struct outputs *o = mem_alloc(sizeof(*o));

    o->worker = w;
    if (read_job(o, job, e) < 0) {
        outputs_free(o);
        return -1;
    }
    *ret = o;
    return 0;
}

const char *outputs_source(const struct outputs *o)
{
    return o->source;
}

int outputs_begin(struct outputs *o, const char *file, struct artifact_writer **ret, struct err *e)
{
    _cleanup_free_ char *base = mem_printf("%s/%s", o->source, file);

    o->target_count = 0;
    for (size_t i = 0; i < o->count; i++) {
        struct destination *d = &o->all[i].to;
        if (o->all[i].failed)
            continue;
        o->target_output[o->target_count] = i;
        o->targets[o->target_count++] =
            (struct artifact_target){.store = d->store,
                                     .set_prefix = o->prefix,
                                     .codec = {.gzip = d->gzip,
                                               .level = d->level,
                                               .key = d->key.text != NULL ? &d->key : NULL},
                                     .volume_bytes = d->volume_bytes,
                                     .may_lag = d->remote};
    }
    if (check_any_left(o, e) < 0)
        return -1;
    return artifact_create(ret, base, o->targets, o->target_count, o->threads, e);
}

static void note_artifact(struct outputs *o, struct output *out, struct artifact_result *r,
                          const struct output_about *about, uint64_t raw_bytes)
{
    struct manifest_artifact a = {
        .source = o->source,
        .source_type = o->type,
        .kind = (char *)about->kind,
        .database = (char *)about->database,
        .volumes = r->volumes,
        .volume_count = r->volume_count,
        .segments = r->segments,
        .raw_bytes = raw_bytes,
        .stored_bytes = r->stored_bytes,
        .gzip = out->to.gzip,
        .encrypted = out->to.key.text != NULL,
        .details = about->details,
    };

    (void)json_array_append_new(out->artifacts, manifest_artifact_to_json(&a));
}

int outputs_end(struct outputs *o, struct artifact_writer *writer, const struct output_about *about,
                struct err *e)
{
    struct artifact_result *results = mem_resize_array(NULL, o->target_count + 1, sizeof(*results));
    uint64_t raw_bytes = artifact_raw_bytes(writer);

    for (size_t i = 0; i < o->target_count; i++)
        results[i] = (struct artifact_result){0};
    int rc = artifact_finish(writer, results, e);
    for (size_t i = 0; i < o->target_count; i++) {
        struct output *out = &o->all[o->target_output[i]];
        if (results[i].failed)
            fail_output(o, out, &results[i].error);
        else if (rc == 0)
            note_artifact(o, out, &results[i], about, raw_bytes);
        artifact_result_deinit(&results[i]);
    }
    if (rc == 0)
        o->raw_bytes += raw_bytes;
    free(results);
    json_decref(about->details);
    return rc;
}

static void add_problem(struct outputs *o, const char *text)
{
    if (o->problem_count++ < PROBLEMS_MAX)
        strlist_take(&o->problems, str_printable(text, strlen(text)));
}

void outputs_problem(struct outputs *o, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    o->not_whole = true;
    add_problem(o, text);
}

void outputs_note(struct outputs *o, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    add_problem(o, text);
}

void outputs_add_files(struct outputs *o, uint64_t count)
{
    o->files += count;
}

static json_t *one_result(const struct output *out)
{
    json_t *r = json_pack("{s:s, s:b, s:O}", "destination", out->name, "ok", !out->failed,
                          "artifacts", out->artifacts);

    if (out->failed) {
        (void)json_object_set_new(r, "error", json_printable(out->error.text));
        (void)json_object_set_new(r, "code", json_string(err_word(out->error.code)));
        (void)json_object_set_new(r, "artifacts", json_array()); /* half a source is none */
    }
    return r;
}

json_t *outputs_result(const struct outputs *o)
{
    json_t *destinations = json_array(), *problems = json_from_strings(&o->problems);

    for (size_t i = 0; i < o->count; i++)
        (void)json_array_append_new(destinations, one_result(&o->all[i]));
    if (o->problem_count > PROBLEMS_MAX) {
        _cleanup_free_ char *more = mem_printf("and %zu more", o->problem_count - PROBLEMS_MAX);
        (void)json_array_append_new(problems, json_string(more));
    }
    return json_pack("{s:o, s:b, s:o, s:I, s:I}", "destinations", destinations, "whole",
                     !o->not_whole, "problems", problems, "raw_bytes", (json_int_t)o->raw_bytes,
                     "files", (json_int_t)o->files);
}

void outputs_free(struct outputs *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < o->count; i++) {
        struct output *out = &o->all[i];
        if (out->open)
            destination_close(&out->to);
        json_decref(out->artifacts);
        free(out->name);
    }
    free(o->all);
    free(o->targets);
    free(o->target_output);
    strlist_deinit(&o->problems);
    free(o->source);
    free(o->type);
    free(o->prefix);
    free(o);
}
