/* archive.c — the archive verb: a file tree, or a single file, as one tar at every destination.
 *
 * The happy path is: open the destinations, walk the tree, each block of the tar goes to the
 * writer, finish. Failure modes: the tree is missing, or empty against what it was (the verb
 * fails, nothing is committed); files that cannot be read or keep changing (the source is not
 * whole, the rest is kept); all destinations gone. */
#include "daemon/worker/outputs.h"
#include "lib/tree/tree_archive.h"

struct archive {
    struct worker *worker;
    struct outputs *outputs;
    struct artifact_writer *writer;
    const char *step;
};

static int on_data(void *arg, const void *data, size_t len, struct err *e)
{
    struct archive *a = arg;

    return artifact_write(a->writer, data, len, e);
}

static int on_progress(void *arg, const char *path, uint64_t bytes, struct err *e)
{
    struct archive *a = arg;

    (void)path;
    if (worker_cancelled(a->worker))
        return err_set(e, ERR_CANCELLED, "cancelled");
    worker_progress(a->worker, a->step, bytes, 0);
    return 0;
}

static void on_problem(void *arg, const char *text)
{
    outputs_problem(((struct archive *)arg)->outputs, "%s", text);
}

static void on_note(void *arg, const char *text)
{
    outputs_note(((struct archive *)arg)->outputs, "%s", text);
}

/* What a restore needs to know: the place, and what was left out and so stays where it is. */
static json_t *make_details(const struct tree_read_spec *spec, const struct strlist *include,
                            const struct strlist *exclude, const struct tree_read_result *r)
{
    return json_pack("{s:o, s:b, s:o, s:o, s:b, s:I, s:I}", "path", json_printable(spec->path),
                     "single", r->single, "include", json_from_strings(include), "exclude",
                     json_from_strings(exclude), "one_file_system", spec->one_file_system, "files",
                     (json_int_t)r->files, "bytes", (json_int_t)r->bytes);
}

static int archive_tree(struct archive *a, const struct tree_read_spec *spec,
                        const struct strlist *include, const struct strlist *exclude, struct err *e)
{
    const struct tree_events events = {
        .arg = a, .data = on_data, .progress = on_progress, .problem = on_problem, .note = on_note};
    _cleanup_free_ char *file = mem_printf("%s.tar", outputs_source(a->outputs));
    struct tree_read_result result;

    if (outputs_begin(a->outputs, file, &a->writer, e) < 0)
        return -1;
    if (tree_archive(spec, &events, &result, e) < 0) {
        artifact_abort(TAKE(a->writer));
        return -1;
    }
    outputs_add_files(a->outputs, result.files);
    const struct output_about about = {.kind = "tar",
                                       .details = make_details(spec, include, exclude, &result)};
    return outputs_end(a->outputs, TAKE(a->writer), &about, e);
}

static int read_source(const json_t *source, struct strlist *include, struct strlist *exclude,
                       struct tree_read_spec *spec, struct err *e)
{
    bool allow_empty, had_files;

    if (json_get_string(source, "path", &spec->path, e) < 0 ||
        json_get_strings(source, "include", include, e) < 0 ||
        json_get_strings(source, "exclude", exclude, e) < 0 ||
        json_get_bool(source, "one_file_system", &spec->one_file_system, e) < 0 ||
        json_get_bool(source, "xattrs", &spec->attributes, e) < 0 ||
        json_get_bool(source, "allow_empty", &allow_empty, e) < 0 ||
        json_get_bool(source, "had_files", &had_files, e) < 0)
        return err_wrap(e, "job: source");
    spec->must_hold_files = had_files && !allow_empty;
    return 0;
}

int verb_archive(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    _cleanup_(strlist_deinit) struct strlist include = {0}, exclude = {0};
    _cleanup_free_ char *step = NULL;
    struct archive a = {.worker = w};
    struct tree_read_spec spec = {0};
    struct tree_rules *rules = NULL;
    json_t *source;
    int rc = -1;

    if (json_get_object(job, "source", &source, e) < 0 ||
        read_source(source, &include, &exclude, &spec, e) < 0 ||
        tree_rules_create(&include, &exclude, &rules, e) < 0)
        return -1;
    spec.rules = rules;
    if (outputs_open(w, job, &a.outputs, e) == 0) {
        step = mem_printf("read %s", spec.path);
        a.step = step;
        rc = archive_tree(&a, &spec, &include, &exclude, e);
    }
    if (rc == 0)
        *ret_result = outputs_result(a.outputs);
    outputs_free(a.outputs);
    tree_rules_free(rules);
    return rc;
}
