/* archive.c — the archive verb: a file tree, or a single file, as one artifact at every destination.
 *
 * The happy path is: open the destinations, walk the tree, what is told of it goes to all of them,
 * finish. Failure modes: the tree is missing, or empty against what it was (the verb
 * fails, nothing is committed); files that cannot be read or keep changing (the source is not
 * whole, the rest is kept); all destinations gone. */
#include "daemon/worker/outputs.h"

enum { HELPERS = 2 };

/* What a restore needs to know: the place, and what was left out and so stays where it is. */
static json_t *make_details(const struct tree_read_spec *spec, const struct strlist *include,
                            const struct strlist *exclude, const struct tree_read_result *r)
{
    return json_pack("{s:o, s:b, s:o, s:o, s:b, s:I, s:I}", "path", json_printable(spec->path),
                     "single", r->single, "include", json_from_strings(include), "exclude",
                     json_from_strings(exclude), "one_file_system", spec->one_file_system, "files",
                     (json_int_t)r->files, "bytes", (json_int_t)r->bytes);
}

static int archive_tree(struct outputs *o, const struct tree_read_spec *spec, const char *step,
                        const struct strlist *include, const struct strlist *exclude, struct err *e)
{
    struct tree_visitor visitor;
    struct tree_read_result result;

    if (outputs_begin_tree(o, spec, step, &visitor, e) < 0)
        return -1;
    if (tree_read(spec, &visitor, &result, e) < 0) {
        outputs_abort(o);
        return -1;
    }
    outputs_add_files(o, result.files);
    return outputs_end(o, make_details(spec, include, exclude, &result), e);
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
    struct outputs *outputs = NULL;
    struct tree_read_spec spec = {0};
    struct tree_rules *rules = NULL;
    json_t *source;
    int rc = -1;

    if (json_get_object(job, "source", &source, e) < 0 ||
        read_source(source, &include, &exclude, &spec, e) < 0 ||
        tree_rules_create(&include, &exclude, &rules, e) < 0)
        return -1;
    spec.rules = rules;
    spec.helpers = HELPERS;
    if (outputs_open(w, job, &outputs, e) == 0) {
        step = mem_printf("read %s", spec.path);
        rc = archive_tree(outputs, &spec, step, &include, &exclude, e);
    }
    if (rc == 0)
        rc = outputs_finish(outputs, ret_result, e);
    outputs_free(outputs);
    tree_rules_free(rules);
    return rc;
}
