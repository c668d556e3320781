#include "daemon/worker/outputs.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/worker/outputs_parts.h"
#include "lib/base/mem.h"

enum { PROBLEMS_MAX = 100, THREADS_MAX = 64 };

struct outputs {
    struct worker *worker;
    char *source, *type, *prefix; /* prefix: "JOB/ID" */
    int threads;
    struct output *all;
    size_t count;
    struct plain_side *plain;
    struct repo_side **repos; /* one for each repository */
    size_t repo_count;
    pthread_t opener; /* while `opening`, repos and the outputs they have are its own */
    bool opening;
    struct output_artifact artifact; /* that is open; kind NULL: none */
    uint64_t artifact_bytes;
    const char *step; /* of a tree */
    struct strlist problems;
    size_t problem_count;
    bool not_whole;
    uint64_t raw_bytes, files;
};

void output_fail(struct worker *w, struct output *out, const struct err *why)
{
    out->failed = true;
    out->error = *why;
    worker_log(w, WORKER_WARNING, "destination \"%s\": %s", out->name, why->text);
}

void output_note(struct output *out, const struct output_artifact *about,
                 const struct manifest_artifact *a)
{
    struct manifest_artifact whole = *a;

    whole.source = (char *)about->source;
    whole.source_type = (char *)about->type;
    whole.kind = (char *)about->kind;
    whole.database = (char *)about->database;
    whole.details = about->details;
    (void)json_array_append_new(out->artifacts, manifest_artifact_to_json(&whole));
}

/* --- opening --- */

static int open_one(struct outputs *o, struct output *out, const json_t *store, struct err *e)
{
    struct err why = {0};
    struct marker marker;
    const char *name;

    if (json_get_string(store, "destination", &name, e) < 0)
        return -1;
    out->name = mem_strdup(name);
    out->artifacts = json_array();
    if (destination_open(o->worker, store, &out->to, &why) == 0) {
        out->open = true;
        if (destination_claim(&out->to, &marker, &why) == 0)
            return 0;
    } else if (why.code == ERR_FORMAT || why.code == ERR_INTERNAL) { /* of the job, not the place */
        if (e != NULL)
            *e = why;
        return -1;
    }
    output_fail(o->worker, out, &why);
    return 0;
}

/* Who is too slow for them is fed by copy. */
static bool others_left(void *outputs, const struct repo_side *me)
{
    const struct outputs *o = outputs;

    for (size_t i = 0; i < o->repo_count; i++)
        if (o->repos[i] != me && repo_side_alive(o->repos[i]))
            return true;
    return plain_side_alive(o->plain);
}

static struct repo_side *side_of(struct outputs *o, const char *repository, const json_t *tracking)
{
    for (size_t i = 0; i < o->repo_count; i++)
        if (str_equal(repo_side_name(o->repos[i]), repository))
            return o->repos[i];
    o->repos = mem_resize_array(o->repos, o->repo_count + 1, sizeof(struct repo_side *));
    struct repo_side *r = repo_side_new(o->worker, repository, strchr(o->prefix, '/') + 1,
                                        json_object_get(tracking, repository), o->threads);
    repo_side_set_others(r, others_left, o);
    return o->repos[o->repo_count++] = r;
}

static void open_sides(struct outputs *o, const json_t *tracking)
{
    for (size_t i = 0; i < o->count; i++) {
        struct output *out = &o->all[i];
        if (out->to.repository && (!out->failed || out->error.code == ERR_FOREIGN))
            repo_side_add(side_of(o, out->to.repository_name, tracking), out);
        else if (!out->failed)
            plain_side_add(o->plain, out);
    }
}

static void *open_repos(void *outputs)
{
    const struct outputs *o = outputs;

    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_open(o->repos[i]);
    return NULL;
}

/* To stretch a key and to read logs takes about as long as a source needs to begin. */
static void begin_to_open_repos(struct outputs *o)
{
    o->opening = o->repo_count > 0 && pthread_create(&o->opener, NULL, open_repos, o) == 0;
    if (!o->opening)
        (void)open_repos(o);
}

static void await_repos(struct outputs *o)
{
    if (o->opening)
        (void)pthread_join(o->opener, NULL);
    o->opening = false;
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
    o->plain = plain_side_new(o->worker, o->prefix, o->threads);
    o->count = json_array_size(stores);
    o->all = mem_alloc(o->count * sizeof(*o->all));
    for (size_t i = 0; i < o->count; i++)
        if (open_one(o, &o->all[i], json_array_get(stores, i), e) < 0)
            return -1;
    open_sides(o, json_object_get(job, "tracking"));
    begin_to_open_repos(o);
    return o->opening ? 0 : check_any_left(o, e);
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

/* --- one artifact --- */

static void begin(struct outputs *o, const char *kind, const char *database)
{
    await_repos(o);
    o->artifact = (struct output_artifact){
        .source = o->source, .type = o->type, .kind = kind, .database = database};
    o->artifact_bytes = 0;
    plain_side_begin(o->plain, &o->artifact);
}

int outputs_begin(struct outputs *o, const struct output_about *about, struct err *e)
{
    begin(o, about->kind, about->database);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_begin(o->repos[i], &o->artifact);
    return check_any_left(o, e);
}

int outputs_write(struct outputs *o, const void *data, size_t len, struct err *e)
{
    o->artifact_bytes += len;
    plain_side_write(o->plain, data, len);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_write(o->repos[i], data, len);
    return check_any_left(o, e);
}

uint64_t outputs_raw_bytes(const struct outputs *o)
{
    return o->artifact_bytes;
}

/* A file need not be read if every destination knows it; a tar has to hold it. All repositories are
 * asked, since each goes along with the walk. */
static int on_known(void *arg, const char *path, const struct stat *st, struct err *e)
{
    struct outputs *o = arg;
    bool known = !plain_side_alive(o->plain);

    (void)e;
    for (size_t i = 0; i < o->repo_count; i++)
        if (repo_side_alive(o->repos[i]) && !repo_side_known(o->repos[i], path, st))
            known = false;
    return known;
}

static int on_member(void *arg, const struct tree_member *m, struct err *e)
{
    struct outputs *o = arg;

    plain_side_member(o->plain, m);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_member(o->repos[i], m);
    return check_any_left(o, e);
}

static int on_data(void *arg, const void *data, size_t len, struct err *e)
{
    struct outputs *o = arg;

    plain_side_data(o->plain, data, len);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_data(o->repos[i], data, len);
    return check_any_left(o, e);
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    struct outputs *o = arg;

    (void)path;
    if (worker_cancelled(o->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    worker_progress(o->worker, o->step, bytes, 0);
    return 0;
}

static void on_spoiled(void *arg, const char *path)
{
    struct outputs *o = arg;

    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_spoiled(o->repos[i], path);
}

static void on_problem(void *arg, const char *text)
{
    outputs_problem(arg, "%s", text);
}

static void on_note(void *arg, const char *text)
{
    outputs_note(arg, "%s", text);
}

int outputs_begin_tree(struct outputs *o, const struct tree_read_spec *spec, const char *step,
                       struct tree_visitor *ret, struct err *e)
{
    *ret = (struct tree_visitor){.arg = o,
                                 .known = o->repo_count > 0 ? on_known : NULL,
                                 .member = on_member,
                                 .data = on_data,
                                 .progress = on_progress,
                                 .spoiled = on_spoiled,
                                 .problem = on_problem,
                                 .note = on_note};
    o->step = step;
    begin(o, "tree", NULL);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_begin_tree(o->repos[i], &o->artifact, spec, ret);
    return check_any_left(o, e);
}

/* What the artifact that ended is called at a destination that is alive. */
static uint64_t raw_bytes_of_last(const struct outputs *o)
{
    int64_t most = 0;

    for (size_t i = 0; i < o->count; i++) {
        const json_t *list = o->all[i].artifacts;
        size_t count = o->all[i].failed ? 0 : json_array_size(list);
        int64_t raw =
            count == 0 ? 0 : json_opt_i64(json_array_get(list, count - 1), "raw_bytes", 0);
        most = raw > most ? raw : most;
    }
    return (uint64_t)most;
}

int outputs_end(struct outputs *o, json_t *details, struct err *e)
{
    o->artifact.details = details;
    plain_side_end(o->plain, &o->artifact);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_end(o->repos[i], &o->artifact);
    o->raw_bytes += raw_bytes_of_last(o);
    o->artifact = (struct output_artifact){0};
    json_decref(details);
    return check_any_left(o, e);
}

void outputs_abort(struct outputs *o)
{
    if (o->artifact.kind == NULL)
        return;
    plain_side_abort(o->plain);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_abort(o->repos[i]);
    o->artifact = (struct output_artifact){0};
}

/* --- what is told of it --- */

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

static json_t *make_result(const struct outputs *o, json_t *tracking)
{
    json_t *destinations = json_array(), *problems = json_from_strings(&o->problems);

    for (size_t i = 0; i < o->count; i++)
        (void)json_array_append_new(destinations, one_result(&o->all[i]));
    if (o->problem_count > PROBLEMS_MAX) {
        _cleanup_free_ char *more = mem_printf("and %zu more", o->problem_count - PROBLEMS_MAX);
        (void)json_array_append_new(problems, json_string(more));
    }
    return json_pack("{s:o, s:b, s:o, s:I, s:I, s:o}", "destinations", destinations, "whole",
                     !o->not_whole, "problems", problems, "raw_bytes", (json_int_t)o->raw_bytes,
                     "files", (json_int_t)o->files, "tracking", tracking);
}

int outputs_finish(struct outputs *o, json_t **ret_result, struct err *e)
{
    _cleanup_json_ json_t *tracking = json_object();

    await_repos(o);
    for (size_t i = 0; i < o->repo_count; i++) {
        int64_t number = 0;
        worker_progress(o->worker, "store the index", 0, 0);
        repo_side_finish(o->repos[i], &number);
        if (number > 0)
            (void)json_object_set_new(tracking, repo_side_name(o->repos[i]), json_integer(number));
    }
    if (check_any_left(o, e) < 0)
        return -1;
    *ret_result = make_result(o, TAKE(tracking));
    return 0;
}

void outputs_free(struct outputs *o)
{
    if (o == NULL)
        return;
    await_repos(o);
    for (size_t i = 0; i < o->repo_count; i++)
        repo_side_free(o->repos[i]);
    free(o->repos);
    plain_side_free(o->plain);
    for (size_t i = 0; i < o->count; i++) {
        struct output *out = &o->all[i];
        if (out->open)
            destination_close(&out->to);
        json_decref(out->artifacts);
        free(out->name);
    }
    free(o->all);
    strlist_deinit(&o->problems);
    free(o->source);
    free(o->type);
    free(o->prefix);
    free(o);
}
